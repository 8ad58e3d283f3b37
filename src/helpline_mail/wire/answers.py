"""What a member of staff wrote in reply to a notice, cut free of the notice; or a doubt, and then nothing is sent.

We know every word of the notice that we sent, so the cut is checked rather than trusted: no line of the notice and
nothing of ours that is secret may be left in the answer, and nothing that is not the notice's may be lost below it.
"""

import re
from dataclasses import dataclass

from helpline_mail.wire import quotes

WRITE_ABOVE = "Please write your answer above this line"
"""Stands in every notice that can be answered, in front of all that is ours."""

_WORD = re.compile(r"[^\W_]+")
_MARKED = re.compile(r"[ \t]?>")
_SIGNATURE = re.compile(r"(?m)^-- ?$")
# What clients put around what they quote: it is neither the writer's nor the notice's.
_CLIENTS_OWN = re.compile(
    r"\s*(?:[-_]{2,}.*|\*?[\w .À-ÿ/-]{1,24}\*?\s?:.*|.*[@<>].*|.*\d.*[:：]\s*|\[?(?:cid|image)\b.*)\s*$", re.IGNORECASE
)
_TOKEN = re.compile(r"\+[a-z]-[a-z0-9-]{20,}|mailto:|X-Helpline-", re.IGNORECASE)
_LINE_WORDS, _RUN = 3, 6


@dataclass(frozen=True, slots=True)
class Cut:
    """What the writer wrote. With a `doubt`, a sentence for the writer, the text must not be sent on."""

    text: str
    doubt: str | None = None


def cut(text: str, notice: str, footer: str = "") -> Cut:
    """What is new in `text`, a reply to the notice whose text is `notice`.

    `footer` is how an organisation's own footer begins, which its mail server puts below every mail; empty: none.
    """
    text = _without_footer(text, footer)
    own = quotes.new_text(text, or_all=False)
    position = _marker(own)
    if position is not None:  # quoted without any mark that we know: everything from there on is ours
        own = own[:position].rstrip()
    own = own.strip("\n")
    if own == text.strip("\n") and _leaks(own, notice):
        return Cut(own, "the quoted notice could not be told from your words")
    if _leaks(own, notice):
        return Cut(own, "part of our notice would have gone to the enquirer")
    if lost := _lost_below(text, own, notice):
        return Cut(own, f'words below the quoted notice would have been lost, beginning with "{lost[:60]}"')
    return Cut(own)


def split_signature(text: str) -> tuple[str, str]:
    """The text and the personal signature under its marker line `-- ` (RFC 3676 section 4.3), which may be empty."""
    found = list(_SIGNATURE.finditer(text))
    if not found:
        return text, ""
    return text[: found[-1].start()].rstrip("\n"), text[found[-1].end() :].strip("\n")


def _without_footer(text: str, footer: str) -> str:
    if not footer.strip():
        return text
    start = " ".join(footer.split())
    lines = text.split("\n")
    number = next((n for n, line in enumerate(lines) if start in " ".join(line.split())), len(lines))
    return "\n".join(lines[:number])


def _marker(text: str) -> int | None:
    """Where our marker line stands, with the line before it if that introduces a quotation."""
    position = text.find(WRITE_ABOVE)
    if position < 0:
        return None
    return text.rfind("\n", 0, position) + 1


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _leaks(own: str, notice: str) -> bool:
    """Whether a line, a long run of words, or a secret of the notice's is among the writer's own words."""
    if WRITE_ABOVE in own or _TOKEN.search(own):
        return True
    theirs = _words(notice)
    runs = {tuple(theirs[n : n + _RUN]) for n in range(len(theirs) - _RUN + 1)}
    words = _words(own)
    if any(tuple(words[n : n + _RUN]) in runs for n in range(len(words) - _RUN + 1)):
        return True
    lines = {" ".join(found) for line in notice.split("\n") if len(found := _words(line)) >= _LINE_WORDS}
    return any(" ".join(_words(line)) in lines for line in own.split("\n"))


def _lost_below(text: str, own: str, notice: str) -> str | None:
    """The first line that is not among the writer's own words, nor marked as quoted, nor the notice's or a client's."""
    kept = {" ".join(_words(line)) for line in own.split("\n")}
    ours = f" {' '.join(_words(notice))} "
    for line in text.split("\n"):
        words = " ".join(_words(line))
        if not words or words in kept or _MARKED.match(line) or f" {words} " in ours or _CLIENTS_OWN.match(line):
            continue
        return line.strip()
    return None
