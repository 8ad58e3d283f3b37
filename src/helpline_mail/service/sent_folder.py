"""Answers that staff gave without us: from the shared mailbox (its Sent folder), or from their own with us in copy.

Gathers, decides and applies inside the transaction of triage. Nothing is sent because of such a mail.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, events, ledger, messages, outbox, tickets
from helpline_mail.adapters.store.ledger import Entry, LedgerState
from helpline_mail.domain import sent_mail
from helpline_mail.domain.intake import Disposition
from helpline_mail.domain.message import Address, Message
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.sent_mail import SentContext, Touched
from helpline_mail.domain.threads import Signer
from helpline_mail.service import clockwork
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.wire import quotes

MOST_RECIPIENTS = 20
"""Of a mail to more people only these are looked for among enquirers."""


def file(
    connection: Connection, correspondence: Correspondence, entry: Entry, message: Message, sent_at: datetime,
    now: datetime,
) -> None:  # fmt: skip
    """Files one mail from the Sent folder: with its ticket, whose clock it may stop, or as recorded only."""
    context = _gather(connection, message, entry, sent_at, correspondence.signer)
    filing = sent_mail.file(message, context, correspondence.policy)
    message_id = context.duplicate_of if filing.disposition is Disposition.DUPLICATE else None
    if filing.kind is not None:
        message_id = messages.add_sent(connection, message, filing.ticket_id, filing.kind, sent_at)
    ledger.settle(connection, entry.id, LedgerState.TRIAGED, filing.disposition, message_id)
    for reason in filing.reasons:
        for ticket_id in (filing.ticket_id, *filing.possible):
            events.record(connection, now, reason.code, reason.text, ticket_id=ticket_id, ledger_id=entry.id)
    if filing.kind == "answer" and filing.ticket_id is not None:
        _stop(connection, correspondence.policy, filing.ticket_id, sent_at, entry.id, now, stops=filing.stops)


def set_aside(connection: Connection, entry: Entry, now: datetime) -> None:
    """A mail from the Sent folder that cannot be read: no ticket stands for it, for nobody waits for its answer."""
    ledger.settle(connection, entry.id, LedgerState.QUARANTINED, Disposition.RECORDED, None)
    text = "a mail in the Sent folder could not be read; if it was an answer, say so: helpline-mail ticket answer"
    events.record(connection, now, "quarantined", text, ledger_id=entry.id)


def answered_by_staff(
    connection: Connection, message: Message, ticket_ids: Collection[int], policy: Policy
) -> frozenset[int]:
    """Those of the tickets whose enquirer gets this mail as well, if it names staff as its writer and has words."""
    writer = message.sender.address
    if writer is None or policy.staff_member(writer.addr_spec) is None:
        return frozenset()
    if not (_has_words(message) or message.attachments):
        return frozenset()
    return frozenset(tickets.with_participants(connection, _recipients(message), ticket_ids))


def answered(
    connection: Connection, policy: Policy, ticket_id: int, date: datetime | None, at: datetime, ledger_id: int,
    now: datetime,
) -> None:  # fmt: skip
    """The enquirer got an answer from a member's own mailbox at `at`: its clock stops, unless the query came later."""
    running = clocks.running(connection, ticket_id)
    stops, reason = sent_mail.effect_of(date, at, running.started_at if running else None)
    events.record(connection, now, reason.code, reason.text, ticket_id=ticket_id, ledger_id=ledger_id)
    _stop(connection, policy, ticket_id, at, ledger_id, now, stops=stops)


def _stop(
    connection: Connection, policy: Policy, ticket_id: int, at: datetime, ledger_id: int, now: datetime, *, stops: bool
) -> None:
    running = clocks.running(connection, ticket_id) if stops else None
    what = "the enquirer was answered by staff from their mail client"
    clockwork.stop(connection, policy, ticket_id, running, at, now, what, ledger_id=ledger_id)


def _gather(connection: Connection, message: Message, entry: Entry, sent_at: datetime, signer: Signer) -> SentContext:
    own = {message.message_id} if message.message_id and signer.made(message.message_id) else set()
    duplicate = messages.sent_already(connection, message)
    if duplicate is None and entry.raw_id is not None:
        duplicate = ledger.earlier_with_same_octets(connection, entry.id, entry.raw_id)
    return SentContext(
        sent_at=sent_at,
        sent_since=entry.sent_since or sent_at,
        has_words=_has_words(message),
        is_ours=bool(outbox.sent_with_message_ids(connection, own)) if own else False,
        duplicate_of=duplicate,
        touched=sent_mail.strongest(_touched(connection, message, signer)),
    )


def _touched(connection: Connection, message: Message, signer: Signer) -> Iterator[Touched]:
    """Tickets that it replies to, refers to, or whose enquirers it went to while they waited; the strongest first."""
    recipients = _recipients(message)
    replied = _tickets_of(connection, message.in_reply_to, message, signer)
    referred = _tickets_of(connection, message.references, message, signer)
    waiting = tickets.awaiting(connection, recipients)
    to_enquirer = tickets.with_participants(connection, recipients, {*replied, *referred, *waiting})
    ways: tuple[tuple[sent_mail.Way, list[int]], ...] = (
        ("in_reply_to", replied), ("references", referred), ("recipient", waiting),
    )  # fmt: skip
    for way, found in ways:
        for ticket_id in found:
            running = clocks.running(connection, ticket_id)
            yield Touched(ticket_id, way, ticket_id in to_enquirer, running.started_at if running else None)


def _tickets_of(connection: Connection, internet_ids: tuple[str, ...], message: Message, signer: Signer) -> list[int]:
    """Tickets of our mails with these Message-IDs, and of messages that tickets hold; its recipients' own first."""
    sent = outbox.sent_with_message_ids(connection, [i for i in internet_ids if signer.made(i)])
    found = [mail.ticket_id for mail in sent.values() if mail.ticket_id is not None]
    others = [internet_id for internet_id in internet_ids if internet_id not in sent]
    # A stranger can use one Message-ID any number of times: the enquirers who get this mail are looked for first.
    for recipient in _recipients(message) or [""]:
        found += messages.tickets_holding(connection, others, Address(recipient))
    return list(dict.fromkeys(found))


def _recipients(message: Message) -> list[str]:
    return list(dict.fromkeys(address.addr_spec for address in (*message.to, *message.cc)))[:MOST_RECIPIENTS]


def _has_words(message: Message) -> bool:
    return bool(quotes.new_text(message.text, or_all=False).strip())
