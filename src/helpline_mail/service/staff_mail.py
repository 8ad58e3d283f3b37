"""A proved mail of a member of staff: read, decided as a whole, and done in the caller's transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import ledger, messages, outbox, tickets
from helpline_mail.domain import commands, deeds, desk
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.deeds import Deed, Hold, Letter
from helpline_mail.domain.message import Enclosure, Message, folded
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
    orders, anyway, source = commands.read(letter.text), False, mail
    if [command.name for command in orders.commands] == ["anyway"] and not (letter.doubt or orders.text.strip()):
        held = messages.take_held(connection, grant.about) if grant.about is not None else None
        if held is not None and grant.about is not None:
            source = _stored(connection, grant.about)
            orders, anyway = commands.read(held), True
            letter, html = _again(held, source)
    work = Work(
        connection, correspondence, ticket, writer, mail.message_id, grant, now, letter.enclosed, html,
        left_out=_left_out(letter),
    )  # fmt: skip
    facts = _facts(connection, correspondence, grant, writer, ticket, orders) if ticket else None
    decided = desk.decide(
        orders, letter, facts, writer, correspondence.policy, now, correspondence.signposts(), anyway=anyway
    )
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
    cut = answers.cut(message.text, answers.Answered(
        text=ours.text, reference=ticket["reference"] if ticket else policy.reference_prefix, subject=ours.subject,
        names=tuple(name for name in names if name), secrets=tuple(m.address for m in policy.staff),
        footer=policy.staff_footer, banner=policy.staff_banner,
    ))  # fmt: skip
    unread = f"part of your mail could not be read ({mail.message.defects[0]})" if mail.message.defects else None
    enclosed = enclosures_of(mail.octets, Budgets())
    unread = unread or next(iter(enclosed.defects), None) or _told_in_files(enclosed.files, policy.staff)
    return Letter(cut.text, cut.doubt or unread, enclosed.files), enclosed.html


def _left_out(letter: Letter) -> str:
    """The pictures that were taken for part of a signature, by name."""
    return ", ".join(file.filename[:60] or "a picture" for file in letter.files if file.decoration)


def _told_in_files(files: Iterable[Enclosure], staff: Iterable[StaffMember]) -> str | None:
    """Why files must not leave: a mail attached to a mail is most often ours, or says who of us wrote to whom."""
    inside = [folded(member.address).encode() for member in staff]
    for file in files:
        if file.content_type.startswith("message/") or any(address in file.octets.lower() for address in inside):
            return f"the file {file.filename[:60] or '(no name)'} is a mail, or holds the address of one of us"
    return None


def _again(held: str, source: Mail) -> tuple[Letter, str]:
    """What was held, with the files of the mail that it stood in. It was cut free without a doubt then."""
    enclosed = enclosures_of(source.octets, Budgets())
    return Letter(held.strip(), None, enclosed.files), enclosed.html


def _stored(connection: Connection, message_id: int) -> Mail:
    octets = ledger.octets_of_message(connection, message_id)
    return Mail(parse(octets), message_id, octets)


def _facts(
    connection: Connection, correspondence: Correspondence, grant: Grant, writer: StaffMember,
    ticket: Mapping[str, Any], orders: commands.Orders,
) -> deeds.Ticket:  # fmt: skip
    """What SQL knows of the ticket that bears on the mail."""
    kind = messages.kind_of(connection, grant.about) if grant.about is not None else None
    running = tickets.running_clock(connection, ticket["id"])
    join = orders.named("join")
    return deeds.Ticket(
        is_open=ticket["state"] == tickets.OPEN, channel=ticket["channel"],
        awaits_answer=running is not None,
        reachable=bool(ticket["requester"]) and is_writable(ticket["requester"]),
        identifying=(
            ticket["requester"] or "", ticket["requester_name"], *tickets.participants(connection, ticket["id"]),
            ticket["reference"],
        ),
        answered=_answered(connection, correspondence, grant, writer, ticket["id"]),
        cannot_join=reshape.why_not_join(connection, ticket, join.argument.strip("[]")) if join else "",
        replies_to_partner=kind == "partner_in", can_split=kind == "follow_up",
    )  # fmt: skip


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
    if said and work.left_out:
        said.append(f"Left out, as part of a signature: {work.left_out}.")
    if not said:
        return
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
            return f"{what} is on its way to the enquirer. The clock stops when our mail server has taken it."
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
        case deeds.Hold():
            return (
                "Your words below the commands were not sent on: nothing says that they are for the enquirer. "
                "If they are, reply to this mail with the one line #anyway."
            )
    return None
