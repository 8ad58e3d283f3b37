"""Clocks as rows with a history. One of a kind runs for a ticket at a time, and one for each partner."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from helpline_mail.adapters.store.engine import insert_ignoring, insert_or_nothing
from helpline_mail.adapters.store.schema import clock, clock_change, reminder, ticket
from helpline_mail.domain.clocks import Allowance, ClockKind, Deadline, RunningClock, resumed
from helpline_mail.domain.opening_hours import OpeningHours
from helpline_mail.domain.reminders import AT_OPENING, Reminded

_RUNS = clock.c.stopped_at.is_(None)
_IS_RESPONSE = clock.c.kind == ClockKind.RESPONSE


def start(
    connection: Connection, kind: ClockKind, ticket_id: int, deadline: Deadline, started_at: datetime, *,
    message_id: int | None = None, mediation_id: int | None = None,
) -> int | None:  # fmt: skip
    """Starts a clock and returns its id; None if one of its kind runs already."""
    clock_id = insert_or_nothing(connection, clock, {
        "ticket_id": ticket_id, "kind": kind, "message_id": message_id, "mediation_id": mediation_id,
        "started_at": started_at, **_counted(deadline),
    })  # fmt: skip
    if clock_id is not None:
        _note(connection, clock_id, started_at, "started", deadline.due_at)
    return clock_id


def running(connection: Connection, ticket_id: int, kind: ClockKind = ClockKind.RESPONSE) -> RunningClock | None:
    """The ticket's clock of that kind if it runs."""
    return _first(connection, clock.c.ticket_id == ticket_id, clock.c.kind == kind, _RUNS)


def all_running(connection: Connection, kind: ClockKind = ClockKind.RESPONSE) -> list[RunningClock]:
    """Every clock of that kind that runs, in order of its deadline."""
    rows = connection.execute(select(clock).where(_RUNS, clock.c.kind == kind).order_by(clock.c.due_at, clock.c.id))
    return [_running(row) for row in rows]


def find(connection: Connection, clock_id: int) -> RunningClock | None:
    """A clock by its id, whether it runs or not."""
    return _first(connection, clock.c.id == clock_id)


def find_running(connection: Connection, clock_id: int) -> RunningClock | None:
    """That clock, or None once it has stopped."""
    return _first(connection, clock.c.id == clock_id, _RUNS)


def last_stopped(connection: Connection, ticket_id: int) -> int | None:
    """The id of the response clock that stopped last, if one did."""
    stopped = (clock.c.ticket_id == ticket_id) & _IS_RESPONSE & clock.c.stopped_at.is_not(None)
    found: int | None = connection.execute(select(func.max(clock.c.id)).where(stopped)).scalar_one()
    return found


def of_ticket(connection: Connection, ticket_id: int) -> list[dict[str, Any]]:
    """Every clock of a ticket, oldest first, each with its `history`."""
    rows = connection.execute(select(clock).where(clock.c.ticket_id == ticket_id).order_by(clock.c.id)).all()
    changes = connection.execute(
        select(clock_change).where(clock_change.c.clock_id.in_([row.id for row in rows])).order_by(clock_change.c.id)
    ).all()
    return [
        {**row._mapping, "history": [
            {"at": change.at, "what": change.what, "due_at": change.due_at}
            for change in changes if change.clock_id == row.id
        ]}
        for row in rows
    ]  # fmt: skip


def stop(connection: Connection, clock_id: int, at: datetime, *, kept: bool | None, took: timedelta | None) -> bool:
    """Stops a running clock and records once whether the promise was kept; False if it stood already.

    None for `kept` if what was promised is not wanted any more: then it is neither kept nor broken.
    """
    seconds = None if took is None else int(took.total_seconds())
    changed = connection.execute(
        update(clock).where(clock.c.id == clock_id, _RUNS).values(stopped_at=at, kept=kept, opening_seconds=seconds)
    )
    if changed.rowcount:
        _note(connection, clock_id, at, "dropped" if took is None else "stopped", None)
    return changed.rowcount == 1


def drop(connection: Connection, ticket_id: int, kind: ClockKind, at: datetime) -> bool:
    """Ends a running clock for which nothing is due any more; False if none ran."""
    found = running(connection, ticket_id, kind)
    return found is not None and stop(connection, found.clock_id, at, kept=None, took=None)


def drop_awaited(connection: Connection, mediation_id: int, until: datetime, now: datetime) -> None:
    """Ends the wait for a partner who was last written to by then: that mail did not reach them."""
    found = awaiting_partner(connection, mediation_id)
    if found is not None and found.started_at <= until:
        stop(connection, found.clock_id, now, kept=None, took=None)


def drop_all_awaited(connection: Connection, ticket_id: int, now: datetime) -> None:
    """Ends every wait for a partner in a ticket."""
    while (found := running(connection, ticket_id, ClockKind.PARTNER)) is not None:
        stop(connection, found.clock_id, now, kept=None, took=None)


def forget_kept(connection: Connection, ticket_id: int, stopped_at: datetime | None) -> None:
    """What stopped a ticket's update clock then was not heard: it is neither kept nor broken."""
    is_it = (clock.c.ticket_id == ticket_id) & (clock.c.kind == ClockKind.UPDATE) & (clock.c.stopped_at == stopped_at)
    connection.execute(update(clock).where(is_it).values(kept=None, opening_seconds=None))


def awaiting_partner(connection: Connection, mediation_id: int) -> RunningClock | None:
    """The clock of a correspondence in which the partner's answer is awaited."""
    return _first(connection, clock.c.mediation_id == mediation_id, _RUNS)


def restart(connection: Connection, clock_id: int, now: datetime, hours: OpeningHours) -> datetime | None:
    """Lets a clock go on from where it stood when it stopped, and returns its deadline; None if it runs.

    What stopped it was no answer: it is neither kept nor broken. If another clock runs for the ticket where its query
    is now, the earlier deadline counts.
    """
    row = connection.execute(select(clock).where(clock.c.id == clock_id, clock.c.stopped_at.is_not(None))).first()
    if row is None:
        return None
    deadline = resumed(hours, row.stopped_at, _deadline(row), now)
    joined_to = connection.execute(select(ticket.c.joined_to).where(ticket.c.id == row.ticket_id)).scalar_one()
    ticket_id = joined_to or row.ticket_id
    settled = {"kept": None, "opening_seconds": None}
    if (other := running(connection, ticket_id, row.kind)) is not None:
        connection.execute(update(clock).where(clock.c.id == clock_id).values(settled))
        return _hasten(connection, other, row.started_at, deadline, now)
    changed = {"ticket_id": ticket_id, "stopped_at": None, **settled, **_counted(deadline)}
    connection.execute(update(clock).where(clock.c.id == clock_id).values(changed))
    _note(connection, clock_id, now, "restarted", deadline.due_at)
    return deadline.due_at


def join(connection: Connection, ticket_id: int, target_id: int, now: datetime) -> None:
    """Gives what runs for a ticket to another, of which it becomes part; of two clocks the earlier deadline counts."""
    connection.execute(
        update(clock).where(clock.c.ticket_id == ticket_id, clock.c.kind == ClockKind.PARTNER).values(
            ticket_id=target_id
        )
    )  # fmt: skip
    drop(connection, ticket_id, ClockKind.UPDATE, now)
    rows = connection.execute(select(clock).where(clock.c.ticket_id == ticket_id, _RUNS, _IS_RESPONSE)).all()
    for row in rows:
        if (other := running(connection, target_id)) is None:
            connection.execute(update(clock).where(clock.c.id == row.id).values(ticket_id=target_id))
            continue
        stop(connection, row.id, now, kept=None, took=None)
        _hasten(connection, other, row.started_at, _deadline(row), now)


def give(connection: Connection, message_id: int, ticket_id: int) -> bool:
    """Gives the running clock that counts for a message to another ticket; False if there is none."""
    counts = (clock.c.message_id == message_id) & _RUNS
    return connection.execute(update(clock).where(counts).values(ticket_id=ticket_id)).rowcount == 1


def plan(connection: Connection, clock_id: int, deadline: Deadline, now: datetime) -> bool:
    """Puts the deadline of a running clock elsewhere; False if it is there already, or the clock has stopped."""
    elsewhere = (clock.c.id == clock_id) & _RUNS & (clock.c.due_at != deadline.due_at)
    moved = connection.execute(update(clock).where(elsewhere).values(_counted(deadline))).rowcount == 1
    if moved:
        _note(connection, clock_id, now, "moved", deadline.due_at)
    return moved


def asked_for(connection: Connection, clock_id: int, since: datetime) -> Deadline | None:
    """The deadline that staff gave a running clock then or later, if they did."""
    row = connection.execute(select(clock).where(clock.c.id == clock_id, clock.c.counted_from >= since)).first()
    return _deadline(row) if row is not None and row.counted_from > row.started_at else None


def promise(connection: Connection, clock_id: int, at: datetime | None) -> None:
    """Notes by when the enquirer is told that they will hear from us; None if the mail that says so did not arrive."""
    connection.execute(update(clock).where(clock.c.id == clock_id).values(promised_at=at))


def promised(connection: Connection, clock_id: int) -> datetime | None:
    """By when the enquirer was told that they will hear from us, if they were."""
    at: datetime | None = connection.execute(select(clock.c.promised_at).where(clock.c.id == clock_id)).scalar_one()
    return at


def first(connection: Connection, ticket_id: int) -> RunningClock | None:
    """The clock of the query with which a ticket began, whether it runs or not; None if it went to another ticket."""
    row = connection.execute(
        select(clock).where(clock.c.ticket_id == ticket_id, _IS_RESPONSE).order_by(clock.c.id).limit(1)
    ).first()
    return _running(row) if row else None


def planned(connection: Connection) -> list[tuple[Row[Any], Deadline]]:
    """Every clock that runs, with what its deadline follows from, in order of the deadline."""
    rows = connection.execute(select(clock).where(_RUNS).order_by(clock.c.due_at, clock.c.id))
    return [(row, _deadline(row)) for row in rows]


def due_by(connection: Connection, kind: ClockKind, until: datetime) -> list[Row[Any]]:
    """Clocks of that kind that are due by then, with their tickets' facts, the earliest first.

    `told` says whether staff were reminded of that deadline; `waits` whether the ticket waits for an answer, which is
    more urgent and has reminders of its own.
    """
    of_clock = (reminder.c.clock_id == clock.c.id) & (reminder.c.due_at == clock.c.due_at)
    other = clock.alias()
    waits = select(other.c.id).where(
        other.c.ticket_id == clock.c.ticket_id, other.c.kind == ClockKind.RESPONSE, other.c.stopped_at.is_(None)
    )
    return list(connection.execute(
        select(
            *clock.c, ticket.c.reference, ticket.c.assignee, ticket.c.created_at,
            select(reminder.c.clock_id).where(of_clock).exists().label("told"), waits.exists().label("waits"),
        )
        .join(ticket, ticket.c.id == clock.c.ticket_id)
        .where(clock.c.kind == kind, _RUNS, clock.c.due_at <= until)
        .order_by(clock.c.due_at, clock.c.id)
    ))  # fmt: skip


def note_reminded(
    connection: Connection, clock_id: int, due_at: datetime, step: str, now: datetime, *, in_list: bool
) -> bool:
    """Notes that staff are reminded of a step to a deadline; False if they were reminded of it before."""
    row = {"clock_id": clock_id, "due_at": due_at, "step": step, "told_at": now, "in_list": in_list}
    noted = insert_ignoring(connection, reminder).values(row).returning(reminder.c.clock_id)
    return connection.execute(noted).first() is not None


def reminded_since(connection: Connection, since: datetime) -> Reminded:
    """How many steps staff were reminded of since then, and when the latest list of reminders was made."""
    count = select(func.count()).where(reminder.c.told_at > since)
    latest = select(func.max(reminder.c.told_at)).where(reminder.c.in_list, reminder.c.told_at > since)
    return Reminded(connection.execute(count).scalar_one(), connection.execute(latest).scalar_one())


def told_steps(connection: Connection) -> dict[int, set[str]]:
    """Clock id -> names of the steps to its deadline that staff were reminded of, for the clocks that run.

    Whoever was reminded of an earlier deadline of it has heard that it came in, and is not told so again.
    """
    rows = connection.execute(
        select(reminder.c.clock_id, reminder.c.step, reminder.c.due_at, clock.c.due_at.label("due_now"))
        .join(clock, clock.c.id == reminder.c.clock_id)
        .where(_RUNS)
    )
    told: dict[int, set[str]] = {}
    for row in rows:
        told.setdefault(row.clock_id, set()).add(row.step if row.due_at == row.due_now else AT_OPENING.name)
    return told


def is_over(connection: Connection, told_at: datetime) -> bool:
    """Whether nothing is due any more of what staff were told of in lists then; False if there was no such list."""
    rows = connection.execute(
        select(clock.c.stopped_at.is_(None) & (clock.c.due_at == reminder.c.due_at))
        .join(clock, clock.c.id == reminder.c.clock_id)
        .where(reminder.c.told_at == told_at, reminder.c.in_list)
    ).scalars().all()  # fmt: skip
    return bool(rows) and not any(rows)


def _hasten(
    connection: Connection, other: RunningClock, started_at: datetime, deadline: Deadline, now: datetime
) -> datetime:
    """Puts a running clock where an earlier one stands; returns the deadline that counts."""
    if deadline.due_at < other.due_at:
        started = {"started_at": min(started_at, other.started_at), "waiting": None}  # it counts for two queries
        connection.execute(update(clock).where(clock.c.id == other.clock_id).values(started))
        plan(connection, other.clock_id, deadline, now)
    return min(deadline.due_at, other.due_at)


def _counted(deadline: Deadline) -> dict[str, Any]:
    allowance = deadline.allowance
    seconds = None if allowance.opening_time is None else int(allowance.opening_time.total_seconds())
    return {
        "counted_from": allowance.since, "allowed_seconds": seconds, "allowed_days": allowance.opening_days,
        "due_at": deadline.due_at,
    }  # fmt: skip


def _deadline(row: Row[Any]) -> Deadline:
    time = None if row.allowed_seconds is None else timedelta(seconds=row.allowed_seconds)
    return Deadline(Allowance(row.counted_from, time, row.allowed_days), row.due_at)


def _note(connection: Connection, clock_id: int, at: datetime, what: str, due_at: datetime | None) -> None:
    row = {"clock_id": clock_id, "at": at, "what": what, "due_at": due_at}
    connection.execute(insert(clock_change).values(row))


def _running(row: Row[Any]) -> RunningClock:
    return RunningClock(row.id, row.ticket_id, row.started_at, row.due_at)


def _first(connection: Connection, *where: Any) -> RunningClock | None:
    row = connection.execute(select(clock).where(*where)).first()
    return _running(row) if row else None
