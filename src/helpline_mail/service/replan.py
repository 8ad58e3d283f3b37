"""Running clocks follow the calendar: a closure that was announced, or new opening hours, move their deadlines."""

from datetime import datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, events, mediations, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.clocks import ClockKind, Deadline
from helpline_mail.domain.policy import Policy
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.deadlines import Moved
from helpline_mail.service.ports import Clock

WHAT = {
    ClockKind.RESPONSE: "the answer",
    ClockKind.UPDATE: "the next word to the enquirer",
    ClockKind.PARTNER: "the reminder of a silent partner",
}


def replan(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """Counts every running deadline again by the calendar as it is configured now; returns how many have moved.

    Staff are told of all of them in one list. What an enquirer was told is remembered and stands beside the new one.
    """
    now = clock()
    with store.read() as connection:
        if not _elsewhere(connection, correspondence.policy, now):
            return 0
    with store.write() as connection:
        moved = [one for one in _elsewhere(connection, correspondence.policy, now)
                 if clocks.plan(connection, one.clock.id, one.deadline, now)]  # fmt: skip
        for one in moved:
            facts = {"was": one.clock.due_at.isoformat(), "due": one.deadline.due_at.isoformat()}
            if one.clock.promised_at is not None:
                facts["promised"] = one.clock.promised_at.isoformat()
            text = f"the opening hours or closures have changed: {WHAT[one.clock.kind]} is due at another time"
            events.record(connection, now, "deadline_moved", text, ticket_id=one.clock.ticket_id, facts=facts)
        if moved:
            correspondence.tell_moved(connection, moved, now)
    return len(moved)


def _elsewhere(connection: Connection, policy: Policy, now: datetime) -> list[Moved]:
    """Running clocks whose deadline follows from the calendar no longer. Where it gives none the old one stands.

    So does one that has passed: what was broken is not mended by a closure that is written down afterwards.
    """
    planned = [(row, was) for row, was in clocks.planned(connection) if was.due_at > now]
    names = tickets.references_of(connection, {row.ticket_id for row, _ in planned})
    moved = []
    for row, was in planned:
        try:
            due_at = was.allowance.ends(policy.hours)
        except ValueError:
            continue
        if due_at != was.due_at:
            partner = mediations.load(connection, row.mediation_id).partner if row.mediation_id else ""
            moved.append(Moved(row, Deadline(was.allowance, due_at), names[row.ticket_id], partner))
    return moved
