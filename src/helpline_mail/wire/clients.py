"""What mail clients and gateways write into a reply that nobody typed: what stands above a quotation, adverts, banners.

Everything here is recognised whole or not at all: a line that is only like a client's stays the writer's.
"""

import re
from collections.abc import Iterator, Sequence

from helpline_mail.wire import quotes

_SEPARATOR = re.compile(r"\s*(?:[-_=*]{3,}|-{2,}\s?[^\n-]{1,60}\s?-{2,})\s*")
_LABEL = re.compile(r"\s*\*{0,2}[^\W\d][^:：]{0,24}\*{0,2}\s?[:：]\*{0,2}\s*(\S.*)?")
_HEADER_LINES = (3, 9)
_ATTRIBUTION_LINES = 4
_CLOSED = re.compile(r"[:：]\s*$")

# What telephones put below what is written on them: alone in its paragraph, a few words.
_DEVICE = (  # no words of a sentence: names of things, and what links them
    r"(?:(?:(?-i:[A-Z0-9][\w'.-]*+|iOS|iPhone|iPad|\u00ef?Phone)|mobile|device|phone|smartphone|handy|ger\u00e4t|app|secure|e-?mail"
    r"|mail|web|on|for|f\u00fcr|pour|mit|sur|um|de|t\u00e9l\u00e9phone|mobil|f\u00f4n|ff\u00f4n) ?+){1,5}"
)
_TELEPHONE = r"(?:mobile|smartphone|phone|iphone|ipad|apple watch|android|samsung|galaxy)"
_CLIENT = r"(?:outlook|mail for windows|yahoo|gmail|proton|aol|hotmail|thunderbird)"
_ADVERTS = (
    rf"sent (?:from|using|with|via) (?:my |the |a )?{_TELEPHONE}\b ?(?:{_DEVICE})?",
    rf"sent (?:from|using|with|via) {_CLIENT}\b ?(?:{_DEVICE})?",
    r"(?:(?:get|obtenir|télécharger|téléchargez|beziehen sie|holen sie sich|cael) )?"
    r"outlook (?:for|pour|für|ar gyfer) (?:ios|android|mac|windows)(?: beziehen| herunterladen| abrufen)?",
    rf"von meinem {_DEVICE} ?gesendet",
    rf"gesendet (?:von|mit) (?:meinem |der )?(?:outlook|mail|iphone|ipad|handy|android)\b ?(?:{_DEVICE})?",
    rf"envoyé (?:de|depuis|à partir de) (?:mon |l['\u2019])?{_DEVICE}",
    rf"anfonwyd o (?:fy |fy'n )?{_DEVICE}",
    rf"(?:enviado|inviato|verstuurd|verzonden|wysłane|skickat|sendt) (?:desde|da|dal|vanaf|z|från|fra) {_DEVICE}",
)
_ADVERT = re.compile(rf"(?:{'|'.join(_ADVERTS)})\.?", re.IGNORECASE)
_TARGET = re.compile(r"\s?<https?://[^>\s]{1,300}>")

# What gateways put on top of mail from outside: a heading, a sentence that says so, and what not to do.
_HEADING = (
    r"(?:caution|warning|attention|achtung|vorsicht|rhybudd|external(?: e-?mail| sender| message)?|externe e-?mail)"
)
_REST = r"(?: (?:of |your |the |our |this )?[\w'\u2019-]+){0,7}\.?"
_FROM_OUTSIDE = r"from (?:an? )?(?:some(?:body|one) )?(?:external|outside)"
_SENTENCES = (
    rf"this (?:e-?mail|message) (?:came|originated|was sent|has been sent|is) {_FROM_OUTSIDE}{_REST}",
    r"you don.t often get e-?mail from .{1,200}",
    r"some people who received this message don.t often get e-?mail from .{1,200}",
    rf"diese (?:e-?mail|nachricht) (?:kommt|stammt|wurde) von (?:außerhalb|extern){_REST}",
    r"sie erhalten nicht (?:häufig|oft) e-?mails von .{1,200}",
    rf"(?:cet e-?mail|ce message|ce courriel) (?:provient|vient) d(?:e l.extérieur|.un expéditeur externe){_REST}",
    r"vous n.obtenez pas souvent d.e-?mails? .{1,200}",
    rf"daeth (?:yr e-?bost|y neges) (?:hwn|hon) o(?:.r)? tu allan{_REST}",
)
_ADVICE = (
    r"(?:please )?(?:do not|don.t|never) (?:click|open|reply)|(?:please )?(?:exercise caution|be careful)",
    r"(?:only click|think before)|klicken sie|öffnen sie|ne cliquez|n.ouvrez|peidiwch",
)
_BANNER = re.compile(
    rf"\W{{0,5}}(?:(?:{_HEADING}\W{{1,5}}){{0,3}}(?:{'|'.join(_SENTENCES)})"
    rf"(?:\W{{0,3}}(?:{'|'.join(_ADVICE)})[^.\n]{{0,200}}\.?){{0,3}}|(?:{_HEADING}\W{{1,5}}){{1,3}})\W{{0,5}}",
    re.IGNORECASE,
)
_LONGEST_ADVERT, _LONGEST_BANNER = 400, 600


def paragraph_ends(lines: Sequence[str], most: int = 6) -> Iterator[int]:
    """Behind each of the first paragraphs, blank lines included: where the next one starts."""
    number = 0
    for _ in range(most):
        while number < len(lines) and lines[number].strip():
            number += 1
        while number < len(lines) and not lines[number].strip():
            number += 1
        yield number
        if number == len(lines):
            return


def is_banner(text: str) -> bool:
    """Whether a paragraph, on one line, is a warning that a mail gateway puts on top of mail, and nothing else."""
    return len(text) <= _LONGEST_BANNER and bool(_BANNER.fullmatch(text.strip()) or _SEPARATOR.fullmatch(text))


def without_advert(text: str) -> str:
    """The text without the line that a telephone puts below what is written on it."""
    before, _, last = text.rstrip().rpartition("\n")
    words = " ".join(_TARGET.sub(" ", last).split())
    alone = not before.rpartition("\n")[2].strip() or words != " ".join(last.split())  # nobody types such a link
    return before.rstrip() if alone and len(last) <= _LONGEST_ADVERT and _ADVERT.fullmatch(words) else text


def start_of_quotation(above: Sequence[str], known: Sequence[str], *, quoted: bool = False) -> int | None:
    """How many of the lines above a quotation are the writer's: the rest introduces what is quoted.

    `quoted` lines stand behind marks already. `known` is what an introduction to a mail of ours can name: our name and
    addresses, the reader's, the subject.
    None if lines look like an introduction that cannot be told from the writer's words.
    """
    all_of_it = end = _without_blanks(above, len(above))
    while end and is_banner(" ".join(above[_paragraph(above, end) : end])) and not _SEPARATOR.fullmatch(above[end - 1]):
        end = _without_blanks(above, _paragraph(above, end))
    start = _paragraph(above, end)
    paragraph = list(above[start:end])
    for found in (_header_block(paragraph, known), _attribution(paragraph, known)):
        if found is not None:
            return _without_separators(above, start + found)
    if _could_be_headers(paragraph) or (paragraph and _CLOSED.search(paragraph[-1]) and _names(paragraph, known)):
        return None
    # Where nothing introduces the quotation, what reads like a banner is the writer's.
    return _without_separators(above, end if quoted else all_of_it)


def _without_blanks(lines: Sequence[str], end: int) -> int:
    while end and not lines[end - 1].strip():
        end -= 1
    return end


def _without_separators(lines: Sequence[str], end: int) -> int:
    end = _without_blanks(lines, end)
    while end and _SEPARATOR.fullmatch(lines[end - 1]) and lines[end - 1].strip() not in ("--", "-- "):
        end = _without_blanks(lines, end - 1)
    return end


def _paragraph(lines: Sequence[str], end: int) -> int:
    """Where the lines start that stand together up to `end`."""
    start = end
    while start and lines[start - 1].strip():
        start -= 1
    return start


def _names(lines: Sequence[str], known: Sequence[str]) -> bool:
    text = " ".join(" ".join(lines).casefold().split())
    return any(name and " ".join(name.casefold().split()) in text for name in known)


def _header_block(paragraph: Sequence[str], known: Sequence[str]) -> int | None:
    """Where a block of From, Sent, To and Subject starts that ends a paragraph, in whatever language.

    It starts the paragraph, or below a rule; right below words only with a label that we know for one.
    """
    start = next((n + 1 for n in range(len(paragraph) - 1, -1, -1) if _SEPARATOR.fullmatch(paragraph[n])), 0)
    labels = [n for n in range(start, len(paragraph)) if quotes.is_header_label(paragraph[n])]
    if labels and not (_LABEL.fullmatch(paragraph[start]) and quotes.is_header_label(paragraph[start])):
        start = labels[0]
    block = paragraph[start:]
    labelled = sum(_LABEL.fullmatch(line) is not None for line in block)
    least, most = _HEADER_LINES
    if not (least <= labelled and len(block) <= most and _LABEL.fullmatch(block[0]) and _names(block, known)):
        return None
    if not labels and labelled < len(block):
        return None
    return start


def _could_be_headers(paragraph: Sequence[str]) -> bool:
    """Whether the last lines look like header fields, whoever wrote them."""
    return len(paragraph) >= 2 and all(_LABEL.fullmatch(line) for line in paragraph[-2:])


def _attribution(paragraph: Sequence[str], known: Sequence[str]) -> int | None:
    """Where the last lines of a paragraph start that together say who wrote what is quoted next, and when.

    Clients break that line, and words may stand right above it: the nearest line that starts as such lines do
    counts, else the farthest one that could.
    """
    if not paragraph or not quotes.closes_introduction(paragraph[-1]):
        return None
    could = []
    for count in range(1, min(_ATTRIBUTION_LINES, len(paragraph)) + 1):
        lines = paragraph[-count:]
        if any(line.rstrip().endswith((".", "!", "?", ":")) for line in lines[:-1]):
            break
        joined = " ".join(lines)
        if quotes.is_introduction(joined) and _names(lines, known):
            could.append(count)
            if quotes.is_introduction(joined, by_word=True):
                return len(paragraph) - count
    if could:
        return len(paragraph) - could[-1]
    whole = len(paragraph) <= _ATTRIBUTION_LINES and _names(paragraph, known)
    return 0 if whole and quotes.says_when(" ".join(paragraph)) else None
