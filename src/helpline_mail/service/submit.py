"""Outbox -> mail server -> settled. The attempt is recorded first; nothing is sent inside a transaction."""

import asyncio
import random
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from helpline_mail.adapters.store import events, outbox
from helpline_mail.adapters.store.engine import DatabaseUnavailableError, Store
from helpline_mail.adapters.store.outbox import Claimed
from helpline_mail.domain.delivery import InDoubt, NotSent, OutboxState, Outcome, settle
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock, Submitter

LEASE = timedelta(seconds=20)
RENEW_EVERY_SECONDS = 5.0
SETTLE_WAITS = (0.2, 1.0, 3.0)


@dataclass(frozen=True, slots=True)
class Submitted:
    """What one pass did: how many mails were tried, and why the server took none, if so."""

    tried: int
    unreachable: str | None


async def submit(
    store: Store, submitter: Submitter, correspondence: Correspondence, clock: Clock, at_once: int,
    stop: threading.Event | None = None,
) -> Submitted:  # fmt: skip
    """Sends everything that is due, `at_once` mails side by side, until nothing is or `stop` is set."""
    await asyncio.to_thread(_settle_abandoned, store, correspondence, clock)
    tried = 0
    while not (stop and stop.is_set()) and (claimed := await asyncio.to_thread(_claim, store, clock, at_once)):
        keeper = asyncio.create_task(_keep_leases(store, [mail.id for mail in claimed], clock))
        try:
            sending = [_send(store, submitter, correspondence, clock, mail) for mail in claimed]
            # Every send is waited for, whatever befalls another: an unwatched one would outlive its lease.
            ended = await asyncio.gather(*sending, return_exceptions=True)
        finally:
            keeper.cancel()
            with suppress(asyncio.CancelledError):
                await keeper
        for outcome in ended:
            if isinstance(outcome, BaseException):
                raise outcome
        tried += len(claimed)
        failures = [outcome.reason for outcome in ended if isinstance(outcome, NotSent)]
        if len(failures) == len(claimed):
            return Submitted(tried, failures[0])  # the server is away: each mail has its own later time
    return Submitted(tried, None)


def _claim(store: Store, clock: Clock, limit: int) -> list[Claimed]:
    now = clock()
    with store.write() as connection:
        return outbox.claim(connection, now, now + LEASE, limit)


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
        if settlement.state in (OutboxState.FAILED, OutboxState.UNKNOWN):
            correspondence.tell_undelivered(connection, mail.id, mail.kind, mail.ticket_id, settlement, now)


def _settle_abandoned(store: Store, correspondence: Correspondence, clock: Clock) -> None:
    """Mails whose sender died: nobody knows whether they left, which the written policy for doubt decides."""
    with store.read() as connection:
        abandoned = outbox.expired(connection, clock())
    for mail in abandoned:
        _settle(store, correspondence, clock, mail, InDoubt("the sending process ended"))


async def _keep_leases(store: Store, ids: Iterable[int], clock: Clock) -> None:
    """Tells other instances that these mails are still being sent, for as long as that takes."""
    while True:
        await asyncio.sleep(RENEW_EVERY_SECONDS)
        with suppress(DatabaseUnavailableError):
            await asyncio.to_thread(_renew, store, ids, clock)


def _renew(store: Store, ids: Iterable[int], clock: Clock) -> None:
    with store.write() as connection:
        outbox.renew(connection, ids, clock() + LEASE)
