"""An answer that staff gave outside this program, recorded: it stops the response clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from helpline_mail.adapters.store import clocks, events, messages, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.errors import BadInputError
from helpline_mail.domain.policy import Policy
from helpline_mail.service import clockwork


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer did to the clock. `kept` is None if no answer was due."""

    reference: str
    kept: bool | None
    took: timedelta
    """Opening time since the query."""


def answer(store: Store, policy: Policy, reference: str, at: datetime, now: datetime) -> Answered:
    """Records that the enquirer was answered then. Raises BadInputError for an unknown ticket or a wrong time."""
    if at > now:
        raise BadInputError("--at: that time has not come yet; give the time at which the enquirer was answered")
    with store.write() as connection:
        ticket = tickets.find(connection, reference)
        if ticket is None:
            raise BadInputError(f"there is no ticket {reference}; see: helpline-mail ticket list")
        running = clocks.running(connection, ticket["id"])
        if running and at < running.started_at:
            raise BadInputError(f"--at: the query came later, at {running.started_at.isoformat()}")
        messages.add_outgoing(connection, ticket["id"], "answer", at)
        stopped = clockwork.stop(connection, policy, ticket["id"], running, at, now, "an answer was recorded")
        if stopped is None:
            events.record(connection, now, "answered", "an answer was recorded; none was due", ticket_id=ticket["id"])
            return Answered(ticket["reference"], None, timedelta())
        return Answered(ticket["reference"], stopped.kept, stopped.took)
