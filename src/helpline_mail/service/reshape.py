"""Tickets that staff open, close, join and split: the shape of the work, changed with everything in the trail."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, events, ledger, messages, outbox, tickets
from helpline_mail.domain.clocks import ClockKind
from helpline_mail.domain.deeds import Ending, OpenCall
from helpline_mail.domain.message import Address, Message, Sender
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.staff import Grant
from helpline_mail.service import clockwork
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.filing import open_ticket, start_clock
from helpline_mail.service.notify import News
from helpline_mail.wire.compose import is_writable
from helpline_mail.wire.parse import parse


def resolve(
    connection: Connection, policy: Policy, ticket: Mapping[str, Any], outcome: str, ending: Ending, now: datetime
) -> None:
    """Closes a ticket. What was said in a call was an answer; with silence nobody is answered, and nobody waits."""
    clockwork.close(connection, ticket["id"], outcome, now)
    events.record(connection, now, "resolved", f"closed with the outcome: {outcome}", ticket_id=ticket["id"])
    running = clocks.running(connection, ticket["id"])
    if ending == "call":
        clockwork.stop(connection, policy, ticket["id"], running, now, now, "it was answered while we spoke")
    elif ending == "silence" and running is not None and not outbox.answer_waits(connection, ticket["id"]):
        clocks.drop(connection, ticket["id"], ClockKind.RESPONSE, now)
        text = "nobody waits for an answer with this outcome"
        events.record(connection, now, "clock_dropped", text, ticket_id=ticket["id"])


def open_call(
    connection: Connection, correspondence: Correspondence, call: OpenCall, writer: StaffMember, message_id: int,
    now: datetime,
) -> None:  # fmt: skip
    """A ticket for a telephone call or a chat, with the same promise; its caller is written to if they can be."""
    requester = Address(call.addr_spec) if call.addr_spec else None
    name = "telephone call" if call.channel == "telephone" else "Skype chat"
    subject = f"Your {name}"
    said = Message(
        message_id=None, sender=Sender("ok", requester, call.caller or f"(noted by {writer.name})"), to=(), cc=(),
        subject=f"A {name}, noted by {writer.name}", date=None, in_reply_to=(), references=(),
        text=call.text, new_text=call.text, attachments=(), content_type="text/plain", fields={},
    )  # fmt: skip
    ticket_id = open_ticket(connection, correspondence.policy, requester, subject, now, now, call.channel)
    query_id = messages.add_incoming(connection, said, ticket_id, "enquiry", now)
    messages.classify(connection, message_id, "staff_done")
    events.record(connection, now, "call_logged", f"a {name} was noted by a member of staff", ticket_id=ticket_id)
    due_at = start_clock(connection, correspondence, ticket_id, query_id, now, now)
    tickets.assign(connection, ticket_id, writer.address)
    ticket = tickets.load(connection, ticket_id)
    if call.addr_spec and is_writable(call.addr_spec):
        correspondence.acknowledge(connection, ticket, said, due_at, now)
    correspondence.notify(connection, ticket, News("call", said, query_id, now, due_at), now)


def why_not_join(connection: Connection, ticket: Mapping[str, Any], reference: str) -> str:
    """Why a ticket cannot become part of another, in a sentence; empty if it can."""
    target = tickets.find(connection, reference)
    if target is None:
        return f"There is no ticket {reference[:20]}."
    if target["id"] == ticket["id"]:
        return f"{reference} is this very ticket."
    if target["joined_to"] is not None:
        return f"{target['reference']} was joined to another ticket itself. Name that one."
    return ""


def join(connection: Connection, policy: Policy, ticket: Mapping[str, Any], reference: str, now: datetime) -> None:
    """Makes a ticket part of another, with its messages, its addresses and its clock."""
    target = tickets.find(connection, reference)
    assert target is not None  # noqa: S101  looked at before
    tickets.lock(connection, target["id"])
    tickets.join(connection, ticket["id"], target["id"], now)
    clocks.join(connection, ticket["id"], target["id"], now)
    clockwork.reopen(connection, policy, target["id"], now, f"{ticket['reference']} became part of it")
    events.record(connection, now, "joined", f"it became part of {target['reference']}", ticket_id=ticket["id"])
    text = f"{ticket['reference']} became part of it, with its messages and its addresses"
    events.record(connection, now, "joined", text, ticket_id=target["id"])


def split(
    connection: Connection, correspondence: Correspondence, ticket: Mapping[str, Any], grant: Grant, now: datetime
) -> None:
    """Makes the message of a notice a ticket of its own, whose clock counts from when that message came."""
    assert grant.about is not None  # noqa: S101  decided for the notice of a message
    octets = ledger.octets_of_message(connection, grant.about)
    assert octets is not None  # noqa: S101  a follow-up came from the mailbox
    message = parse(octets)
    at = messages.at(connection, grant.about)
    ticket_id = open_ticket(
        connection, correspondence.policy, message.sender.address, message.subject, at, now, heard_at=now
    )
    messages.move(connection, grant.about, ticket_id, "enquiry")
    new = tickets.load(connection, ticket_id)
    events.record(connection, now, "split", f"a message of it became {new['reference']}", ticket_id=ticket["id"])
    events.record(connection, now, "split", f"it was split from {ticket['reference']}", ticket_id=ticket_id)
    if clocks.give(connection, grant.about, ticket_id):
        due_at = tickets.load(connection, ticket_id)["response_due_at"]
        clockwork.restart(connection, correspondence.policy, ticket["id"], at, now)
    elif messages.answered_since(connection, ticket["id"], at) is None:
        due_at = start_clock(connection, correspondence, ticket_id, grant.about, at, now)
    else:
        due_at = None
    hints = (f"It was part of {ticket['reference']} before.",)
    correspondence.notify(connection, new, News("split", message, grant.about, at, due_at, hints), now)
