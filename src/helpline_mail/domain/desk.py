"""What one proved mail of a member of staff does: decided whole, as deeds in order, or refused whole."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from helpline_mail.domain.clocks import Allowance, Deadline
from helpline_mail.domain.commands import Command, Orders, waiting_time
from helpline_mail.domain.deeds import (
    Admit,
    Answered,
    Assign,
    Categorise,
    Deed,
    Hold,
    Join,
    LeaveOut,
    Letter,
    Note,
    OpenCall,
    Refuse,
    Relay,
    Reopen,
    Resolve,
    Split,
    Tell,
    Ticket,
    Wait,
    WritePartner,
)
from helpline_mail.domain.discretion import identifying
from helpline_mail.domain.message import folded
from helpline_mail.domain.policy import Policy, StaffMember

_ADDRESS = re.compile(r"(?:[^<>@]*<)?([^@\s<>,;:\"()]+@[^@\s<>,;:\"()]+\.[^@\s<>,;:\"()]+)>?")
_COLLEAGUES = frozenset(("all", "team", "everyone", "everybody", "colleagues", "colleague", "folks", "both"))
_WORD = re.compile(r"\w+")
_SIGNATURE_LINES, _SIGNATURE_WIDTH = 12, 90
_VALEDICTION = re.compile(
    r"(?:(?:with )?(?:kind(?:est)?|best|warm(?:est)?|many) (?:regards|wishes|thanks)|regards|best|thanks|yours(?: \w+)?"
    r"|(?:mit )?(?:freundlichen|besten|herzlichen|viele|liebe) gr\u00fc\u00dfen?|(?:bien )?cordialement"
    r"|cofion(?: \w+)?)[,.!]?",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.\s]{2,}[.!?]$|\b(?:please|you|your|call|we)\b", re.IGNORECASE)
LONGEST_WAIT_DAYS = 60
CHANNELS = {"call": "telephone", "skype": "skype"}
WRITE_AGAIN = "Please reply to the notice again, and write above everything that your mail program quotes."
SEND_ANYWAY = "To send it on all the same, reply to this mail with the one line #anyway."
NEEDS_TICKET = "That mail of ours was about no single ticket. Please reply to the notice of the ticket that you mean."
WITHOUT_TICKET = ("call", "skype", "help", "send")
"""Commands that make sense in reply to a list."""


@dataclass(frozen=True, slots=True)
class _Case:
    """All that bears on one mail."""

    orders: Orders
    letter: Letter
    ticket: Ticket | None
    writer: StaffMember
    policy: Policy
    now: datetime
    signposts: Mapping[str, str] = field(default_factory=dict)
    anyway: bool = False


def decide(
    orders: Orders, letter: Letter, ticket: Ticket | None, writer: StaffMember, policy: Policy, now: datetime,
    signposts: Mapping[str, str], *, anyway: bool = False,
) -> tuple[Deed, ...]:  # fmt: skip
    """The deeds of one mail in order. A single mistake or doubt refuses all of them.

    `ticket` is None for a reply to a list. `signposts` are the approved texts by name. With `anyway` the writer
    insists on what was held.
    """
    if orders.mistakes:
        return (Refuse(orders.mistakes),)
    if orders.named("anyway"):
        return (Refuse(("There is nothing that is held and could be sent on. Reply to the mail that said so.",)),)
    if ticket is None and any(command.name not in WITHOUT_TICKET or (command.name == "send" and command.argument)
                              for command in orders.commands or (Command(""),)):  # fmt: skip
        return (Refuse((NEEDS_TICKET,)),)
    case = _Case(orders, letter, ticket, writer, policy, now, signposts, anyway)
    words = _words(case)
    if isinstance(words, Refuse):
        return (words,)
    deeds: list[Deed] = [words] if words else []
    for command in orders.commands:
        deed = _deed(command, case)
        if isinstance(deed, Refuse):
            return (deed,)
        if deed is not None:
            deeds.append(deed)
    return tuple(deeds) or (Refuse(("It held no words and no command.",)),)


def _is_for_colleagues(case: _Case) -> bool:
    """Whether words below commands that take none greet a colleague, or stand below a command that is about one."""
    orders = case.orders
    if not orders.commands or orders.named("answer") or case.anyway:
        return False
    names = {part.casefold() for member in case.policy.staff for part in member.name.split()}
    greeting = orders.text.strip().split("\n")[0].casefold()
    greeted = set(_WORD.findall(greeting)) & (names | _COLLEAGUES)
    return bool(orders.named("assign") or orders.named("release") or greeted)


def without_signature(orders: Orders, letter: Letter, writer: StaffMember) -> tuple[Orders, str]:
    """The orders without a text that is but a signature, and what was left out of the mail as one.

    Clients put a signature below whatever is written, also below `#take` or nothing; it answers nobody.
    """
    if orders.purpose not in ("note", "call") and is_signature(orders.text, writer):
        return replace(orders, text=""), "\n".join(filter(None, (orders.text, letter.signature)))
    return orders, letter.signature


def is_signature(text: str, writer: StaffMember) -> bool:
    """Whether a text is a few short lines that begin with a valediction or the writer's own name, and no sentence."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not 1 <= len(lines) <= _SIGNATURE_LINES or any(len(line) > _SIGNATURE_WIDTH for line in lines):
        return False
    first, rest = lines[0], lines[1:]
    by_name = re.match(rf"{re.escape(writer.name)}(?: [A-Z][\w'-]+){{0,3}}\s*(?:[|,(\u2013-].*)?$", first) is not None
    if not by_name and _VALEDICTION.fullmatch(first) is None:
        return False
    names = {part.casefold() for part in writer.name.split()}
    named = by_name or any(names & set(_WORD.findall(line.casefold())) for line in rest)
    return named and not any(_SENTENCE.search(line) for line in rest)


def _words(case: _Case) -> Deed | None:
    """What becomes of the text below the commands, and of the files."""
    purpose, text = case.orders.purpose, case.orders.text
    if purpose == "answer" and _is_for_colleagues(case):
        purpose = "unclear"
    empty = not text.strip()
    if purpose == "note":
        return Note() if not empty or case.letter.enclosed else Refuse(("#note was followed by no words.",))
    if purpose == "call":  # internal too
        return None
    if case.letter.doubt and purpose == "unclear":
        return None if empty else LeaveOut(case.letter.doubt)
    if case.letter.doubt:
        return Refuse((f"{case.letter.doubt[0].upper()}{case.letter.doubt[1:]}.", WRITE_AGAIN))
    if purpose == "partner":
        return _to_partner(case)
    if purpose == "signpost":
        return _signpost(case)
    if case.ticket is None or (empty and not case.letter.enclosed):
        return _no_words(case) if purpose in ("answer", "closing") else None
    if purpose == "unclear" and not case.anyway:
        return Hold(text)
    return _to_enquirer(case, text)


def _no_words(case: _Case) -> Refuse | None:
    """Whether a mail may say nothing to the enquirer."""
    resolve = case.orders.named("resolve")
    if case.orders.named("answer"):
        return Refuse(("#answer was followed by no words.",))
    if resolve is None or case.ticket is None or not case.ticket.awaits_answer or case.ticket.channel != "email":
        return None
    outcome = chosen(resolve.argument, case.policy.outcomes)
    if outcome is None or outcome in case.policy.outcomes_without_answer:
        return None
    why = "The enquirer is still to be answered. Write your closing words below #resolve."
    silent = ", ".join(case.policy.outcomes_without_answer)
    return Refuse((f"{why} Without any you can close it as: {silent}." if silent else why,))


def _to_enquirer(case: _Case, text: str, signpost: str = "") -> Relay | Refuse:
    """An answer, unless something speaks against it."""
    ticket = case.ticket
    assert ticket is not None  # noqa: S101  looked at before
    if ticket.several:
        return Refuse(("Several people take part in this ticket. Reply to the notice of the message that you answer.",))
    if not ticket.reachable:
        return Refuse(("The enquirer has no address that can be written to.",))
    if refused := _too_large(case):
        return refused
    if ticket.answered:  # also of what was held for another reason
        by, at = ticket.answered.by, ticket.answered.at
        return _held(case, f"{by} has answered this already, at {at:%H:%M}.", answered=ticket.answered)
    if not case.anyway:
        if not text.strip():
            return _held(case, "Your mail held a file and no words.")
        if ticket.replies_to_partner and not (case.orders.named("answer") or case.orders.named("resolve") or signpost):
            return _held(
                case, "You replied to a partner's mail, and did not say who your words are for.",
                "For the enquirer, begin with #answer; for the partner, with #partner and their name.",
            )  # fmt: skip
        if not ticket.is_open and not case.orders.named("reopen"):
            return _held(case, "This ticket has been closed meanwhile. To open it again, begin with #reopen.")
    return Relay(text, signpost)


def _held(case: _Case, *why: str, answered: Answered | None = None) -> Refuse:
    return Refuse((*why, SEND_ANYWAY), case.letter.text or " ", answered)


def _too_large(case: _Case) -> Refuse | None:
    total, limit = sum(len(file.octets) for file in case.letter.enclosed), case.policy.attachments_limit
    if total <= limit:
        return None
    names = ", ".join(file.filename[:60] or "(no name)" for file in case.letter.enclosed)
    size = f"{total / 1_000_000:.1f} MB{' together' if len(case.letter.enclosed) > 1 else ''}"
    return Refuse((
        f"What you enclosed ({names}) has {size}; {limit / 1_000_000:.0f} MB can be sent on.",
        "Please send fewer or smaller ones, or a link, with your words once more.",
    ))  # fmt: skip


def _to_partner(case: _Case) -> WritePartner | Refuse:
    command = case.orders.named("partner")
    assert command is not None  # noqa: S101  it gave the purpose
    assert case.ticket is not None  # noqa: S101
    names = [partner.name for partner in case.policy.partners]
    name = chosen(command.argument, names)
    if name is None:
        return _choose("partner", command.argument, names)
    if not case.orders.text.strip():
        return Refuse(("#partner was followed by no words.",))
    if refused := _too_large(case):
        return refused
    if case.letter.enclosed and not case.anyway:
        return _held(case, "Your mail to the partner has files, and nobody can see whether they name the enquirer.")
    found = identifying(case.orders.text, case.ticket.identifying)
    if found and not case.anyway:
        return _held(case, f'Your words to the partner hold "{found}", which tells them who the enquirer is.')
    return WritePartner(next(p for p in case.policy.partners if p.name == name), case.orders.text)


def _signpost(case: _Case) -> Deed | None:
    command = case.orders.named("send")
    assert command is not None  # noqa: S101  it gave the purpose
    if not command.argument:
        return (
            Refuse(("#send alone lists the texts; write their name behind it.",)) if case.orders.text.strip() else None
        )
    name = chosen(command.argument, list(case.signposts))
    if name is None:
        return _choose("signposting text", command.argument, list(case.signposts))
    text = case.signposts[name]
    return _to_enquirer(case, f"{case.orders.text}\n\n{text}" if case.orders.text.strip() else text, name)


def _deed(command: Command, case: _Case) -> Deed | None:
    """What one command does; None for one that only says what the text is."""
    policy = case.policy
    match command.name:
        case "take":
            return Assign(case.writer)
        case "release":
            return Assign(None)
        case "assign":
            return _assign(command.argument, policy)
        case "resolve":
            outcome = chosen(command.argument, policy.outcomes)
            if outcome is None:
                return _choose("outcome", command.argument, policy.outcomes)
            if case.orders.text.strip() or case.letter.enclosed:
                return Resolve(outcome)
            was_call = case.ticket is not None and case.ticket.channel != "email"
            return Resolve(outcome, "call" if was_call else "silence")
        case "category":
            category = chosen(command.argument, policy.categories)
            return Categorise(category) if category else _choose("category", command.argument, policy.categories)
        case "reopen":
            return Reopen()
        case "wait":
            return _wait(command.argument, policy, case.now)
        case "admit":
            return _admit(command.argument, policy)
        case "join":
            problem = case.ticket.cannot_join if case.ticket else NEEDS_TICKET
            return Refuse((problem,)) if problem else Join(command.argument.strip("[]").upper())
        case "split":
            can = case.ticket is not None and case.ticket.can_split
            return Split() if can else Refuse(("#split works in reply to the notice of a later message.",))
        case "call" | "skype":
            return _call(command, case)
        case "send":
            return None if command.argument else Tell("signposts")
        case "status" | "help":
            return Tell(command.name)
    return None


def _call(command: Command, case: _Case) -> OpenCall | Refuse:
    if not command.argument and not case.orders.text.strip():
        return Refuse((f"#{command.name} needs the caller's address, or words about the call below it.",))
    found = _ADDRESS.fullmatch(command.argument)
    if "@" in command.argument and not found:
        return Refuse((f'"{command.argument[:60]}" is no e-mail address; write #{command.name} and the address.',))
    if found and (refused := _not_an_enquirers(found[1], case.policy)):
        return refused
    return OpenCall(CHANNELS[command.name], command.argument, found[1] if found else None, case.orders.text)


def _admit(argument: str, policy: Policy) -> Admit | Refuse:
    found = _ADDRESS.fullmatch(argument)
    if not found:
        return Refuse((f'"{argument[:60]}" is no e-mail address.',))
    return _not_an_enquirers(found[1], policy) or Admit(found[1])


def _not_an_enquirers(addr_spec: str, policy: Policy) -> Refuse | None:
    """Our own addresses, those of staff and those of partners take part in no ticket."""
    taken = (*(partner.address for partner in policy.partners), *(member.address for member in policy.staff))
    if addr_spec in policy.own or folded(addr_spec) in map(folded, taken):
        return Refuse((f"{addr_spec[:60]} is one of ours or a partner's, and no enquirer's.",))
    return None


def _assign(name: str, policy: Policy) -> Assign | Refuse:
    """The one colleague whose name or address begins like that."""
    wanted = name.casefold()
    found = [
        member
        for member in policy.staff
        if folded(member.address) == folded(name)
        or any(part.startswith(wanted) for part in (member.name.casefold(), *member.name.casefold().split()))
    ]
    if len(found) == 1:
        return Assign(found[0])
    names = ", ".join(member.name for member in found or policy.staff)
    which = "more than one of us" if found else "none of us"
    return Refuse((f'"{name}" is {which}. Write #assign and one of: {names}.',))


def chosen(argument: str, allowed: Sequence[str]) -> str | None:
    """The one of a configured list that an argument means: the whole of it, or its beginning if that is no other's."""
    wanted = " ".join(argument.casefold().split())
    whole = [name for name in allowed if name.casefold() == wanted]
    begun = [name for name in allowed if name.casefold().startswith(wanted)]
    return next(iter(whole), begun[0] if len(begun) == 1 else None)


def _choose(what: str, argument: str, allowed: Sequence[str]) -> Refuse:
    near = difflib.get_close_matches(argument.casefold(), allowed, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return Refuse((f'There is no {what} "{argument[:60]}".{hint} There are: {", ".join(allowed) or "none"}.',))


def _wait(argument: str, policy: Policy, now: datetime) -> Wait | Refuse:
    found = waiting_time(argument)
    if found is None:
        return Refuse((f'"{argument[:60]}" is no waiting time. Write #wait 2d for two opening days, or #wait 3h.',))
    days, opening = found
    if days > LONGEST_WAIT_DAYS or opening > timedelta(days=LONGEST_WAIT_DAYS):
        return Refuse((f"#wait takes {LONGEST_WAIT_DAYS} opening days at most. The enquirer wants to hear from us.",))
    allowance = Allowance(now, opening_days=days) if days else Allowance(now, opening)
    try:
        return Wait(Deadline(allowance, allowance.ends(policy.hours)))
    except ValueError as error:
        return Refuse((f"That time cannot be told: {error}.",))
