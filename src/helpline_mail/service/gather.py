"""Before a decision: what SQL knows that bears on one message. Nothing is decided or changed here."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from helpline_mail.adapters.store import chains, events, ledger, mediations, messages, notices, outbox, tickets
from helpline_mail.adapters.store.ledger import Entry
from helpline_mail.domain.intake import Context, SentMail
from helpline_mail.domain.message import Message, Sender
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.rations import breaker_closes
from helpline_mail.domain.threads import (
    Candidate,
    Mediation,
    SignedToken,
    Signer,
    base_subject,
    references_in,
    without_followed,
)
from helpline_mail.service import sent_folder, timekeeping
from helpline_mail.service.trouble import FLOOD
from helpline_mail.wire import authentication_results

EARLIEST_ARRIVAL = datetime(1990, 1, 1, tzinfo=UTC)
"""An INTERNALDATE before this is nonsense."""
LIKENESS = timedelta(days=30)


def gather(
    connection: Connection, message: Message, entry: Entry, policy: Policy, signer: Signer, now: datetime
) -> Context:
    """What SQL knows that bears on a message."""
    ids = tuple(dict.fromkeys((*message.in_reply_to, *message.references)))
    addressed = [token for address in (*message.to, *message.cc) if (token := signer.read_address(address.addr_spec))]
    names_us = any(address.addr_spec in policy.own for address in (*message.to, *message.cc))
    delivered = [token for value in _delivered_to(message) if (token := signer.read_address(value))]
    by_staff = [t for t in addressed if t.carrier == "staff_address"] or [
        t
        for t in delivered
        if t.carrier == "staff_address" and names_us  # anybody can write Delivered-To
    ]
    addressed += delivered
    signed = {internet_id: token for internet_id in ids if (token := signer.read_message_id(internet_id))}
    sent = outbox.sent_with_message_ids(connection, [i for i, token in signed.items() if token.genuine])
    nonces = [token.subject for token in addressed if token.genuine and token.carrier == "bounce_address"]
    reported = [bounce.original_message_id for bounce in message.bounces if bounce.original_message_id]
    own = message.message_id if message.sender.address and message.sender.address.addr_spec in policy.own else None
    returned = outbox.sent_with_message_ids(connection, [i for i in (*reported, own) if i and signer.made(i)])
    arrived_at = arrival(connection, entry, now)
    alike = messages.alike(connection, message, arrived_at)
    duplicate, is_of_machine = alike.duplicate_of, alike.is_of_machine
    if entry.raw_id is not None and duplicate is None:
        duplicate = ledger.earlier_with_same_octets(connection, entry.id, entry.raw_id)
    acknowledged = outbox.sent_lately(connection, "acknowledgement", message.sender.address, now)
    candidates = _candidates(connection, message, ids, sent, [
        token.subject for token in addressed if token.genuine and token.carrier == "reply_address"
    ])  # fmt: skip
    mediated_in = _mediations(connection, addressed, sent)
    return Context(
        arrived_at=arrived_at,
        duplicate_of=duplicate if duplicate != entry.message_id else None,
        duplicate_is_of_machine=is_of_machine,
        same_id_other_content=alike.reused_id,
        is_own_mail=own is not None and own in returned,
        sent=tuple(dict.fromkeys([
            *outbox.sent_with_nonces(connection, nonces), *(m for i, m in returned.items() if i != own)
        ])),
        candidates=candidates,
        answered=sent_folder.answered_by_staff(connection, message, [c.ticket_id for c in candidates], policy),
        bad_tokens=len(signed) - len(sent) + sum(not token.genuine for token in addressed),
        mentioned=_mentioned(connection, message, alike.ticket_ids, arrived_at, mediated_in),
        acknowledged=acknowledged,
        told=notices.told(connection, message.sender.address, now),
        breaker_open=bool(events.open_alarm(connection, FLOOD)) and not breaker_closes(policy.rations, acknowledged),
        grants=outbox.granted(connection, [token.subject for token in by_staff if token.genuine]),
        answers=tuple(dict.fromkeys([*sent.values(), *outbox.sent_with_nonces(connection, nonces)])),
        mediations=mediated_in,
        verdict=authentication_results.verdict(message.fields, policy.authserv_id, _domain(message.sender)),
    )  # fmt: skip


def arrival(connection: Connection, entry: Entry, now: datetime) -> datetime:
    """When the message arrived: INTERNALDATE, unless that cannot be. A server's clock must not put a deadline off."""
    latest = timekeeping.latest_arrival_now(connection, now)
    return entry.arrived_at if EARLIEST_ARRIVAL <= entry.arrived_at <= latest else now


def _delivered_to(message: Message) -> Iterable[str]:
    """The envelope recipients that our own side noted; only a signed address in them means anything (RFC 9228)."""
    for name in ("delivered-to", "x-original-to", "envelope-to"):
        for value in message.fields.get(name, ())[:3]:
            yield value.strip().strip("<>")


def _candidates(
    connection: Connection, message: Message, ids: Iterable[str], sent: dict[str, SentMail], references: list[str]
) -> tuple[Candidate, ...]:
    by_evidence: list[tuple[int, str]] = [
        (m.ticket_id, "our_message_id") for m in sent.values() if m.ticket_id is not None
    ]
    by_evidence += [(ticket_id, "our_reply_address") for ticket_id in tickets.ids_of(connection, references).values()]
    unsigned = [internet_id for internet_id in ids if internet_id not in sent]
    by_evidence += [
        (ticket_id, "stored_message_id")
        for ticket_id in messages.tickets_holding(connection, unsigned, message.sender.address)
    ]
    moved = tickets.joined(connection, [ticket_id for ticket_id, _ in by_evidence])
    found = {moved.get(ticket_id, ticket_id): evidence for ticket_id, evidence in reversed(by_evidence)}
    names = tickets.references_of(connection, found)
    sender = message.sender.address
    taking_part = tickets.participates(connection, sender.addr_spec, found) if sender else set()
    return without_followed(
        Candidate(
            ticket_id, names[ticket_id], evidence, ticket_id in taking_part,  # type: ignore[arg-type]
            line=chains.line(connection, ticket_id, sender.addr_spec if sender else None),
            follows=chains.followed(connection, ticket_id),
        )
        for ticket_id, evidence in found.items()
    )  # fmt: skip


def _mediations(
    connection: Connection, addressed: Iterable[SignedToken], sent: Mapping[str, SentMail]
) -> tuple[Mediation, ...]:
    """Correspondences with partners whose own address it came to, or whose mails of ours it answers."""
    references = [token.subject for token in addressed if token.genuine and token.carrier == "reply_address"]
    found = mediations.of_references(connection, references)
    found += mediations.of_mails(connection, [mail.outbox_id for mail in sent.values()])
    return tuple(dict.fromkeys(found))


def _mentioned(
    connection: Connection,
    message: Message,
    same_message: Iterable[int],
    arrived_at: datetime,
    mediated_in: Iterable[Mediation],
) -> tuple[str, ...]:
    """Tickets that staff might want to compare: named by it, perhaps of the same message, of the same subject."""
    named = tickets.ids_of(connection, references_in(message.subject))
    mediated = tickets.references_of(connection, [one.ticket_id for one in mediated_in]).values()
    same = tickets.references_of(connection, same_message).values()
    alike = tickets.alike(connection, base_subject(message.subject), arrived_at - LIKENESS)
    return tuple(dict.fromkeys([*mediated, *named, *same, *alike]))


def _domain(sender: Sender) -> str:
    return sender.address.domain if sender.address else ""
