"""Tickets, their participants and their clocks."""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from helpline_mail.adapters.store.engine import insert_ignoring, insert_or_nothing
from helpline_mail.adapters.store.schema import clock, message, participant, reminder, ticket, ticket_content
from helpline_mail.domain.estimate import Estimate
from helpline_mail.domain.message import Address, folded
from helpline_mail.domain.opening_hours import OpeningHours
from helpline_mail.domain.reminders import Reminded, RunningClock

OPEN, RESOLVED = "open", "resolved"
RESPONSE = "response"


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
    due = select(clock.c.due_at).where(clock.c.ticket_id == ticket.c.id, clock.c.kind == RESPONSE)
    messages = select(func.count()).where(message.c.ticket_id == ticket.c.id)
    statement = (
        select(
            *ticket.c,
            ticket_content.c.requester, ticket_content.c.requester_name, ticket_content.c.subject,
            due.order_by(clock.c.id.desc()).limit(1).scalar_subquery().label("response_due_at"),
            messages.scalar_subquery().label("messages"),
        )
        .join(ticket_content, ticket_content.c.ticket_id == ticket.c.id)
        .where(*where)
        .order_by(ticket.c.id)
    )  # fmt: skip
    return [dict(row._mapping) for row in connection.execute(statement)]


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
        .where(clock.c.stopped_at.is_(None), participant.c.address.in_(wanted))
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


def join(connection: Connection, ticket_id: int, target_id: int, now: datetime) -> None:
    """Makes a ticket part of another: its messages, its addresses, and its clock if that is the earlier one."""
    connection.execute(update(message).where(message.c.ticket_id == ticket_id).values(ticket_id=target_id))
    for address in participants(connection, ticket_id):
        admit(connection, target_id, address)
    running = running_clock(connection, ticket_id)
    if running is not None:
        drop_clock(connection, ticket_id, now)
        _run_from(connection, target_id, None, running.started_at, running.due_at)
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


def give_clock(connection: Connection, message_id: int, ticket_id: int) -> bool:
    """Gives the running clock that counts for a message to another ticket; False if there is none."""
    changed = connection.execute(
        update(clock).where(clock.c.message_id == message_id, clock.c.stopped_at.is_(None)).values(ticket_id=ticket_id)
    )
    return changed.rowcount == 1


def resolve(connection: Connection, ticket_id: int, outcome: str | None = None) -> None:
    """Closes a ticket."""
    values = {"state": RESOLVED, "outcome": outcome, "update_due_at": None}
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


def restart_clock(connection: Connection, clock_id: int, now: datetime, hours: OpeningHours) -> datetime | None:
    """Starts a clock again where it stood when it stopped; None if it runs. If another one does, the earlier counts.

    A deadline that is past stays where it was. What stopped the clock was no answer: it is neither kept nor broken.
    """
    row = connection.execute(select(clock).where(clock.c.id == clock_id, clock.c.stopped_at.is_not(None))).first()
    if row is None:
        return None
    left = hours.opening_time_between(row.stopped_at, row.due_at)
    try:
        due_at = hours.add_opening_time(now, left) if left > timedelta() else row.due_at
    except ValueError:  # the calendar gives no deadline: due at once, as everywhere
        due_at = now
    connection.execute(update(clock).where(clock.c.id == clock_id).values(kept=None, opening_seconds=None))
    ticket_id = joined(connection, [row.ticket_id]).get(row.ticket_id, row.ticket_id)  # where its query is now
    return _run_from(connection, ticket_id, row.message_id, row.started_at, due_at)


def _run_from(
    connection: Connection, ticket_id: int, message_id: int | None, started_at: datetime, due_at: datetime
) -> datetime:
    """Starts a response clock, or puts the running one where the earlier of the two stands; returns its deadline."""
    if start_clock(connection, ticket_id, message_id, started_at, due_at) is not None:
        return due_at
    running = running_clock(connection, ticket_id)
    assert running is not None  # noqa: S101  none could be started
    if due_at < running.due_at:
        earlier = {"started_at": min(started_at, running.started_at), "due_at": due_at, "waiting": None}
        connection.execute(update(clock).where(clock.c.id == running.clock_id).values(earlier))
    return min(due_at, running.due_at)


def reopen(connection: Connection, ticket_id: int) -> bool:
    """Opens a resolved ticket again; False if it was open."""
    changed = connection.execute(
        update(ticket).where(ticket.c.id == ticket_id, ticket.c.state != OPEN).values(state=OPEN)
    )
    return changed.rowcount == 1


def start_clock(
    connection: Connection, ticket_id: int, message_id: int | None, started_at: datetime, due_at: datetime,
    estimate: Estimate | None = None,
) -> int | None:  # fmt: skip
    """Starts the response clock; None if one is running already. `estimate` is what was foreseen at an arrival."""
    row: dict[str, Any] = {
        "ticket_id": ticket_id, "kind": RESPONSE, "message_id": message_id, "started_at": started_at, "due_at": due_at,
    }  # fmt: skip
    if estimate is not None:
        foreseen = estimate.foreseen
        row |= {
            "waiting": estimate.waiting, "estimate_is_said": estimate.is_said,
            "foreseen_seconds": None if foreseen is None else int(foreseen.total_seconds()),
        }  # fmt: skip
    return insert_or_nothing(connection, clock, row)


def running_clock(connection: Connection, ticket_id: int) -> RunningClock | None:
    """The ticket's response clock if it runs."""
    row = connection.execute(select(clock).where(clock.c.ticket_id == ticket_id, clock.c.stopped_at.is_(None))).first()
    return RunningClock(row.id, row.ticket_id, row.started_at, row.due_at) if row else None


def clock_of(connection: Connection, clock_id: int) -> RunningClock | None:
    """A clock as it was started, whether it runs or not."""
    row = connection.execute(select(clock).where(clock.c.id == clock_id)).first()
    return RunningClock(row.id, row.ticket_id, row.started_at, row.due_at) if row else None


def clock_if_running(connection: Connection, clock_id: int) -> RunningClock | None:
    """That clock, or None once it has stopped."""
    row = connection.execute(select(clock).where(clock.c.id == clock_id, clock.c.stopped_at.is_(None))).first()
    return RunningClock(row.id, row.ticket_id, row.started_at, row.due_at) if row else None


def stop_clock(connection: Connection, clock_id: int, at: datetime, *, kept: bool, took: timedelta) -> bool:
    """Stops a running clock and records once whether the promise was kept; False if it stood already."""
    seconds = int(took.total_seconds())
    changed = connection.execute(
        update(clock)
        .where(clock.c.id == clock_id, clock.c.stopped_at.is_(None))
        .values(stopped_at=at, kept=kept, opening_seconds=seconds)
    )
    return changed.rowcount == 1


def drop_clock(connection: Connection, ticket_id: int, at: datetime) -> None:
    """Ends a running clock whose query turned out to be none: neither kept nor broken."""
    connection.execute(
        update(clock).where(clock.c.ticket_id == ticket_id, clock.c.stopped_at.is_(None)).values(stopped_at=at)
    )


def responded(connection: Connection, ticket_id: int, at: datetime) -> None:
    """Notes the first answer; later ones change nothing."""
    connection.execute(
        update(ticket).where(ticket.c.id == ticket_id, ticket.c.responded_at.is_(None)).values(responded_at=at)
    )


def running_clocks(connection: Connection) -> list[RunningClock]:
    """Every response clock that runs, in order of its deadline."""
    rows = connection.execute(select(clock).where(clock.c.stopped_at.is_(None)).order_by(clock.c.due_at, clock.c.id))
    return [RunningClock(r.id, r.ticket_id, r.started_at, r.due_at) for r in rows]


def note_reminded(connection: Connection, clock_id: int, step: str, now: datetime, *, in_list: bool) -> bool:
    """Notes that staff are reminded of a step; False if they were reminded of it before."""
    row = {"clock_id": clock_id, "step": step, "told_at": now, "in_list": in_list}
    noted = insert_ignoring(connection, reminder).values(row).returning(reminder.c.clock_id)
    return connection.execute(noted).first() is not None


def reminded_since(connection: Connection, since: datetime) -> Reminded:
    """How many steps staff were reminded of since then, and when the latest list of reminders was made."""
    count = select(func.count()).where(reminder.c.told_at > since)
    latest = select(func.max(reminder.c.told_at)).where(reminder.c.in_list, reminder.c.told_at > since)
    return Reminded(connection.execute(count).scalar_one(), connection.execute(latest).scalar_one())


def told_steps(connection: Connection) -> dict[int, set[str]]:
    """Clock id -> names of the steps that staff were reminded of, for the clocks that run."""
    rows = connection.execute(
        select(reminder.c.clock_id, reminder.c.step)
        .join(clock, clock.c.id == reminder.c.clock_id)
        .where(clock.c.stopped_at.is_(None))
    )
    told: dict[int, set[str]] = {}
    for row in rows:
        told.setdefault(row.clock_id, set()).add(row.step)
    return told


def clocks_of(connection: Connection, ticket_id: int) -> list[dict[str, Any]]:
    """Every clock of a ticket, oldest first."""
    rows = connection.execute(select(clock).where(clock.c.ticket_id == ticket_id).order_by(clock.c.id))
    return [dict(row._mapping) for row in rows]


def counts(connection: Connection, now: datetime) -> dict[str, int]:
    """Tickets by state; `awaiting_response` have a running clock, `breached` one that was not kept or is past due."""

    def count(*where: Any) -> int:
        return int(connection.execute(select(func.count(func.distinct(clock.c.ticket_id))).where(*where)).scalar_one())

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
