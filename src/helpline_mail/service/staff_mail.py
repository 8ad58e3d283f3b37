"""A proved mail of a member of staff -> an answer on its way, or a change of the ticket, or a refusal; all or nothing.

Runs inside the transaction of triage. Whatever is done is confirmed to the writer, whatever is refused is explained.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import events, messages, outbox, tickets
from helpline_mail.domain import commands, desk
from helpline_mail.domain.desk import (
    Admit,
    Assign,
    Categorise,
    Deed,
    Note,
    Refuse,
    Relay,
    Reopen,
    Resolve,
    Tell,
    Wait,
)
from helpline_mail.domain.message import Message
from helpline_mail.domain.policy import StaffMember
from helpline_mail.domain.promise import spoken_moment
from helpline_mail.domain.staff import Grant
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.wire import answers
from helpline_mail.wire.compose import is_writable
from helpline_mail.wire.parse import parse

_DECORATION = re.compile(r"(?:image\d{3}|Outlook-\w+)\.(?:png|jpe?g|gif)|", re.IGNORECASE)
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")


def obey(
    connection: Connection, correspondence: Correspondence, message: Message, message_id: int, grant: Grant,
    writer: StaffMember, now: datetime,
) -> None:  # fmt: skip
    """Gathers, decides and does what one mail asks for."""
    policy = correspondence.policy
    ticket = tickets.load(connection, grant.ticket_id)
    notice = parse(outbox.octets(connection, grant.outbox_id))
    cut = answers.cut(message.text, notice.text, policy.staff_footer)
    orders = commands.read(cut.text)
    held = messages.held_by(connection, grant.outbox_id)
    if held is not None and [command.name for command in orders.commands] == ["anyway"]:
        orders = commands.Orders(orders.commands, held, ())
    facts = desk.Ticket(
        reference=ticket["reference"], is_open=ticket["state"] == tickets.OPEN, assignee=ticket["assignee"],
        reachable=bool(ticket["requester"]) and is_writable(ticket["requester"]),
        answered=_answered(connection, correspondence, grant, writer),
    )  # fmt: skip
    unread = f"part of your mail could not be read ({message.defects[0]})" if message.defects else None
    deeds = desk.decide(orders, cut.doubt or unread, _attached(message), facts, writer, policy, now)
    for deed in deeds:
        _do(connection, correspondence, ticket, deed, orders.text, message_id, grant, writer, now)
    done = [line for deed in deeds if (line := _said(deed, correspondence, now))]
    if done:
        correspondence.confirm(connection, tickets.load(connection, ticket["id"]), writer, done, message_id, now)


def _attached(message: Message) -> int:
    """How many files the writer attached; pictures of a signature and signatures of a mail are none."""
    return sum(
        not (_DECORATION.fullmatch(attachment.filename) or attachment.content_type in _SIGNATURES)
        for attachment in message.attachments
    )


def _answered(
    connection: Connection, correspondence: Correspondence, grant: Grant, writer: StaffMember
) -> desk.Answered | None:
    """What a colleague answered since the writer was told."""
    found = messages.answered_since(connection, grant.ticket_id, grant.sent_at, writer.address)
    if found is None:
        return None
    member = correspondence.policy.staff_member(found.author or "")
    at = found.at.astimezone(correspondence.policy.zone)
    return desk.Answered(member.name if member else "A colleague", at, found.text)


def _do(
    connection: Connection, correspondence: Correspondence, ticket: Mapping[str, Any], deed: Deed, words: str,
    message_id: int, grant: Grant, writer: StaffMember, now: datetime,
) -> None:  # fmt: skip
    ticket_id: int = ticket["id"]
    match deed:
        case Assign(to):
            tickets.assign(connection, ticket_id, to.address if to else None)
            _record(connection, ticket_id, now, "assigned", "a member of staff took it" if to else "nobody has it now")
        case Note():
            messages.classify(connection, message_id, "note")
            _record(connection, ticket_id, now, "note", "a note was kept; it stays among staff")
        case Relay(text):
            messages.classify(connection, message_id, "staff_answer")
            correspondence.answer(connection, ticket, text, message_id, writer, now)
        case Resolve(outcome):
            tickets.resolve(connection, ticket_id, outcome)
            _record(connection, ticket_id, now, "resolved", f"closed with the outcome: {outcome}")
        case Reopen():
            tickets.reopen(connection, ticket_id)
            _record(connection, ticket_id, now, "reopened", "a member of staff opened it again")
        case Categorise(category):
            tickets.categorise(connection, ticket_id, category)
            _record(connection, ticket_id, now, "categorised", f"the category is: {category}")
        case Wait(due_at):
            tickets.update_due(connection, ticket_id, due_at)
            _record(connection, ticket_id, now, "waiting", "the enquirer's next update was set")
        case Admit(addr_spec):
            tickets.admit(connection, ticket_id, addr_spec)
            _record(connection, ticket_id, now, "admitted", "a second address of the enquirer takes part now")
        case Refuse(why, held):
            _refuse(connection, correspondence, ticket, why, words if held else None, message_id, grant, writer, now)
        case Tell(what):
            _tell(connection, correspondence, ticket, what, writer, message_id, now)


def _refuse(
    connection: Connection, correspondence: Correspondence, ticket: Mapping[str, Any], why: Sequence[str],
    held: str | None, message_id: int, grant: Grant, writer: StaffMember, now: datetime,
) -> None:  # fmt: skip
    """Nothing is done; the writer is told why, and of an answer that is held what the colleague wrote."""
    messages.classify(connection, message_id, "staff_refused" if held is None else "staff_held", held)
    given = None if held is None else messages.answered_since(connection, ticket["id"], grant.sent_at, writer.address)
    colleagues_words = given.text if given else ""
    correspondence.refuse_why(connection, ticket, writer, why, colleagues_words, message_id, now)
    _record(connection, ticket["id"], now, "staff_refused", "a mail of staff did nothing; its writer was told why")


def _tell(
    connection: Connection, correspondence: Correspondence, ticket: Mapping[str, Any], what: str, writer: StaffMember,
    message_id: int, now: datetime,
) -> None:  # fmt: skip
    if what == "help":
        lines: Iterable[str] = commands.help_text().split("\n")
    else:
        lines = [f"{m['kind']}, {spoken_moment(m['at'], now, correspondence.policy.zone)}"
                 for m in messages.of_ticket(connection, ticket["id"])]  # fmt: skip
    correspondence.tell(connection, ticket, writer, what, list(lines), message_id, now)


def _record(connection: Connection, ticket_id: int, now: datetime, code: str, text: str) -> None:
    events.record(connection, now, code, text, ticket_id=ticket_id)


def _said(deed: Deed, correspondence: Correspondence, now: datetime) -> str | None:
    """What was done, in words for its writer; None for what has an answer of its own."""
    match deed:
        case Assign(to):
            return f"{to.name} has the ticket now." if to else "Nobody has the ticket now; all of you are reminded."
        case Note():
            return "Your note was kept. It went to nobody."
        case Relay():
            return "Your answer is on its way to the enquirer. The clock stops when our mail server has taken it."
        case Resolve(outcome):
            return f"The ticket is closed: {outcome}."
        case Reopen():
            return "The ticket is open again."
        case Categorise(category):
            return f"The category is: {category}."
        case Wait(due_at):
            return f"The enquirer's next update is due by {spoken_moment(due_at, now, correspondence.policy.zone)}."
        case Admit(addr_spec):
            return f"{addr_spec} may write to this ticket now."
    return None
