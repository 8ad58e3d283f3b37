"""Clocks start, stop and go on: one way for every kind of query, answer and word, however it came."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from helpline_mail.adapters.store import answers, clocks, events, history, tickets
from helpline_mail.domain.clocks import Allowance, ClockKind, Deadline, RunningClock, deadline
from helpline_mail.domain.estimate import Estimate
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.threads import Mediation
from helpline_mail.service.estimate import facts_of


@dataclass(frozen=True, slots=True)
class Stopped:
    """What an answer did to the clock: whether the promise was kept, and the opening time since the query."""

    kept: bool
    took: timedelta


def start_response(
    connection: Connection, policy: Policy, ticket_id: int, message_id: int | None, arrived_at: datetime,
    now: datetime, text: str, likely: Estimate | None = None,
) -> Deadline:  # fmt: skip
    """Starts the response clock of a query, unless one runs: then that one counts, as the earlier.

    Returns the query's own deadline. `text` stands in the trail; `likely` is what was foreseen at its arrival.
    """
    found = deadline(policy.hours, Allowance(arrived_at, policy.response), now)
    started = clocks.start(connection, ClockKind.RESPONSE, ticket_id, found, arrived_at, message_id=message_id)
    if started is not None:
        facts = {"received": arrived_at.isoformat(), "due": found.due_at.isoformat()}
        if likely is not None:
            history.note(connection, started, likely)
            facts |= facts_of(likely)
        events.record(connection, now, "clock_started", text, ticket_id=ticket_id, facts=facts)
    return found


def stop(
    connection: Connection, policy: Policy, ticket_id: int, running: RunningClock | None, at: datetime, now: datetime,
    what: str, *, covers_until: datetime | None = None, ledger_id: int | None = None, outbox_id: int | None = None,
) -> Stopped | None:  # fmt: skip
    """Notes that the enquirer was answered at `at` and stops `running`; None if no clock of the ticket's is given.

    `what` is the clause of the trail, such as `an answer was recorded`. A query that came after `covers_until`, or
    else after `at`, was not answered: its own clock starts.
    """
    tickets.responded(connection, ticket_id, at)
    heard_from_us(connection, policy, ticket_id, at, covers_until or at, now)
    if running is None:
        return None
    took = policy.hours.opening_time_between(running.started_at, at)
    kept = at <= running.due_at
    clocks.stop(connection, running.clock_id, at, kept=kept, took=took)
    if (covers_until or at) < now:
        restart(connection, policy, ticket_id, covers_until or at, now)
    text = f"{what}; the promise was {'kept' if kept else 'broken'}"
    facts = {"opening_seconds": int(took.total_seconds())}
    events.record(
        connection, now, "answered", text, ticket_id=ticket_id, ledger_id=ledger_id, outbox_id=outbox_id, facts=facts
    )
    return Stopped(kept, took)


def restart(connection: Connection, policy: Policy, ticket_id: int, at: datetime, now: datetime) -> None:
    """Starts the clock of the first query that came after the answer, if one did before it was recorded."""
    query = answers.first_query_after(connection, ticket_id, at)
    if query is not None:
        text = "an answer is due to what came after the answer that was recorded"
        start_response(connection, policy, ticket_id, *query, now, text)


def start_for_others(connection: Connection, policy: Policy, ticket_id: int, answered: str, now: datetime) -> None:
    """Starts a clock for who else wrote to a ticket and has no answer yet: an answer to one person is one's alone."""
    if clocks.running(connection, ticket_id) is None:
        query = answers.unanswered_by_others(connection, ticket_id, answered)
        if query is not None:
            text = "somebody else who wrote to it has no answer yet"
            start_response(connection, policy, ticket_id, *query, now, text)


def next_word(policy: Policy, at: datetime, now: datetime) -> Deadline:
    """When an enquirer who heard from us at `at` is to hear from us again."""
    return deadline(policy.hours, Allowance(at, opening_days=policy.update_every), now)


def plan_update(connection: Connection, policy: Policy, ticket_id: int, at: datetime, now: datetime) -> None:
    """Starts the update clock of an open ticket, unless it runs: the enquirer is to hear from us again."""
    found = next_word(policy, at, now)
    clocks.start(connection, ClockKind.UPDATE, ticket_id, found, at)


def wait(connection: Connection, ticket_id: int, until: Deadline, now: datetime) -> None:
    """Staff have said when the enquirer is to hear from us again."""
    running = clocks.running(connection, ticket_id, ClockKind.UPDATE)
    if running is None:
        clocks.start(connection, ClockKind.UPDATE, ticket_id, until, now)
    else:
        clocks.plan(connection, running.clock_id, until, now)


def heard_from_us(
    connection: Connection, policy: Policy, ticket_id: int, at: datetime, written_at: datetime, now: datetime
) -> None:
    """A person wrote to the enquirer: the update clock stops, and that of the next word starts if the ticket is open.

    What staff asked for with `#wait` when they wrote, or since, stands.
    """
    running = clocks.running(connection, ticket_id, ClockKind.UPDATE)
    asked_for = None
    if running is not None:
        if at < running.started_at:
            return  # an older answer, recorded late
        asked_for = clocks.asked_for(connection, running.clock_id, written_at)
        took = policy.hours.opening_time_between(running.started_at, at)
        clocks.stop(connection, running.clock_id, at, kept=at <= running.due_at, took=took)
    if tickets.load(connection, ticket_id)["state"] == tickets.OPEN:  # a closed one plans nothing
        clocks.start(connection, ClockKind.UPDATE, ticket_id, asked_for or next_word(policy, at, now), at)


def await_partner(connection: Connection, policy: Policy, thread: Mediation, now: datetime) -> None:
    """A partner was written to: staff are reminded if they are silent too long."""
    if (before := clocks.awaiting_partner(connection, thread.id)) is not None:
        clocks.stop(connection, before.clock_id, now, kept=None, took=None)  # it is awaited anew
    found = deadline(policy.hours, Allowance(now, opening_days=policy.partner_silence), now)
    clocks.start(connection, ClockKind.PARTNER, thread.ticket_id, found, now, mediation_id=thread.id)


def partner_answered(connection: Connection, policy: Policy, mediation_id: int, at: datetime) -> None:
    """A partner's answer is awaited no longer. Whether it came in time is no promise of ours."""
    running = clocks.awaiting_partner(connection, mediation_id)
    if running is not None:
        took = policy.hours.opening_time_between(running.started_at, at)
        clocks.stop(connection, running.clock_id, at, kept=None, took=took)


def reopen(connection: Connection, policy: Policy, ticket_id: int, now: datetime, why: str) -> bool:
    """Opens a resolved ticket again, which starts its update clock; False if it was open. `why` is for the trail."""
    if not tickets.reopen(connection, ticket_id):
        return False
    plan_update(connection, policy, ticket_id, now, now)
    events.record(connection, now, "reopened", why, ticket_id=ticket_id)
    return True


def close(connection: Connection, ticket_id: int, outcome: str, now: datetime) -> None:
    """Closes a ticket: its enquirer awaits no further word, and nobody a partner's."""
    tickets.resolve(connection, ticket_id, outcome, now)
    clocks.drop(connection, ticket_id, ClockKind.UPDATE, now)
    clocks.drop_all_awaited(connection, ticket_id, now)
