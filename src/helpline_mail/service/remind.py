"""What is due now -> outbox. Nothing is scheduled: each sweep looks at every running clock as it is."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import events, mediations, tickets, updates
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.rations import WINDOW
from helpline_mail.domain.reminders import UPDATES_AHEAD, RunningClock, Step, form_of, step_due, update_wanted
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock

MOST_AT_ONCE = 5_000
Due = tuple[RunningClock, Step]


def remind(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """One sweep; returns how many reminders were queued. While the helpline is closed none is."""
    now, policy = clock(), correspondence.policy
    if not policy.hours.is_open(now):
        return 0
    answers = _remind_of_answers(store, correspondence, clock, now)
    return answers + _remind_of_partners(store, correspondence, now) + _remind_of_updates(store, correspondence, now)


def _remind_of_answers(store: Store, correspondence: Correspondence, clock: Clock, now: datetime) -> int:
    policy = correspondence.policy
    with store.read() as connection:
        running, told = tickets.running_clocks(connection), tickets.told_steps(connection)
        lately = tickets.reminded_since(connection, now - WINDOW)
    due = [(c, step) for c in running if (step := step_due(c, told.get(c.clock_id, ()), policy, now))]
    match form_of(len(due), lately, now):
        case "single":
            return sum(_remind_of(store, correspondence, one, clock) for one in due)
        case "list" if due:
            return _remind_in_list(store, correspondence, due[:MOST_AT_ONCE], clock)
    return 0


def _remind_of_partners(store: Store, correspondence: Correspondence, now: datetime) -> int:
    """Staff are reminded, once each, of partners who have been silent too long."""
    with store.read() as connection:
        if not mediations.silent(connection, now):
            return 0
    queued = 0
    with store.write() as connection:
        for mediation in mediations.silent(connection, now):
            if mediations.note_reminded(connection, mediation.id, now):
                queued += correspondence.remind_of_partner(connection, mediation, now)
                text = f"staff were reminded that {mediation.partner} has not answered"
                events.record(connection, now, "partner_silent", text, ticket_id=mediation.ticket_id)
    return queued


def _remind_of_updates(store: Store, correspondence: Correspondence, now: datetime) -> int:
    """Staff are reminded, once each and all in one list, of enquirers who are to hear from us again."""
    policy = correspondence.policy
    with store.read() as connection:
        wanted = [row.id for row in updates.due(connection, now + UPDATES_AHEAD)
                  if update_wanted(row.update_due_at, policy, now)]  # fmt: skip
    if not wanted:
        return 0
    with store.write() as connection:
        due = [row for row in updates.due(connection, now + UPDATES_AHEAD)
               if row.id in wanted and updates.note_reminded(connection, row.id, now)]  # fmt: skip
        for row in due:
            text = "staff were reminded that the enquirer is to hear from us"
            events.record(connection, now, "update_reminded", text, ticket_id=row.id)
        return correspondence.remind_of_updates(connection, due[:MOST_AT_ONCE], now) if due else 0


def _remind_of(store: Store, correspondence: Correspondence, due: Due, clock: Clock) -> int:
    now = clock()
    running, step = due
    with store.write() as connection:
        if tickets.running_clock(connection, running.ticket_id) != running:
            return 0  # answered meanwhile
        if not tickets.note_reminded(connection, running.clock_id, step.name, now, in_list=False):
            return 0  # another instance was quicker
        ticket = tickets.load(connection, running.ticket_id)
        queued = correspondence.remind(connection, ticket, running, step, now)
        _record(connection, running, step, now)
        return queued


def _remind_in_list(store: Store, correspondence: Correspondence, due: Sequence[Due], clock: Clock) -> int:
    now = clock()
    with store.write() as connection:
        running = set(tickets.running_clocks(connection))
        noted = [
            (c, step)
            for c, step in due
            if c in running and tickets.note_reminded(connection, c.clock_id, step.name, now, in_list=True)
        ]
        if not noted:
            return 0
        briefs = tickets.briefs(connection, {c.ticket_id for c, _ in noted})
        for c, step in noted:
            _record(connection, c, step, now)
        return correspondence.remind_in_list(connection, [(c, s, briefs[c.ticket_id]) for c, s in noted], now)


def _record(connection: Connection, running: RunningClock, step: Step, now: datetime) -> None:
    text = f"staff were reminded: {step.name}"
    events.record(connection, now, "reminded", text, ticket_id=running.ticket_id, facts={"step": step.name})
