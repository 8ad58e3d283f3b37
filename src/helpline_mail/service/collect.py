"""Mailbox -> raw messages in SQL, with the read position, in one transaction.

Nothing has been parsed yet, and nothing on the server changes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from helpline_mail.adapters.store import events, ledger
from helpline_mail.adapters.store.engine import Store
from helpline_mail.adapters.store.ledger import Position
from helpline_mail.domain.errors import ServerUnavailableError
from helpline_mail.domain.mailbox import Listed
from helpline_mail.service.ports import Clock, MailboxReader

GIVE_UP_ON_A_MESSAGE_AFTER = 3
"""Failures, if something else was fetched well since the first of them: then it is the message, not the server."""
GIVE_UP_IN_ANY_CASE_AFTER = 10
BLAME_THE_SERVER_AFTER = 3
"""Broken fetches in a row."""
BREAKS_IN_A_PASS = 20
"""Then new mail is looked for first."""
PASSES_AT_MOST = 10
LISTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class CollectLimits:
    """How much is fetched at once; of a message over `message_octets` only `beginning_octets`."""

    batch_messages: int
    batch_octets: int
    message_octets: int
    beginning_octets: int = 262_144


@dataclass(slots=True)
class Suspect:
    """A message that did not come when it was asked for, alone or in a batch."""

    failures: int = 0
    """How often it was asked for alone and did not come."""
    fetched_before: int = 0
    """`Doubts.fetched` at the first of these failures."""


@dataclass(slots=True)
class Doubts:
    """What this process learned from fetches that went wrong. Forgetting it costs only more tries."""

    uidvalidity: int = 0
    suspects: dict[int, Suspect] = field(default_factory=dict)
    fetched: int = 0
    """How many messages came well."""
    stored: int = 0
    """How many rows were stored, in passes that ended well or not."""
    breaks: int = 0
    """How many fetches broke the connection."""

    def hopeless(self, suspect: Suspect) -> bool:
        """Whether to do without its octets."""
        limit = GIVE_UP_ON_A_MESSAGE_AFTER if self.fetched > suspect.fetched_before else GIVE_UP_IN_ANY_CASE_AFTER
        return suspect.failures >= limit


@dataclass(frozen=True, slots=True)
class Collected:
    """What was done, and what was not."""

    stored: int
    renumbered: bool
    """The server gave the mailbox a new UIDVALIDITY: everything was read again."""
    in_doubt: int
    """Messages that did not come and are to be tried again. The read position stays before the first of them."""


def collect(
    store: Store, reader: MailboxReader, folder: str, limits: CollectLimits, doubts: Doubts, clock: Clock,
    *, is_sent: bool = False,
) -> Collected:  # fmt: skip
    """One pass: what came of everything above the read position. Raises ServerUnavailableError or CredentialError.

    In a folder of sent mail (`is_sent`) what stood there at the first look is recorded and never fetched. Raises
    MissingFolderError too.
    """
    at, renumbered = _open(store, reader, folder, clock, is_sent=is_sent)
    if doubts.uidvalidity != at.uidvalidity:
        doubts.uidvalidity, doubts.suspects = at.uidvalidity, {}
    stored, breaks = doubts.stored, doubts.breaks
    this = _Pass(store, reader, folder, at, limits, doubts, clock)
    new = reader.uids_after(at.last_uid)
    for start in range(0, len(new), LISTED_AT_ONCE):
        this.read(new[start : start + LISTED_AT_ONCE])
    for message in sorted(this.pending.values(), key=lambda m: (doubts.suspects[m.uid].failures, m.uid)):
        if doubts.breaks - breaks < BREAKS_IN_A_PASS:
            this.read_alone(message, new[-1])
    return Collected(doubts.stored - stored, renumbered, len(this.pending))


def collect_all(
    store: Store, reader: MailboxReader, folder: str, limits: CollectLimits, clock: Clock, pause: Callable[[], None],
    *, is_sent: bool = False,
) -> Collected:  # fmt: skip
    """What came of as many passes as it takes to settle every doubt, ten at most. Raises as `collect` does.

    The server is blamed for good only by the third pass that blames it: poisonous messages may lie in a row.
    """
    doubts, renumbered, in_doubt, blamed = Doubts(), False, 0, 0
    for number in range(PASSES_AT_MOST):
        stored, breaks = doubts.stored, doubts.breaks
        try:
            done = collect(store, reader, folder, limits, doubts, clock, is_sent=is_sent)
        except ServerUnavailableError:
            blamed += 1
            if doubts.breaks == breaks or blamed == BLAME_THE_SERVER_AFTER or number == PASSES_AT_MOST - 1:
                raise
        else:
            renumbered, in_doubt = renumbered or done.renumbered, done.in_doubt
            if not in_doubt:
                break
        if doubts.stored == stored:
            pause()
    return Collected(doubts.stored, renumbered, in_doubt)


def _open(store: Store, reader: MailboxReader, folder: str, clock: Clock, *, is_sent: bool) -> tuple[Position, bool]:
    """How far the mailbox was read, and whether the server has renumbered it."""
    status = reader.examine(folder)
    now = clock()
    with store.write() as connection:
        before = ledger.position(connection, folder)
        at = ledger.open_mailbox(connection, folder, status, now, is_sent=is_sent)
        renumbered = before is not None and before.uidvalidity != at.uidvalidity
        if renumbered:
            text = "the server renumbered the mailbox (new UIDVALIDITY); every message was compared again"
            events.record(connection, now, "uidvalidity_changed", text)
    return at, renumbered


@dataclass(slots=True)
class _Pass:
    """One pass. Whatever is asked for is pending and suspected until it came."""

    store: Store
    reader: MailboxReader
    folder: str
    at: Position
    limits: CollectLimits
    doubts: Doubts
    clock: Clock
    pending: dict[int, Listed] = field(default_factory=dict)
    breaks_in_a_row: int = 0

    def read(self, uids: Sequence[int]) -> None:
        """Stores those of the UIDs that are not stored yet, in batches; whatever is suspected stays pending."""
        with self.store.read() as connection:
            known = ledger.known_uids(connection, self.at, uids)
        here = self.reader.listed([uid for uid in uids if uid not in known])
        if missing := sorted({*uids} - known - {m.uid for m in here}):
            here += self.reader.listed(missing)  # a second look: what is written off is never looked for again
        old = [m for m in here if self.at.sent_since is not None and m.arrived_at < self.at.sent_since]
        here = [m for m in here if m not in old]
        self.pending |= {m.uid: m for m in here if m.uid in self.doubts.suspects}
        for batch in _batches([m for m in here if m.uid not in self.pending], self.limits):
            fetched = self._fetch(batch)
            self._keep([m for m in batch if m.uid in fetched], fetched, [], batch[-1].uid)
        # Found and not listed: they have left the mailbox meanwhile.
        self._keep([], {}, sorted({*uids} - known - {m.uid for m in (*here, *old)}), uids[-1], old)

    def read_alone(self, message: Listed, last_uid: int) -> None:
        """Stores a pending message, or counts a failure; the one too many stores it without octets."""
        suspect = self.doubts.suspects[message.uid]
        suspect.failures += 1  # before the try, which may end the pass
        if suspect.failures == 1:
            suspect.fetched_before = self.doubts.fetched
        fetched = self._fetch([message])
        if not fetched and not self.reader.listed([message.uid]):
            self._keep([], {}, [message.uid], last_uid)
        elif fetched or self.doubts.hopeless(suspect):
            self._keep([message], fetched, [], last_uid)

    def _fetch(self, batch: Sequence[Listed]) -> dict[int, tuple[bytes, bool]]:
        """UID -> (octets, whether that is the whole message). Nothing, on a new connection, if the fetch broke it."""
        for message in batch:
            self.pending[message.uid] = message
            self.doubts.suspects.setdefault(message.uid, Suspect())
        try:
            fetched = _fetch(self.reader, batch, self.limits)
        except ServerUnavailableError:
            self.doubts.breaks += 1
            self.breaks_in_a_row += 1
            if self.breaks_in_a_row == BLAME_THE_SERVER_AFTER:
                raise
            self._reconnect()
            fetched = {}
        if fetched:
            self._came_well(len(fetched))
        else:
            self._fetch_a_good_one_again()
        return fetched

    def _came_well(self, messages: int) -> None:
        self.doubts.fetched += messages
        self.breaks_in_a_row = 0

    def _fetch_a_good_one_again(self) -> None:
        """Tells a bad message from a bad server, which is blamed if it does not even give what it gave before."""
        with self.store.read() as connection:
            good = ledger.newest_with_octets(connection, self.at)
        if good is not None and self.reader.fetch_beginning(good, 1) is not None:
            self._came_well(1)

    def _reconnect(self) -> None:
        if self.reader.examine(self.folder).uidvalidity != self.at.uidvalidity:
            raise ServerUnavailableError("imap: the server renumbered the mailbox while it was read; it is read again")

    def _keep(
        self, listed: Sequence[Listed], fetched: dict[int, tuple[bytes, bool]], gone: Sequence[int], last_uid: int,
        old: Sequence[Listed] = (),
    ) -> None:  # fmt: skip
        """Stores these and moves the read position to that UID, but never past a pending one."""
        for uid in (*(m.uid for m in listed), *gone):
            self.pending.pop(uid, None)
            self.doubts.suspects.pop(uid, None)
        reached = min([last_uid, *(uid - 1 for uid in self.pending)])
        with self.store.write() as connection:
            stored = ledger.store(connection, self.at, listed, fetched, gone, reached, self.clock(), old)
        self.doubts.stored += stored


def _batches(listed: Sequence[Listed], limits: CollectLimits) -> Iterator[list[Listed]]:
    """Runs of messages within both limits; an oversize message stands alone."""
    batch: list[Listed] = []
    octets = 0
    for item in listed:
        if batch and (len(batch) == limits.batch_messages or octets + item.size > limits.batch_octets):
            yield batch
            batch, octets = [], 0
        batch.append(item)
        octets += item.size
    if batch:
        yield batch


def _fetch(reader: MailboxReader, batch: Sequence[Listed], limits: CollectLimits) -> dict[int, tuple[bytes, bool]]:
    """UID -> (octets, whether that is the whole message)."""
    whole = [m.uid for m in batch if m.size <= limits.message_octets]
    fetched = {uid: (octets, True) for uid, octets in (reader.fetch(whole) if whole else {}).items()}
    for message in batch:
        if message.size > limits.message_octets:
            beginning = reader.fetch_beginning(message.uid, limits.beginning_octets)
            if beginning is not None:
                fetched[message.uid] = (beginning, False)
    return fetched
