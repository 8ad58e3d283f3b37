"""The next word to an enquirer that did not come in time: an honest holding mail goes out, and staff are told."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from helpline_mail.adapters.store import clocks, events, holding, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.clocks import Allowance, ClockKind, deadline
from helpline_mail.domain.updates import A_DAY, HoldingFacts, lapsed, why_no_holding_mail
from helpline_mail.service import timekeeping
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.deadlines import Lapsed
from helpline_mail.service.ports import Clock
from helpline_mail.service.trouble import FLOOD
from helpline_mail.wire.compose import is_writable

MOST_AT_ONCE = 500


def keep_in_touch(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """One sweep over the update clocks that have run out; returns how many. Each starts anew: nobody is forgotten."""
    now, policy = clock(), correspondence.policy
    with store.read() as connection:
        if timekeeping.in_doubt(connection):
            return 0
        found = [row for row in clocks.due_by(connection, ClockKind.UPDATE, now) if lapsed(row.due_at, policy, now)]
    if not found:
        return 0
    with store.write() as connection:
        missed = [one for row in found[:MOST_AT_ONCE] if (one := _start_anew(connection, correspondence, row, now))]
        if missed:
            correspondence.tell_lapsed(connection, missed, now)
    return len(missed)


def _start_anew(connection: Connection, correspondence: Correspondence, row: Row[Any], now: datetime) -> Lapsed | None:
    """Records that our word did not come in time and plans the next; None if another instance has, or staff wrote."""
    policy = correspondence.policy
    took = policy.hours.opening_time_between(row.started_at, now)
    if not clocks.stop(connection, row.id, now, kept=False, took=took):
        return None
    planned = deadline(policy.hours, Allowance(now, opening_days=policy.update_every), now)
    clock_id = clocks.start(connection, ClockKind.UPDATE, row.ticket_id, planned, now)
    ticket = tickets.load(connection, row.ticket_id)
    why_not = why_no_holding_mail(_facts(connection, ticket, now), policy)
    if not policy.hours.is_open(planned.due_at - datetime.resolution):  # it ends no opening day
        why_not = "the calendar does not tell when the next word will be due"
    if why_not or clock_id is None:
        text = f"the enquirer did not hear from us in time; no holding mail leaves: {why_not}"
        events.record(connection, now, "update_missed", text, ticket_id=row.ticket_id)
        return Lapsed(row, None, why_not)
    events.record(
        connection, now, "update_missed", "the enquirer did not hear from us in time", ticket_id=row.ticket_id
    )
    answer = clocks.running(connection, row.ticket_id)
    correspondence.hold_out(
        connection, ticket, clock_id, planned.due_at, now,
        was_due=answer.due_at if answer and answer.due_at <= now else None,
        with_partner=clocks.running(connection, row.ticket_id, ClockKind.PARTNER) is not None,
    )  # fmt: skip
    clocks.promise(connection, clock_id, planned.due_at)
    return Lapsed(row, planned.due_at)


def _facts(connection: Connection, ticket: dict[str, Any], now: datetime) -> HoldingFacts:
    requester = ticket["requester"] or ""
    return HoldingFacts(
        can_be_written_to=bool(requester) and is_writable(requester),
        reached=holding.enquirer_reached(connection, ticket["id"], requester),
        in_a_row=holding.in_a_row(connection, ticket["id"]),
        to_them_today=holding.sent_to(connection, requester, now - A_DAY),
        flood=events.open_alarm(connection, FLOOD) is not None,
    )
