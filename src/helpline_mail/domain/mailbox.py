"""A mailbox on a server, as values."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """What the server says of the mailbox when it is opened (RFC 3501 section 6.3.2)."""

    uidvalidity: int
    exists: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A message on the server before its content is fetched: size in octets (0: unknown), INTERNALDATE."""

    uid: int
    size: int
    arrived_at: datetime
