"""Who of a ticket was answered, up to when, and whose query is first of those that are not."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from helpline_mail.adapters.store.messages import QUERIES, sender_digest
from helpline_mail.adapters.store.schema import clock, message, message_content, outbox, outbox_content
from helpline_mail.domain.clocks import ClockKind
from helpline_mail.domain.delivery import OutboxState
from helpline_mail.domain.message import Address, folded

NEVER = datetime(1, 1, 1, tzinfo=UTC)


def first_query_after(connection: Connection, ticket_id: int, at: datetime) -> tuple[int, datetime] | None:
    """Id and arrival of the first query on a ticket that came after that instant and was not answered since."""
    rows = connection.execute(_queries(ticket_id).where(message.c.at > at)).all()
    latest = _latest_answers(connection, ticket_id) if rows else {}
    return next(((row.id, row.at) for row in rows if row.at > latest.get(row.sender_digest, NEVER)), None)


def _queries(ticket_id: int) -> Select[Any]:
    return (
        select(message.c.id, message.c.at, message.c.sender_digest)
        .where(message.c.ticket_id == ticket_id, message.c.kind.in_(QUERIES))
        .order_by(message.c.at, message.c.id)
    )


def _latest_answers(connection: Connection, ticket_id: int) -> dict[str | None, datetime]:
    """Up to when each person was answered, by the digest of their address."""
    rows = connection.execute(_answers(ticket_id).order_by(message.c.at)).all()
    return {sender_digest(Address(row.to)): row.covers_until or row.at for row in rows}


def unanswered_by_others(connection: Connection, ticket_id: int, answered: str) -> tuple[int, datetime] | None:
    """Id and arrival of the first query of somebody else than who was answered now, with no answer to them since."""
    rows = connection.execute(_queries(ticket_id)).all()
    if len({row.sender_digest for row in rows}) < 2:
        return None
    latest = _latest_answers(connection, ticket_id)
    own = sender_digest(Address(answered))
    for row in rows:
        if row.sender_digest != own and row.at > latest.get(row.sender_digest, NEVER):
            return row.id, row.at
    return None


def overdue_to(connection: Connection, ticket_id: int, requester: str, now: datetime) -> datetime | None:
    """By when that person should have had an answer to their own query that is overdue, as they were told if they were.

    None if none is: somebody else who wrote to the ticket may wait.
    """
    due_at = func.coalesce(clock.c.promised_at, clock.c.due_at)
    found: datetime | None = connection.execute(
        select(due_at)
        .outerjoin(message, message.c.id == clock.c.message_id)
        .where(
            clock.c.ticket_id == ticket_id, clock.c.kind == ClockKind.RESPONSE, clock.c.stopped_at.is_(None),
            due_at <= now,
            clock.c.message_id.is_(None) | (message.c.sender_digest == sender_digest(Address(requester))),
        )
    ).scalar()  # fmt: skip
    return found


def answer_arrived(connection: Connection, ticket_id: int, to: str, since: datetime) -> bool:
    """Whether the mail server took an answer to that address after an instant, and none of it came back."""
    rows = connection.execute(_answers(ticket_id).where(message.c.at > since)).all()
    return any(folded(row.to) == folded(to) for row in rows)


def _answers(ticket_id: int) -> Select[Any]:
    """The answers of a ticket that went by our outbox, were taken by the mail server, and did not come back."""
    return (
        select(message.c.at, message_content.c.to, outbox.c.covers_until)
        .join(message_content, message_content.c.message_id == message.c.id)
        .join(outbox_content, outbox_content.c.internet_message_id == message_content.c.internet_message_id)
        .join(outbox, outbox.c.id == outbox_content.c.outbox_id)
        .where(
            message.c.ticket_id == ticket_id, message.c.kind == "answer", outbox.c.bounced_at.is_(None),
            outbox.c.state == OutboxState.DELIVERED,
        )
    )  # fmt: skip
