"""One message as it was read: values only, whatever its bytes were."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import Literal

_TO_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def folded(text: str) -> str:
    """For comparing addresses: only ASCII letters lose their case, so no other character becomes one of them.

    `str.lower` makes a k of the Kelvin sign and `str.casefold` an s of a long s: two people would be one.
    """
    return text.translate(_TO_LOWER)


@dataclass(frozen=True, slots=True)
class Address:
    """One RFC 5322 mailbox. `addr_spec` is `local@domain` with the domain as lower-case A-labels (RFC 5890)."""

    addr_spec: str
    name: str = ""

    @property
    def domain(self) -> str:
        """The part behind the last `@`."""
        return self.addr_spec.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the message says it is from (RFC 5322 section 3.6.2): a claim, never a proof.

    `malformed` senders have no address: nobody can be mistaken for them and nothing is sent to them.
    """

    status: Literal["ok", "malformed"]
    address: Address | None
    shown: str
    """The From field as one printable line, for staff to read; never for a decision."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is not read as text. `size` is in octets after decoding, `sha256` in lower-case hex."""

    filename: str
    content_type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file in a mail, decoded. Its name and type are what somebody claims; `wire.content` writes neither as is."""

    filename: str
    content_type: str
    octets: bytes = field(repr=False)
    decoration: bool = False
    """Whether it is a small picture shown in place, as in a personal signature."""


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a delivery status notification says of one recipient (RFC 3464 section 2.3)."""

    recipient: str
    status: str | None
    action: str | None
    original_message_id: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message. Every text is printable: no NUL, no lone surrogate, no control but newline and tab."""

    message_id: str | None
    sender: Sender
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    subject: str
    date: datetime | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    text: str
    """The whole readable body, newline-separated."""
    new_text: str
    """`text` without what the writer quoted: a view for display, never all that is stored."""
    attachments: tuple[Attachment, ...]
    content_type: str
    """The outermost media type, lower case, without parameters."""
    fields: Mapping[str, tuple[str, ...]] = field(repr=False)
    """The outermost header block: lower-case name to unfolded values in order of appearance, top first."""
    bounces: tuple[Bounce, ...] = ()
    defects: tuple[str, ...] = ()
    """What could not be read, or was not read because a budget was spent; one plain sentence each."""

    def first(self, name: str) -> str | None:
        """The topmost field of that lower-case name, or None."""
        values = self.fields.get(name)
        return values[0] if values else None
