"""Correspondences with partners inside tickets, each under a reference that tells nothing of the ticket's."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, func, select

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
    """The correspondences about a ticket, oldest first, with those that a join has brought."""
    return _all(connection, _TICKET.in_([ticket_id]))


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


def load(connection: Connection, mediation_id: int) -> Mediation:
    """One correspondence."""
    return _all(connection, mediation.c.id == mediation_id)[0]


def _first(connection: Connection, where: object) -> Mediation | None:
    return next(iter(_all(connection, where)), None)


def _all(connection: Connection, where: object) -> list[Mediation]:
    columns = (mediation.c.id, _TICKET, mediation.c.partner, mediation.c.reference)
    of_tickets = select(*columns).join(ticket, ticket.c.id == mediation.c.ticket_id)
    rows = connection.execute(of_tickets.where(where).order_by(mediation.c.id))  # type: ignore[arg-type]
    return [Mediation(*row) for row in rows]
