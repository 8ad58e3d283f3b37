"""The configuration: TOML read into frozen settings, every mistake reported at once with its key."""

import difflib
import re
import stat
import tomllib
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from helpline_mail.domain.errors import ConfigurationError, CredentialError, MissingFileError
from helpline_mail.domain.opening_hours import Closure, OpeningHours, Window, refuse_never_open
from helpline_mail.wire.addresses import canonical_address
from helpline_mail.wire.bank_holidays import bank_holidays

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST_HOURS = 1000
LOCAL_PART_MAX = 18  # leaves room for +b-NONCE-SIGNATURE in 64 octets (RFC 5321 section 4.5.3.1.1)


def _duration(value: object) -> timedelta:
    """`"3h"`, `"90m"`, `"1h30m"`, `"45s"` as a duration."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", value) if isinstance(value, str) and value else None
    if not found:
        raise ValueError('write a duration such as "3h", "90m" or "45s"')
    hours, minutes, seconds = (int(group or 0) for group in found.groups())
    if hours + minutes / 60 + seconds / 3600 > LONGEST_HOURS:
        raise ValueError(f"write at most {LONGEST_HOURS}h")
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _days(value: object) -> int:
    """`"2d"` as a number of days."""
    if not (isinstance(value, str) and re.fullmatch(r"[1-9]\d*d", value)):
        raise ValueError('write a number of days such as "2d"')
    return int(value[:-1])


def _window(value: object) -> Window:
    """`"10:00-16:00"` as an opening window; `24:00` is the end of the day."""
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", value) if isinstance(value, str) else None
    if not found:
        raise ValueError('write an opening window such as "10:00-16:00"')
    opens, closes = found.group(1, 2), found.group(3, 4)
    try:
        return Window(_time_of_day(*opens), time.max if closes == ("24", "00") else _time_of_day(*closes))
    except ValueError as error:
        raise ValueError(f"{value}: {error}") from None


def _time_of_day(hour: str, minute: str) -> time:
    return time(int(hour), int(minute))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'there is no time zone "{name}"; write a name such as "Europe/London"') from None
    return name


def _address(value: str) -> str:
    address = canonical_address(value)
    if address is None:
        raise ValueError('write an e-mail address such as "helpline@example.org.uk"')
    return address


Duration = Annotated[timedelta, BeforeValidator(_duration)]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta()), BeforeValidator(_duration)]
OpeningDays = Annotated[int, BeforeValidator(_days)]
EmailAddress = Annotated[str, AfterValidator(_address)]
OneLine = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


class Helpline(_Section):
    """Who we are."""

    name: OneLine
    address: EmailAddress
    reference_prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,8}$")] = "HELP"
    telephone: str = ""
    skype: str = ""
    time_zone: Annotated[str, AfterValidator(_zone)] = "Europe/London"
    start_date: date | None = None
    key_file: str = "signing-keys"
    plus_addresses: bool = True
    templates: str = ""

    @model_validator(mode="after")
    def _room_for_signatures(self) -> "Helpline":
        if self.plus_addresses and len(self.address.partition("@")[0]) > LOCAL_PART_MAX:
            raise ValueError(
                f"address: the part before the @ is over {LOCAL_PART_MAX} characters, which leaves no room for signed "
                "addresses; choose a shorter one or set plus_addresses = false"
            )
        return self


class ClosureDays(_Section):
    """Dated days on which the helpline is closed, both ends included."""

    first: Annotated[date, Field(alias="from")]
    until: date
    reason: OneLine

    @model_validator(mode="after")
    def _in_order(self) -> "ClosureDays":
        if self.until < self.first:
            raise ValueError("until is before from; exchange the two dates")
        return self


Windows = tuple[Annotated[Window, BeforeValidator(_window)], ...]


class OpeningHoursSection(_Section):
    """When people answer."""

    monday: Annotated[Windows, Field(strict=False)] = ()
    tuesday: Annotated[Windows, Field(strict=False)] = ()
    wednesday: Annotated[Windows, Field(strict=False)] = ()
    thursday: Annotated[Windows, Field(strict=False)] = ()
    friday: Annotated[Windows, Field(strict=False)] = ()
    saturday: Annotated[Windows, Field(strict=False)] = ()
    sunday: Annotated[Windows, Field(strict=False)] = ()
    bank_holidays: str = "GB-ENG"
    closures: Annotated[tuple[ClosureDays, ...], Field(strict=False)] = ()


class PromiseSection(_Section):
    """What is promised, in opening time, and when staff are reminded of it."""

    response: PositiveDuration = timedelta(hours=3)
    reminders: Annotated[tuple[PositiveDuration, ...], Field(strict=False)] = (
        timedelta(minutes=90), timedelta(minutes=30), timedelta(minutes=10),
    )  # fmt: skip
    overdue_reminders: Annotated[tuple[Duration, ...], Field(strict=False)] = (timedelta(), timedelta(minutes=60))
    update_every: OpeningDays = 2


class _Server(_Section):
    host: OneLine
    port: Port
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    user: OneLine
    password_file: OneLine
    ca_file: str = ""
    timeout: PositiveDuration = timedelta(seconds=60)

    @model_validator(mode="after")
    def _never_in_clear(self) -> "_Server":
        if self.tls == "none" and self.host not in LOOPBACK:
            raise ValueError('tls: "none" is for servers on this machine only; write "implicit" or "starttls"')
        return self


class Imap(_Server):
    """The mailbox that is read."""

    port: Port = 993
    folder: OneLine = "INBOX"
    sent_folder: str = ""
    poll_every: PositiveDuration = timedelta(seconds=60)
    batch_messages: Annotated[int, Field(ge=1, le=1000)] = 50
    batch_bytes: Annotated[int, Field(ge=1_000_000)] = 16_000_000
    message_bytes: Annotated[int, Field(ge=100_000)] = 50_000_000


class Smtp(_Server):
    """The submission server that takes our mail."""

    port: Port = 465
    connections: Annotated[int, Field(ge=1, le=20)] = 4
    give_up_after: PositiveDuration = timedelta(hours=48)


class Database(_Section):
    """Where everything is remembered."""

    url: str = "sqlite:///helpline.db"
    password_file: str = ""

    @model_validator(mode="after")
    def _known_kind(self) -> "Database":
        if not re.match(r"sqlite:///.|postgresql\+psycopg://", self.url):
            raise ValueError('url: write "sqlite:///FILE" or "postgresql+psycopg://USER@HOST/NAME"')
        if "password=" in self.url:
            raise ValueError("url: holds a password; write it into a file and name that as database.password_file")
        return self


class StaffMember(_Section):
    """A person who answers; a lead also sees what is late."""

    name: OneLine
    address: EmailAddress
    role: Literal["adviser", "lead"] = "adviser"


class Partner(_Section):
    """An organisation with which staff correspond on an enquirer's behalf."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: OneLine
    address: EmailAddress


class StaffIdentity(_Section):
    """What proves that a mail is from a member of staff."""

    authserv_id: str = ""
    require: Literal["token+results", "token"] = "token+results"


class RationsSection(_Section):
    """Acknowledgements, and messages with a notice to staff each, in an hour; 0 means no limit."""

    per_address: Annotated[int, Field(ge=0)] = 3
    per_domain: Annotated[int, Field(ge=0)] = 30
    total: Annotated[int, Field(ge=0)] = 300
    notices_per_address: Annotated[int, Field(ge=0)] = 10
    notices: Annotated[int, Field(ge=0)] = 60


class Alarms(_Section):
    """Who is told when the service itself is in trouble."""

    to: Annotated[tuple[EmailAddress, ...], Field(strict=False)] = ()


class Logging(_Section):
    """How the log reads. It never holds content, names or addresses."""

    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(_Section):
    """The whole configuration, with the folder that its relative paths start at."""

    folder: Path = Field(default=Path(), exclude=True)
    helpline: Helpline
    opening_hours: OpeningHoursSection
    promise: PromiseSection = PromiseSection()
    imap: Imap
    smtp: Smtp
    database: Database = Database()
    staff: Annotated[tuple[StaffMember, ...], Field(strict=False, min_length=1)]
    partners: Annotated[tuple[Partner, ...], Field(strict=False)] = ()
    staff_identity: StaffIdentity = StaffIdentity()
    rations: RationsSection = RationsSection()
    alarms: Alarms = Alarms()
    logging: Logging = Logging()

    @model_validator(mode="after")
    def _addresses_of_their_own(self) -> "Settings":
        people = [*(member.address for member in self.staff), *(partner.address for partner in self.partners)]
        addresses = [address.casefold() for address in people]
        if self.helpline.address.casefold() in (*addresses, *(address.casefold() for address in self.alarms.to)):
            raise ValueError(
                "staff, partners, alarms: the helpline cannot write to itself; remove its own address there"
            )
        if len(set(addresses)) < len(addresses):
            raise ValueError("staff, partners: an address stands there twice; keep one of the two")
        return self

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
        bank_holidays=bank_holidays(section.bank_holidays),
    )


def default_path() -> Path:
    """Where the configuration stands if nobody says: here, else /etc."""
    here = Path("config.toml")
    return here if here.exists() else Path("/etc/helpline-mail/config.toml")


def load(path: Path, today: date) -> Settings:
    """The settings in a file. Raises MissingFileError or ConfigurationError with one line for each mistake.

    `today` is where the search for an open day starts: a calendar that never opens is a mistake.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise MissingFileError(f"{path}: no such configuration; write one with: helpline-mail init .") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read: {error}") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None
    try:
        settings = Settings.model_validate({**table, "folder": path.absolute().parent})
    except ValidationError as error:
        raise ConfigurationError("\n".join(f"{path}: {line}" for line in _mistakes(error))) from None
    try:
        refuse_never_open(opening_hours(settings.opening_hours, settings.zone), today)
    except ValueError as error:
        raise ConfigurationError(f"{path}: opening_hours: {error}") from None
    return settings


def _mistakes(error: ValidationError) -> list[str]:
    """One line for each mistake: its key, what is wrong, what to do."""
    lines = []
    for mistake in error.errors(include_url=False, include_input=False):
        keys = [_shown_key(part) for part in mistake["loc"]]
        key = ".".join(keys) or "configuration"
        match mistake["type"]:
            case "extra_forbidden":
                lines.append(f"{key}: unknown key{_nearest(keys)}")
            case "missing":
                lines.append(f"{key}: missing; config.example.toml shows it")
            case "value_error":
                lines.append(f"{key}: {mistake['ctx']['error']}")
            case _:
                lines.append(f"{key}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}")
    return lines


def _shown_key(part: int | str) -> str:
    return str(part + 1) if isinstance(part, int) else part


def _nearest(keys: list[str]) -> str:
    """`; did you mean promise.response?` for a key nearly known, else the keys known there."""
    section: Any = Settings
    for key in keys[:-1]:
        if not key.isdigit():
            section = _section_of(section, key)
    known = sorted(f.alias or name for name, f in section.model_fields.items() if name != "folder")
    near = difflib.get_close_matches(keys[-1], known, n=1)
    return f"; did you mean {'.'.join([*keys[:-1], *near])}?" if near else f"; known here: {', '.join(known)}"


def _section_of(section: type[BaseModel], key: str) -> type[BaseModel]:
    """The model behind a key, also inside `tuple[Model, ...]`."""
    for name, model_field in section.model_fields.items():
        if key in (name, model_field.alias):
            candidates = [model_field.annotation, *get_args(model_field.annotation)]
            return next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    raise LookupError(key)


def read_secret(settings: Settings, name: str, credentials: str | None) -> str:
    """The one secret in a file, without its line end.

    `credentials` is systemd's folder of credentials ($CREDENTIALS_DIRECTORY); a file of that name there comes first.
    Raises MissingFileError, or CredentialError for a file that others can read.
    """
    given = Path(credentials) / name if credentials and "/" not in name else None
    path = given if given and given.exists() else settings.path(name)
    try:
        mode = path.stat().st_mode
        secret = path.read_text("utf-8").rstrip("\r\n")
    except FileNotFoundError:
        raise MissingFileError(f"{path}: this secret file is missing; write the secret there with mode 0600") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialError(f"{path}: this secret file cannot be read ({type(error).__name__})") from None
    if path != given and stat.S_IMODE(mode) & 0o077:
        raise CredentialError(f"{path}: others can read this secret file; run: chmod 600 {path}")
    if not secret:
        raise CredentialError(f"{path}: this secret file is empty; write the secret there")
    return secret
