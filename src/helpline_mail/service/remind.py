"""What is due now -> outbox. Nothing is scheduled: each sweep looks at every running clock as it is."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, events, mediations, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.clocks import ClockKind, RunningClock
from helpline_mail.domain.rations import WINDOW
from helpline_mail.domain.reminders import (
    AT_OPENING,
    Step,
    form_of,
    step_due,
    updates_wanted_by,
)
from helpline_mail.service import timekeeping
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock

MOST_AT_ONCE = 5_000
SILENCE, UPDATE = "silence", "update"
"""The one step of a clock that waits for a partner, and of one that waits for our next word."""
Due = tuple[RunningClock, Step]


def remind(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """One sweep; returns how many reminders were queued. While the helpline is closed or time in doubt none is."""
    now, policy = clock(), correspondence.policy
    if not policy.hours.is_open(now) or timekeeping.pauses(store):
        return 0
    answers = _remind_of_answers(store, correspondence, now)
    return answers + _remind_of_partners(store, correspondence, now) + _remind_of_updates(store, correspondence, now)


def _remind_of_answers(store: Store, correspondence: Correspondence, now: datetime) -> int:
    policy = correspondence.policy
    with store.read() as connection:
        running, told = clocks.all_running(connection), clocks.told_steps(connection)
        lately = clocks.reminded_since(connection, now - WINDOW)
    found = [(c, step) for c in running if (step := step_due(c, told.get(c.clock_id, ()), policy, now))]
    came_in = [one for one in found if one[1] == AT_OPENING]
    due = [one for one in found if one[1] != AT_OPENING]
    queued = 0
    if came_in and not lately.in_a_list(now):
        queued += _remind_in_list(store, correspondence, came_in[:MOST_AT_ONCE], now, at_opening=True)
    match form_of(len(due), lately, now):
        case "single":
            queued += sum(_remind_of(store, correspondence, one, now) for one in due)
        case "list":
            queued += _remind_in_list(store, correspondence, due[:MOST_AT_ONCE], now)
    return queued


def _remind_of_partners(store: Store, correspondence: Correspondence, now: datetime) -> int:
    """Staff are reminded, once each, of partners who have been silent too long."""
    with store.read() as connection:
        if all(row.told for row in clocks.due_by(connection, ClockKind.PARTNER, now)):
            return 0
    queued = 0
    with store.write() as connection:
        for row in clocks.due_by(connection, ClockKind.PARTNER, now):
            if row.told or not clocks.note_reminded(connection, row.id, row.due_at, SILENCE, now, in_list=False):
                continue
            mediation = mediations.load(connection, row.mediation_id)
            queued += correspondence.remind_of_partner(connection, mediation, row.started_at, now)
            text = f"staff were reminded that {mediation.partner} has not answered"
            events.record(connection, now, "partner_silent", text, ticket_id=mediation.ticket_id)
    return queued


def _remind_of_updates(store: Store, correspondence: Correspondence, now: datetime) -> int:
    """Staff are reminded, once each and all in one list, of enquirers who are to hear from us again.

    Not of those who wait for an answer: that is more urgent, and has reminders of its own.
    """
    until = updates_wanted_by(correspondence.policy, now)
    with store.read() as connection:
        if all(row.told or row.waits for row in clocks.due_by(connection, ClockKind.UPDATE, until)):
            return 0
    with store.write() as connection:
        due = [
            row for row in clocks.due_by(connection, ClockKind.UPDATE, until)
            if not row.waits and clocks.note_reminded(connection, row.id, row.due_at, UPDATE, now, in_list=True)
        ]  # fmt: skip
        for row in due:
            text = "staff were reminded that the enquirer is to hear from us"
            events.record(connection, now, "update_reminded", text, ticket_id=row.ticket_id)
        return correspondence.remind_of_updates(connection, due[:MOST_AT_ONCE], now) if due else 0


def _remind_of(store: Store, correspondence: Correspondence, due: Due, now: datetime) -> int:
    running, step = due
    with store.write() as connection:
        if clocks.running(connection, running.ticket_id) != running:
            return 0  # answered meanwhile
        if not _note(connection, due, now, in_list=False):
            return 0  # another instance was quicker
        ticket = tickets.load(connection, running.ticket_id)
        return correspondence.remind(connection, ticket, running, step, now)


def _remind_in_list(
    store: Store, correspondence: Correspondence, due: Sequence[Due], now: datetime, *, at_opening: bool = False
) -> int:
    with store.write() as connection:
        running = set(clocks.all_running(connection))
        noted = [one for one in due if one[0] in running and _note(connection, one, now, in_list=True)]
        if not noted:
            return 0
        briefs = tickets.briefs(connection, {c.ticket_id for c, _ in noted})
        with_briefs = [(c, step, briefs[c.ticket_id]) for c, step in noted]
        return correspondence.remind_in_list(connection, with_briefs, now, at_opening=at_opening)


def _note(connection: Connection, due: Due, now: datetime, *, in_list: bool) -> bool:
    """Notes that staff are reminded now; False if they were reminded of that step before."""
    running, step = due
    if not clocks.note_reminded(connection, running.clock_id, running.due_at, step.name, now, in_list=in_list):
        return False
    text = f"staff were reminded: {step.name}"
    events.record(connection, now, "reminded", text, ticket_id=running.ticket_id, facts={"step": step.name})
    return True
