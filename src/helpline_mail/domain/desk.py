"""What one proved mail of a member of staff does: decided whole, as deeds in order, or refused whole."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from helpline_mail.domain.commands import Command, Orders, waiting_time
from helpline_mail.domain.policy import Policy, StaffMember


@dataclass(frozen=True, slots=True)
class Ticket:
    """What bears on a ticket at the moment."""

    reference: str
    is_open: bool
    assignee: str | None
    reachable: bool
    """Whether an answer can be written to its enquirer."""
    answered: "Answered | None" = None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that somebody else gave since the writer was told of the message."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Somebody takes the ticket, or nobody has it."""

    to: StaffMember | None


@dataclass(frozen=True, slots=True)
class Note:
    """Words that stay among staff."""

    text: str


@dataclass(frozen=True, slots=True)
class Relay:
    """An answer goes to the enquirer."""

    text: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """The ticket is closed with an outcome."""

    outcome: str


@dataclass(frozen=True, slots=True)
class Reopen:
    """The ticket is open again."""


@dataclass(frozen=True, slots=True)
class Categorise:
    """Says what the enquiry is about."""

    category: str


@dataclass(frozen=True, slots=True)
class Wait:
    """The next word to the enquirer is due then."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class Admit:
    """A second address of the enquirer may write to the ticket."""

    addr_spec: str


@dataclass(frozen=True, slots=True)
class Tell:
    """The writer asked for something to read."""

    what: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Nothing is done and nothing sent on; one sentence for each reason."""

    why: tuple[str, ...]
    held: bool = False
    """Whether the writer's words are kept so that one word sends them on."""


Deed = Assign | Note | Relay | Resolve | Reopen | Categorise | Wait | Admit | Tell | Refuse


_ADDRESS = re.compile(r"[^@\s<>,;:\"()]+@[^@\s<>,;:\"()]+\.[^@\s<>,;:\"()]+")
WRITE_AGAIN = "Please reply to the notice again, and write above everything that your mail program quotes."
SEND_ANYWAY = "If yours is to go out as well, reply to this mail with the one line #anyway."
NO_ATTACHMENTS = (
    "Attachments are not sent on yet. Please send them from the helpline's own mailbox, and write your words again."
)


def decide(
    orders: Orders, doubt: str | None, attachments: int, ticket: Ticket, writer: StaffMember, policy: Policy,
    now: datetime,
) -> tuple[Deed, ...]:  # fmt: skip
    """The deeds of one mail in order. A single mistake or doubt refuses all of them."""
    if orders.mistakes:
        return (Refuse(orders.mistakes),)
    deeds: list[Deed] = []
    for command in orders.commands:
        deed = _deed(command, writer, policy, now)
        if isinstance(deed, Refuse):
            return (deed,)
        if deed is not None:
            deeds.append(deed)
    words = _words(orders, doubt, attachments, ticket, writer)
    if isinstance(words, Refuse):
        return (words,)
    if words is not None:
        deeds.insert(0, words)
    return tuple(deeds) or (Refuse(("Your mail held no words and no command, so nothing was done.",)),)


def _words(
    orders: Orders, doubt: str | None, attachments: int, ticket: Ticket, writer: StaffMember
) -> Relay | Note | Refuse | None:
    """What becomes of the text below the commands."""
    if orders.purpose == "note":
        return Note(orders.text) if orders.text.strip() else Refuse(("#note was followed by no words.",))
    if doubt:
        return Refuse((f"{doubt[0].upper()}{doubt[1:]}.", WRITE_AGAIN))
    if not orders.text.strip():
        return Refuse((NO_ATTACHMENTS,)) if attachments else None
    if attachments:
        return Refuse((NO_ATTACHMENTS,))
    if not ticket.reachable:
        return Refuse(("The enquirer has no address that can be written to.",))
    if ticket.answered and "anyway" not in [command.name for command in orders.commands]:
        by, at = ticket.answered.by, ticket.answered.at
        return Refuse((f"{by} has answered this already, at {at:%H:%M}.", SEND_ANYWAY), held=True)
    return Relay(orders.text)


def _deed(command: Command, writer: StaffMember, policy: Policy, now: datetime) -> Deed | None:
    """What one command does; None for one that only says what the text is."""
    match command.name:
        case "take":
            return Assign(writer)
        case "release":
            return Assign(None)
        case "assign":
            return _assign(command.argument, policy)
        case "resolve":
            outcome = chosen(command.argument, policy.outcomes)
            return Resolve(outcome) if outcome else _choose("outcome", command.argument, policy.outcomes)
        case "category":
            category = chosen(command.argument, policy.categories)
            return Categorise(category) if category else _choose("category", command.argument, policy.categories)
        case "reopen":
            return Reopen()
        case "wait":
            return _wait(command.argument, policy, now)
        case "admit":
            plain = _ADDRESS.fullmatch(command.argument)
            return Admit(command.argument) if plain else Refuse((f'"{command.argument[:60]}" is no e-mail address.',))
        case "status" | "help":
            return Tell(command.name)
    return None


def _assign(name: str, policy: Policy) -> Assign | Refuse:
    """The one colleague whose name or address begins like that."""
    wanted = name.casefold()
    found = [
        member
        for member in policy.staff
        if member.address.casefold() == wanted
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
    return Refuse((f'There is no {what} "{argument[:60]}".{hint} There are: {", ".join(allowed)}.',))


def _wait(argument: str, policy: Policy, now: datetime) -> Wait | Refuse:
    found = waiting_time(argument)
    if found is None:
        return Refuse((f'"{argument[:60]}" is no waiting time. Write #wait 2d for two opening days, or #wait 3h.',))
    days, opening = found
    due_at = policy.hours.end_of_opening_day(now, days) if days else policy.hours.add_opening_time(now, opening)
    return Wait(due_at)
