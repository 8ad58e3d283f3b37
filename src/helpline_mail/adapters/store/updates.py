"""When enquirers are to hear from us again while their tickets are open."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from helpline_mail.adapters.store.schema import clock, ticket
from helpline_mail.adapters.store.tickets import OPEN


def plan(connection: Connection, ticket_id: int, at: datetime) -> None:
    """When the enquirer's next update is due."""
    values = {"update_due_at": at, "update_reminded_at": None}
    connection.execute(update(ticket).where(ticket.c.id == ticket_id).values(values))


def due(connection: Connection, until: datetime) -> list[Row[Any]]:
    """Open tickets whose enquirer's next update is due by then, of which staff were not reminded, the earliest first.

    Not those that wait for an answer: that is more urgent, and has reminders of its own.
    """
    waits = select(clock.c.id).where(clock.c.ticket_id == ticket.c.id, clock.c.stopped_at.is_(None))
    return list(connection.execute(
        select(ticket.c.id, ticket.c.reference, ticket.c.assignee, ticket.c.update_due_at)
        .where(
            ticket.c.state == OPEN, ticket.c.update_due_at <= until, ticket.c.update_reminded_at.is_(None),
            ~waits.exists(),
        )
        .order_by(ticket.c.update_due_at, ticket.c.id)
    ))  # fmt: skip


def note_reminded(connection: Connection, ticket_id: int, now: datetime) -> bool:
    """Notes that staff are reminded of an update; False if another instance did."""
    changed = connection.execute(
        update(ticket)
        .where(ticket.c.id == ticket_id, ticket.c.update_reminded_at.is_(None))
        .values(update_reminded_at=now)
    )
    return changed.rowcount == 1
