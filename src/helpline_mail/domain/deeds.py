"""What bears on one mail of staff, and the deeds that it can lead to: values only."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from helpline_mail.domain.clocks import Deadline
from helpline_mail.domain.message import Enclosure
from helpline_mail.domain.policy import Partner, StaffMember

Ending = Literal["words", "call", "silence"]
"""How the clock of a ticket that is closed ends."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail of staff as it was read: the writer's own words, a doubt about them, and the files."""

    text: str
    doubt: str | None = None
    files: tuple[Enclosure, ...] = ()
    signature: str = ""
    """What stood below the signature's marker, and is left out."""
    warning: str = ""
    """A gateway's warning that stood on top, and is left out."""

    @property
    def enclosed(self) -> tuple[Enclosure, ...]:
        """The files that the writer attached, without pictures of a signature."""
        return tuple(file for file in self.files if not file.decoration)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that somebody else gave, of which the writer cannot have known."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """What bears on a ticket at the moment."""

    is_open: bool = True
    channel: str = "email"
    awaits_answer: bool = False
    """Whether a response clock runs."""
    several: bool = False
    """Several people take part, and the writer replied to a mail about none of their messages."""
    reachable: bool = True
    """Whether an answer can be written to its enquirer."""
    identifying: tuple[str, ...] = ()
    """The enquirer's name and addresses and the reference, which no partner may learn unless staff insist."""
    answered: Answered | None = None
    replies_to_partner: bool = False
    """Whether the writer replied to the notice of a partner's mail."""
    cannot_join: str = ""
    """Why the ticket cannot become part of the one that the writer named, as a sentence."""
    can_split: bool = False
    """Whether the writer replied to the notice of a follow-up."""


@dataclass(frozen=True, slots=True)
class Assign:
    """Somebody takes the ticket, or nobody has it."""

    to: StaffMember | None


@dataclass(frozen=True, slots=True)
class Note:
    """The words stay among staff."""


@dataclass(frozen=True, slots=True)
class Relay:
    """An answer goes to the enquirer, with the files."""

    text: str
    signpost: str = ""
    """The name of the signposting text in it."""


@dataclass(frozen=True, slots=True)
class WritePartner:
    """Words go to a partner, with the files, and never to the enquirer."""

    partner: Partner
    text: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """The ticket is closed with an outcome.

    A clock that runs ends with the words that are sent, with what was said in a call, or because nobody is answered.
    """

    outcome: str
    ending: Ending = "words"


@dataclass(frozen=True, slots=True)
class Reopen:
    """The ticket is open again."""


@dataclass(frozen=True, slots=True)
class Categorise:
    """Says what the enquiry is about."""

    category: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The next word to the enquirer is due then."""

    until: Deadline


@dataclass(frozen=True, slots=True)
class Admit:
    """A second address of the enquirer may write to the ticket."""

    addr_spec: str


@dataclass(frozen=True, slots=True)
class Join:
    """The ticket becomes part of another."""

    reference: str


@dataclass(frozen=True, slots=True)
class Split:
    """The message that the writer replied to becomes a ticket of its own."""


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call or a chat becomes a ticket. `caller` is an address, or whatever the writer noted of them."""

    channel: str
    caller: str
    addr_spec: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Tell:
    """The writer asked for something to read."""

    what: str


@dataclass(frozen=True, slots=True)
class Hold:
    """The words are kept, and one word sends them on; what else the mail asked for is done."""

    text: str


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """The words below commands go nowhere, and nothing keeps them ready: it is not certain which they are."""

    why: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing is done and nothing sent on; one sentence for each reason. `held` is kept so that one word does it."""

    why: tuple[str, ...]
    held: str = ""
    answered: Answered | None = None


Deed = (
    Assign | Note | Relay | WritePartner | Resolve | Reopen | Categorise | Wait | Admit | Join | Split | OpenCall
    | Tell | Hold | LeaveOut | Refuse
)  # fmt: skip
