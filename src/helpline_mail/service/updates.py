"""The next word to an enquirer that did not come in time: an honest holding mail goes out, and staff are told."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from helpline_mail.adapters.store import answers, clocks, events, holding, ledger, outbox, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.clocks import ClockKind, RunningClock
from helpline_mail.domain.message import Address
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.responder import NOT_ANSWERED_BY_ITSELF
from helpline_mail.domain.updates import HoldingFacts, lapsed, why_no_holding_mail
from helpline_mail.service import timekeeping
from helpline_mail.service.alarms import MAILBOX, SENT_FOLDER
from helpline_mail.service.clockwork import next_word
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.deadlines import Lapsed
from helpline_mail.service.ports import Clock
from helpline_mail.service.trouble import FLOOD
from helpline_mail.wire.compose import is_writable

MOST_AT_ONCE = 500


def keep_in_touch(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """One sweep over the update clocks that have run out; returns how many. Each starts anew: nobody is forgotten.

    It waits while an answer may have come that we have not read: then nobody knows whether there is news.
    """
    now, policy = clock(), correspondence.policy
    with store.read() as connection:
        if timekeeping.in_doubt(connection) or _is_behind(connection):
            return 0
        found = [row for row in clocks.due_by(connection, ClockKind.UPDATE, now) if lapsed(row.due_at, policy, now)]
    if not found:
        return 0
    with store.write() as connection:
        missed = [one for row in found[:MOST_AT_ONCE] if (one := _start_anew(connection, correspondence, row, now))]
        if missed:
            correspondence.tell_lapsed(connection, missed, now)
    return len(missed)


def _is_behind(connection: Connection) -> bool:
    """Whether the mailbox cannot be read, or mail that was read waits to be filed."""
    unread = any(events.open_alarm(connection, cause) for cause in (MAILBOX, SENT_FOLDER))
    return unread or ledger.waits(connection)


def _start_anew(connection: Connection, correspondence: Correspondence, row: Row[Any], now: datetime) -> Lapsed | None:
    """Records that our word did not come in time and plans the next; None if another instance has, or staff wrote."""
    policy = correspondence.policy
    ticket = tickets.lock(connection, row.ticket_id)
    running = clocks.find_running(connection, row.id)
    if running is None or running.due_at != row.due_at or _heard_meanwhile(connection, policy, running, now):
        return None
    clocks.stop(connection, row.id, now, kept=False, took=policy.hours.opening_time_between(row.started_at, now))
    planned = next_word(policy, now, now)
    clock_id = clocks.start(connection, ClockKind.UPDATE, row.ticket_id, planned, now)
    why_not = why_no_holding_mail(_facts(connection, ticket, now), policy)
    if not planned.follows_from(policy.hours):
        why_not = "the calendar does not tell when the next word will be due"
    if why_not or clock_id is None:
        text = f"the enquirer did not hear from us in time; no holding mail leaves: {why_not}"
        events.record(connection, now, "update_missed", text, ticket_id=row.ticket_id)
        return Lapsed(row, None, why_not)
    events.record(
        connection, now, "update_missed", "the enquirer did not hear from us in time", ticket_id=row.ticket_id
    )
    correspondence.hold_out(
        connection, ticket, clock_id, planned.due_at, now,
        was_due=answers.overdue_to(connection, row.ticket_id, ticket["requester"], now),
        with_partner=clocks.running(connection, row.ticket_id, ClockKind.PARTNER) is not None,
    )  # fmt: skip
    clocks.promise(connection, clock_id, planned.due_at)
    return Lapsed(row, planned.due_at)


def _heard_meanwhile(connection: Connection, policy: Policy, running: RunningClock, now: datetime) -> bool:
    """Puts off our next word if the acknowledgement itself was late: whoever has just got it has heard from us."""
    said_at = holding.acknowledged_at(connection, running.ticket_id)
    if said_at is None or said_at <= running.started_at or clocks.asked_for(connection, running.clock_id, said_at):
        return False
    later = next_word(policy, said_at, now)
    return later.due_at > now and clocks.plan(connection, running.clock_id, later, now)


def _facts(connection: Connection, ticket: dict[str, Any], now: datetime) -> HoldingFacts:
    requester = ticket["requester"] or ""
    return HoldingFacts(
        can_be_written_to=bool(requester) and is_writable(requester),
        reached=holding.enquirer_reached(connection, ticket["id"], requester),
        in_a_row=holding.in_a_row(connection, ticket["id"]),
        lately=outbox.sent_lately(connection, "update", Address(requester) if requester else None, now),
        not_acknowledged=bool(events.codes_of(connection, ticket["id"]) & NOT_ANSWERED_BY_ITSELF)
        and holding.acknowledged_at(connection, ticket["id"]) is None,
        flood=events.open_alarm(connection, FLOOD) is not None,
    )
