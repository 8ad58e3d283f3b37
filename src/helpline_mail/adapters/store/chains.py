"""Tickets that follow others: their enquirers came back to them long after they were closed.

A ticket that was joined to another counts as that one throughout.
"""

from collections.abc import Collection

from sqlalchemy import Connection, func, or_, select, update

from helpline_mail.adapters.store.schema import participant, ticket
from helpline_mail.domain.message import folded
from helpline_mail.domain.returning import Standing

LONGEST = 20
"""Of a longer chain only so many tickets are looked at."""
_in_place = func.coalesce(ticket.c.joined_to, ticket.c.id)


def follow(connection: Connection, ticket_id: int, earlier_id: int) -> None:
    """Notes that a ticket follows another."""
    connection.execute(update(ticket).where(ticket.c.id == ticket_id).values(follows=earlier_id))


def line(connection: Connection, ticket_id: int, addr_spec: str | None) -> tuple[Standing, ...]:
    """A ticket and those that followed it one after the other, as far as the address takes part in them."""
    ids = [ticket_id]
    while addr_spec is not None and len(ids) < LONGEST:
        following = _followed_by(connection, ids[-1], addr_spec, ids)
        if following is None:
            break
        ids.append(following)
    rows = connection.execute(
        select(ticket.c.id, ticket.c.reference, ticket.c.resolved_at, ticket.c.outcome).where(ticket.c.id.in_(ids))
    )
    found = {row.id: Standing(row.id, row.reference, row.resolved_at, row.outcome or "") for row in rows}
    return tuple(found[one] for one in ids)


def _followed_by(connection: Connection, ticket_id: int, addr_spec: str, but: Collection[int]) -> int | None:
    """The newest ticket that follows one and in which the address takes part."""
    earlier = select(ticket.c.id).where(or_(ticket.c.id == ticket_id, ticket.c.joined_to == ticket_id))
    taking_part = select(participant.c.ticket_id).where(participant.c.address == folded(addr_spec))
    return connection.execute(
        select(_in_place)
        .where(ticket.c.follows.in_(earlier), _in_place.in_(taking_part), _in_place.not_in(list(but)))
        .order_by(ticket.c.id.desc())
        .limit(1)
    ).scalar()


def followed(connection: Connection, ticket_id: int) -> frozenset[int]:
    """The tickets that one follows, straight or through others."""
    found: set[int] = set()
    last = {ticket_id}
    for _ in range(LONGEST):
        rows = connection.execute(
            select(ticket.c.follows).where(_in_place.in_(last), ticket.c.follows.is_not(None))
        ).scalars()
        places = connection.execute(select(_in_place).where(ticket.c.id.in_(set(rows)))).scalars()
        last = set(places) - found - {ticket_id}
        if not last:
            break
        found |= last
    return frozenset(found)
