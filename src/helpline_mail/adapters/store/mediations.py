"""Correspondences with partners inside tickets, each under a reference that tells nothing of the ticket's."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from helpline_mail.adapters.store.engine import insert_or_nothing
from helpline_mail.adapters.store.schema import mediation, outbox, ticket
from helpline_mail.domain.threads import Mediation

_TICKET = func.coalesce(ticket.c.joined_to, mediation.c.ticket_id)
"""The ticket that it belongs to, also after a join."""


def find(connection: Connection, ticket_id: int, partner: str) -> Mediation | None:
    """The correspondence with a partner about a ticket, if there is one; the first, if a join has brought another."""
    return _first(connection, _TICKET.in_([ticket_id]) & (mediation.c.partner == partner))


def start(connection: Connection, ticket_id: int, partner: str, reference: str, now: datetime) -> bool:
    """Opens a correspondence; False if its reference is taken."""
    row = {"ticket_id": ticket_id, "partner": partner, "reference": reference, "started_at": now}
    return insert_or_nothing(connection, mediation, row) is not None


def of_ticket(connection: Connection, ticket_id: int) -> list[Mediation]:
    """The correspondences about a ticket, oldest first."""
    return _all(connection, mediation.c.ticket_id == ticket_id)


def of_references(connection: Connection, references: Iterable[str]) -> list[Mediation]:
    """The correspondences of these references."""
    wanted = list(references)
    return _all(connection, mediation.c.reference.in_(wanted)) if wanted else []


def of_mails(connection: Connection, outbox_ids: Iterable[int]) -> list[Mediation]:
    """The correspondences that these mails of ours belong to."""
    wanted = list(outbox_ids)
    if not wanted:
        return []
    keys = select(outbox.c.mediation_id).where(outbox.c.id.in_(wanted), outbox.c.mediation_id.is_not(None))
    return _all(connection, mediation.c.id.in_(keys))


def await_answer(connection: Connection, mediation_id: int, until: datetime | None) -> None:
    """Until when the partner's answer is awaited before staff are reminded; None: it came, or nobody waits."""
    values = {"due_at": until, "reminded_at": None}
    connection.execute(update(mediation).where(mediation.c.id == mediation_id).values(values))


def silent(connection: Connection, now: datetime) -> list[Mediation]:
    """The correspondences whose partner has been silent too long, and of which nobody was reminded."""
    return _all(connection, (mediation.c.due_at <= now) & mediation.c.reminded_at.is_(None))


def awaited(connection: Connection) -> list[tuple[Mediation, datetime]]:
    """The correspondences in which an answer is awaited, and when staff are reminded of it, if they were not yet."""
    columns = (mediation.c.id, mediation.c.ticket_id, mediation.c.partner, mediation.c.reference, mediation.c.due_at)
    waiting = mediation.c.due_at.is_not(None) & mediation.c.reminded_at.is_(None)
    rows = connection.execute(select(*columns).where(waiting).order_by(mediation.c.due_at))
    return [(Mediation(*row[:4]), row.due_at) for row in rows]


def note_reminded(connection: Connection, mediation_id: int, now: datetime) -> bool:
    """Notes that staff are reminded of a partner's silence; False if another instance did."""
    changed = connection.execute(
        update(mediation)
        .where(mediation.c.id == mediation_id, mediation.c.reminded_at.is_(None))
        .values(reminded_at=now)
    )
    return changed.rowcount == 1


def _first(connection: Connection, where: object) -> Mediation | None:
    return next(iter(_all(connection, where)), None)


def _all(connection: Connection, where: object) -> list[Mediation]:
    columns = (mediation.c.id, _TICKET, mediation.c.partner, mediation.c.reference)
    of_tickets = select(*columns).join(ticket, ticket.c.id == mediation.c.ticket_id)
    rows = connection.execute(of_tickets.where(where).order_by(mediation.c.id))  # type: ignore[arg-type]
    return [Mediation(*row) for row in rows]
