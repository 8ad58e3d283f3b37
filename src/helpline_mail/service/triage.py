"""One raw message -> ticket, clock, outbox and trail: gathered, decided, applied, in one transaction a message."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import chains, clocks, events, ledger, messages, notices, tickets
from helpline_mail.adapters.store.engine import DatabaseUnavailableError, Store
from helpline_mail.adapters.store.ledger import Entry, LedgerState
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.clocks import ClockKind
from helpline_mail.domain.intake import Context, Disposition, Intake, decide
from helpline_mail.domain.message import Message, Sender, folded
from helpline_mail.domain.rations import notice_reason, trips_breaker
from helpline_mail.domain.responder import Reason
from helpline_mail.domain.returning import Standing
from helpline_mail.domain.threads import base_subject
from helpline_mail.service import sent_folder, staff_mail
from helpline_mail.service.alarms import close_breaker
from helpline_mail.service.clockwork import close, partner_answered, reopen
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.filing import open_ticket, start_clock
from helpline_mail.service.gather import arrival, gather
from helpline_mail.service.notify import News, Occasion
from helpline_mail.service.ports import Clock
from helpline_mail.service.trouble import FLOOD
from helpline_mail.wire.parse import parse

QUARANTINE_AFTER = 3
QUARANTINE_AFTER_UNENDED = 6
"""Attempts that nothing ended: the message may kill the process, or the machine may have lost its power again."""
BATCH = 50
RETRY_AFTER = timedelta(seconds=5)
OCCASIONS: Mapping[Disposition, Occasion] = {
    Disposition.NEW_TICKET: "new_ticket",
    Disposition.FOLLOW_UP: "follow_up",
    Disposition.PARTNER: "partner",
}
NOBODY_KNOWN = Reason("quarantined", "nobody knows yet who wrote it", "withheld")
FLOOD_TEXT = (
    "a flood of mail: as many acknowledgements as are allowed left within an hour; until it is over, only senders whom "
    "the mail server vouches for get one. Every mail is a ticket, with its deadline, all the same"
)


@dataclass(frozen=True, slots=True)
class Triaged:
    """What one pass did."""

    triaged: int
    quarantined: int
    failed: int


def triage(
    store: Store, correspondence: Correspondence, budgets: Budgets, clock: Clock, stop: threading.Event | None = None
) -> Triaged:
    """Files everything that is stored and due, in order of arrival, until `stop` is set. No message stops another."""
    close_breaker(store, correspondence, clock)
    done = quarantined = failed = 0
    while batch := _begin(store, clock()):
        for number, entry in enumerate(batch):
            if stop and stop.is_set():
                _take_back(store, batch[number:])
                return Triaged(done, quarantined, failed)
            try:
                if entry.attempts >= (QUARANTINE_AFTER if entry.failed else QUARANTINE_AFTER_UNENDED):
                    _quarantine(store, correspondence, entry, clock())
                    quarantined += 1
                else:
                    _triage_one(store, correspondence, budgets, entry, clock())
                    done += 1
            except DatabaseUnavailableError:
                _take_back(store, batch[number:])
                raise
            except Exception as error:  # whatever a message leads to is noted on that message alone
                failed += 1
                _note_failure(store, entry, error, clock())
    return Triaged(done, quarantined, failed)


def _begin(store: Store, now: datetime) -> list[Entry]:
    """The next messages, their attempt recorded before it is made: one that kills the process is counted too.

    Messages that failed before are tried alone, so that they cannot take others with them.
    """
    with store.write() as connection:
        found = ledger.waiting(connection, now, BATCH)
        fresh = [entry for entry in found if entry.attempts == 0]
        batch = fresh if fresh and found[0].attempts == 0 else found[:1]
        ledger.begin(connection, [entry.id for entry in batch], now + RETRY_AFTER)
    return batch


def _take_back(store: Store, entries: Sequence[Entry]) -> None:
    """Attempts that were not made, through no fault of the messages', do not count."""
    with suppress(DatabaseUnavailableError), store.write() as connection:
        ledger.take_back(connection, [entry.id for entry in entries])


def _note_failure(store: Store, entry: Entry, error: Exception, now: datetime) -> None:
    with store.write() as connection:
        ledger.postpone(connection, entry.id, now + RETRY_AFTER, type(error).__name__)
        text = f"it could not be filed ({type(error).__name__}); it is tried again, then quarantined"
        events.record(connection, now, "triage_failed", text, ledger_id=entry.id, facts={"attempt": entry.attempts + 1})


def _triage_one(store: Store, correspondence: Correspondence, budgets: Budgets, entry: Entry, now: datetime) -> None:
    if entry.raw_id is None:
        _quarantine(store, correspondence, entry, now)  # the server would not give it: staff must look there
        return
    with store.read() as connection:
        octets = ledger.octets(connection, entry.raw_id)
    message = parse(octets, budgets, truncated=not entry.complete)
    with store.write() as connection:
        if not ledger.claim(connection, entry.id):
            return
        if entry.sent_since is not None:
            sent_folder.file(connection, correspondence, entry, message, arrival(connection, entry, now), now)
        else:
            context = gather(connection, message, entry, correspondence.policy, correspondence.signer, now)
            intake = decide(message, context, correspondence.policy)
            _apply(connection, correspondence, entry, message, context, intake, budgets, now)


def _apply(
    connection: Connection, correspondence: Correspondence, entry: Entry, message: Message, context: Context,
    intake: Intake, budgets: Budgets, now: datetime,
) -> None:  # fmt: skip
    """Makes the decision true: ticket, message, clock, outbox, trail."""
    ticket_id, message_id = intake.ticket_id, context.duplicate_of
    if ticket_id is not None:
        tickets.lock(connection, ticket_id)  # before its messages: two instances would wait for each other
    if intake.disposition is Disposition.NEW_TICKET:
        ticket_id = _opened(connection, correspondence, entry, message, context.arrived_at, now)
        if intake.follows:
            _follow(connection, correspondence, ticket_id, intake.follows, now)
    elif entry.ticket_id is not None:
        _end_stand_in(connection, entry.ticket_id, now)
    if intake.disposition not in (Disposition.RECORDED, Disposition.DUPLICATE, Disposition.OWN):
        message_id = _keep(connection, message, ticket_id, intake, context.arrived_at)
    ledger.settle(connection, entry.id, LedgerState.TRIAGED, intake.disposition, message_id)
    for reason in intake.reasons:
        events.record(connection, now, reason.code, reason.text, ticket_id=ticket_id, ledger_id=entry.id)
    if intake.related and ticket_id is not None:
        text = f"possibly related to {', '.join(intake.related)}"
        events.record(connection, now, "possibly_related", text, ticket_id=ticket_id, ledger_id=entry.id)
    if intake.disposition is Disposition.BOUNCE:
        correspondence.tell_bounced(connection, intake.bounced, now)  # also of an alarm, which has no ticket
        return
    if intake.disposition is Disposition.STAFF and message_id is not None:
        _from_staff(connection, correspondence, entry, message, message_id, context, intake, budgets, now)
        return
    if intake.disposition is Disposition.AUTOMATIC:
        _automatic(connection, correspondence, message, context, now)
    if ticket_id is None:
        return
    if intake.disposition is Disposition.NEW_TICKET and clocks.last_stopped(connection, ticket_id):
        intake = _answered_meanwhile(connection, ticket_id, intake, now)
    due_at = (
        start_clock(connection, correspondence, ticket_id, message_id, context.arrived_at, now)
        if intake.starts_clock
        else None
    )
    if intake.disposition is Disposition.FOLLOW_UP:
        reopen(connection, correspondence.policy, ticket_id, now, "the enquirer wrote again")
    if intake.disposition is Disposition.PARTNER and intake.mediation is not None:
        partner_answered(connection, correspondence.policy, intake.mediation.id, context.arrived_at)
    ticket = tickets.load(connection, ticket_id)
    if intake.acknowledge and due_at is not None:
        correspondence.acknowledge(connection, ticket, message, due_at, now)
    if trips_breaker(intake.withheld):
        correspondence.raise_alarm(connection, FLOOD, FLOOD_TEXT, now)
    if intake.notify_staff and message_id is not None:
        _tell_staff(connection, correspondence, ticket, message, message_id, context.arrived_at, due_at, intake, now)


def _opened(
    connection: Connection, correspondence: Correspondence, entry: Entry, message: Message, arrived_at: datetime,
    now: datetime,
) -> int:  # fmt: skip
    """The ticket of an enquiry: a new one, or that which stood for it in quarantine."""
    requester, subject = message.sender.address, message.subject
    if entry.ticket_id is None:
        return open_ticket(connection, correspondence.policy, requester, subject, arrived_at, now)
    tickets.describe(connection, entry.ticket_id, requester, subject, base_subject(subject))
    return entry.ticket_id


def _follow(
    connection: Connection, correspondence: Correspondence, ticket_id: int, earlier: Standing, now: datetime
) -> None:
    """Links a ticket to the one that its enquirer came back to, in both trails."""
    chains.follow(connection, ticket_id, earlier.ticket_id)
    reference = tickets.load(connection, ticket_id)["reference"]
    text = correspondence.of_earlier(earlier, now)
    events.record(connection, now, "follows", text, ticket_id=ticket_id)
    text = f"its enquirer wrote again: {reference} follows it"
    events.record(connection, now, "followed", text, ticket_id=earlier.ticket_id)


def _keep(connection: Connection, message: Message, ticket_id: int | None, intake: Intake, arrived_at: datetime) -> int:
    """Keeps the message; what a member of staff wrote straight to the enquirer is one of ours."""
    if intake.answers and intake.member:
        return messages.add_sent(connection, message, ticket_id, intake.kind, arrived_at, intake.member.address)
    mediation_id = intake.mediation.id if intake.mediation else None
    return messages.add_incoming(connection, message, ticket_id, intake.kind, arrived_at, mediation_id)


def _tell_staff(
    connection: Connection, correspondence: Correspondence, ticket: Mapping[str, Any], message: Message,
    message_id: int, arrived_at: datetime, due_at: datetime | None, intake: Intake, now: datetime,
) -> None:  # fmt: skip
    """A notice of the message, or a line in the next list."""
    if intake.in_list:
        notices.await_digest(connection, message_id)
        return
    notices.note_told(connection, message_id, now)
    occasion = OCCASIONS[intake.disposition]
    partner = intake.mediation.partner if intake.mediation else ""
    hints = correspondence.hints(message, intake, now)
    news = News(occasion, message, message_id, arrived_at, due_at, hints, partner)
    correspondence.notify(connection, ticket, news, now)


def _from_staff(
    connection: Connection, correspondence: Correspondence, entry: Entry, message: Message, message_id: int,
    context: Context, intake: Intake, budgets: Budgets, now: datetime,
) -> None:  # fmt: skip
    """A proved mail of a member of staff is obeyed; of any other, the member whom it names is told."""
    if intake.answers and intake.ticket_id is not None:
        sent_folder.answered(
            connection, correspondence.policy, intake.ticket_id, message.date, context.arrived_at, entry.id, now
        )
        return
    if intake.member and intake.grant and entry.raw_id is not None:
        mail = staff_mail.Mail(message, message_id, ledger.octets(connection, entry.raw_id))
        staff_mail.obey(connection, correspondence, mail, intake.grant, intake.member, budgets, now)
        return
    if intake.in_list and intake.ticket_id is not None:
        notices.await_digest(connection, message_id)
        return
    notices.note_told(connection, message_id, now)
    ticket = tickets.load(connection, intake.ticket_id) if intake.ticket_id is not None else None
    if message.sender.address:
        why = intake.reasons[0].text.partition(":")[0]
        correspondence.refuse(connection, ticket, message.sender.address.addr_spec, why, now)


def _automatic(
    connection: Connection, correspondence: Correspondence, message: Message, context: Context, now: datetime
) -> None:
    """An absence notice of the member of staff who has a ticket that waits: the others are told, and reminded too."""
    policy, address = correspondence.policy, message.sender.address
    member = policy.staff_member(address.addr_spec) if address else None
    proof_needed = policy.staff_proof == "token+results"
    if member is None or (context.verdict and context.verdict.failed) or (proof_needed and not context.vouched):
        return
    named = [(grant.member, grant.ticket_id) for grant in context.grants]
    named += [(mail.recipient, mail.ticket_id) for mail in context.answers]
    own = {ticket_id for address, ticket_id in named if ticket_id and folded(address) == folded(member.address)}
    for ticket_id in sorted(own):
        if clocks.running(connection, ticket_id) is None:
            continue
        ticket = tickets.load(connection, ticket_id)
        if ticket["assignee"] and folded(ticket["assignee"]) == folded(member.address):
            tickets.assign(connection, ticket_id, None)
            text = "who had it answers automatically: nobody has it now, and all are reminded"
            events.record(connection, now, "taker_away", text, ticket_id=ticket_id)
            correspondence.tell_away(connection, ticket, member, now)


def _answered_meanwhile(connection: Connection, ticket_id: int, intake: Intake, now: datetime) -> Intake:
    """A message from quarantine whose stand-in was answered already starts nothing and is not acknowledged."""
    if clocks.running(connection, ticket_id) is not None:
        return intake
    text = "it was answered while it stood in quarantine: no answer is due, and no acknowledgement leaves"
    events.record(connection, now, "answered_in_quarantine", text, ticket_id=ticket_id)
    return replace(intake, starts_clock=False, acknowledge=False)


def _end_stand_in(connection: Connection, ticket_id: int, now: datetime) -> None:
    """A message that comes back from quarantine and turns out to need no ticket of its own leaves none behind."""
    clocks.drop(connection, ticket_id, ClockKind.RESPONSE, now)
    close(connection, ticket_id, "filed elsewhere", now)
    text = "the message that it stood for could be read after all, and was filed elsewhere"
    events.record(connection, now, "stand_in_ended", text, ticket_id=ticket_id)


def _quarantine(store: Store, correspondence: Correspondence, entry: Entry, now: datetime) -> None:
    """A plain ticket with a running clock stands for a message that cannot be read; staff are told to look."""
    stand_in = unreadable_message(entry)
    with store.write() as connection:
        if not ledger.claim(connection, entry.id):
            return
        if entry.sent_since is not None:
            sent_folder.set_aside(connection, entry, now)
            return
        arrived_at = arrival(connection, entry, now)
        if entry.raw_id is not None and entry.message_id is None:
            known = ledger.earlier_with_same_octets(connection, entry.id, entry.raw_id)
            if known is not None:
                ledger.settle(connection, entry.id, LedgerState.TRIAGED, Disposition.DUPLICATE, known)
                return
        ticket_id = entry.ticket_id or open_ticket(
            connection, correspondence.policy, None, stand_in.subject, arrived_at, now
        )
        message_id = entry.message_id or messages.add_incoming(connection, stand_in, ticket_id, "enquiry", arrived_at)
        ledger.settle(connection, entry.id, LedgerState.QUARANTINED, Disposition.NEW_TICKET, message_id)
        reason = Reason(
            "quarantined", "it could not be read: this ticket stands for it, and the raw mail is kept", "withheld"
        )
        events.record(connection, now, reason.code, reason.text, ticket_id=ticket_id, ledger_id=entry.id)
        due_at = start_clock(connection, correspondence, ticket_id, message_id, arrived_at, now)
        too_many = notice_reason(correspondence.policy.rations, notices.told(connection, None, now))
        intake = Intake(
            Disposition.NEW_TICKET, "enquiry", ticket_id, starts_clock=True, acknowledge=False, notify_staff=True,
            reasons=(reason,), withheld=NOBODY_KNOWN, in_list=too_many is not None,
        )  # fmt: skip
        ticket = tickets.load(connection, ticket_id)
        _tell_staff(connection, correspondence, ticket, stand_in, message_id, arrived_at, due_at, intake, now)


def unreadable_message(entry: Entry) -> Message:
    """What stands for a message that cannot be read."""
    kept = f"An operator can print it as it came: helpline-mail quarantine show {entry.id}."
    where = kept if entry.raw_id is not None else "The mail server would not give it."
    return Message(
        message_id=None, sender=Sender("malformed", None, "(not read)"), to=(), cc=(),
        subject="A message that could not be read", date=None, in_reply_to=(), references=(),
        text="", new_text="", attachments=(), content_type="text/plain", fields={},
        defects=("This message could not be read. Please open it in the mailbox.", where),
    )  # fmt: skip
