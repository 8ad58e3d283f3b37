"""From the parts of a message to one text, and to the list of what is attached."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from helpline_mail.domain.budgets import Budgets
from helpline_mail.wire import charsets, flowed, headers, html, identity, printable, transfer, uuencoded
from helpline_mail.wire.mime import Part

_READ_AS_TEXT = frozenset(("text/plain", "text/html", "text/enriched", "text/richtext", "text/markdown", "text"))
_MESSAGES = frozenset(("message/rfc822", "message/global"))
_REPORTS = frozenset(("message/delivery-status", "message/disposition-notification"))
_UNENCODED = frozenset(("", "7bit", "8bit", "binary"))
_GLANCE = 2_000
_STUB = re.compile(r"html|browser", re.IGNORECASE)
_LONGEST_STUB, _SHORTEST_WORDS, _TIMES_A_STUB = 300, 20, 4
_FILE = "application/octet-stream"
_NEEDS_OPENING = "needs opening in the mailbox"
# RFC 8551, RFC 3156 and Microsoft's TNEF: the words are there, but not for us.
_SEALED = {
    "multipart/encrypted": f"encrypted: {_NEEDS_OPENING}",
    "application/pgp-encrypted": f"encrypted: {_NEEDS_OPENING}",
    "application/ms-tnef": f"in Outlook's own format (winmail.dat): {_NEEDS_OPENING}",
    "application/vnd.ms-tnef": f"in Outlook's own format (winmail.dat): {_NEEDS_OPENING}",
}
_PKCS7 = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime"))


class Body:
    """Collects the readable text of one message within its budget; what is not text ends in `attached`."""

    def __init__(
        self, budgets: Budgets, spent: Callable[[], bool], note: Callable[[str], None], *, link_targets: bool = False
    ) -> None:
        self.attached: list[Part] = []
        self._left = budgets.text
        self._searched = 4 * budgets.text
        self._tags = budgets.html_tags
        self._budgets = budgets
        self._spent = spent
        self._note = note
        self._link_targets = link_targets
        self._files: dict[int, list[uuencoded.Span]] = {}

    def text_of(self, root: Part) -> str:
        """The readable parts of the message in their order, a line break between two."""
        self.collect(root)
        texts = [text for text in self._texts(root) if text.strip()]
        if not texts:
            texts = [self._words(part) for part in self.attached if _is_text(part)]
        return "\n".join(texts)

    def collect(self, root: Part) -> None:
        """Lists in order what is attached, and notes what is sealed; an attached message is listed as one."""
        waiting = [root]
        while waiting:
            part = waiting.pop()
            if sealed := _sealed(part):
                self._note(sealed)
            if part.media_type in _MESSAGES and part is not root:
                self.attached.append(part)
            elif part.children:
                _set_named_texts_aside(part)
                waiting.extend(reversed(part.children))
            elif not _is_text(part) or (part.disposition == "attachment" and part is not root):
                self.attached.append(part)
            elif part.media_type == "text/plain" and part.encoding.strip().lower() in _UNENCODED:
                self._set_uuencoded_aside(part)

    def _set_uuencoded_aside(self, part: Part) -> None:
        most = min(self._searched, self._budgets.text)
        if most <= 0 or self._spent():
            return
        files = uuencoded.spans(part.raw, part.start, part.end, self._budgets.attachments, most)
        self._searched -= min(most, part.end - part.start)
        for file in files:
            name = printable.line(charsets.text_of(file.name), 255)
            self.attached.append(
                replace(part, start=file.start, end=file.end, encoding="uuencode", filename=name, media_type=_FILE)
            )
        if files:
            self._files[part.start] = files

    def _texts(self, part: Part) -> Iterator[str]:
        """Recursive, because the depth of parts is limited where they are read."""
        if self._left <= 0 or (part.disposition == "attachment" and part.depth and part.media_type not in _MESSAGES):
            return
        if part.media_type == "multipart/alternative" and part.children:
            yield from self._alternative(part)
        elif part.media_type in _MESSAGES and part.children:
            yield from self._forwarded(part.children[0])
        elif part.children:
            for child in part.children:
                yield from self._texts(child)
        elif _is_text(part):
            yield self._words(part)

    def _alternative(self, part: Part) -> Iterator[str]:
        """The plainest form that has words; a richer one instead, if the plain one is but a stub beside it.

        "Your program does not show HTML" is what nobody wrote: the enquiry may stand in the other form alone.
        """
        best = _best(part)
        texts = list(self._texts(best))
        if _is_stub("".join(texts)):
            others = [child for child in part.children if child is not best and _holds(child, "text/html")]
            richer = [text for child in others[-1:] for text in self._texts(child)]
            if sum(map(len, richer)) > _TIMES_A_STUB * sum(map(len, texts)):
                texts = richer
        yield from texts

    def _forwarded(self, message: Part) -> Iterator[str]:
        subject = headers.decoded(message.header.first("subject"))
        yield f"\n[Attached message from {identity.sender_of(message.header.fields).shown}: {subject}]\n"
        yield from self._texts(message)

    def _words(self, part: Part) -> str:
        if self._spent():
            return ""
        octets = self._octets(part)
        charset = part.parameters.get("charset", "")
        text = printable.lines(charsets.text_of(octets, charset))
        if charset and not octets.isascii() and charsets.codec_name(charset) is None:
            self._note("the text names a character set that is not known; some of its letters may be wrong")
        del octets  # a large text would otherwise be held once more while its HTML is read
        if part.media_type == "text/html":
            text, tags, complete = html.text_of(text, self._tags, link_targets=self._link_targets)
            self._tags -= tags
            if not complete:
                why = f"only the first {self._budgets.html_tags} tags of the HTML were read as such"
                self._note(
                    why if self._tags <= 0 else "the text of the HTML grew beyond its size; its end was not read"
                )
        elif part.parameters.get("format", "").lower() == "flowed":
            text = flowed.unflowed(text, delete_space=part.parameters.get("delsp", "").lower() == "yes")
        if "-----BEGIN PGP MESSAGE-----" in text:
            self._note(f"encrypted: {_NEEDS_OPENING}")
        return text.strip("\n")

    def _octets(self, part: Part) -> bytes:
        """The decoded octets of a text, without the files that stand in it, as far as the budget goes."""
        found, position = b"", part.start
        for file in [*self._files.get(part.start, ()), uuencoded.Span(part.end, part.end, b"")]:
            octets, complete = transfer.head(part.raw, position, file.start, part.encoding, self._left)
            if not complete:
                self._note(f"only the first {self._budgets.text} octets of the text were read")
            self._left -= len(octets)
            found += octets
            position = file.end
        return found


def _is_text(part: Part) -> bool:
    return part.media_type in _READ_AS_TEXT or part.media_type in _REPORTS or part.main_type == "multipart"


def _set_named_texts_aside(part: Part) -> None:
    """A text with a file name behind other parts is a file, shown in place or not (RFC 2183 section 2.1)."""
    if part.media_type != "multipart/alternative":
        for child in part.children[1:]:
            if child.filename and _is_text(child):
                child.disposition = "attachment"


def _sealed(part: Part) -> str | None:
    if part.media_type in _PKCS7:
        kind = part.parameters.get("smime-type", "").lower()
        return f"{'signed' if kind == 'signed-data' else 'encrypted'} with S/MIME: {_NEEDS_OPENING}"
    if part.filename.lower() == "winmail.dat":
        return _SEALED["application/ms-tnef"]
    return _SEALED.get(part.media_type)


def _is_stub(text: str) -> bool:
    """Whether a plain form may only stand in for a richer one: next to nothing, or a short word about HTML."""
    return len(text) <= _SHORTEST_WORDS or (len(text) <= _LONGEST_STUB and _STUB.search(text) is not None)


def _best(alternative: Part) -> Part:
    """The plainest form that has words (RFC 2046 section 5.1.4 orders them from plain to rich)."""
    return min(
        alternative.children,
        key=lambda part: 0 if _holds(part, "text/plain") else 1 if _holds(part, "text/html") else 2,
    )


def _holds(part: Part, media_type: str) -> bool:
    waiting = [part]
    while waiting:
        inner = waiting.pop()
        if inner.media_type == media_type and inner.disposition != "attachment":
            end = min(inner.end, inner.start + _GLANCE)
            words, _ = transfer.head(inner.raw, inner.start, end, inner.encoding, _GLANCE)
            if words.strip():
                return True
        waiting.extend(inner.children)
    return False
