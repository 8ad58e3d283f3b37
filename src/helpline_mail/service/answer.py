"""An answer that staff gave outside this program, recorded: it stops the response clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from helpline_mail.adapters.store import events, messages, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.errors import BadInputError
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.promise import due


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer did to the clock. `kept` is None if no answer was due."""

    reference: str
    kept: bool | None
    took: timedelta
    """Opening time since the query."""


def restart(connection: Connection, policy: Policy, ticket_id: int, at: datetime, now: datetime) -> None:
    """Starts the clock of the first query that came after the answer, if one did before it was recorded.

    Where the calendar gives no deadline an answer is due at once, as when the query was filed.
    """
    query = messages.first_query_after(connection, ticket_id, at)
    if query is None:
        return
    message_id, arrived_at = query
    try:
        due_at = due(policy.hours, arrived_at, policy.response).due
    except ValueError:
        due_at = now
    tickets.start_clock(connection, ticket_id, message_id, arrived_at, due_at)
    facts = {"received": arrived_at.isoformat(), "due": due_at.isoformat()}
    text = "an answer is due to what came after the answer that was recorded"
    events.record(connection, now, "clock_started", text, ticket_id=ticket_id, facts=facts)


def answer(store: Store, policy: Policy, reference: str, at: datetime, now: datetime) -> Answered:
    """Records that the enquirer was answered then. Raises BadInputError for an unknown ticket or a wrong time."""
    if at > now:
        raise BadInputError("--at: that time has not come yet; give the time at which the enquirer was answered")
    with store.write() as connection:
        ticket = tickets.find(connection, reference)
        if ticket is None:
            raise BadInputError(f"there is no ticket {reference}; see: helpline-mail ticket list")
        running = tickets.running_clock(connection, ticket["id"])
        if running and at < running.started_at:
            raise BadInputError(f"--at: the query came later, at {running.started_at.isoformat()}")
        messages.add_outgoing(connection, ticket["id"], "answer", at)
        tickets.responded(connection, ticket["id"], at)
        if running is None:
            events.record(connection, now, "answered", "an answer was recorded; none was due", ticket_id=ticket["id"])
            return Answered(ticket["reference"], None, timedelta())
        took = policy.hours.opening_time_between(running.started_at, at)
        kept = at <= running.due_at
        tickets.stop_clock(connection, running.clock_id, at, kept=kept, took=took)
        restart(connection, policy, ticket["id"], at, now)
        text = f"an answer was recorded; the promise was {'kept' if kept else 'broken'}"
        events.record(
            connection,
            now,
            "answered",
            text,
            ticket_id=ticket["id"],
            facts={"opening_seconds": int(took.total_seconds())},
        )
        return Answered(ticket["reference"], kept, took)
