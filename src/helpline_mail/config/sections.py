"""The sections of the configuration and their keys. What holds between sections is looked at in `across`."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator

from helpline_mail.config.values import (
    DatabaseUrl,
    Day,
    Days,
    Duration,
    EmailAddress,
    File,
    Names,
    OneLine,
    OpeningDays,
    Port,
    PositiveDuration,
    RequiredFile,
    TimeZone,
    Windows,
)
from helpline_mail.domain.bank_holidays import corrected
from helpline_mail.domain.opening_hours import Closure, OpeningHours, Window
from helpline_mail.domain.updates import MOST_IN_A_ROW
from helpline_mail.wire.bank_holidays import bank_holidays, known_until

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LOCAL_PART_MAX = 18  # leaves room for +b-NONCE-SIGNATURE in 64 octets (RFC 5321 section 4.5.3.1.1)
OUTCOMES = (
    *("advice given", "signposted", "content removed", "account secured", "referred to police"),
    *("referred to social care", "no action possible", "withdrawn", "duplicate", "not for us"),
)
WITHOUT_ANSWER = ("withdrawn", "duplicate", "not for us")
CATEGORIES = (
    *("reputation", "social-networks", "bullying", "nudes", "gaming", "grooming", "abuse-images", "hate"),
    *("hacked-account", "impersonation", "privacy", "child-protection", "other"),
)
"""The helpline's topics, by the names of their signposting texts where there is one."""
SECTORS = (
    *("school", "early-years", "further-education", "social-care", "health", "police", "youth-work", "foster-care"),
    *("charity", "other-sector"),
)
"""Where those work who ask."""


class Section(BaseModel):
    """A table of the configuration: unknown keys are refused, and no value is shown in an error."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class Helpline(Section):
    """Who we are."""

    name: OneLine
    plus_addresses: bool = True  # before the address, which depends on it
    address: EmailAddress
    reference_prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")] = "HELP"
    telephone: str = ""
    skype: str = ""
    time_zone: TimeZone = "Europe/London"
    start_date: Day | None = None
    key_file: RequiredFile = "signing-keys"
    templates: File = ""
    signature: str = ""

    @field_validator("address")
    @classmethod
    def _can_be_told_from_others(cls, address: str, info: ValidationInfo) -> str:
        local_part = address.rpartition("@")[0]
        if "+" in local_part:
            # Even where plus_addresses is false: mail from any plus-form counts as our own, lest it loop.
            raise ValueError("a plus-form is never the helpline's own address; write it without the + and what follows")
        if info.data.get("plus_addresses", False) and len(local_part) > LOCAL_PART_MAX:
            raise ValueError(
                f"the part before the @ is over {LOCAL_PART_MAX} characters, which leaves no room for signed "
                "addresses; choose a shorter one or set plus_addresses = false"
            )
        return address


class ClosureDays(Section):
    """Dated days on which the helpline is closed, both ends included."""

    first: Annotated[date, Field(alias="from")]
    until: date
    reason: OneLine

    @field_validator("until")
    @classmethod
    def _in_order(cls, until: date, info: ValidationInfo) -> date:
        if until < info.data.get("first", until):
            raise ValueError("until is before from; exchange the two dates")
        return until


class ExtraBankHoliday(Section):
    """A bank holiday that the calendar of the division does not know."""

    day: Annotated[date, Field(alias="date")]
    name: OneLine


class OpeningHoursSection(Section):
    """When people answer."""

    monday: Windows = ()
    tuesday: Windows = ()
    wednesday: Windows = ()
    thursday: Windows = ()
    friday: Windows = ()
    saturday: Windows = ()
    sunday: Windows = ()
    bank_holidays: str = "GB-ENG"
    not_bank_holidays: Annotated[tuple[date, ...], Field(strict=False)] = ()
    extra_bank_holidays: Annotated[tuple[ExtraBankHoliday, ...], Field(strict=False)] = ()
    closures: Annotated[tuple[ClosureDays, ...], Field(strict=False)] = ()

    @field_validator(*DAYS)
    @classmethod
    def _apart(cls, windows: tuple[Window, ...], info: ValidationInfo) -> tuple[Window, ...]:
        OpeningHours(tuple(windows if day == info.field_name else () for day in DAYS), ZoneInfo("UTC"))
        return windows

    @field_validator("bank_holidays")
    @classmethod
    def _known_division(cls, division: str) -> str:
        bank_holidays(division)
        return division


class PromiseSection(Section):
    """What is promised, in opening time, and when staff are reminded of it."""

    response: PositiveDuration = timedelta(hours=3)
    reminders: Annotated[tuple[PositiveDuration, ...], Field(strict=False)] = (
        timedelta(minutes=90), timedelta(minutes=30), timedelta(minutes=10),
    )  # fmt: skip
    overdue_reminders: Annotated[tuple[Duration, ...], Field(strict=False)] = (timedelta(), timedelta(minutes=60))
    update_every: OpeningDays = 2
    holding_mails: Annotated[int, Field(ge=0, le=MOST_IN_A_ROW)] = MOST_IN_A_ROW
    estimate: bool = True


class _Server(Section):
    host: OneLine
    port: Port
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    user: OneLine
    password_file: RequiredFile
    ca_file: File = ""
    timeout: PositiveDuration = timedelta(seconds=60)

    @field_validator("tls")
    @classmethod
    def _never_in_clear(cls, tls: str, info: ValidationInfo) -> str:
        if tls == "none" and info.data.get("host", "localhost") not in LOOPBACK:
            raise ValueError('"none" is for servers on this machine only; write "implicit" or "starttls"')
        return tls


class Imap(_Server):
    """The mailbox that is read."""

    port: Port = 993
    folder: OneLine = "INBOX"
    sent_folder: str = ""
    poll_every: PositiveDuration = timedelta(seconds=60)
    batch_messages: Annotated[int, Field(ge=1, le=1000)] = 50
    batch_bytes: Annotated[int, Field(ge=1_000_000)] = 16_000_000
    message_bytes: Annotated[int, Field(ge=100_000)] = 50_000_000

    @field_validator("sent_folder")
    @classmethod
    def _is_another(cls, sent_folder: str, info: ValidationInfo) -> str:
        if sent_folder and sent_folder.casefold() == info.data.get("folder", "").casefold():
            raise ValueError(
                "this is the folder that enquiries come to; write the one that your mail client keeps sent mail in"
            )
        return sent_folder


class Smtp(_Server):
    """The submission server that takes our mail."""

    port: Port = 465
    connections: Annotated[int, Field(ge=1, le=20)] = 4
    give_up_after: PositiveDuration = timedelta(hours=48)


class Database(Section):
    """Where everything is remembered."""

    url: DatabaseUrl = "sqlite:///helpline.db"
    password_file: File = ""


class StaffMember(Section):
    """A person who answers; a lead also sees what is late."""

    name: OneLine
    address: EmailAddress
    role: Literal["adviser", "lead"] = "adviser"


class Partner(Section):
    """An organisation with which staff correspond on an enquirer's behalf."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: OneLine
    address: EmailAddress


class StaffIdentity(Section):
    """What proves that a mail is from a member of staff."""

    authserv_id: str = ""
    require: Literal["token+results", "token"] = "token+results"
    notices_last: PositiveDuration = timedelta(hours=720)
    footer: str = ""
    banner: str = ""


class TicketsSection(Section):
    """What staff can say of a ticket; empty means the list that a helpline for professionals begins with."""

    outcomes: Names = ()
    outcomes_without_answer: Names = ()
    reopen_within: Days = 30
    categories: Names = ()
    sectors: Names = ()
    channels: Names = ()
    notices: Literal["full", "minimal"] = "full"
    first_names: bool = False
    attachment_bytes: Annotated[int, Field(ge=0, le=50_000_000)] = 10_000_000
    partner_silence: OpeningDays = 2


class RationsSection(Section):
    """Acknowledgements, and messages with a notice to staff each, in an hour; 0 means no limit."""

    per_address: Annotated[int, Field(ge=0)] = 3
    per_domain: Annotated[int, Field(ge=0)] = 30
    total: Annotated[int, Field(ge=0)] = 300
    notices_per_address: Annotated[int, Field(ge=0)] = 10
    notices: Annotated[int, Field(ge=0)] = 60


class BudgetsSection(Section):
    """How much of one message is read. The least reads all ordinary mail; the most reads the worst in a few seconds."""

    header_bytes: Annotated[int, Field(ge=65_536, le=1_000_000)] = 262_144
    field_bytes: Annotated[int, Field(ge=16_384, le=262_144)] = 65_536
    fields: Annotated[int, Field(ge=200, le=5_000)] = 1_000
    depth: Annotated[int, Field(ge=10, le=100)] = 20
    parts: Annotated[int, Field(ge=100, le=5_000)] = 1_000
    addresses: Annotated[int, Field(ge=50, le=5_000)] = 500
    message_ids: Annotated[int, Field(ge=20, le=1_000)] = 100
    text_bytes: Annotated[int, Field(ge=50_000, le=1_000_000)] = 250_000
    html_tags: Annotated[int, Field(ge=2_000, le=20_000)] = 7_500
    attachments: Annotated[int, Field(ge=20, le=1_000)] = 100
    cpu_time: Annotated[PositiveDuration, Field(ge=timedelta(seconds=1), le=timedelta(seconds=10))] = timedelta(
        seconds=1
    )


class Alarms(Section):
    """Who is told when the service itself is in trouble."""

    to: Annotated[tuple[EmailAddress, ...], Field(strict=False)] = ()


class Logging(Section):
    """How the log reads. It never holds content, names or addresses."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(Section):
    """The whole configuration, with the folder that its relative paths start at."""

    helpline: Helpline
    opening_hours: OpeningHoursSection
    promise: PromiseSection = PromiseSection()
    imap: Imap
    smtp: Smtp
    database: Database = Database()
    staff: Annotated[tuple[StaffMember, ...], Field(strict=False, min_length=1)]
    partners: Annotated[tuple[Partner, ...], Field(strict=False)] = ()
    staff_identity: StaffIdentity = StaffIdentity()
    tickets: TicketsSection = TicketsSection()
    rations: RationsSection = RationsSection()
    budgets: BudgetsSection = BudgetsSection()
    alarms: Alarms = Alarms()
    logging: Logging = Logging()

    _folder: Path = PrivateAttr(default=Path())  # no field, which would be a key of the file

    def model_post_init(self, context: Any) -> None:
        """Takes the folder from the context of validation."""
        self._folder = context["folder"]

    @property
    def folder(self) -> Path:
        """Where the configuration stands."""
        return self._folder

    @property
    def zone(self) -> ZoneInfo:
        """The helpline's time zone."""
        return ZoneInfo(self.helpline.time_zone)

    def path(self, name: str) -> Path:
        """A file named in the configuration; a relative one starts at the configuration's folder."""
        return self.folder / Path(name).expanduser()


def opening_hours(section: OpeningHoursSection, zone: ZoneInfo) -> OpeningHours:
    """The calendar that the section describes. Raises ValueError for windows that overlap or a division unknown."""
    return OpeningHours(
        weekly=tuple(getattr(section, day) for day in DAYS),
        time_zone=zone,
        closures=tuple(Closure(days.first, days.until, days.reason) for days in section.closures),
        bank_holidays=corrected(
            bank_holidays(section.bank_holidays),
            {extra.day: extra.name for extra in section.extra_bank_holidays},
            frozenset(section.not_bank_holidays),
        ),
        holidays_known_to=known_until(section.bank_holidays),
    )
