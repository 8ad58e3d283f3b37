"""A mailbox in memory that holds octets by UID and can misbehave as real servers do. It works: no call is scripted."""

from collections.abc import Iterable
from datetime import datetime

from helpline_mail.domain.errors import MissingFolderError, ServerUnavailableError
from helpline_mail.domain.mailbox import Listed, MailboxStatus


class MemoryMailbox:
    """A `MailboxReader`. `asked` records which UIDs were fetched in one call, whole or in part.

    What it holds itself is its INBOX; `beside` are other folders, each a mailbox of its own.
    """

    def __init__(self, uidvalidity: int = 1) -> None:
        self.uidvalidity = uidvalidity
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self.poisonous: set[int] = set()
        """Fetching one of these breaks the connection."""
        self.withheld: set[int] = set()
        """These are listed, and a fetch is answered without their octets."""
        self.down = False
        """Every fetch breaks the connection; all else works."""
        self.renumbers_when_it_breaks = False
        self.vanishing: set[int] = set()
        """These are listed, and are gone when they are fetched."""
        self.announced_sizes: dict[int, int] = {}
        self._messages: dict[int, tuple[bytes, datetime]] = {}
        self._next_uid = 1
        self._open = False
        self.beside: dict[str, MemoryMailbox] = {}
        self._at = self

    def append(self, octets: bytes, arrived_at: datetime) -> int:
        """Delivers a message; returns its UID."""
        uid, self._next_uid = self._next_uid, self._next_uid + 1
        self._messages[uid] = (octets, arrived_at)
        return uid

    def expunge(self, uid: int) -> None:
        """Somebody deletes a message."""
        self._messages.pop(uid, None)

    def renumber(self) -> None:
        """A migration: a new UIDVALIDITY, and every message under a new UID from 1 on."""
        self.uidvalidity += 1
        self._messages = dict(enumerate(self._messages.values(), start=1))
        self._next_uid = len(self._messages) + 1

    def examine(self, folder: str) -> MailboxStatus:
        """Opens it, or a folder beside it, read-only."""
        if folder != "INBOX" and folder not in self.beside:
            raise MissingFolderError(f"imap: the server has no folder {folder}")
        self._at = self.beside.get(folder, self)
        self._at._open = True
        return MailboxStatus(self._at.uidvalidity, len(self._at._messages))

    def uids_after(self, uid: int) -> list[int]:
        """The UIDs above that one."""
        if self._at is not self:
            return self._at.uids_after(uid)
        self._require_connection()
        return sorted(found for found in self._messages if found > uid)

    def listed(self, uids: Iterable[int]) -> list[Listed]:
        """Sizes and dates."""
        if self._at is not self:
            return self._at.listed(uids)
        self._require_connection()
        here = [uid for uid in sorted(uids) if uid in self._messages]
        return [Listed(uid, self.announced_sizes.get(uid, len(self._messages[uid][0])), self._messages[uid][1])
                for uid in here]  # fmt: skip

    def fetch(self, uids: Iterable[int]) -> dict[int, bytes]:
        """Whole messages."""
        if self._at is not self:
            return self._at.fetch(uids)
        wanted = self._ask("whole", uids)
        return {uid: self._messages[uid][0] for uid in wanted if uid in self._messages and uid not in self.withheld}

    def fetch_beginning(self, uid: int, octets: int) -> bytes | None:
        """A message's beginning."""
        if self._at is not self:
            return self._at.fetch_beginning(uid, octets)
        wanted = self._ask("beginning", [uid])
        return (
            self._messages[uid][0][:octets] if wanted and uid in self._messages and uid not in self.withheld else None
        )

    def _require_connection(self) -> None:
        if not self._open:
            raise ServerUnavailableError("imap: nobody has opened the mailbox since the connection broke")

    def _ask(self, how: str, uids: Iterable[int]) -> tuple[int, ...]:
        self._require_connection()
        wanted = tuple(uids)
        self.asked.append((how, wanted))
        if self.down or self.poisonous.intersection(wanted):
            self._open = False
            if self.renumbers_when_it_breaks:
                self.renumbers_when_it_breaks = False
                self.renumber()
            raise ServerUnavailableError("imap: the connection broke")
        for uid in self.vanishing.intersection(wanted):
            self.expunge(uid)
        return wanted
