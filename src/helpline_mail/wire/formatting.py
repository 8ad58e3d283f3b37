"""The simple formatting of what a member of staff wrote: never trusted to be cut free of the notice, but proved.

The HTML of a reply is written anew from its tree, as far as the words go that are known to be the writer's own; then
sanitised by nh3; then read again as text, which must hold these words and no other. In any doubt there is none, and
the plain text goes alone.
"""

import re
from collections.abc import Callable
from html import escape
from urllib.parse import unquote

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from helpline_mail.domain.threads import holds_signed_address
from helpline_mail.wire import html

_MOST_TAGS, _LONGEST, _DEEPEST = 7_500, 250_000, 32
_SAME = dict.fromkeys(("p", "blockquote", "ul", "ol", "li", "div"))
_AS_BLOCKS = {
    **{name: (name,) for name in _SAME},
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), ("p", "b")),
    **dict.fromkeys(("table", "tr", "center", "section", "article", "address", "header", "footer"), ("div",)),
    **dict.fromkeys(("dl", "dt", "dd", "figure", "figcaption", "fieldset", "main", "aside", "nav", "pre"), ("div",)),
}
_INLINE = frozenset(("b", "strong", "i", "em", "u"))
_PLAIN = frozenset(("p", "br", "div"))
_ALLOWED = {*_PLAIN, *_INLINE, "ul", "ol", "li", "a", "blockquote"}
_STYLED_AWAY = re.compile(
    r"display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden|mso-hide\s{0,9}:\s{0,9}all|"
    r"(?:font-size|opacity|max-height|max-width|(?<![a-z-])height|(?<![a-z-])width)\s{0,9}:\s{0,9}0*\.?0+(?![.\d])",
    re.IGNORECASE,
)
_COUNTED_OTHERWISE = re.compile(r"\b(?:start|reversed|type|value)\b", re.IGNORECASE)
# What plain text says of a link or a picture, and HTML in its attributes.
_ASIDE = re.compile(r"<[a-z][a-z0-9+.-]{1,15}:[^\s<>]*>|\[(?:cid|image):[^\]\n]*\]", re.IGNORECASE)
_ORDINAL = re.compile(r"(?m)^[ \t\xa0]*(\d{1,3})[.)](?=\s)")
_LETTER = re.compile(r"[^\W_]")
_WORD = re.compile(r"[^\W_]+")


def formatted(source: str, words: str) -> str:
    """HTML with the formatting of `source`, a reply, holding exactly the words of `words`; "" if that is not certain.

    "" as well where there is no formatting. `words` is the text that goes out: the start of what `source` shows.
    """
    own = _ASIDE.sub(" ", words)
    found = _written(source, own, [])
    if not found and (ordinals := _ORDINAL.findall(own)):
        own = _ORDINAL.sub(" ", own)  # plain text writes the numbers of a list, HTML leaves them to the reader
        found = _written(source, own, ordinals)
    if not found:
        return ""
    safe = nh3.clean(
        found, tags=_ALLOWED, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"},
        url_relative="deny", link_rel="noopener",
    )  # fmt: skip
    shown, _, complete = html.text_of(safe, _MOST_TAGS)
    return safe if complete and _WORD.findall(shown) == _WORD.findall(own) else ""


def paragraphs(text: str) -> str:
    """Plain text as HTML that reads the same: for what is put before or behind a formatted answer."""
    blocks = re.split(r"\n[ \t]*\n\s*", text.strip("\n"))
    return "".join(f"<p>{'<br>'.join(escape(line) for line in block.split(chr(10)))}</p>" for block in blocks if block)


def _written(source: str, own: str, ordinals: list[str]) -> str:
    """What `source` shows as far as the letters of `own` go; "" if others stand among them, or without formatting."""
    root = LexborHTMLParser(_reduced(source[:_LONGEST])).root
    writer = _Writer(own)
    if root is None or not writer.write(root) or not writer.is_rich:
        return ""
    return "".join(writer.pieces) if not ordinals or ordinals == writer.ordinals else ""


def _reduced(source: str) -> str:
    """The first tags of `source` without any attribute but those that are read, so that parsing it is cheap.

    Elements of formatting become spans, for the reason that `wire.html` gives; what lies behind is not needed.
    """
    position = 0
    pieces: list[str] = []
    for count, tag in enumerate(html.TAG.finditer(source)):
        if count == _MOST_TAGS:
            return "".join(pieces)
        pieces += (source[position : tag.start()], _reduced_tag(tag))
        position = tag.end()
    return "".join(pieces) + source[position:]


def _reduced_tag(tag: re.Match[str]) -> str:
    closing, name, attributes = tag.groups()
    name = name.lower()
    plain = "span" if name in html.FORMATTING else name
    if closing:
        return f"</{plain}>"
    if _STYLED_AWAY.search(attributes) or html.is_hidden(attributes):
        return f"<{plain} hidden>"
    if name == "a" and (target := html.quoted_value(attributes, "href")):
        return f"<span href={target}>"
    if name in _INLINE:
        return f"<span as={name}>"
    if name in ("ol", "li") and _COUNTED_OTHERWISE.search(attributes):
        return f"<{name} otherwise>"
    return f"<{plain}>"


class _Writer:
    """Writes a tree anew while walking it once, with no recursion, until the letters of `own` are used up."""

    def __init__(self, own: str) -> None:
        self.pieces: list[str] = []
        self.is_rich = False
        self.ordinals: list[str] = []
        """The number of each item that a reader numbers, in their order."""
        self._letters = "".join(_LETTER.findall(own))
        self._next = 0
        self._tail = "".join(own[[*_LETTER.finditer(own)][-1].end() :].split()) if self._letters else ""
        self._open: list[str] = []  # start tags; the first `_begun` of them are written
        self._begun = 0
        self._counts: list[int | None] = []  # of the lists around; None for one without numbers
        self._failed = not self._letters
        self._done = False
        self._link = ""

    def write(self, root: LexborNode) -> bool:
        """Whether all of the letters were found, and nothing else before the last of them."""
        waiting: list[LexborNode | Callable[[], None]] = [root]
        while waiting and not self._failed and not self._done:
            node = waiting.pop()
            if not isinstance(node, LexborNode):
                node()
                continue
            if node.next is not None and node is not root:
                waiting.append(node.next)
            leave = self._enter(node)
            if leave:
                waiting.append(leave)
                if (child := node.first_child) is not None:
                    waiting.append(child)
        while self._open:
            self._close()
        return not self._failed and self._next == len(self._letters)

    def _enter(self, node: LexborNode) -> Callable[[], None] | None:
        tag = node.tag or "-"
        if tag == "-text":
            self._write(node.text_content or "")
            return None
        attributes = node.attributes
        if tag.startswith("-") or tag in html.UNSEEN or "hidden" in attributes:
            return None
        if tag == "br":
            self._begin()
            self.pieces.append("<br>")
            return None
        if tag in ("td", "th"):
            self._write(" ")
        if "href" in attributes:
            return self._enter_link(attributes["href"] or "")
        if tag in ("ol", "ul", "li"):
            return self._enter_list(tag, odd="otherwise" in attributes)
        names = (attributes["as"] or "",) if "as" in attributes else _AS_BLOCKS.get(tag, ())
        return self._enter_elements(names)

    def _enter_elements(self, names: tuple[str, ...]) -> Callable[[], None]:
        self._open.extend(f"<{name}>" for name in names)
        self._failed = self._failed or len(self._open) > _DEEPEST
        return _nothing if not names else self._close if len(names) == 1 else self._close_both

    def _enter_link(self, href: str) -> Callable[[], None]:
        target = html.target_of(href)
        if holds_signed_address(unquote(target)):
            self._failed = True
        if not target or self._link:
            return _nothing
        self._link = target
        self._open.append(f'<a href="{escape(target)}">')
        return self._leave_link

    def _leave_link(self) -> None:
        self._link = ""
        self._close()

    def _enter_list(self, tag: str, *, odd: bool) -> Callable[[], None]:
        self._failed = self._failed or odd  # its numbers would change
        if tag == "li":
            if self._counts and (count := self._counts[-1]) is not None:
                self._counts[-1] = count + 1
                self.ordinals.append(str(count + 1))
            return self._enter_elements((tag if self._counts else "div",))
        self._counts.append(0 if tag == "ol" else None)
        self._enter_elements((tag,))
        return self._leave_list

    def _leave_list(self) -> None:
        self._counts.pop()
        self._close()

    def _write(self, text: str) -> None:
        if self._next == len(self._letters):
            self._write_tail(text)
            return
        for match in _LETTER.finditer(text):
            if match[0] != self._letters[self._next]:
                self._failed = True
                return
            self._next += 1
            if self._next == len(self._letters):
                self._put(text[: match.end()])
                self._write_tail(text[match.end() :])
                return
        self._put(text)

    def _write_tail(self, text: str) -> None:
        """The marks behind the last word, as far as they are the writer's own."""
        end = 0
        for position, character in enumerate(text):
            if character.isspace():
                continue
            if self._tail[:1] != character:
                self._tail = self._tail.lstrip("*_/")  # how plain text marks what HTML shows
            if self._tail[:1] != character:
                self._done = True
                break
            self._tail = self._tail[1:]
            end = position + 1
        if end:
            self._put(text[:end])
        self._done = self._done or not self._tail

    def _put(self, text: str) -> None:
        if text.isspace() and "\xa0" not in text and self._begun < len(self._open):
            self.pieces.append(" ")  # nothing to open an element for
            return
        self._begin()
        self.pieces.append(escape(text, quote=False))
        if self._link and not html.is_shown(self._link, text):
            self.is_rich = True

    def _begin(self) -> None:
        for start in self._open[self._begun :]:
            self.pieces.append(start)
            self.is_rich = self.is_rich or (not start.startswith("<a ") and start[1:-1] not in _PLAIN)
        self._begun = len(self._open)

    def _close_both(self) -> None:
        self._close()
        self._close()

    def _close(self) -> None:
        start = self._open.pop()
        if self._begun > len(self._open):
            self._begun = len(self._open)
            self.pieces.append(f"</{start[1:-1].partition(' ')[0]}>")


def _nothing() -> None:
    """What is done behind an element of which nothing is written."""
