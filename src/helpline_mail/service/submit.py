"""Outbox -> mail server -> settled. The attempt is recorded first; nothing is sent inside a transaction."""

import asyncio
import random
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from helpline_mail.adapters.store import clocks, events, outbox, tickets
from helpline_mail.adapters.store.engine import DatabaseUnavailableError, Store
from helpline_mail.adapters.store.outbox import Claimed
from helpline_mail.domain.delivery import InDoubt, NotSent, OutboxState, Outcome, Settlement, settle
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.reminders import overtaken
from helpline_mail.service import clockwork, timekeeping
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock, Submitter
from helpline_mail.service.trouble import unreached_cause

LEASE = timedelta(seconds=20)
RENEW_EVERY_SECONDS = 5.0
SETTLE_WAITS = (0.2, 1.0, 3.0)
REMINDERS = ("reminder", "overdue")
TO_STAFF = ("notice", "digest", "refusal", "report", *REMINDERS)
LONGEST_HOLD = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one pass did: how many mails were tried, and why the server took none, if so."""

    tried: int
    unreachable: NotSent | None


async def submit(
    store: Store, submitter: Submitter, correspondence: Correspondence, clock: Clock, at_once: int,
    stop: threading.Event | None = None,
) -> Submitted:  # fmt: skip
    """Sends everything that is due, `at_once` mails side by side, until nothing is or `stop` is set.

    A mail that takes long holds up none of the others. What was begun is waited for, whatever befalls another.
    """
    await asyncio.to_thread(_settle_abandoned, store, correspondence, clock)
    in_hand: dict[asyncio.Task[Outcome], int] = {}
    keeper = asyncio.create_task(_keep_leases(store, in_hand, clock))
    tried, not_sent, last = 0, 0, None
    errors: list[BaseException] = []
    try:
        while True:
            if not (errors or not_sent >= at_once or (stop and stop.is_set())):
                for mail in await asyncio.to_thread(_claim, store, correspondence, clock, at_once - len(in_hand)):
                    in_hand[asyncio.create_task(_send(store, submitter, correspondence, clock, mail))] = mail.id
            if not in_hand:
                break
            ended, _ = await asyncio.wait(in_hand, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                del in_hand[task]
                tried += 1
                if error := task.exception():
                    errors.append(error)
                elif isinstance(outcome := task.result(), NotSent):
                    not_sent, last = not_sent + 1, outcome
                else:
                    not_sent = 0
    finally:
        await _cancel(keeper, *in_hand)
    if errors:
        raise errors[0]
    away = not_sent >= at_once or 0 < not_sent == tried  # each mail has its own later time
    return Submitted(tried, last if away else None)


async def submit_once(
    store: Store, submitter: Submitter, correspondence: Correspondence, clock: Clock, at_once: int
) -> Submitted:
    """One pass, after which the server is left."""
    try:
        return await submit(store, submitter, correspondence, clock, at_once)
    finally:
        await submitter.close()


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _claim(store: Store, correspondence: Correspondence, clock: Clock, limit: int) -> list[Claimed]:
    """Mails to send now. Of the reminders among them those that time has overtaken are taken back."""
    now = clock()
    wanted: list[Claimed] = []
    with store.write() as connection:
        but = timekeeping.kinds_that_wait(connection)
        while claimed := outbox.claim(connection, now, now + LEASE, limit - len(wanted), but):
            # What is set aside is not due any more: it must not stand in the way of what is.
            wanted += [mail for mail in claimed if not _set_aside(connection, correspondence.policy, mail, now)]
            if len(wanted) == limit:
                break
        return [_renewed(connection, correspondence, mail, now) for mail in wanted]


def _renewed(connection: Connection, correspondence: Correspondence, mail: Claimed, now: datetime) -> Claimed:
    """The mail in words that are true now; as it was frozen, if it cannot be written anew: one stops no other."""
    try:
        return correspondence.renewed(connection, mail, now)
    except (DatabaseUnavailableError, DBAPIError):
        raise
    except Exception as error:
        text = f"it could not be written anew ({type(error).__name__}) and leaves as it was"
        events.record(connection, now, "not_renewed", text, ticket_id=mail.ticket_id, outbox_id=mail.id)
        return mail


def _set_aside(connection: Connection, policy: Policy, mail: Claimed, now: datetime) -> bool:
    """Whether a mail is not sent now: a reminder leaves only while open, and only while what it says is true.

    What was written to a member of staff who has left meanwhile never leaves: it is about enquirers.
    """
    if mail.kind == "update":
        return _overtaken_update(connection, mail, now)
    if mail.kind in TO_STAFF and policy.staff_member(mail.envelope.recipient) is None:
        _take_back(connection, mail, "reader_left", "its reader is no longer one of us", now)
        return True
    if mail.kind not in REMINDERS:
        return False
    reason = None
    if mail.clock_id is not None and mail.step is not None:
        reason = overtaken(clocks.find_running(connection, mail.clock_id), mail.step, policy, now)
    elif clocks.is_over(connection, mail.mail.created_at):
        reason = "nothing that it lists is due any more"
    if reason:
        _take_back(connection, mail, "reminder_overtaken", reason, now)
        return True
    if policy.hours.is_open(now):
        return False
    outbox.hold(connection, mail.id, _next_look(policy, now))
    return True


def _overtaken_update(connection: Connection, mail: Claimed, now: datetime) -> bool:
    """Whether a holding mail is taken back: a person wrote, the ticket is closed, or what it promises is not so now."""
    running = clocks.find_running(connection, mail.clock_id) if mail.clock_id is not None else None
    if running is not None and now < running.due_at == clocks.promised(connection, running.clock_id):
        return False
    if mail.clock_id is not None:
        clocks.promise(connection, mail.clock_id, None)
    reason = "a person has written meanwhile, or its time has passed or moved"
    _take_back(connection, mail, "update_overtaken", reason, now)
    return True


def _take_back(connection: Connection, mail: Claimed, code: str, reason: str, now: datetime) -> None:
    """Cancels a claimed mail untried; the reason stands in the trail."""
    cancelled = Settlement(OutboxState.CANCELLED, None, mail.mail.times_in_doubt, None, reason)
    outbox.settle(connection, mail.id, mail.mail.attempts, cancelled, now)
    what = "holding mail" if mail.kind == "update" else mail.kind
    text = f"a {what} was not sent: {reason}"
    events.record(connection, now, code, text, ticket_id=mail.ticket_id, outbox_id=mail.id)


def _next_look(policy: Policy, now: datetime) -> datetime:
    """When a mail that waits for the opening is looked at again; a calendar may be changed meanwhile."""
    try:
        return min(policy.hours.next_opening(now), now + LONGEST_HOLD)
    except ValueError:  # it does not open in sight, which another alarm says
        return now + LONGEST_HOLD


async def _send(
    store: Store, submitter: Submitter, correspondence: Correspondence, clock: Clock, mail: Claimed
) -> Outcome:
    outcome = await submitter.send(mail.envelope)
    for wait in SETTLE_WAITS:
        try:
            await asyncio.to_thread(_settle, store, correspondence, clock, mail, outcome)
            return outcome
        except DatabaseUnavailableError:
            await asyncio.sleep(wait)  # what is known must not become doubt because the database is busy
    await asyncio.to_thread(_settle, store, correspondence, clock, mail, outcome)
    return outcome


def _settle(store: Store, correspondence: Correspondence, clock: Clock, mail: Claimed, outcome: Outcome) -> None:
    """Writes down what became of an attempt; a mail that failed for good is told to staff in the same transaction."""
    now = clock()
    settlement = settle(mail.mail, outcome, now, correspondence.policy.give_up_after, random.random())  # noqa: S311  jitter
    with store.write() as connection:
        if not outbox.settle(connection, mail.id, mail.mail.attempts, settlement, now):
            return  # another attempt has begun meanwhile, and its outcome counts
        facts = {"attempt": mail.mail.attempts, "smtp_code": settlement.code}
        events.record(
            connection, now, f"mail_{settlement.state}", f"{mail.kind}: {settlement.reason}",
            ticket_id=mail.ticket_id, outbox_id=mail.id, facts=facts,
        )  # fmt: skip
        if settlement.state is OutboxState.DELIVERED and mail.kind == "answer":
            _answered(connection, correspondence.policy, mail, now)
        elif settlement.state is OutboxState.DELIVERED and mail.kind != "acknowledgement":
            correspondence.end_alarm(connection, unreached_cause(mail.envelope.recipient, bounced=False), now)
        if settlement.state in (OutboxState.FAILED, OutboxState.UNKNOWN):
            correspondence.tell_undelivered(connection, mail.id, mail.kind, mail.ticket_id, settlement, now)


def _answered(connection: Connection, policy: Policy, mail: Claimed, now: datetime) -> None:
    """The server has taken an answer for the enquirer: only now does the clock stop.

    A query that came after the mail which the writer replied to was not known to them: its own clock goes on.
    """
    if mail.ticket_id is None:
        return
    tickets.lock(connection, mail.ticket_id)
    covers_until = mail.covers_until or mail.mail.created_at
    running = clocks.running(connection, mail.ticket_id)
    if running is not None and running.started_at > covers_until:
        running = None
    if running is not None:
        outbox.note_clock(connection, mail.id, running.clock_id)
    what = "the enquirer was answered"
    clockwork.stop(
        connection, policy, mail.ticket_id, running, now, now, what, covers_until=covers_until, outbox_id=mail.id
    )
    clockwork.start_for_others(connection, policy, mail.ticket_id, mail.envelope.recipient, now)


def _settle_abandoned(store: Store, correspondence: Correspondence, clock: Clock) -> None:
    """Mails whose sender died: nobody knows whether they left, which the written policy for doubt decides."""
    with store.read() as connection:
        abandoned = outbox.expired(connection, clock())
    for mail in abandoned:
        _settle(store, correspondence, clock, mail, InDoubt("the sending process ended"))


async def _keep_leases(store: Store, in_hand: Mapping[asyncio.Task[Outcome], int], clock: Clock) -> None:
    """Tells other instances that these mails are still being sent, for as long as that takes."""
    while True:
        await asyncio.sleep(RENEW_EVERY_SECONDS)
        with suppress(DatabaseUnavailableError):
            await asyncio.to_thread(_renew, store, list(in_hand.values()), clock)


def _renew(store: Store, ids: Iterable[int], clock: Clock) -> None:
    with store.write() as connection:
        outbox.renew(connection, ids, clock() + LEASE)
