"""What is due now -> outbox. Nothing is scheduled: each sweep looks at every running clock as it is."""

from helpline_mail.adapters.store import events, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.reminders import RunningClock, Step, step_due
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock


def remind(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """One sweep; returns how many reminders were queued. While the helpline is closed none is."""
    now = clock()
    if not correspondence.policy.hours.is_open(now):
        return 0
    with store.read() as connection:
        running, told = tickets.running_clocks(connection), tickets.told_steps(connection)
    due = [(c, step) for c in running if (step := step_due(c, told.get(c.clock_id, ()), correspondence.policy, now))]
    return sum(_remind_of(store, correspondence, running_clock, step, clock) for running_clock, step in due)


def _remind_of(store: Store, correspondence: Correspondence, running: RunningClock, step: Step, clock: Clock) -> int:
    now = clock()
    with store.write() as connection:
        if tickets.running_clock(connection, running.ticket_id) != running:
            return 0  # answered meanwhile
        ticket = tickets.load(connection, running.ticket_id)
        queued = correspondence.remind(connection, ticket, running, step, now)
        if queued:
            text = f"staff were reminded: {step.name}"
            events.record(
                connection,
                now,
                "reminded",
                text,
                ticket_id=running.ticket_id,
                facts={"step": step.name, "mails": queued},
            )
        return queued
