"""The trail: what was done and why, append-only. Its texts are ours, never an enquirer's words, names or addresses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from helpline_mail.adapters.store.engine import insert_or_nothing
from helpline_mail.adapters.store.schema import alarm, event, ledger


def record(
    connection: Connection, at: datetime, code: str, text: str, *, ticket_id: int | None = None,
    ledger_id: int | None = None, outbox_id: int | None = None, facts: Mapping[str, Any] | None = None,
) -> int:  # fmt: skip
    """Adds one line to the trail; returns its number."""
    added: int = connection.execute(
        insert(event)
        .values(
            at=at,
            code=code,
            text=text,
            ticket_id=ticket_id,
            ledger_id=ledger_id,
            outbox_id=outbox_id,
            facts=dict(facts or {}),
        )
        .returning(event.c.id)
    ).scalar_one()
    return added


def of_ticket(connection: Connection, ticket_id: int) -> list[dict[str, Any]]:
    """A ticket's trail, oldest first."""
    return _rows(connection, event.c.ticket_id == ticket_id)


def codes_of(connection: Connection, ticket_id: int) -> set[str]:
    """The codes of a ticket's trail."""
    return {row.code for row in connection.execute(select(event.c.code).where(event.c.ticket_id == ticket_id))}


def without_ticket(connection: Connection, limit: int | None) -> list[dict[str, Any]]:
    """Lines about messages that belong to no ticket, oldest first: the newest `limit` of them, or all."""
    rows = connection.execute(
        select(event, ledger.c.disposition, ledger.c.uid)
        .join(ledger, ledger.c.id == event.c.ledger_id)
        .where(event.c.ticket_id.is_(None))
        .order_by(event.c.id.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in reversed(rows.all())]


def _rows(connection: Connection, *where: Any) -> list[dict[str, Any]]:
    rows = connection.execute(select(event).where(*where).order_by(event.c.id))
    return [dict(row._mapping) for row in rows]


def latest(connection: Connection, code: str) -> dict[str, Any] | None:
    """The newest line of that code, or None."""
    row = connection.execute(select(event).where(event.c.code == code).order_by(event.c.id.desc()).limit(1)).first()
    return dict(row._mapping) if row else None


def raise_alarm(connection: Connection, cause: str, text: str, now: datetime) -> int | None:
    """Opens an alarm; None if one with the same cause is open."""
    return insert_or_nothing(connection, alarm, {"cause": cause, "text": text, "raised_at": now})


def end_alarm(connection: Connection, cause: str, now: datetime) -> Row[Any] | None:
    """Closes the cause's open alarm and returns it; None if there is none."""
    is_open = (alarm.c.cause == cause) & alarm.c.over_at.is_(None)
    return connection.execute(update(alarm).where(is_open).values(over_at=now).returning(*alarm.c)).first()


def open_alarm(connection: Connection, cause: str) -> dict[str, Any] | None:
    """The cause's open alarm, or None."""
    row = connection.execute(select(alarm).where(alarm.c.cause == cause, alarm.c.over_at.is_(None))).first()
    return dict(row._mapping) if row else None


def open_alarms(connection: Connection) -> list[dict[str, Any]]:
    """What is wrong now, oldest first."""
    rows = connection.execute(select(alarm).where(alarm.c.over_at.is_(None)).order_by(alarm.c.id))
    return [dict(row._mapping) for row in rows]
