"""Mailbox -> raw messages in SQL, with the read position, in one transaction.

Nothing has been parsed yet, and nothing on the server changes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from helpline_mail.adapters.store import events, ledger
from helpline_mail.adapters.store.engine import Store
from helpline_mail.adapters.store.ledger import Position
from helpline_mail.domain.errors import ServerUnavailableError
from helpline_mail.domain.mailbox import Listed
from helpline_mail.service.ports import Clock, MailboxReader

GIVE_UP_ON_A_MESSAGE_AFTER = 3
LISTED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class CollectLimits:
    """How much is fetched at once; of a message over `message_octets` only `beginning_octets`."""

    batch_messages: int
    batch_octets: int
    message_octets: int
    beginning_octets: int = 262_144


@dataclass(slots=True)
class Doubts:
    """What this process learned from fetches that broke the connection. Forgetting it costs only more tries."""

    one_at_a_time: bool = False
    failures: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Collected:
    """What one pass did."""

    stored: int
    renumbered: bool
    """The server gave the mailbox a new UIDVALIDITY: everything was read again."""


def collect(
    store: Store, reader: MailboxReader, folder: str, limits: CollectLimits, doubts: Doubts, clock: Clock
) -> Collected:
    """One pass: everything above the read position is stored. Raises ServerUnavailableError or CredentialError."""
    status = reader.examine()
    now = clock()
    with store.write() as connection:
        before = ledger.position(connection, folder)
        at = ledger.open_mailbox(connection, folder, status, now)
        renumbered = before is not None and before.uidvalidity != at.uidvalidity
        if renumbered:
            text = "the server renumbered the mailbox (new UIDVALIDITY); every message was compared again"
            events.record(connection, now, "uidvalidity_changed", text)
    new = reader.uids_after(at.last_uid)
    stored = 0
    for start in range(0, len(new), LISTED_AT_ONCE):
        uids = new[start : start + LISTED_AT_ONCE]
        for batch in _batches(reader.listed(uids), limits, one_at_a_time=doubts.one_at_a_time):
            stored += _store_batch(store, reader, at, batch, limits, doubts, clock)
        _pass_over_gone(store, at, uids, clock)
    doubts.one_at_a_time = False
    return Collected(stored, renumbered)


def _batches(listed: Sequence[Listed], limits: CollectLimits, *, one_at_a_time: bool) -> Iterator[list[Listed]]:
    """Runs of messages within both limits; an oversize message stands alone."""
    batch: list[Listed] = []
    octets = 0
    for item in listed:
        full = one_at_a_time or len(batch) == limits.batch_messages or octets + item.size > limits.batch_octets
        if batch and full:
            yield batch
            batch, octets = [], 0
        batch.append(item)
        octets += item.size
    if batch:
        yield batch


def _store_batch(
    store: Store, reader: MailboxReader, at: Position, batch: list[Listed], limits: CollectLimits, doubts: Doubts,
    clock: Clock,
) -> int:  # fmt: skip
    hopeless = [m for m in batch if doubts.failures.get(m.uid, 0) >= GIVE_UP_ON_A_MESSAGE_AFTER]
    try:
        fetched = _fetch(reader, [m for m in batch if m not in hopeless], limits)
    except ServerUnavailableError:
        doubts.one_at_a_time = True
        if len(batch) == 1:
            doubts.failures[batch[0].uid] = doubts.failures.get(batch[0].uid, 0) + 1
        raise
    missing = [m.uid for m in batch if m.uid not in fetched and m not in hopeless]
    still_there = {m.uid for m in reader.listed(missing)} if missing else set()
    gone = [uid for uid in missing if uid not in still_there]
    with store.write() as connection:
        kept = [m for m in batch if m.uid not in gone]
        return ledger.store(connection, at, kept, fetched, gone, batch[-1].uid, clock())


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


def _pass_over_gone(store: Store, at: Position, uids: Sequence[int], clock: Clock) -> None:
    """UIDs that were found and could not be listed have left the mailbox meanwhile: noted as gone."""
    with store.write() as connection:
        known = ledger.known_uids(connection, at, uids)
        ledger.store(connection, at, [], {}, [uid for uid in uids if uid not in known], uids[-1], clock())
