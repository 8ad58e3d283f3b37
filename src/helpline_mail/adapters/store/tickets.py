"""Tickets and their participants."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from helpline_mail.adapters.store.engine import insert_ignoring, insert_or_nothing
from helpline_mail.adapters.store.schema import clock, message, participant, ticket, ticket_content
from helpline_mail.domain.clocks import ClockKind
from helpline_mail.domain.message import Address, folded

OPEN, RESOLVED = "open", "resolved"


def digest(text: str) -> str:
    """A stable key for a text that is looked up but need not be read."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def create(
    connection: Connection, reference: str, channel: str, requester: Address | None, subject: str, base_subject: str,
    now: datetime,
) -> int | None:  # fmt: skip
    """A new open ticket and its first participant; None if the reference is taken."""
    ticket_id = insert_or_nothing(
        connection, ticket, {"reference": reference, "state": OPEN, "channel": channel, "created_at": now}
    )
    if ticket_id is None:
        return None
    connection.execute(
        insert(ticket_content).values(ticket_id=ticket_id, requester_name="", subject="", subject_digest="")
    )
    describe(connection, ticket_id, requester, subject, base_subject)
    return ticket_id


def describe(
    connection: Connection, ticket_id: int, requester: Address | None, subject: str, base_subject: str
) -> None:
    """Says who asked and what about; the requester takes part in the ticket."""
    connection.execute(
        update(ticket_content)
        .where(ticket_content.c.ticket_id == ticket_id)
        .values(
            requester=requester.addr_spec if requester else None, requester_name=requester.name if requester else "",
            subject=subject, subject_digest=digest(base_subject),
        )
    )  # fmt: skip
    if requester:
        connection.execute(insert(participant).values(ticket_id=ticket_id, address=folded(requester.addr_spec)))


def load(connection: Connection, ticket_id: int) -> dict[str, Any]:
    """A ticket's facts and content."""
    return next(iter(_rows(connection, ticket.c.id == ticket_id)))


def find(connection: Connection, reference: str) -> dict[str, Any] | None:
    """The ticket of that reference, in any case of letters."""
    return next(iter(_rows(connection, ticket.c.reference == reference.strip().upper())), None)


def all_tickets(connection: Connection, state: str | None = None) -> list[dict[str, Any]]:
    """Every ticket, oldest first; of one state if given."""
    return _rows(connection, *([] if state is None else [ticket.c.state == state]))


def _rows(connection: Connection, *where: Any) -> list[dict[str, Any]]:
    messages = select(func.count()).where(message.c.ticket_id == ticket.c.id)
    statement = (
        select(
            *ticket.c,
            ticket_content.c.requester, ticket_content.c.requester_name, ticket_content.c.subject,
            _due(ClockKind.RESPONSE).scalar_subquery().label("response_due_at"),
            _due(ClockKind.UPDATE).where(clock.c.stopped_at.is_(None)).scalar_subquery().label("update_due_at"),
            messages.scalar_subquery().label("messages"),
        )
        .join(ticket_content, ticket_content.c.ticket_id == ticket.c.id)
        .where(*where)
        .order_by(ticket.c.id)
    )  # fmt: skip
    return [dict(row._mapping) for row in connection.execute(statement)]


def _due(kind: ClockKind) -> Select[Any]:
    of_ticket = (clock.c.ticket_id == ticket.c.id) & (clock.c.kind == kind)
    return select(clock.c.due_at).where(of_ticket).order_by(clock.c.id.desc()).limit(1)


def ids_of(connection: Connection, references: Iterable[str]) -> dict[str, int]:
    """Reference -> ticket id, for those that exist."""
    if not (wanted := list(references)):
        return {}
    rows = connection.execute(select(ticket.c.reference, ticket.c.id).where(ticket.c.reference.in_(wanted)))
    return {row.reference: row.id for row in rows}


def references_of(connection: Connection, ticket_ids: Iterable[int]) -> dict[int, str]:
    """Ticket id -> reference."""
    if not (wanted := list(ticket_ids)):
        return {}
    rows = connection.execute(select(ticket.c.id, ticket.c.reference).where(ticket.c.id.in_(wanted)))
    return {row.id: row.reference for row in rows}


def briefs(connection: Connection, ticket_ids: Collection[int]) -> dict[int, Any]:
    """Ticket id -> its row without content, for lists of many."""
    rows = connection.execute(
        select(ticket.c.id, ticket.c.reference, ticket.c.assignee).where(ticket.c.id.in_(list(ticket_ids)))
    )
    return {row.id: row for row in rows}


def participates(connection: Connection, addr_spec: str, ticket_ids: Collection[int]) -> set[int]:
    """Those of the tickets in which the address takes part. Compared whole: no wildcard, no detail stripped."""
    if not ticket_ids:
        return set()
    rows = connection.execute(
        select(participant.c.ticket_id).where(
            participant.c.address == folded(addr_spec), participant.c.ticket_id.in_(list(ticket_ids))
        )
    )
    return {row.ticket_id for row in rows}


def with_participants(connection: Connection, addr_specs: Iterable[str], ticket_ids: Collection[int]) -> set[int]:
    """Those of the tickets in which any of the addresses takes part."""
    wanted = {folded(addr_spec) for addr_spec in addr_specs}
    if not (wanted and ticket_ids):
        return set()
    rows = connection.execute(
        select(participant.c.ticket_id).where(
            participant.c.address.in_(wanted), participant.c.ticket_id.in_(list(ticket_ids))
        )
    )
    return {row.ticket_id for row in rows}


def awaiting(connection: Connection, addr_specs: Iterable[str], limit: int = 10) -> list[int]:
    """Tickets whose response clock runs and in which any of the addresses takes part: the first of them by deadline."""
    if not (wanted := {folded(addr_spec) for addr_spec in addr_specs}):
        return []
    rows = connection.execute(
        select(clock.c.ticket_id)
        .join(participant, participant.c.ticket_id == clock.c.ticket_id)
        .where(clock.c.stopped_at.is_(None), clock.c.kind == ClockKind.RESPONSE, participant.c.address.in_(wanted))
        .group_by(clock.c.ticket_id, clock.c.due_at)
        .order_by(clock.c.due_at, clock.c.ticket_id)
        .limit(limit)
    )
    return [row.ticket_id for row in rows]


def alike(connection: Connection, base_subject: str, since: datetime, limit: int = 3) -> list[str]:
    """References of recent tickets with the same subject: a hint for staff, never evidence."""
    if not base_subject:
        return []
    rows = connection.execute(
        select(ticket.c.reference)
        .join(ticket_content, ticket_content.c.ticket_id == ticket.c.id)
        .where(ticket_content.c.subject_digest == digest(base_subject), ticket.c.created_at >= since)
        .order_by(ticket.c.id.desc())
        .limit(limit)
    )
    return [row.reference for row in rows]


def lock(connection: Connection, ticket_id: int) -> dict[str, Any]:
    """A ticket's facts and content, its row locked until the transaction ends where the database can do that."""
    connection.execute(select(ticket.c.id).where(ticket.c.id == ticket_id).with_for_update())
    return load(connection, ticket_id)


def participants(connection: Connection, ticket_id: int) -> list[str]:
    """The addresses that take part in a ticket."""
    rows = connection.execute(select(participant.c.address).where(participant.c.ticket_id == ticket_id))
    return [row.address for row in rows]


def join(connection: Connection, ticket_id: int, target_id: int) -> None:
    """Makes a ticket part of another, with its messages and its addresses."""
    connection.execute(update(message).where(message.c.ticket_id == ticket_id).values(ticket_id=target_id))
    for address in participants(connection, ticket_id):
        admit(connection, target_id, address)
    of_ticket = (ticket.c.id == ticket_id) | (ticket.c.joined_to == ticket_id)
    connection.execute(update(ticket).where(of_ticket).values(joined_to=target_id))
    connection.execute(update(ticket).where(ticket.c.id == ticket_id).values(state=RESOLVED, outcome="joined"))


def joined(connection: Connection, ticket_ids: Collection[int]) -> dict[int, int]:
    """Ticket id -> that of the ticket which it became part of, for those that did."""
    if not ticket_ids:
        return {}
    rows = connection.execute(
        select(ticket.c.id, ticket.c.joined_to).where(
            ticket.c.id.in_(list(ticket_ids)), ticket.c.joined_to.is_not(None)
        )
    )
    return {row.id: row.joined_to for row in rows}


def resolve(connection: Connection, ticket_id: int, outcome: str | None = None) -> None:
    """Closes a ticket."""
    values = {"state": RESOLVED, "outcome": outcome}
    connection.execute(update(ticket).where(ticket.c.id == ticket_id).values(values))


def assign(connection: Connection, ticket_id: int, address: str | None) -> None:
    """Somebody has the ticket, or nobody."""
    connection.execute(update(ticket).where(ticket.c.id == ticket_id).values(assignee=address))


def categorise(connection: Connection, ticket_id: int, category: str) -> None:
    """Says what a ticket is about."""
    connection.execute(update(ticket).where(ticket.c.id == ticket_id).values(category=category))


def admit(connection: Connection, ticket_id: int, addr_spec: str) -> None:
    """Lets an address take part in a ticket."""
    row = {"ticket_id": ticket_id, "address": folded(addr_spec)}
    connection.execute(insert_ignoring(connection, participant).values(row))


def reopen(connection: Connection, ticket_id: int) -> bool:
    """Opens a resolved ticket again; False if it was open."""
    changed = connection.execute(
        update(ticket).where(ticket.c.id == ticket_id, ticket.c.state != OPEN).values(state=OPEN)
    )
    return changed.rowcount == 1


def responded(connection: Connection, ticket_id: int, at: datetime) -> None:
    """Notes the first answer; later ones change nothing."""
    connection.execute(
        update(ticket).where(ticket.c.id == ticket_id, ticket.c.responded_at.is_(None)).values(responded_at=at)
    )


def counts(connection: Connection, now: datetime) -> dict[str, int]:
    """Tickets by state; `awaiting_response` have a running clock, `breached` one that was not kept or is past due."""

    def count(*where: Any) -> int:
        of_kind = clock.c.kind == ClockKind.RESPONSE
        wanted = select(func.count(func.distinct(clock.c.ticket_id))).where(of_kind, *where)
        return int(connection.execute(wanted).scalar_one())

    by_state = {
        str(s): int(n) for s, n in connection.execute(select(ticket.c.state, func.count()).group_by(ticket.c.state))
    }
    past_due = clock.c.stopped_at.is_(None) & (clock.c.due_at < now)
    return {
        "awaiting_response": count(clock.c.stopped_at.is_(None)),
        "open": by_state.get(OPEN, 0),
        "resolved": by_state.get(RESOLVED, 0),
        "breached": count(clock.c.kept.is_(False) | past_due),
    }
