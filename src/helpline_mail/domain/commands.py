"""What a member of staff tells the helpline to do: lines at the very top of a mail that begin with `#`.

Nothing here acts, and nothing is guessed: a command that is unknown, incomplete or at odds with another becomes a
mistake with the words that would have been right, and a mail with a mistake does nothing at all.
"""

import difflib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Purpose = Literal["answer", "note"]
"""What the text below the commands is: an answer to the enquirer, or internal."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a command is written, and what it does, in the words of `#help`."""

    usage: str
    does: str
    needs: bool = False
    """Whether there is nothing to do without an argument."""
    purpose: Purpose = "answer"


FORMS = {
    "take": Form("#take", "the ticket is yours; you alone are reminded"),
    "release": Form("#release", "the ticket is nobody's again"),
    "assign": Form("#assign NAME", "a colleague takes the ticket", needs=True),
    "note": Form("#note", "what follows stays internal", purpose="note"),
    "resolve": Form("#resolve OUTCOME", "the ticket is closed; what follows is sent to the enquirer", needs=True),
    "reopen": Form("#reopen", "the ticket is open again"),
    "category": Form("#category NAME", "says what the enquiry is about", needs=True),
    "wait": Form("#wait 2d", "the enquirer's next update is due then (opening days or hours)", needs=True),
    "admit": Form("#admit ADDRESS", "lets a second address of the enquirer into the ticket", needs=True),
    "anyway": Form("#anyway", "sends on an answer that was held because a colleague had answered too"),
    "status": Form("#status", "sends you what is known of the ticket"),
    "help": Form("#help", "sends you this list"),
}  # fmt: skip
ONLY_ONE_OF = (("take", "release", "assign"), ("resolve", "reopen"))
"""Commands that contradict each other in one mail."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command as it was meant; the argument is one line without spaces at its ends, or empty."""

    name: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the top of a mail asks for, and the text below it. With `mistakes` nothing of it is done."""

    commands: tuple[Command, ...] = ()
    text: str = ""
    mistakes: tuple[str, ...] = field(default=())

    @property
    def purpose(self) -> Purpose:
        """What the text is."""
        found = (FORMS[command.name].purpose for command in self.commands)
        return next((purpose for purpose in found if purpose != "answer"), "answer")


_INVISIBLE = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad]")
_COMMAND = re.compile(r"#\s*([^\W\d_]+)\s*(.*)")
# Put above a mail by gateways that warn of mail from outside, in the languages of our clients' makers.
_BANNER = re.compile(
    r"external|caution|warning|achtung|vorsicht|extern|attention|externe|avertissement|rhybudd|allanol|sensitivity|"
    r"classification|official|do not click|links or (?:open )?attachments|anhänge|pièces jointes|atodiadau|[-_*=]{3,}$",
    re.IGNORECASE,
)
_MOST_BANNER_LINES = 8
_DURATION = re.compile(r"([1-9]\d{0,2})\s*(d|h)", re.IGNORECASE)


def read(text: str) -> Orders:
    """The commands at the very top of a text and what follows them."""
    lines = [_INVISIBLE.sub("", line).replace("\u00a0", " ") for line in text.split("\n")]
    start = _first_line(lines)
    end = start
    commands: list[Command] = []
    mistakes: list[str] = []
    while end < len(lines) and (lines[end].lstrip().startswith("#") or (commands and not lines[end].strip())):
        if line := lines[end].strip():
            found = _command(line)
            commands.append(found) if isinstance(found, Command) else mistakes.append(found)
        end += 1
    mistakes += _contradictions(commands)
    below = text if end == start and not mistakes else "\n".join(text.split("\n")[end:])
    return Orders(tuple(commands), below.strip("\n"), tuple(mistakes))


def _first_line(lines: list[str]) -> int:
    """Where the commands start: below blank lines and a banner, if `#` follows one; else at the top."""
    for number, line in enumerate(lines[: 2 * _MOST_BANNER_LINES]):
        if line.lstrip().startswith("#"):
            return number
        if line.strip() and not _BANNER.search(line):
            break
    return 0


def _command(line: str) -> Command | str:
    """The command in a line, or a sentence that says what would have been right."""
    match = _COMMAND.fullmatch(line)
    if not match:
        return f'"{line[:60]}" is no command; #help lists them. If it was meant for the enquirer, begin without "#".'
    name, argument = match[1].casefold(), " ".join(match[2].split())
    if name not in FORMS:
        near = difflib.get_close_matches(name, FORMS, n=1)
        hint = f" Did you mean {FORMS[near[0]].usage}?" if near else ""
        return f"There is no command #{name[:30]}.{hint} #help lists them all."
    form = FORMS[name]
    if form.needs and not argument:
        return f"#{name} needs more: write {form.usage}."
    if argument and not form.needs:
        return f"#{name} takes nothing behind it. Write {form.usage} on a line of its own and your words below."
    return Command(name, argument[:200])


def _contradictions(commands: list[Command]) -> list[str]:
    names = [command.name for command in commands]
    found = [
        f"{' and '.join(f'#{name}' for name in used)} contradict each other. Send one of them."
        for group in ONLY_ONE_OF
        if len(used := [name for name in names if name in group]) > 1
    ]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1 and not any(name in g for g in ONLY_ONE_OF))
    return [*found, *(f"#{name} stands there twice. Send it once." for name in twice)]


def waiting_time(argument: str) -> tuple[int, timedelta] | None:
    """Opening days and opening hours of `2d` or `3h`; None for anything else."""
    match = _DURATION.fullmatch(argument)
    if not match:
        return None
    number = int(match[1])
    return (number, timedelta()) if match[2].casefold() == "d" else (0, timedelta(hours=number))


def help_text() -> str:
    """The commands, one a line."""
    width = max(len(form.usage) for form in FORMS.values())
    return "\n".join(f"{form.usage:<{width}}  {form.does}" for form in FORMS.values())
