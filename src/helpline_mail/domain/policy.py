"""What the operator decided, as the values that decisions take."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from helpline_mail.domain.message import Address, folded
from helpline_mail.domain.opening_hours import OpeningHours
from helpline_mail.domain.rations import Rations
from helpline_mail.domain.responder import OwnAddresses

CHANNELS = ("email", "telephone", "skype")
"""How enquiries come to every helpline."""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person who answers enquirers; a lead also sees what is late."""

    name: str
    address: str
    role: Literal["adviser", "lead"]


@dataclass(frozen=True, slots=True)
class Partner:
    """An organisation with which staff correspond on an enquirer's behalf."""

    name: str
    title: str
    address: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that a decision needs to know of the configuration."""

    helpline: Address
    own: OwnAddresses
    reference_prefix: str
    telephone: str
    skype: str
    hours: OpeningHours
    response: timedelta
    """Opening time within which every query is answered."""
    reminders: tuple[timedelta, ...]
    """Opening time left at which staff are reminded."""
    overdue_reminders: tuple[timedelta, ...]
    """Opening time past the deadline at which staff and leads are reminded."""
    staff: tuple[StaffMember, ...]
    rations: Rations
    recorded_before: datetime | None
    """A message that arrived before this instant is recorded and nothing more."""
    authserv_id: str
    alarms_to: tuple[str, ...]
    give_up_after: timedelta
    """Wall time after which an undeliverable mail is given up."""
    update_every: int = 2
    """Opening days after which an enquirer hears from us again while their ticket is open."""
    holding_mails: int = 3
    """How many holding mails in a row an enquirer gets if staff let the time of our next word pass; 0: none."""
    staff_proof: Literal["token+results", "token"] = "token+results"
    grants_last: timedelta = timedelta(days=30)
    """Wall time in which a notice can be answered."""
    staff_footer: str = ""
    """The footer that the organisation's mail server puts below every mail of staff."""
    staff_banner: str = ""
    """The warning that it puts above them, if it is of no known kind."""
    first_names: bool = False
    """Whether an answer's From shows its writer's first name before the helpline's."""
    signature: str = ""
    """Stands below every answer, in place of a personal signature under its marker line."""
    outcomes: tuple[str, ...] = ()
    outcomes_without_answer: tuple[str, ...] = ()
    """Outcomes with which an enquiry is closed that nobody answers, such as advertising."""
    categories: tuple[str, ...] = ()
    """What enquiries are about."""
    sectors: tuple[str, ...] = ()
    """Where enquirers work."""
    channels: tuple[str, ...] = CHANNELS
    reopen_within: int = 30
    """Days of the calendar after which a reply to a closed ticket opens a new one."""
    attachments_limit: int = 10_000_000
    """Octets of files that one answer may carry."""
    partners: tuple[Partner, ...] = ()
    partner_silence: int = 2
    """Opening days after which staff are reminded that a partner has not answered."""
    estimate: bool = True
    """Whether acknowledgements say when an answer is likely."""
    minimal_notices: bool = False
    """Whether notices hold no content, for staff who read the mailbox itself."""

    @property
    def staff_can_answer(self) -> bool:
        """Whether anything could prove that a mail is from staff."""
        return self.staff_proof == "token" or bool(self.authserv_id)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone in which people are told the time."""
        return self.hours.time_zone

    def staff_member(self, addr_spec: str) -> StaffMember | None:
        """The member of staff with that address, compared without regard to case."""
        wanted = folded(addr_spec)
        return next((member for member in self.staff if folded(member.address) == wanted), None)
