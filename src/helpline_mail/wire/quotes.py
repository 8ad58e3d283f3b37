"""What the writer of a reply wrote, apart from what they quoted: a view, never all that is stored.

Two kinds of quotation are told apart: lines marked with `>` under the line that introduces them, and the unmarked
block that Outlook and others put under a reply. Whatever is neither stays: in doubt, words are kept. Every pattern
is tried on a few bounded lines, so the time is linear whatever is sent.
"""

import re
from collections.abc import Callable
from itertools import islice

_QUOTED_LINES = re.compile(r"(?:^ ?>[^\n]*+(?:\n|\Z))++", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n){2,}+")

_VERBS = (
    r"wrote|writes|schrieb|geschrieben|a écrit|écrit|écrivait|ysgrifennodd|ysgrifennwyd|escribió|ha scritto|"
    r"scrisse|schreef|geschreven|escreveu|napisał(?:\(a\)|a)?|pisze|skrev|skrifaði|kirjoitti|napsala?(?:\(a\))?|"
    r"napísala?|написал(?:\(а\)|а)?|пишет|написав|пише|scríobh|sgrìobh|a scris|írta|yazdı|έγραψε|写道|寫道|schrieb am"
)
_VERB = re.compile(rf"(?:^|\W)(?:{_VERBS})(?:\W|$)", re.IGNORECASE)
_CLOSING = re.compile(rf"(?:[:：]|\W(?:{_VERBS})[ -]*)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_OPENING_WORDS = "On|Am|Le|Ar|El|Il|In data|Op|Em|W dniu|Dnia|Den|Dne|Dňa|Pe|Air"
_OPENING = re.compile(
    rf"[ \t-]*(?:{_OPENING_WORDS})\s[^\n]*\d|[ \t]*[^\W\d]{{0,12}}\.?,?\s?\d",
    re.IGNORECASE,
)
_OPENING_WORD = re.compile(rf"[ \t-]*(?:{_OPENING_WORDS})\s[^\n]*\d", re.IGNORECASE)
# What a mail client puts into such a line and a person telling a story hardly ever: year, clock time, and address.
_YEAR = re.compile(r"(?:\b|\D)(?:19|20)\d\d\b|\d[./]\d{1,2}[./]\d\d\b")
_TIME = re.compile(r"\d[:.h]\d\d")
_ADDRESS = re.compile(r"[^\s@<]@[^\s@>]")

_FORWARDED = re.compile(
    r"forwarded message|weitergeleitete nachricht|message transféré|message réexpédié|neges a anfonwyd ymlaen|"
    r"mensaje reenviado|messaggio inoltrato|doorgestuurd bericht|mensagem encaminhada|begin forwarded",
    re.IGNORECASE,
)
_ORIGINAL = (
    r"original message|original appointment|ursprüngliche nachricht|originalnachricht|message d.origine|"
    r"message original|neges wreiddiol|mensaje original|messaggio originale|oorspronkelijk bericht|"
    r"mensagem original|wiadomość oryginalna|ursprungligt meddelande|oprindelig meddelelse|opprinnelig melding"
)
_FROM = "from|von|de|oddi wrth|gan|van|da|från|fra|od|lähettäjä|от"
_REST = (
    "sent|date|gesendet|datum|envoyé|anfonwyd|dyddiad|enviado(?: el)?|fecha|inviato|data|verzonden|skickat|sendt|"
    "dato|wysłano|to|an|à|at|para|a|aan|till|til|do|cc|kopie|subject|betreff|objet|pwnc|asunto|oggetto|"
    "onderwerp|assunto|temat|ämne|emne|importance|reply-to"
)
_ORIGINAL_LINE = re.compile(rf"^[ \t]*-{{2,}}[ \t]*(?:{_ORIGINAL})[ \t]*-{{2,}}[ \t]*$", re.MULTILINE | re.IGNORECASE)
_BLOCK_LINE = re.compile(rf"^[ \t]*\*?(?:{_FROM}|{_REST})[ \t]?:", re.MULTILINE | re.IGNORECASE)
_BLOCK_START = re.compile(rf"\n[ \t]*+\*?(?:{_FROM})[ \t]?:", re.IGNORECASE)
_LINE_CLOSED = re.compile(r"[:：][ \t]*+\n")
_RULE_AT_END = re.compile(r"\n[ \t]*[_-]{5,200}\s*\Z")

_LOOK = 400
_MOST_LINES = 3
_MOST_LOOKED_AT = 500
_MOST_CANDIDATES = 2_000


def new_text(text: str, *, forwarding: bool = False, or_all: bool = True) -> str:
    """`text` without what the writer quoted; all of it if it is `forwarding`, or `or_all` if nothing would be left.

    What somebody forwards is what they want to be read, however it is marked.
    """
    if forwarding:
        return text
    end = _start_of_unmarked(text)
    position, own = 0, []
    marked = _QUOTED_LINES.finditer(text, 0, end) if ">" in text else iter(())
    for quoted in islice(marked, _MOST_LOOKED_AT):
        own.append(_without_introduction(text[position : quoted.start()]))
        if _forwarded(text, quoted.start()):
            own.append(quoted[0])
        position = quoted.end()
    if position == 0 and end == len(text):
        return text
    own.append(text[position:end])
    left = _RULE_AT_END.sub("", _BLANK_LINES.sub("\n\n", "".join(own))).strip("\n")
    return left if left.strip() or not or_all else text


def is_header_label(line: str) -> bool:
    """Whether a line begins as a field of the block does that Outlook and others put above a quotation."""
    return _BLOCK_LINE.match(line) is not None


def closes_introduction(line: str) -> bool:
    """Whether a line ends as one does that introduces a quotation: with a colon, or with a word for writing."""
    return _CLOSING.search(line) is not None


def is_introduction(line: str, *, by_word: bool = False) -> bool:
    """Whether a line, joined if a client broke it, says who wrote what follows and when; `by_word`: it starts so."""
    opening = _OPENING_WORD if by_word else _OPENING
    return bool(opening.match(line) and (_VERB.search(line) or says_when(line)))


def says_when(line: str) -> bool:
    """Whether a line holds a year and a time of day, or a word for writing."""
    return bool((_YEAR.search(line) and _TIME.search(line)) or _VERB.search(line))


def _without_introduction(before: str) -> str:
    """`before` without the line or lines that say who is quoted next: they name a writing or a writer."""
    written = before.rstrip()
    if before.count("\n", len(written)) > 3:
        return before
    start = _introduction(written, lambda line: bool(_VERB.search(line) or (_YEAR.search(line) and "@" in line)))
    return before if start is None else before[:start]


def _introduction(written: str, convinces: Callable[[str], bool]) -> int | None:
    """Where the last lines of `written` start that together introduce a quotation, if they do."""
    window = written[-_LOOK:]
    if not _CLOSING.search(window, max(0, len(window) - 30)):
        return None
    lines = window.split("\n")[-_MOST_LINES:]
    for first in range(len(lines)):
        wrapped = lines[first:-1]
        if any(not line.strip() or line.rstrip()[-1] in ".!?:" for line in wrapped):
            continue  # a sentence ends here: what stands before it is the writer's own
        if wrapped and not _OPENING.match(lines[first]):
            continue
        if convinces(" ".join(lines[first:])):
            return len(written) - len("\n".join(lines[first:]))
    return None


def _start_of_unmarked(text: str) -> int:
    """Where an unmarked quotation starts that goes on to the end; the end of `text` if there is none."""
    original = _ORIGINAL_LINE.search(text) if "--" in text else None
    end = original.start() if original and not _forwarded(text, original.start()) else len(text)
    for candidates, is_quotation in ((_BLOCK_START, _block), (_LINE_CLOSED, _attribution)):
        for candidate in islice(candidates.finditer(text, 0, end), _MOST_CANDIDATES):
            start = is_quotation(text, candidate)
            if start is not None and not _forwarded(text, start):
                end = min(end, start)
                break
    return end


def _forwarded(text: str, position: int) -> bool:
    return bool(_FORWARDED.search(text, max(0, position - _LOOK), position))


def _block(text: str, candidate: re.Match[str]) -> int | None:
    """At least three of From, Sent, To, Subject in lines that follow one another."""
    start = candidate.start() + 1
    window = text[start : start + _LOOK].split("\n\n", 1)[0]
    return start if len(_BLOCK_LINE.findall(window)) >= 3 else None


def _attribution(text: str, candidate: re.Match[str]) -> int | None:
    """Where a line that only a mail client writes starts: when, with year and time, and who, of what address.

    None for every other line, and for one above marked lines, which speak for themselves.
    """
    end = candidate.end()
    start = max(0, end - _LOOK)
    found = _introduction(text[start:end].rstrip(), _by_a_client)
    if found is None or text[end : end + 4].lstrip().startswith(">"):
        return None
    return start + found


def _by_a_client(line: str) -> bool:
    return bool(
        _YEAR.search(line)
        and _TIME.search(line)
        and (_ADDRESS.search(line) or _VERB.search(line))
        and _OPENING.match(line)
    )
