"""A proved mail of a member of staff: read, decided as a whole, and done in the caller's transaction."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import ledger, messages, outbox, tickets
from helpline_mail.domain import commands, deeds, desk, discretion
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.deeds import Deed, Hold, Letter
from helpline_mail.domain.message import Message, folded
from helpline_mail.domain.policy import StaffMember
from helpline_mail.domain.promise import spoken_moment
from helpline_mail.domain.staff import Grant
from helpline_mail.service import desk_work, reshape
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.desk_work import Work
from helpline_mail.wire import answers
from helpline_mail.wire.compose import is_writable
from helpline_mail.wire.enclosures import enclosures_of
from helpline_mail.wire.parse import parse

SHOWN = 200
NO_WORDS = ("text/vnd.google.email-reaction+json",)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of staff as it is stored: parsed, its bytes, and its place among the messages."""

    message: Message
    message_id: int
    octets: bytes


def obey(
    connection: Connection, correspondence: Correspondence, mail: Mail, grant: Grant, writer: StaffMember, now: datetime
) -> None:
    """Gathers, decides and does what one mail asks for."""
    ticket = tickets.lock(connection, grant.ticket_id) if grant.ticket_id is not None else None
    letter, html = _read(connection, correspondence, mail, grant, ticket)
    orders, anyway, covers_until = commands.read(letter.text), False, grant.sent_at
    if [command.name for command in orders.commands] == ["anyway"] and not (letter.doubt or orders.text.strip()):
        held = messages.held(connection, grant.about) if grant.about is not None else None
        if held is not None and grant.about is not None:
            source = _stored(connection, grant.about)
            orders, anyway = commands.read(held), True
            letter, html = _again(held, source)
            covers_until = _covered(connection, correspondence, source.message, covers_until)
    orders, signature = desk.without_signature(orders, letter, writer)
    facts = _facts(connection, correspondence, grant, writer, ticket, orders) if ticket else None
    work = Work(
        connection, correspondence, ticket, writer, mail.message_id, grant, now, covers_until,
        facts.addressee if facts else "", letter.enclosed, html, _left_out(letter, signature),
    )  # fmt: skip
    texts = correspondence.signposts() if orders.named("send") else {}
    decided = desk.decide(orders, letter, facts, writer, correspondence.policy, now, texts, anyway=anyway)
    if anyway and grant.about is not None and not any(isinstance(deed, deeds.Refuse) for deed in decided):
        messages.release(connection, grant.about)
    for deed in decided:
        desk_work.do(work, deed)
    _confirm(work, decided)


def _read(
    connection: Connection, correspondence: Correspondence, mail: Mail, grant: Grant, ticket: Mapping[str, Any] | None
) -> tuple[Letter, str]:
    """The writer's own words and files, and whatever makes them doubtful."""
    policy = correspondence.policy
    ours = parse(outbox.octets(connection, grant.outbox_id))
    member = policy.staff_member(grant.member)
    names = (policy.helpline.name, policy.helpline.addr_spec, member.name if member else "", grant.member)
    # Where HTML alone says where a link leads, that is among the words.
    message = parse(mail.octets, link_targets=True)
    cut = answers.cut(message.text, answers.Original(
        text=ours.text, reference=ticket["reference"] if ticket else policy.reference_prefix, subject=ours.subject,
        names=tuple(name for name in names if name), secrets=tuple(m.address for m in policy.staff),
        footer=policy.staff_footer, banner=policy.staff_banner,
    ))  # fmt: skip
    unread = f"part of your mail could not be read ({mail.message.defects[0]})" if mail.message.defects else None
    enclosed = enclosures_of(mail.octets, Budgets())
    unread = unread or next(iter(enclosed.defects), None)
    inside = tuple(member.address for member in policy.staff)
    reference = ticket["reference"] if ticket else policy.reference_prefix
    unread = unread or discretion.telling_file(enclosed.files, inside, reference, answers.WRITE_ABOVE)
    if any(file.content_type in NO_WORDS for file in enclosed.files):
        unread = "your mail program sent a reaction, and no words"
    letter = Letter(cut.text, cut.doubt or unread, enclosed.files, signature=cut.signature, warning=cut.warning)
    return letter, enclosed.html


def _left_out(letter: Letter, signature: str) -> list[str]:
    """What did not go along, in sentences: nothing is left out without a word."""
    pictures = ", ".join(file.filename[:60] or "a picture" for file in letter.files if file.decoration)
    said = []
    if signature:
        said.append(f'Left out as your signature: "{_short(signature)}"')
    if letter.warning:
        said.append(f'Left out as a mail gateway\'s warning: "{_short(letter.warning)}"')
    if pictures:
        said.append(f"Left out as part of a signature: {pictures}.")
    return said


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def _again(held: str, source: Mail) -> tuple[Letter, str]:
    """What was held, with the files of the mail that it stood in. It was cut free without a doubt then."""
    enclosed = enclosures_of(source.octets, Budgets())
    return Letter(held.strip(), None, enclosed.files), enclosed.html


def _covered(connection: Connection, correspondence: Correspondence, message: Message, otherwise: datetime) -> datetime:
    """What the writer of a mail that was held knew: what had come when the mail was written that they replied to."""
    tokens = (correspondence.signer.read_address(address.addr_spec) for address in (*message.to, *message.cc))
    nonces = [token.subject for token in tokens if token and token.genuine and token.carrier == "staff_address"]
    return min((grant.sent_at for grant in outbox.granted(connection, nonces)), default=otherwise)


def _stored(connection: Connection, message_id: int) -> Mail:
    octets = ledger.octets_of_message(connection, message_id)
    assert octets is not None  # noqa: S101  a mail of staff came from the mailbox
    return Mail(parse(octets), message_id, octets)


def _facts(
    connection: Connection, correspondence: Correspondence, grant: Grant, writer: StaffMember,
    ticket: Mapping[str, Any], orders: commands.Orders,
) -> deeds.Ticket:  # fmt: skip
    """What SQL knows of the ticket that bears on the mail."""
    about = grant.about
    kind = messages.kind_of(connection, about) if about is not None else None
    running = tickets.running_clock(connection, ticket["id"])
    join = orders.named("join")
    taking_part = tickets.participants(connection, ticket["id"])
    addressee: str | None = ticket["requester"]
    if kind in messages.QUERIES:
        addressee = _addressee(connection, grant, ticket, taking_part)
    is_call = ticket["channel"] != "email" and not messages.has_follow_up(connection, ticket["id"])
    return deeds.Ticket(
        is_open=ticket["state"] == tickets.OPEN,
        channel=ticket["channel"] if is_call else "email",
        awaits_answer=running is not None and not outbox.answer_waits(connection, ticket["id"]),
        addressee=addressee or "", reachable=addressee is not None and is_writable(addressee),
        identifying=(
            ticket["requester"] or "", ticket["requester_name"], *taking_part, ticket["reference"],
            *messages.names_of_enquirers(connection, ticket["id"]),
        ),
        answered=_answered(connection, correspondence, grant, writer, ticket["id"]),
        cannot_join=reshape.why_not_join(connection, ticket, join.argument.strip("[]")) if join else "",
        replies_to_partner=kind == "partner_in", can_split=kind == "follow_up",
    )  # fmt: skip


def _addressee(
    connection: Connection, grant: Grant, ticket: Mapping[str, Any], taking_part: Collection[str]
) -> str | None:
    """Whom an answer is for: who wrote the message of the notice, if they take part in the ticket."""
    requester: str | None = ticket["requester"]
    octets = ledger.octets_of_message(connection, grant.about) if grant.about is not None else None
    sender = parse(octets).sender.address if octets is not None else None
    return sender.addr_spec if sender and folded(sender.addr_spec) in taking_part else requester


def _answered(
    connection: Connection, correspondence: Correspondence, grant: Grant, writer: StaffMember, ticket_id: int
) -> deeds.Answered | None:
    """What a colleague answered to the same query, unless the mail that the writer replies to told them so."""
    since = grant.sent_at
    if grant.kind != "refusal":
        since = messages.last_query_before(connection, ticket_id, grant.sent_at) or grant.sent_at
    found = messages.answered_since(connection, ticket_id, since, writer.address)
    if found is None:
        return None
    member = correspondence.policy.staff_member(found.author or "")
    at = found.at.astimezone(correspondence.policy.zone)
    return deeds.Answered(member.name if member else "A colleague", at, found.text)


def _confirm(work: Work, decided: tuple[Deed, ...]) -> None:
    """Tells the writer what changed, in one mail; a refusal and what they asked to read were mails of their own."""
    said = [line for deed in decided if (line := _said(deed, work))]
    if not said:
        return
    said += work.left_out
    held = next((deed.text for deed in decided if isinstance(deed, Hold)), "")
    ticket = tickets.load(work.connection, work.ticket["id"]) if work.ticket else None
    work.correspondence.confirm(work.connection, ticket, work.writer, said, held, work.message_id, work.now)


def _said(deed: Deed, work: Work) -> str | None:
    """What was done, in words for its writer; None for what has an answer of its own."""
    zone = work.correspondence.policy.zone
    match deed:
        case deeds.Assign(to):
            return f"{to.name} has the ticket now." if to else "Nobody has the ticket now; all of you are reminded."
        case deeds.Note():
            return "Your note was kept. It went to nobody."
        case deeds.Relay(_, signpost):
            what = f'The text "{signpost}"' if signpost else "Your answer"
            is_requester = work.ticket is None or folded(work.addressee) == folded(work.ticket["requester"] or "")
            whom = "the enquirer" if is_requester else work.addressee
            return f"{what} is on its way to {whom}. The clock stops when our mail server has taken it."
        case deeds.WritePartner(partner):
            return f"Your mail to {partner.title} is on its way. The enquirer does not see it."
        case deeds.Resolve(outcome):
            return f"The ticket is closed: {outcome}."
        case deeds.Reopen():
            return "The ticket is open again."
        case deeds.Categorise(category):
            return f"The category is: {category}."
        case deeds.Wait(due_at):
            return f"The enquirer's next update is due by {spoken_moment(due_at, work.now, zone)}."
        case deeds.Admit(addr_spec):
            return f"{addr_spec} may write to this ticket now."
        case deeds.Join(reference):
            target = tickets.find(work.connection, reference)
            to = target["requester"] if target else None
            reached = f"Answers go to {to} alone." if to else "Its enquirer has no address, so that no answer goes out."
            return f"It is part of {reference} now. {reached}"
        case deeds.Split():
            return "That message is a ticket of its own now; its notice follows."
        case deeds.LeaveOut(why):
            return f"The words below your commands were not sent on: {why}."
        case deeds.Hold():
            return (
                "Your words below the commands were not sent on: nothing says that they are for the enquirer. "
                "If they are, reply to this mail with the one line #anyway."
            )
    return None
