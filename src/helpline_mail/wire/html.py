"""HTML to text: what a reader would see, as lines. Nothing is fetched, nothing is run."""

import re
from collections.abc import Callable
from html import unescape

from selectolax.lexbor import LexborHTMLParser, LexborNode

# Quotes count behind an equals sign only (HTML section 13.2.5): "don't" opens nothing.
TAG = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*+)((?:[^<>=]++|=\s*+(?:\"[^\"]*+\"|'[^']*+')?)*+)(?:>|\Z|(?=<))")
# No character has a number so long, and Python refuses to read one of thousands of digits.
_ENDLESS_REFERENCE = re.compile(r"&#[0-9]{20}[0-9]*+;?")
_STYLED_AWAY = re.compile(r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden", re.IGNORECASE)
_ATTRIBUTE_VALUE = re.compile(r"=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s\"']*+)")
_ATTRIBUTE = re.compile(r"([^\s=/\"'<>]++)(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'<>]++)))?")
_TARGET = re.compile(r"https?://[^/]|mailto:[^?]", re.IGNORECASE)
_NOT_IN_A_TARGET = re.compile(r"[\s<>\"\x00-\x20\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_SCHEME = re.compile(r"^(?:https?://|mailto:)(?:www\.)?|^www\.")
_CITED = re.compile(r"type\s{0,9}=\s{0,9}[\"']?cite|gmail_quote", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")

# The parser walks its whole stack of open formatting elements at each tag (HTML section 13.2.4.3): as plain
# spans they cost nothing and read the same.
FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
UNSEEN = frozenset(
    ["head", "script", "style", "title", "template", "noembed", "noframes", "iframe", "object", "svg", "math", "select"]
)
_WITH_BLANK_LINES = "p h1 h2 h3 h4 h5 h6 hr ul ol dl table pre blockquote"
_WITHOUT = """address article aside body center dd details div dt fieldset figure footer form header html li main nav
section tbody tfoot thead tr"""
_PARAGRAPHS = frozenset(_WITH_BLANK_LINES.split())
_BLOCKS = _PARAGRAPHS | frozenset(_WITHOUT.split())
_DEEPEST_QUOTE = 5
_SPARE = 4_096


def text_of(source: str, most_tags: int, *, link_targets: bool = False) -> tuple[str, int, bool]:
    """The visible text of `source`, quotations marked with `> `; how many tags were read, and whether those are all.

    Linear in the tags read: attributes that cannot matter are dropped before the parser sees them, because its
    own work grows with the square of a tag's attributes and of the nesting. Behind the last tag that is read the
    words are kept without their structure. The text stops at twice the size of `source`, where marks make it grow.
    With `link_targets`, `words <https://target>` is written where a link leads elsewhere than its words say.
    """
    position, tags, complete = 0, 0, True
    pieces: list[str] = []
    rest = ""
    for tag in TAG.finditer(source):
        if tags == most_tags:
            complete = False
            rest = unescape(_ENDLESS_REFERENCE.sub("\ufffd", TAG.sub(" ", source[position:])))
            break
        tags += 1
        pieces += (source[position : tag.start()], _plain_tag(tag, link_targets=link_targets))
        position = tag.end()
    if complete:
        pieces.append(source[position:])
    size = len(source) if source.isascii() else len(source.encode("utf-8", "replace"))
    plain = "".join(pieces)
    pieces.clear()
    del source
    parser = LexborHTMLParser(plain)
    del plain
    root = parser.root
    page = _Page(2 * size + _SPARE)
    shown = page.read(root) if root else ""
    complete = complete and not page.full
    return (shown if complete else f"{shown}\n{rest}"), tags, complete


def _plain_tag(tag: re.Match[str], *, link_targets: bool) -> str:
    closing, name, attributes = tag.groups()
    name = name.lower()
    is_link = link_targets and name == "a"
    if name in FORMATTING:
        name = "span"
    if closing or not attributes or attributes.isspace():
        return f"<{closing}{name}>"
    if _STYLED_AWAY.search(attributes) or is_hidden(attributes):
        return f"<{name} hidden>"
    if is_link and (target := quoted_value(attributes, "href")):
        return f"<{name} href={target}>"
    if _CITED.search(attributes):
        return f"<{name} cite>"
    return f"<{name}>"


def is_hidden(attributes: str) -> bool:
    """Whether there is an attribute of that name; "hidden" in the name of a class hides nothing."""
    return "hidden" in attributes and "hidden" in _ATTRIBUTE_VALUE.sub("", attributes).lower().split()


def quoted_value(attributes: str, wanted: str) -> str:
    """The value of the first attribute of that name as it stands there, in quotation marks; empty if there is none."""
    for attribute in _ATTRIBUTE.finditer(attributes):
        name, double, single, bare = attribute.groups()
        if name.lower() == wanted:
            return f'"{double or bare or ""}"' if single is None else f"'{single}'"
    return ""


def target_of(href: str) -> str:
    """The address that a link leads to, if it is one to visit or to write to and can stand between < and >."""
    target = _NOT_IN_A_TARGET.sub("", href)
    return target if _TARGET.match(target) else ""


def is_shown(target: str, words: str) -> bool:
    """Whether `words` say themselves where the link leads."""
    return _bare(target) == _bare(words)


def _bare(address: str) -> str:
    return _SCHEME.sub("", address.strip().casefold()).rstrip("/")


class _Page:
    """Collects lines while walking the tree once, with no recursion (nesting is a stranger's choice)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.full = False  # marks before quoted lines may be many times the lines
        self._text = bytearray()  # a list would be many times the size of lines as short as a stranger likes
        self._after_blank_line = True
        self._line: list[str] = []
        self._quoted = 0
        self._verbatim = 0
        self._link: tuple[str, int, int] | None = None  # target, and where its words start; none inside another
        # Made once: a tree may be as deep as it has tags, and one of these waits at each level.
        self._ends_line: Callable[[], None] = self._break
        self._ends_paragraph = self._break_paragraph
        self._ends_quotation = self._leave_quotation
        self._ends_verbatim = self._leave_verbatim
        self._ends_link = self._leave_link

    def read(self, root: LexborNode) -> str:
        """The text of the tree below `root`."""
        waiting: list[LexborNode | Callable[[], None]] = [root]
        while waiting and not self.full:
            node = waiting.pop()
            if not isinstance(node, LexborNode):
                node()
                continue
            if node.next is not None and node is not root:
                waiting.append(node.next)
            leave = self._enter(node)
            if leave and (child := node.first_child) is not None:
                waiting += (leave, child)
        self._break()
        text = self._text.decode("utf-8", "replace")
        self._text = bytearray()
        return _BLANK_LINES.sub("\n\n", text).strip("\n")

    def _enter(self, node: LexborNode) -> Callable[[], None] | None:
        """Notes what a node shows; what to do behind its children, or None if they are not seen."""
        tag = node.tag or "-"
        if tag == "-text":
            self._write(node.text_content or "")
            return None
        if tag == "br":
            self._break(even_if_empty=True)
            return None
        attributes = node.attributes
        if tag.startswith("-") or tag in UNSEEN or "hidden" in attributes:
            return None
        if node.first_child is None and (tag in ("blockquote", "pre") or "cite" in attributes or "href" in attributes):
            return None  # what has no inside is never left
        if "href" in attributes:
            return self._enter_link(attributes["href"] or "")
        if tag == "blockquote" or "cite" in attributes:
            return self._enter_quotation()
        if tag == "pre":
            return self._enter_verbatim()
        if tag in ("td", "th"):
            self._line.append(" ")
        if tag not in _BLOCKS:
            return _nothing
        paragraph = tag in _PARAGRAPHS
        self._break(blank_line=paragraph)
        if tag == "li":
            self._line.append("- ")
        return self._ends_paragraph if paragraph else self._ends_line

    def _enter_link(self, href: str) -> Callable[[], None]:
        target = target_of(href)
        if not target or self._link is not None:
            return _nothing
        self._link = target, len(self._text), len(self._line)
        return self._ends_link

    def _leave_link(self) -> None:
        if self._link is None:
            return
        target, text, pieces = self._link
        self._link = None
        words = "".join(self._line[pieces:]) if text == len(self._text) else target.partition(":")[0]
        if words.strip() and not is_shown(target, words):
            self._line.append(f" <{target}>")

    def _enter_quotation(self) -> Callable[[], None]:
        self._break(blank_line=True)
        self._quoted += 1
        return self._ends_quotation

    def _leave_quotation(self) -> None:
        self._break()
        self._quoted -= 1
        self._break(blank_line=True)

    def _enter_verbatim(self) -> Callable[[], None]:
        self._break(blank_line=True)
        self._verbatim += 1
        return self._ends_verbatim

    def _leave_verbatim(self) -> None:
        self._break(blank_line=True)
        self._verbatim -= 1

    def _break_paragraph(self) -> None:
        self._break(blank_line=True)

    def _write(self, text: str) -> None:
        if not self._verbatim:
            self._line.append(_SPACES.sub(" ", text))
            return
        position = 0
        while (stop := text.find("\n", position)) >= 0 and not self.full:
            self._line.append(text[position:stop])
            self._break(even_if_empty=True)
            position = stop + 1
        self._line.append(text[position:])

    def _break(self, *, blank_line: bool = False, even_if_empty: bool = False) -> None:
        if len(self._text) > self._most:
            self.full = True
            self._line.clear()
            return
        line = "".join(self._line)
        self._line.clear()
        line = line.rstrip() if self._verbatim else _SPACES.sub(" ", line).strip()
        marks = "> " * min(self._quoted, _DEEPEST_QUOTE)
        if line or even_if_empty:
            self._text += marks.encode()
            self._text += line.encode("utf-8", "replace")
            self._text += b"\n"
            self._after_blank_line = not line
        if blank_line and not self._after_blank_line:
            self._text += f"{marks.rstrip()}\n".encode()
            self._after_blank_line = True


def _nothing() -> None:
    """What is done behind an element that breaks no line."""
