"""A proved mail of a member of staff: read, decided as a whole, and done in the caller's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, ledger, messages, outbox, tickets
from helpline_mail.domain import commands, deeds, desk, discretion
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.deeds import Deed, Hold, Letter
from helpline_mail.domain.message import Message, folded
from helpline_mail.domain.policy import StaffMember
from helpline_mail.domain.promise import spoken_moment
from helpline_mail.domain.staff import Grant
from helpline_mail.service import desk_work, reshape
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.desk_work import Whose, Work
from helpline_mail.wire import answers
from helpline_mail.wire.compose import is_writable
from helpline_mail.wire.enclosures import enclosures_of
from helpline_mail.wire.parse import parse

SHOWN = 200
LONGEST_CHAIN = 5
NO_WORDS = ("text/vnd.google.email-reaction+json",)


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail of staff as it is stored: parsed, its bytes, and its place among the messages."""

    message: Message
    message_id: int
    octets: bytes


def obey(
    connection: Connection, correspondence: Correspondence, mail: Mail, grant: Grant, writer: StaffMember,
    budgets: Budgets, now: datetime,
) -> None:  # fmt: skip
    """Gathers, decides and does what one mail asks for."""
    letter, html = _read(connection, correspondence, mail, grant, budgets)
    orders, signature = desk.without_signature(commands.read(letter.text), letter, writer)
    covers_until, anyway, query_id = grant.sent_at, False, _query_of(connection, correspondence, grant)
    if [command.name for command in orders.commands] == ["anyway"] and not (letter.doubt or orders.text.strip()):
        held = messages.held(connection, grant.about) if grant.about is not None else None
        if held is not None and grant.about is not None:
            anyway, source = True, _stored(connection, grant.about)
            letter, html = _again(held, source, budgets)
            orders, signature = desk.without_signature(commands.read(held), letter, writer)
            answered = _grant_of(connection, correspondence, source.message)
            covers_until = answered.sent_at if answered else covers_until
    ticket_id = messages.ticket_of(connection, query_id) if query_id is not None else None
    ticket_id = ticket_id or grant.ticket_id  # a message that was split off has a ticket of its own
    ticket = tickets.lock(connection, ticket_id) if ticket_id is not None else None
    whose = _whose(connection, ticket, query_id) if ticket else None
    facts = _facts(connection, correspondence, grant, writer, ticket, orders, whose) if ticket and whose else None
    work = Work(
        connection, correspondence, ticket, writer, mail.message_id, grant, now, covers_until,
        whose or Whose(None, ""), letter.enclosed, html, _left_out(letter, signature),
    )  # fmt: skip
    texts = correspondence.signposts() if orders.named("send") else {}
    decided = desk.decide(orders, letter, facts, writer, correspondence.policy, now, texts, anyway=anyway)
    if signature and not orders.text:
        decided = tuple(_with_signature(deed, signature) for deed in decided)
    if anyway and grant.about is not None and not any(isinstance(deed, deeds.Refuse) for deed in decided):
        messages.release(connection, grant.about)
    for deed in decided:
        desk_work.do(work, deed)
    _confirm(work, decided)


def _with_signature(deed: Deed, signature: str) -> Deed:
    """A refusal that names what was taken for a signature."""
    if not isinstance(deed, deeds.Refuse):
        return deed
    return replace(deed, why=(*deed.why, f'Left out as your signature: "{_short(signature)}"'))


def _read(
    connection: Connection, correspondence: Correspondence, mail: Mail, grant: Grant, budgets: Budgets
) -> tuple[Letter, str]:
    """The writer's own words and files, and whatever makes them doubtful."""
    policy = correspondence.policy
    found = tickets.references_of(connection, [grant.ticket_id]) if grant.ticket_id is not None else {}
    reference = next(iter(found.values()), policy.reference_prefix)
    ours = parse(outbox.octets(connection, grant.outbox_id))
    member = policy.staff_member(grant.member)
    names = (policy.helpline.name, policy.helpline.addr_spec, member.name if member else "", grant.member)
    # Where HTML alone says where a link leads, that is among the words.
    message = parse(mail.octets, budgets, link_targets=True)
    cut = answers.cut(message.text, answers.Original(
        text=ours.text, reference=reference, subject=ours.subject,
        names=tuple(name for name in names if name), secrets=tuple(m.address for m in policy.staff),
        footer=policy.staff_footer, banner=policy.staff_banner,
    ))  # fmt: skip
    defects = (*mail.message.defects, *message.defects)
    unread = f"part of your mail could not be read ({defects[0]})" if defects else None
    enclosed = enclosures_of(mail.octets, budgets)
    unread = unread or next(iter(enclosed.defects), None)
    inside = tuple(member.address for member in policy.staff)
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


def _again(held: str, source: Mail, budgets: Budgets) -> tuple[Letter, str]:
    """What was held, with the files of the mail that it stood in. It was cut free without a doubt then."""
    enclosed = enclosures_of(source.octets, budgets)
    return Letter(held.strip(), None, enclosed.files), enclosed.html


def _grant_of(connection: Connection, correspondence: Correspondence, message: Message) -> Grant | None:
    """The mail of ours that a mail of staff replied to."""
    tokens = (correspondence.signer.read_address(address.addr_spec) for address in (*message.to, *message.cc))
    nonces = [token.subject for token in tokens if token and token.genuine and token.carrier == "staff_address"]
    return next(iter(outbox.granted(connection, nonces)), None)


def _query_of(connection: Connection, correspondence: Correspondence, grant: Grant | None) -> int | None:
    """The enquirer's message that a reply is about, through what we told its writer of their own earlier mails."""
    for _ in range(LONGEST_CHAIN):
        if grant is None or grant.about is None:
            return None
        kind = messages.kind_of(connection, grant.about)
        if kind in messages.QUERIES:
            return grant.about
        octets = ledger.octets_of_message(connection, grant.about)
        if octets is None or not kind.startswith(("staff", "note")):
            return None
        grant = _grant_of(connection, correspondence, parse(octets))
    return None


def _whose(connection: Connection, ticket: Mapping[str, Any], query_id: int | None) -> Whose:
    """Whom an answer is for: who wrote the message that it is about, if they take part; else the one enquirer.

    Nobody if several people wrote and the reply is about none of their messages.
    """
    octets = ledger.octets_of_message(connection, query_id) if query_id is not None else None
    message = parse(octets) if octets is not None else None
    sender = message.sender.address if message else None
    if message and sender and folded(sender.addr_spec) in tickets.participants(connection, ticket["id"]):
        return Whose(sender.addr_spec, message.subject)
    several = messages.writers(connection, ticket["id"]) > 1
    return Whose(None if several else ticket["requester"], ticket["subject"], several=several)


def _stored(connection: Connection, message_id: int) -> Mail:
    octets = ledger.octets_of_message(connection, message_id)
    assert octets is not None  # noqa: S101  a mail of staff came from the mailbox
    return Mail(parse(octets), message_id, octets)


def _facts(
    connection: Connection, correspondence: Correspondence, grant: Grant, writer: StaffMember,
    ticket: Mapping[str, Any], orders: commands.Orders, whose: Whose,
) -> deeds.Ticket:  # fmt: skip
    """What SQL knows of the ticket that bears on the mail."""
    about = grant.about
    kind = messages.kind_of(connection, about) if about is not None else None
    running = clocks.running(connection, ticket["id"])
    join = orders.named("join")
    taking_part = tickets.participants(connection, ticket["id"])
    is_call = ticket["channel"] != "email" and not messages.has_follow_up(connection, ticket["id"])
    return deeds.Ticket(
        is_open=ticket["state"] == tickets.OPEN,
        channel=ticket["channel"] if is_call else "email",
        awaits_answer=running is not None and not outbox.answer_waits(connection, ticket["id"]),
        several=whose.several, reachable=whose.addressee is not None and is_writable(whose.addressee),
        identifying=(
            ticket["requester"] or "", ticket["requester_name"], *taking_part, ticket["reference"],
            *messages.names_of_enquirers(connection, ticket["id"]),
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
    if grant.kind != "refusal" and not (grant.about is not None and messages.held(connection, grant.about)):
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
            addressee = work.whose.addressee or ""
            is_requester = work.ticket is None or folded(addressee) == folded(work.ticket["requester"] or "")
            whom = "the enquirer" if is_requester else addressee
            return f"{what} is on its way to {whom}. The clock stops when our mail server has taken it."
        case deeds.WritePartner(partner):
            return f"Your mail to {partner.title} is on its way. The enquirer does not see it."
        case deeds.Resolve(outcome):
            return f"The ticket is closed: {outcome}."
        case deeds.Reopen():
            return "The ticket is open again."
        case deeds.Categorise(category):
            return f"The category is: {category}."
        case deeds.Wait(until):
            return f"The enquirer's next update is due by {spoken_moment(until.due_at, work.now, zone)}."
        case deeds.Admit(addr_spec):
            return f"{addr_spec} may write to this ticket now."
        case deeds.Join(reference):
            return f"It is part of {reference} now. Answers go to whoever wrote the message that you reply to."
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
