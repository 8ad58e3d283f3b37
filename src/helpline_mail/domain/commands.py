"""What a member of staff tells the helpline to do: lines at the very top of a mail that begin with `#`.

Nothing here acts, and nothing is guessed: a command that is unknown, incomplete, out of place or at odds with another
becomes a mistake with the words that would have been right, and a mail with a mistake does nothing at all.
"""

import difflib
import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Purpose = Literal["answer", "closing", "note", "call", "partner", "signpost", "anyway", "unclear"]
"""What the text below the commands is. An answer and closing words go to the enquirer, a note and what was said in a
call stay internal, a partner's goes to them, a signpost's stands above its own words; `unclear` goes nowhere."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a command is written, and what it does, in the words of `#help`."""

    usage: str
    does: str
    needs: bool = False
    """Whether there is nothing to do without an argument."""
    takes: bool = False
    """Whether something may stand behind it."""
    purpose: Purpose = "unclear"
    """What the text below it is."""


FORMS = {
    "take": Form("#take", "the ticket is yours; you alone are reminded"),
    "release": Form("#release", "the ticket is nobody's again"),
    "assign": Form("#assign NAME", "a colleague takes the ticket", needs=True),
    "answer": Form("#answer", "what follows goes to the enquirer, as without a command", purpose="answer"),
    "note": Form("#note", "what follows stays internal", purpose="note"),
    "resolve": Form(
        "#resolve OUTCOME", "the ticket is closed; what follows is sent to the enquirer", needs=True, purpose="closing"
    ),
    "reopen": Form("#reopen", "the ticket is open again"),
    "category": Form("#category NAME", "says its topic, its sector or how it came; #help lists them", needs=True),
    "send": Form("#send NAME", "sends a ready text below your words; #send alone lists them",
                 takes=True, purpose="signpost"),
    "partner": Form("#partner NAME", "what follows goes to the partner, not to the enquirer", needs=True,
                    purpose="partner"),
    "wait": Form("#wait 2d", "the enquirer's next update is due then (opening days or hours)", needs=True),
    "join": Form("#join REFERENCE", "this ticket becomes part of that one", needs=True),
    "split": Form("#split", "the message that you reply to becomes a ticket of its own"),
    "admit": Form("#admit ADDRESS", "lets a second address of the enquirer into the ticket", needs=True),
    "call": Form("#call ADDRESS", "a call becomes a ticket; what follows is what was said", takes=True,
                 purpose="call"),
    "skype": Form("#skype ADDRESS", "a Skype chat becomes a ticket; what follows is what was said", takes=True,
                  purpose="call"),
    "anyway": Form("#anyway", "sends on what was held; it stands alone", purpose="anyway"),
    "status": Form("#status", "sends you what is known of the ticket"),
    "help": Form("#help", "sends you this list"),
}  # fmt: skip
ONLY_ONE_OF = (
    ("take", "release", "assign"), ("resolve", "reopen", "join", "split"), ("resolve", "wait"),
    ("answer", "note", "resolve", "send", "partner", "call", "skype"),
)  # fmt: skip
"""Commands that contradict each other in one mail."""
ALONE = ("anyway", "call", "skype", "join", "split")
"""Commands that stand in a mail of their own."""
REPEATED = ("category",)
"""Commands that may stand in one mail several times."""


MOST_COMMANDS = 20


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
    mistakes: tuple[str, ...] = ()

    @property
    def purpose(self) -> Purpose:
        """What the text is. Below commands that are about no words, only what begins like a letter is an answer."""
        if not self.commands:
            return "answer"
        found = [FORMS[command.name].purpose for command in self.commands]
        plain: Purpose = "answer" if _SALUTATION.match(self.text) else "unclear"
        return next((purpose for purpose in found if purpose != "unclear"), plain)

    def named(self, name: str) -> Command | None:
        """The command of that name, if it was given."""
        return next((command for command in self.commands if command.name == name), None)


_COMMAND = re.compile(r"#\s*([^\W\d_]+)\s*(.*)")
_LIKE_A_COMMAND = re.compile(r"[^\w#]*#\W*([^\W\d_]+)")
_SALUTATION = re.compile(
    r"\W*(?:dear|hello|hi|hiya|good (?:morning|afternoon|evening|day)|thank(?:s| you)|annwyl|helo|bore da|prynhawn da|"
    r"hallo|guten|sehr geehrte|liebe|bonjour|bonsoir|chère?s?|madame|monsieur)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(r"([1-9]\d{0,2})\s*(d|h)", re.IGNORECASE)


def read(text: str) -> Orders:
    """The commands at the very top of a text and what follows them."""
    lines = text.strip("\n").split("\n")
    end = 0
    commands: list[Command] = []
    mistakes: list[str] = []
    while end < len(lines):
        if len(commands) + len(mistakes) > MOST_COMMANDS:
            return Orders((), "", (f"Your mail begins with more than {MOST_COMMANDS} commands.",))
        line = _plain(lines[end])
        if line.startswith("#"):
            found = _command(line)
            commands.append(found) if isinstance(found, Command) else mistakes.append(found)
        elif line or not (commands or mistakes):
            break
        end += 1
    below = "\n".join(lines[end:]).strip("\n")
    orders = Orders(tuple(commands), below)
    if orders.purpose not in ("note", "call"):  # what stays internal may say what it likes
        mistakes += _out_of_place(lines[end:])
    return Orders(orders.commands, below, (*mistakes, *_contradictions(commands)))


def _plain(line: str) -> str:
    """A line as its writer saw it: without invisible characters, full-width forms as the usual ones."""
    normal = unicodedata.normalize("NFKC", line)
    return "".join(character for character in normal if unicodedata.category(character) != "Cf").strip()


def _out_of_place(lines: list[str]) -> list[str]:
    """What looks like a command but does not stand at the top: whoever wrote #note must not see it sent."""
    for line in lines:
        found = _LIKE_A_COMMAND.match(_plain(line)) if "#" in line or "\uff03" in line or "\ufe5f" in line else None
        if found and difflib.get_close_matches(found[1].casefold(), FORMS, n=1, cutoff=0.8):
            return [f'"{_plain(line)[:60]}" looks like a command, but commands stand at the very top, above all words.']
    return []


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
    if argument and not (form.needs or form.takes):
        return f"#{name} takes nothing behind it. Write {form.usage} on a line of its own and your words below."
    return Command(name, argument[:200])


def _contradictions(commands: list[Command]) -> list[str]:
    names = [command.name for command in commands]
    found = [
        f"{' and '.join(f'#{name}' for name in dict.fromkeys(used))} contradict each other. Send one of them."
        for group in ONLY_ONE_OF
        if len(set(used := [name for name in names if name in group])) > 1
    ]
    found += [f"#{name} stands in a mail of its own." for name in names if name in ALONE and len(names) > 1]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1 and name not in REPEATED)
    return [*dict.fromkeys(found), *(f"#{name} stands there twice. Send it once." for name in twice)]


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
