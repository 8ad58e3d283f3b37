"""A mailbox in memory that holds octets by UID and can misbehave as real servers do. It works: no call is scripted."""

from collections.abc import Iterable
from datetime import datetime

from helpline_mail.domain.errors import ServerUnavailableError
from helpline_mail.domain.mailbox import Listed, MailboxStatus


class MemoryMailbox:
    """A `MailboxReader`. `asked` records which UIDs were fetched in one call, whole or in part."""

    def __init__(self, uidvalidity: int = 1) -> None:
        self.uidvalidity = uidvalidity
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self.poisonous: set[int] = set()
        """Fetching one of these breaks the connection."""
        self.vanishing: set[int] = set()
        """These are listed, and are gone when they are fetched."""
        self.announced_sizes: dict[int, int] = {}
        self._messages: dict[int, tuple[bytes, datetime]] = {}
        self._next_uid = 1

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

    def examine(self) -> MailboxStatus:
        """Opens it read-only."""
        return MailboxStatus(self.uidvalidity, len(self._messages))

    def uids_after(self, uid: int) -> list[int]:
        """The UIDs above that one."""
        return sorted(found for found in self._messages if found > uid)

    def listed(self, uids: Iterable[int]) -> list[Listed]:
        """Sizes and dates."""
        here = [uid for uid in sorted(uids) if uid in self._messages]
        return [Listed(uid, self.announced_sizes.get(uid, len(self._messages[uid][0])), self._messages[uid][1])
                for uid in here]  # fmt: skip

    def fetch(self, uids: Iterable[int]) -> dict[int, bytes]:
        """Whole messages."""
        wanted = self._ask("whole", uids)
        return {uid: self._messages[uid][0] for uid in wanted if uid in self._messages}

    def fetch_beginning(self, uid: int, octets: int) -> bytes | None:
        """A message's beginning."""
        wanted = self._ask("beginning", [uid])
        return self._messages[uid][0][:octets] if wanted and uid in self._messages else None

    def _ask(self, how: str, uids: Iterable[int]) -> tuple[int, ...]:
        wanted = tuple(uids)
        self.asked.append((how, wanted))
        if self.poisonous.intersection(wanted):
            raise ServerUnavailableError("imap: the connection broke")
        for uid in self.vanishing.intersection(wanted):
            self.expunge(uid)
        return wanted
