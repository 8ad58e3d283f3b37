"""What must be true of the virtual world after each step of the daemon's."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from helpline_mail.adapters.store import schema, tickets
from helpline_mail.domain.policy import Policy
from tests.integration.world import LOOK_AGAIN, World

OPENING = "opening"
AT_ONCE = timedelta(hours=1)
Told = dict[int, dict[datetime, dict[str, datetime]]]
"""Clock id -> deadline -> name of a step -> when staff were reminded of it."""


def steps_of(policy: Policy, started_at: datetime) -> list[tuple[timedelta, str]]:
    """The steps of a response clock, the earliest first: opening time past the deadline, and the name."""
    before = [(-left, f"{left // timedelta(minutes=1)}m") for left in policy.reminders]
    after = [(past, f"overdue-{past // timedelta(minutes=1)}m") for past in policy.overdue_reminders]
    at_opening = [] if policy.hours.is_open(started_at) else [(timedelta.min, OPENING)]
    return sorted([*at_opening, *before, *after])


def told_of(connection: Connection, *where: Any) -> Told:
    """What staff were reminded of."""
    told: Told = {}
    for row in connection.execute(select(schema.reminder).where(*where)):
        told.setdefault(row.clock_id, {}).setdefault(row.due_at, {})[row.step] = row.told_at
    return told


def told_by(told: Told, clock_id: int, due_at: datetime) -> dict[str, datetime]:
    """What was told of a deadline; that something came in while closed is told once, and before all else."""
    steps = told.get(clock_id, {})
    moments = sorted((at, name) for names in steps.values() for name, at in names.items())
    assert OPENING not in [name for _, name in moments[1:]], f"clock {clock_id} came in twice, or late"
    return {**steps.get(due_at, {}), **({OPENING: moments[0][0]} if moments else {})}


def check_now(world: World) -> None:
    """Raises AssertionError if something is not true after a step."""
    if world.policies[-1][0] == world.clock():
        check_calendar(world)
    clock, runs = schema.clock.c, schema.clock.c.stopped_at.is_(None)
    with world.store.read() as connection:
        running = connection.execute(select(schema.clock).where(runs).order_by(clock.id)).all()
        told = told_of(connection, schema.reminder.c.clock_id.in_(select(clock.id).where(runs)))
        latest_list = connection.execute(
            select(schema.reminder.c.told_at).where(schema.reminder.c.in_list)
            .order_by(schema.reminder.c.told_at.desc()).limit(1)
        ).scalar_one_or_none()  # fmt: skip
        _states_add_up(world, connection, running)
    waits = {row.ticket_id for row in running if row.kind == "response"}
    in_list = latest_list is not None and world.clock() - latest_list < LOOK_AGAIN
    for row in running:
        told_now = told_by(told, row.id, row.due_at)
        if row.kind == "response":
            _response_is_seen(world, row, told_now, in_list=in_list)
        elif row.kind == "update":
            _update_is_seen(world, row, told_now, waits=row.ticket_id in waits)
        elif world.policy.hours.is_open(world.clock()) and row.due_at <= world.clock():
            assert told_now, f"partner clock {row.id} is past due, and nobody was told"


def _states_add_up(world: World, connection: Connection, running: list[Any]) -> None:
    """The sum of tickets is the sum of states, and each state has the clocks that belong to it."""
    ticket, clock, now = schema.ticket.c, schema.clock.c, world.clock()
    states = {row.id: row.state for row in connection.execute(select(ticket.id, ticket.state))}
    counts = tickets.counts(connection, now)
    by_state = Counter(states.values())
    assert len(states) == by_state["open"] + by_state["resolved"] == counts["open"] + counts["resolved"]
    began = Counter(connection.execute(select(schema.ledger.c.disposition)).scalars())["new_ticket"]
    split = connection.execute(
        select(schema.event.c.id).where(schema.event.c.code == "split", schema.event.c.text.startswith("it was split"))
    ).all()
    assert len(states) == began + len(split), "every new enquiry is one ticket"
    kinds = Counter((row.ticket_id, row.kind) for row in running if row.kind != "partner")
    assert not [key for key, number in kinds.items() if number > 1], "two clocks of a kind run"
    updates = {ticket_id for ticket_id, kind in kinds if kind == "update"}
    assert updates == {ticket_id for ticket_id, state in states.items() if state == "open"}, "an update clock is amiss"
    responses = {ticket_id for ticket_id, kind in kinds if kind == "response"}
    broken = set(connection.execute(select(clock.ticket_id).where(clock.kind == "response", clock.kept.is_(False)))
                 .scalars())  # fmt: skip
    late = {row.ticket_id for row in running if row.kind == "response" and row.due_at < now}
    assert (counts["awaiting_response"], counts["breached"]) == (len(responses), len(broken | late))
    assert {row.kind for row in running} <= {"response", "update", "partner"}


def _response_is_seen(world: World, row: Any, told: dict[str, datetime], *, in_list: bool) -> None:
    """A clock has a step to come, or is overdue and that was said; what was reached was told."""
    policy, now = world.policy, world.clock()
    past = policy.hours.opening_time_between(row.due_at, now)
    known = steps_of(policy, row.started_at)
    if policy.hours.is_open(now):
        reached = [name for step, name in known if step <= past]
        names = [name for _, name in known]
        said = [names.index(name) for name in told if name in names]
        if reached and not in_list:
            assert said, f"response clock {row.id} has reached {reached[-1]}, and nothing was told"
            assert max(said) >= names.index(reached[-1]), f"{reached[-1]} of response clock {row.id} was not told"
    future = any(step > past for step, _ in known) or not policy.hours.is_open(now) or in_list
    assert future or any(name.startswith("overdue") for name in told), f"response clock {row.id} is forgotten"


def _update_is_seen(world: World, row: Any, told: dict[str, datetime], *, waits: bool) -> None:
    """A next word that is due was followed up at once or at the opening, and staff were reminded before."""
    policy, now = world.policy, world.clock()
    if row.due_at <= now:
        assert not policy.hours.is_open(now), f"update clock {row.id} is past due, and nothing happened"
        assert now - row.due_at >= AT_ONCE, f"update clock {row.id} is just past due, and nothing happened"
    elif policy.hours.is_open(now) and not waits:
        left = policy.hours.opening_time_between(now, row.due_at)
        assert left > policy.response or told, f"update clock {row.id} is due in {left}, and nobody was told"


def check_calendar(world: World) -> None:
    """Every running deadline that lies ahead follows from the calendar; one that is past stays where it was."""
    ahead = schema.clock.c.stopped_at.is_(None) & (schema.clock.c.due_at > world.clock())
    with world.store.read() as connection:
        for row in connection.execute(select(schema.clock).where(ahead)):
            assert row.due_at == due_of(row, world.policy), f"{row.kind} clock {row.id} does not follow the calendar"


def due_of(row: Any, policy: Policy) -> datetime:
    """The deadline of a clock by a calendar."""
    if row.allowed_days is not None:
        return policy.hours.end_of_opening_day(row.counted_from, row.allowed_days)
    return policy.hours.add_opening_time(row.counted_from, timedelta(seconds=row.allowed_seconds))


def spans_of(history: list[Any], end: datetime) -> Iterator[tuple[datetime, datetime, datetime]]:
    """From when until when a clock ran, and with which deadline."""
    since: datetime | None = None
    due_at: datetime | None = None
    for change in history:
        if since is not None and due_at is not None:
            yield since, change.at, due_at
        since, due_at = (change.at, change.due_at) if change.due_at else (None, None)
    if since is not None and due_at is not None:
        yield since, end, due_at
