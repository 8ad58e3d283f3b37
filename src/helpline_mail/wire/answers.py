"""What a member of staff wrote in reply to a mail of ours, cut free of it; or a doubt, and then nothing is sent.

We know every word of the mail that is answered, so the cut is proved and not trusted: each line of a reply is either
the writer's own, or what their client puts around a quotation, or the next words of our mail, in their order. Whatever
is none of these is a doubt. So is one of our lines, an address of staff or a token among the writer's own words.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import unquote

from helpline_mail.domain import commands
from helpline_mail.domain.message import folded
from helpline_mail.domain.threads import holds_signed_address
from helpline_mail.wire import clients

WRITE_ABOVE = "Please write your answer above this line"
"""Stands in every mail of ours that can be answered, in front of all that is ours."""

_WORD = re.compile(r"[^\W_]+")
_MARKS = re.compile(r"[ \t]?>[ \t>]*")
# What clients add to links, and put in place of pictures: compared words are without either.
_ADDED = re.compile(
    r"<(?:https?|mailto):[^<>]{0,4000}>|<[^\s<>@+]{1,64}\+[a-z]-[^<>]{20,1000}>|https?://\S+|"
    r"\[(?:cid|image|mailto)\b[^\]]{0,400}\]",
    re.IGNORECASE,
)
_BEHIND_WORDS = re.compile(r"<https?:[^<>]{0,4000}>", re.IGNORECASE)
_LINK = re.compile(r"https?://([^\s/?#<>]+)[^\s<>]*", re.IGNORECASE)
# In place of pictures, and where clients mark positions.
_INVISIBLE = re.compile("[\ufffc\ufeff\u200b\u2060]")
_SIGNATURE = re.compile(r"(?m)^-- ?$")
_ITEM = re.compile(r"\s*(?:\d{1,2}[.)]|[*\u2022-])\s+\w")
_SHORT_SENTENCE = (3, 14)
_DISCLAIMER = re.compile(
    r"confidential|intended|e-?mail|print|environment|virus|registered|company|recipient|hours|office|working|days",
    re.IGNORECASE,
)
_LINE_WORDS, _RUN = 3, 6
_STRAYS = 100
_LONG_ENOUGH = 3
"""As many words of ours in a row are taken up again behind a gap that a client left."""


@dataclass(frozen=True, slots=True)
class Original:
    """The mail of ours that a reply answers, and what of it must never reach an outsider."""

    text: str
    reference: str
    subject: str = ""
    names: tuple[str, ...] = ()
    """What a client may write of it above its quotation: our name, our addresses, the reader's."""
    secrets: tuple[str, ...] = ()
    """Addresses that are no outsider's business."""
    footer: str = ""
    """What the organisation's own mail server puts below every mail of staff; empty: nothing."""
    banner: str = ""
    """What it puts above them."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What the writer wrote. With a `doubt`, a sentence for the writer, the text must not be sent on."""

    text: str
    doubt: str | None = None
    signature: str = ""
    """The personal signature that was left out."""
    warning: str = ""
    """The gateway's warning on top that was left out."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a reply: as it stands, without quotation marks, and its words."""

    text: str
    bare: str
    words: tuple[str, ...]

    @property
    def marked(self) -> bool:
        """Whether it stands behind a quotation mark."""
        return self.bare is not self.text


class _Doubtful(Exception):
    """The cut is not certain, and why, in words for the writer."""


def cut(text: str, answered: Original) -> Cut:
    """What is new in `text`, a reply to `answered`. Never raises."""
    own = text = text.replace("\ufeff", "")  # iOS puts one where its quotation starts
    try:
        lines = _lines(_without_footer(text, answered.footer))
        top = _behind_banner(lines, answered.banner)
        warning = "\n".join(line.text for line in lines[:top]).strip()
        lines = lines[top:]
        above, below = _parted(lines, answered)
        own, signature = _unsigned([line.text for line in above])
        if below:
            more, signed = _unsigned(below)
            own, signature = f"{own}\n\n{more}".strip("\n"), signature or signed
        _keep_secrets(commands.read(own).text, answered)  # a command is for us and may name whom it likes
    except _Doubtful as doubt:
        return Cut(own, str(doubt))
    return Cut(own, None, signature, warning)


def _lines(text: str) -> list[_Line]:
    text = _INVISIBLE.sub("", text)
    comparable = _ADDED.sub(lambda added: "\n" * added[0].count("\n"), text).split("\n")
    lines = []
    for line, compared in zip(text.split("\n"), comparable, strict=True):
        marks = _MARKS.match(line)
        bare = line[marks.end() :] if marks else line
        lines.append(_Line(line, bare if marks else line, words_of(compared)))
    return lines


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text in small letters, for comparing: no punctuation, marks or invisible characters."""
    return tuple(_WORD.findall(unicodedata.normalize("NFKC", text).casefold()))


def _without_footer(text: str, footer: str) -> str:
    """The text without the organisation's footer, if that is how it ends, word by word."""
    wanted = words_of(footer)
    if not wanted:
        return text
    lines, found = text.split("\n"), 0
    for number in range(len(lines) - 1, -1, -1):
        found += len(words_of(lines[number]))
        if found >= len(wanted):
            ends_so = words_of("\n".join(lines[number:])) == wanted
            return "\n".join(lines[:number]) if ends_so else text
    return text


def _behind_banner(lines: Sequence[_Line], banner: str) -> int:
    """Where the text starts below a warning that a gateway put on top of it."""
    start = 0
    for end in clients.paragraph_ends([line.text for line in lines]):
        words = tuple(word for line in lines[start:end] for word in line.words)
        known = clients.is_banner(" ".join(line.text.strip() for line in lines[start:end]))
        if words and not known and words != words_of(banner):
            break
        start = end
    return start


def _parted(lines: list[_Line], answered: Original) -> tuple[list[_Line], list[str]]:
    """The writer's own lines above the quotation, and those between or below its marked lines."""
    ours, marker = words_of(_ADDED.sub("", answered.text)), words_of(WRITE_ABOVE)
    at_marker = next((n for n, line in enumerate(lines) if _holds(line.words, marker)), None)
    at_marked = next((n for n, line in enumerate(lines) if line.marked), None)
    if at_marker is None and at_marked is None:
        return lines, []
    quotation = at_marker if at_marker is not None else at_marked
    assert quotation is not None  # noqa: S101  one of the two was found
    above = lines[: _introduced_at(lines[:quotation], answered)]
    if any(line.marked for line in above):
        raise _Doubtful("your mail quotes something besides our notice")
    if at_marker is not None and not lines[at_marker].marked:
        _all_ours(lines[quotation:], ours, answered.text)
        return above, []
    return above, _between(lines[quotation:], answered.text)


def _introduced_at(above: Sequence[_Line], answered: Original) -> int:
    """Where the lines above a quotation begin to introduce it: first those of them that are marked, then the others."""
    end = len(above)
    while end and (above[end - 1].marked or not above[end - 1].words):
        end -= 1
    for start, stop in ((end, len(above)), (0, end)):
        lines, known = [line.bare for line in above[start:stop]], (*answered.names, answered.subject)
        found = clients.start_of_quotation(lines, known, quoted=start == end)
        if found is None:
            raise _Doubtful("what your mail program put above the quoted notice could not be told from your words")
        if found > 0:
            return start + found
    return 0


def _holds(words: Sequence[str], wanted: Sequence[str]) -> bool:
    return _find(words, wanted, 0) is not None


def _find(words: Sequence[str], wanted: Sequence[str], start: int) -> int | None:
    """Where `wanted` stands in `words` at or behind `start`."""
    return next((n for n in range(start, len(words) - len(wanted) + 1) if words[n] == wanted[0]
                 and tuple(words[n : n + len(wanted)]) == tuple(wanted)), None)  # fmt: skip


def _all_ours(lines: Iterable[_Line], ours: Sequence[str], text: str) -> None:
    """Doubts an unmarked quotation that holds anything but our mail's words in their order, and its links."""
    position = 0
    hosts = tuple(host.casefold() for host in _LINK.findall(text))
    for line in lines:
        found = _next(line.words, ours, position)
        if found is None or _holds_another_link(line.text, hosts):
            raise _Doubtful(
                f'words below the quoted notice would have been lost, beginning with "{line.text.strip()[:60]}"'
            )
        position = found


def _holds_another_link(line: str, hosts: Sequence[str]) -> bool:
    """Whether a link stands there as words that is none of ours, nor one of ours as a gateway rewrites it."""
    links = _LINK.finditer(_BEHIND_WORDS.sub("", line)) if "://" in line else ()
    return any(not any(host in link[0].casefold() for host in hosts) for link in links)


def _next(words: Sequence[str], ours: Sequence[str], position: int) -> int | None:
    """Where our words go on behind those of a line that quotes them at `position` or, if it is long enough, later."""
    if not words or tuple(ours[position : position + len(words)]) == tuple(words):
        return position + len(words)
    found = _find(ours, words, position) if len(words) >= _LONG_ENOUGH else None
    return None if found is None else found + len(words)


def _between(lines: Sequence[_Line], ours: str) -> list[str]:
    """The writer's own lines between and below marked ones. A line that a client broke leaves its end unmarked,
    and only such an end is ours: behind a whole line of ours the same words may be an answer."""
    own: list[str] = []
    position, before, strays = 0, None, 0
    ends = set(accumulate(len(words_of(_ADDED.sub("", line))) for line in ours.split("\n")))
    words = words_of(_ADDED.sub("", ours))
    for number, line in enumerate(lines):
        if line.marked:
            found = _next(line.words, words, position)
            if found is None and (strays := strays + 1) <= _STRAYS:
                found = _anywhere(line.words, words)
            if found is None:
                raise _Doubtful("your mail quotes something besides our notice")
            position, before = found, line
        elif before is not None and line.words and position not in ends and _continues(line, words, position):
            if not _goes_on(lines[number + 1 :], words, position + len(line.words)):
                raise _Doubtful("a line below a quoted one could be yours or ours")
            position += len(line.words)
        elif before is not None and "://" in before.bare and line.text.strip() and " " not in line.text.strip():
            raise _Doubtful("a quoted link was broken, and could not be told from your words")
        else:
            own.append(line.text)
            before = None
    return own


def _continues(line: _Line, words: Sequence[str], position: int) -> bool:
    return tuple(words[position : position + len(line.words)]) == line.words


def _goes_on(lines: Iterable[_Line], words: Sequence[str], position: int) -> bool:
    """Whether the next marked line goes on where a broken one would have ended."""
    following = next((line for line in lines if line.words), None)
    return following is not None and following.marked and _continues(following, words, position)


def _anywhere(words: Sequence[str], ours: Sequence[str]) -> int | None:
    """Where our words go on behind those of a marked line that quotes them out of order."""
    found = _find(ours, words, 0)
    return None if found is None else found + len(words)


def _unsigned(lines: Sequence[str]) -> tuple[str, str]:
    """The text, and the personal signature below its marker line (RFC 3676 section 4.3); a client's own line goes."""
    text = "\n".join(lines).strip("\n")
    found = list(_SIGNATURE.finditer(text))
    signature = text[found[-1].end() :].strip("\n") if found else ""
    if any(_words_below(line) for line in signature.split("\n")):
        raise _Doubtful("what stands below the line -- reads like words of yours, and such lines begin a signature")
    if found:
        text = text[: found[-1].start()]
    return clients.without_advert(text).strip("\n").rstrip(), signature


def _words_below(line: str) -> bool:
    """Whether a line below a signature's marker is rather part of what was written: an item of a list, a sentence."""
    sentence = line.rstrip().endswith((".", "!", "?")) and _SHORT_SENTENCE[0] <= len(line.split()) <= _SHORT_SENTENCE[1]
    return bool(_ITEM.match(line)) or (sentence and not _DISCLAIMER.search(line))


def _keep_secrets(own: str, answered: Original) -> None:
    """Doubts a text that holds a line of ours, a long run of our words, or what is no outsider's business."""
    if (
        WRITE_ABOVE in own
        or holds_signed_address(own)
        or "x-helpline-" in own.casefold()
        or f"[{answered.reference}]" in own
    ):
        raise _Doubtful("part of our notice would have gone to the enquirer")
    low = folded(f"{own}\n{unquote(own)}")
    if secret := next((secret for secret in answered.secrets if folded(secret) in low), None):
        raise _Doubtful(f"it holds an address that is not the enquirer's to see ({secret})")
    prefix = answered.reference.partition("-")[0]
    if any(
        found.upper() != answered.reference for found in re.findall(rf"\b{prefix}-[0-9A-Z]{{6}}\b", own, re.IGNORECASE)
    ):
        raise _Doubtful("it holds another ticket's reference")
    ours = words_of(answered.text)
    runs = {ours[n : n + _RUN] for n in range(len(ours) - _RUN + 1)}
    words = words_of(own)
    if any(words[n : n + _RUN] in runs for n in range(len(words) - _RUN + 1)):
        raise _Doubtful("the quoted notice could not be told from your words")
    whole = {found for line in answered.text.split("\n") if len(found := words_of(line)) >= _LINE_WORDS}
    if any(words_of(line) in whole for line in own.split("\n")):
        raise _Doubtful("a line of our notice would have gone to the enquirer")
