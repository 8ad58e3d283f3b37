"""The ledger: every message that was ever seen in the mailbox, in exactly one state; and its raw bytes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, func, select, update

from helpline_mail.adapters.store.engine import insert_or_nothing, reached
from helpline_mail.adapters.store.schema import ledger, mailbox, message, raw_content
from helpline_mail.domain.mailbox import Listed, MailboxStatus

RECORDED = "recorded"


class LedgerState(StrEnum):
    """`stored`: waits for triage. `gone`: it vanished from the mailbox before it could be fetched."""

    STORED = "stored"
    TRIAGED = "triaged"
    QUARANTINED = "quarantined"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a mailbox was read."""

    mailbox_id: int
    uidvalidity: int
    last_uid: int
    sent_since: datetime | None = None
    """Of a folder of sent mail: what arrived there earlier is recorded without being fetched."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One ledger row that waits for triage."""

    id: int
    arrived_at: datetime
    attempts: int
    raw_id: int | None
    complete: bool
    message_id: int | None = None
    """What stands for it already, if it comes back from quarantine."""
    ticket_id: int | None = None
    failed: bool = False
    """Filing it has failed before; an attempt that was not ended may have had other causes."""
    sent_since: datetime | None = None
    """It was found among sent mail, of which what was sent earlier is recorded only."""


def position(connection: Connection, name: str) -> Position | None:
    """How far the mailbox of that name was read, or None if it never was."""
    row = connection.execute(select(mailbox).where(mailbox.c.name == name)).first()
    return Position(row.id, row.uidvalidity, row.last_uid, row.sent_since) if row else None


def open_mailbox(
    connection: Connection, name: str, status: MailboxStatus, now: datetime, *, is_sent: bool = False
) -> Position:
    """Notes a good look at the mailbox; a new UIDVALIDITY means that every UID is new (RFC 3501 section 2.3.1.1).

    In a folder of sent mail whatever is there at the first look, or when it is renumbered, is old: a migration may
    have made old mail look new.
    """
    sent_since = now.replace(microsecond=0) if is_sent else None  # INTERNALDATE has whole seconds
    facts = {"uidvalidity": status.uidvalidity, "on_server": status.exists, "last_good_poll": now}
    insert_or_nothing(connection, mailbox, {"name": name, "last_uid": 0, "sent_since": sent_since, **facts})
    connection.execute(
        update(mailbox)
        .where(mailbox.c.name == name, mailbox.c.uidvalidity != status.uidvalidity)
        .values(uidvalidity=status.uidvalidity, last_uid=0, sent_since=sent_since)
    )
    connection.execute(update(mailbox).where(mailbox.c.name == name).values(facts))
    found = position(connection, name)
    assert found is not None  # noqa: S101  the row was inserted above
    return found


def store(
    connection: Connection, at: Position, listed: Sequence[Listed], fetched: Mapping[int, tuple[bytes, bool]],
    gone: Sequence[int], last_uid: int, now: datetime, old: Sequence[Listed] = (),
) -> int:  # fmt: skip
    """Keeps raw bytes and ledger rows and moves the read position, all or nothing. Returns how many rows are new.

    `old` messages are recorded as rows that nothing is done with; they are not among the new ones.
    `fetched` is UID -> (octets, whole message or only its beginning). A listed message without octets, which the
    server would not give, is kept as a row all the same.
    """
    new = 0
    for item in listed:
        octets = fetched.get(item.uid)
        raw_id = None if octets is None else _keep(connection, octets[0], complete=octets[1], size=item.size)
        new += _add(connection, at, item.uid, LedgerState.STORED, item.arrived_at, now, raw_id)
    for uid in gone:
        new += _add(connection, at, uid, LedgerState.GONE, now, now, None)
    for item in old:
        _add(connection, at, item.uid, LedgerState.TRIAGED, item.arrived_at, now, None, RECORDED)
    connection.execute(
        update(mailbox)
        .where(mailbox.c.id == at.mailbox_id, mailbox.c.uidvalidity == at.uidvalidity, mailbox.c.last_uid < last_uid)
        .values(last_uid=last_uid)
    )
    return new


def _add(
    connection: Connection, at: Position, uid: int, state: LedgerState, arrived_at: datetime, now: datetime,
    raw_id: int | None, disposition: str | None = None,
) -> bool:  # fmt: skip
    row = {
        "mailbox_id": at.mailbox_id, "uidvalidity": at.uidvalidity, "uid": uid, "state": state,
        "arrived_at": arrived_at, "stored_at": now, "raw_content_id": raw_id, "disposition": disposition,
    }  # fmt: skip
    return insert_or_nothing(connection, ledger, row) is not None


def _keep(connection: Connection, octets: bytes, *, complete: bool, size: int) -> int:
    of = octets if complete else octets + b"\0%d" % size  # beginnings alike are not the same message
    digest = hashlib.sha256(of).hexdigest()
    row = {"digest": digest, "size": size or len(octets), "complete": complete, "octets": octets}
    new = insert_or_nothing(connection, raw_content, row)
    if new is not None:
        return new
    return int(connection.execute(select(raw_content.c.id).where(raw_content.c.digest == digest)).scalar_one())


def known_uids(connection: Connection, at: Position, uids: Sequence[int]) -> set[int]:
    """Those of the UIDs that the ledger holds."""
    rows = connection.execute(
        select(ledger.c.uid).where(
            ledger.c.mailbox_id == at.mailbox_id,
            ledger.c.uidvalidity == at.uidvalidity,
            ledger.c.uid.between(min(uids), max(uids)),
        )
    )
    return {row.uid for row in rows} & set(uids)


def newest_with_octets(connection: Connection, at: Position) -> int | None:
    """The highest UID whose message was fetched, or None if none was."""
    found: int | None = connection.execute(
        select(func.max(ledger.c.uid)).where(
            ledger.c.mailbox_id == at.mailbox_id,
            ledger.c.uidvalidity == at.uidvalidity,
            ledger.c.raw_content_id.is_not(None),
        )
    ).scalar_one()
    return found


def waits(connection: Connection) -> bool:
    """Whether anything waits for triage."""
    return (
        connection.execute(select(ledger.c.id).where(ledger.c.state == LedgerState.STORED).limit(1)).first() is not None
    )


def waiting(connection: Connection, now: datetime, limit: int) -> list[Entry]:
    """What waits for triage and may be tried now, in order of arrival in the mailbox."""
    rows = connection.execute(
        select(ledger.c.id, ledger.c.arrived_at, ledger.c.attempts, ledger.c.raw_content_id, ledger.c.message_id,
               ledger.c.error, raw_content.c.complete, message.c.ticket_id, mailbox.c.sent_since)
        .join(mailbox, mailbox.c.id == ledger.c.mailbox_id)
        .outerjoin(raw_content, raw_content.c.id == ledger.c.raw_content_id)
        .outerjoin(message, message.c.id == ledger.c.message_id)
        .where(ledger.c.state == LedgerState.STORED, (ledger.c.retry_at.is_(None)) | reached(ledger.c.retry_at, now))
        .order_by(ledger.c.id)
        .limit(limit)
    )  # fmt: skip
    return [
        Entry(
            r.id, r.arrived_at, r.attempts, r.raw_content_id, bool(r.complete), r.message_id, r.ticket_id,
            failed=r.error is not None, sent_since=r.sent_since,
        )
        for r in rows
    ]  # fmt: skip


def begin(connection: Connection, entry_ids: Sequence[int], retry_at: datetime) -> None:
    """Counts an attempt before it is made; if nothing ends it, the rows come back at `retry_at`."""
    connection.execute(
        update(ledger).where(ledger.c.id.in_(entry_ids)).values(attempts=ledger.c.attempts + 1, retry_at=retry_at)
    )


def take_back(connection: Connection, entry_ids: Sequence[int]) -> None:
    """Uncounts attempts that could not be made through no fault of the messages."""
    connection.execute(
        update(ledger)
        .where(ledger.c.id.in_(entry_ids), ledger.c.state == LedgerState.STORED)
        .values(attempts=ledger.c.attempts - 1, retry_at=None)
    )


def octets(connection: Connection, raw_id: int) -> bytes:
    """The raw bytes of a message."""
    return bytes(connection.execute(select(raw_content.c.octets).where(raw_content.c.id == raw_id)).scalar_one())


def octets_of_message(connection: Connection, message_id: int) -> bytes | None:
    """The raw bytes of a message; None if it did not come from the mailbox."""
    found = (
        select(raw_content.c.octets)
        .join(ledger, ledger.c.raw_content_id == raw_content.c.id)
        .where(ledger.c.message_id == message_id)
        .order_by(ledger.c.id)
        .limit(1)
    )
    octets = connection.execute(found).scalar_one_or_none()
    return None if octets is None else bytes(octets)


def claim(connection: Connection, entry_id: int) -> bool:
    """Takes a stored row for this transaction; False if another instance has taken or finished it."""
    row = connection.execute(
        select(ledger.c.id)
        .where(ledger.c.id == entry_id, ledger.c.state == LedgerState.STORED)
        .with_for_update(skip_locked=True)
    )
    return row.first() is not None


def earlier_with_same_octets(connection: Connection, entry_id: int, raw_id: int) -> int | None:
    """The message that came of an earlier row with the very same bytes, or None."""
    found: int | None = connection.execute(
        select(ledger.c.message_id)
        .where(ledger.c.raw_content_id == raw_id, ledger.c.id != entry_id, ledger.c.message_id.is_not(None))
        .order_by(ledger.c.id)
        .limit(1)
    ).scalar_one_or_none()
    return found


def settle(connection: Connection, entry_id: int, state: LedgerState, disposition: str, message_id: int | None) -> None:
    """Ends a row's triage."""
    _update(connection, entry_id, state=state, disposition=disposition, message_id=message_id, retry_at=None)


def postpone(connection: Connection, entry_id: int, retry_at: datetime, error: str) -> None:
    """Notes why an attempt failed and when to try again."""
    _update(connection, entry_id, retry_at=retry_at, error=error)


def release(connection: Connection, entry_id: int) -> None:
    """Puts a quarantined row back into the queue."""
    _update(connection, entry_id, state=LedgerState.STORED, attempts=0, retry_at=None, error=None)


def _update(connection: Connection, entry_id: int, **values: Any) -> None:
    connection.execute(update(ledger).where(ledger.c.id == entry_id).values(values))


def quarantined(connection: Connection) -> list[dict[str, Any]]:
    """What stands in quarantine, oldest first, with the ticket that stands for it."""
    rows = connection.execute(
        select(ledger, message.c.ticket_id)
        .outerjoin(message, message.c.id == ledger.c.message_id)
        .where(ledger.c.state == LedgerState.QUARANTINED)
        .order_by(ledger.c.id)
    )
    return [dict(row._mapping) for row in rows]


def counts(connection: Connection) -> dict[str, int]:
    """How many rows are in each state."""
    rows = connection.execute(select(ledger.c.state, func.count()).group_by(ledger.c.state))
    return {str(state): int(count) for state, count in rows}


def mailbox_facts(connection: Connection, name: str) -> dict[str, Any] | None:
    """What the last good poll saw, and how many of the mailbox's messages the ledger holds."""
    row = connection.execute(select(mailbox).where(mailbox.c.name == name)).first()
    if row is None:
        return None
    held = select(func.count()).where(ledger.c.mailbox_id == row.id, ledger.c.uidvalidity == row.uidvalidity)
    return {
        "last_good_poll": row.last_good_poll, "uidvalidity": row.uidvalidity, "last_uid": row.last_uid,
        "on_server": row.on_server, "in_ledger": int(connection.execute(held).scalar_one()),
    }  # fmt: skip
