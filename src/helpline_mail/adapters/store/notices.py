"""Of which messages staff were told by a notice, and which the next list has to tell."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, case, func, select, update

from helpline_mail.adapters.store.messages import sender_digest
from helpline_mail.adapters.store.schema import clock, message, ticket
from helpline_mail.domain.clocks import ClockKind
from helpline_mail.domain.message import Address
from helpline_mail.domain.rations import DAY, WINDOW, Told


class Untold(NamedTuple):
    """One line of a list: a message that staff have not been told of, and when an answer is due on its ticket."""

    message_id: int
    kind: str
    at: datetime
    reference: str
    due_at: datetime | None


def told(connection: Connection, sender: Address | None, now: datetime) -> Told:
    """How many messages staff got a notice of in the past hour: of that sender's, and in all."""
    of_sender = func.sum(case((message.c.sender_digest == sender_digest(sender), 1), else_=0))
    lately = message.c.told_at.between(now - WINDOW, now + DAY)
    row = connection.execute(select(func.coalesce(of_sender, 0), func.count()).where(lately)).one()
    return Told(int(row[0]), int(row[1]))


def note_told(connection: Connection, message_id: int, now: datetime) -> None:
    """Notes that staff get a notice of a message."""
    connection.execute(update(message).where(message.c.id == message_id).values(told_at=now))


def await_digest(connection: Connection, message_id: int) -> None:
    """Leaves it to the next list to tell staff of a message."""
    connection.execute(update(message).where(message.c.id == message_id).values(awaits_digest=True))


def digest_waits(connection: Connection) -> bool:
    """Whether there is anything that the next list has to tell."""
    return connection.execute(select(message.c.id).where(message.c.awaits_digest).limit(1)).first() is not None


def take_for_digest(connection: Connection, most_lines: int) -> tuple[list[Untold], int]:
    """The first lines of the next list, and how many there are in all. Nothing of it waits any longer.

    Of two instances that take at the same time one gets everything and the other nothing.
    """
    taken = connection.execute(
        update(message).where(message.c.awaits_digest).values(awaits_digest=False).returning(message.c.id)
    )
    ids = sorted(row.id for row in taken)
    due = select(clock.c.due_at).where(
        clock.c.ticket_id == message.c.ticket_id, clock.c.kind == ClockKind.RESPONSE, clock.c.stopped_at.is_(None)
    )
    rows = connection.execute(
        select(message.c.id, message.c.kind, message.c.at, ticket.c.reference, due.limit(1).scalar_subquery())
        .join(ticket, ticket.c.id == message.c.ticket_id)
        .where(message.c.id.in_(ids[:most_lines]))
        .order_by(message.c.id)
    )
    return [Untold(*row) for row in rows], len(ids)
