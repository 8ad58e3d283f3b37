"""The response clock stops: one way for every kind of answer, however it was given."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from helpline_mail.adapters.store import answers, events, tickets, updates
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.promise import due, next_update
from helpline_mail.domain.reminders import RunningClock


@dataclass(frozen=True, slots=True)
class Stopped:
    """What an answer did to the clock: whether the promise was kept, and the opening time since the query."""

    kept: bool
    took: timedelta


def stop(
    connection: Connection, policy: Policy, ticket_id: int, running: RunningClock | None, at: datetime, now: datetime,
    what: str, *, covers_until: datetime | None = None, ledger_id: int | None = None, outbox_id: int | None = None,
) -> Stopped | None:  # fmt: skip
    """Notes that the enquirer was answered at `at` and stops `running`; None if no clock of the ticket's is given.

    `what` is the clause of the trail, such as `an answer was recorded`. A query that came after `covers_until`, or
    else after `at`, was not answered: its own clock starts.
    """
    tickets.responded(connection, ticket_id, at)
    if tickets.load(connection, ticket_id)["state"] == tickets.OPEN:  # a closed one plans nothing
        updates.plan(connection, ticket_id, next_update(policy.hours, at, policy.update_every))
    if running is None:
        return None
    took = policy.hours.opening_time_between(running.started_at, at)
    kept = at <= running.due_at
    tickets.stop_clock(connection, running.clock_id, at, kept=kept, took=took)
    if (covers_until or at) < now:
        restart(connection, policy, ticket_id, covers_until or at, now)
    text = f"{what}; the promise was {'kept' if kept else 'broken'}"
    facts = {"opening_seconds": int(took.total_seconds())}
    events.record(
        connection, now, "answered", text, ticket_id=ticket_id, ledger_id=ledger_id, outbox_id=outbox_id, facts=facts
    )
    return Stopped(kept, took)


def restart(connection: Connection, policy: Policy, ticket_id: int, at: datetime, now: datetime) -> None:
    """Starts the clock of the first query that came after the answer, if one did before it was recorded.

    Where the calendar gives no deadline an answer is due at once, as when the query was filed.
    """
    query = answers.first_query_after(connection, ticket_id, at)
    text = "an answer is due to what came after the answer that was recorded"
    if query is not None:
        _start(connection, policy, ticket_id, query, now, text)


def start_for_others(connection: Connection, policy: Policy, ticket_id: int, answered: str, now: datetime) -> None:
    """Starts a clock for who else wrote to a ticket and has no answer yet: an answer to one person is one's alone."""
    if tickets.running_clock(connection, ticket_id) is None:
        query = answers.unanswered_by_others(connection, ticket_id, answered)
        if query is not None:
            _start(connection, policy, ticket_id, query, now, "somebody else who wrote to it has no answer yet")


def _start(
    connection: Connection, policy: Policy, ticket_id: int, query: tuple[int, datetime], now: datetime, text: str
) -> None:
    message_id, arrived_at = query
    try:
        due_at = due(policy.hours, arrived_at, policy.response).due
    except ValueError:
        due_at = now
    tickets.start_clock(connection, ticket_id, message_id, arrived_at, due_at)
    facts = {"received": arrived_at.isoformat(), "due": due_at.isoformat()}
    events.record(connection, now, "clock_started", text, ticket_id=ticket_id, facts=facts)
