"""The structure of a message (RFC 2045, RFC 2046): octets to a tree of parts, without copying a body."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from helpline_mail.domain.budgets import Budgets
from helpline_mail.wire import headers, parameters, transfer
from helpline_mail.wire.headers import Header

# Bounded, so that white space without end is not looked through once for each delimiter.
_DELIMITER_END = re.compile(rb"(--)?[ \t]{0,100}+\r?(?:\n|\Z)")


@dataclass(slots=True)
class Part:
    """One entity: its header, and its body as a span of `raw`. `children` are its parts or its enclosed message."""

    raw: bytes = field(repr=False)
    header: Header = field(repr=False)
    start: int
    end: int
    depth: int
    media_type: str
    parameters: Mapping[str, str]
    disposition: str = ""
    filename: str = ""
    encoding: str = ""
    children: list["Part"] = field(default_factory=list)

    @property
    def main_type(self) -> str:
        """The media type before the slash."""
        return self.media_type.partition("/")[0]

    def octets(self) -> Iterator[bytes]:
        """The decoded body in slices."""
        return transfer.decoded(self.raw, self.start, self.end, self.encoding)


class Structure:
    """Reads one message into parts, level by level and never by recursion; says in `defects` where it stopped."""

    def __init__(self, budgets: Budgets, spent: Callable[[], bool], note: Callable[[str], None]) -> None:
        self._budgets = budgets
        self._spent = spent
        self._note = note
        self._parts = 0
        self._fields = budgets.fields + 4 * budgets.parts
        self._decodable = 4 * budgets.text

    def read(self, raw: bytes) -> Part:
        """The outermost part, with everything inside it that the budgets allow."""
        root = self._part(raw, 0, len(raw), depth=0, default="text/plain", outermost=True)
        waiting = [root]
        while waiting:
            part = waiting.pop()
            if part.main_type != "multipart" and part.media_type not in ("message/rfc822", "message/global"):
                continue
            if part.depth == self._budgets.depth:
                self._note(f"parts nested more than {self._budgets.depth} deep were not read")
                continue
            part.children = self._parts_of(part) if part.main_type == "multipart" else self._enclosed(part)
            waiting.extend(part.children)
        return root

    def _part(self, raw: bytes, start: int, end: int, *, depth: int, default: str, outermost: bool = False) -> Part:
        self._parts += 1
        most = max(1, min(self._budgets.fields, self._fields))
        header = headers.header_of(raw, start, end, self._budgets, most_fields=most, outermost=outermost)
        self._fields -= len(header.fields)
        for defect in header.defects:
            self._note(defect)
        media_type, content = parameters.media_type(header.first("content-type"), default)
        disposition, placed = parameters.split(header.first("content-disposition"))
        return Part(
            raw,
            header,
            header.body,
            end,
            depth,
            media_type,
            content,
            disposition,
            parameters.filename(placed, content),
            header.first("content-transfer-encoding"),
        )

    def _parts_of(self, part: Part) -> list[Part]:
        """The body parts between the delimiter lines of a multipart (RFC 2046 section 5.1.1)."""
        boundary = part.parameters.get("boundary", "").rstrip().encode("utf-8", "surrogateescape")
        if not boundary:
            self._note("a multipart without a boundary was read as plain text")
            return []
        default = "message/rfc822" if part.media_type == "multipart/digest" else "text/plain"
        found: list[Part] = []
        for start, end in self._spans(part, b"--" + boundary):
            if self._parts >= self._budgets.parts or self._spent():
                self._note(f"only the first {self._parts} parts of the message were read")
                break
            found.append(self._part(part.raw, start, end, depth=part.depth + 1, default=default))
        if not found:
            self._note("a multipart without any part was read as plain text")
        return found

    def _spans(self, part: Part, delimiter: bytes) -> Iterator[tuple[int, int]]:
        """Where each body part starts and ends; a part that the message's end cuts off counts as well."""
        raw, opened, lookalikes = part.raw, -1, 0
        position = raw.find(delimiter, part.start, part.end)
        while position >= 0:
            behind = _DELIMITER_END.match(raw, position + len(delimiter), part.end)
            if behind and (position == part.start or raw[position - 1] in b"\r\n"):
                if opened >= 0:
                    yield opened, _before_line(raw, opened, position)
                opened = behind.end()
                if behind[1]:
                    return
            elif (lookalikes := lookalikes + 1) > 4 * self._budgets.parts:
                self._note("too many lines that look like the end of a part; the last part may hold others")
                break
            position = raw.find(delimiter, position + len(delimiter), part.end)
        if 0 <= opened < part.end:
            yield opened, part.end

    def _enclosed(self, part: Part) -> list[Part]:
        """The message inside a message/rfc822 part; RFC 2046 section 5.2.1 forbids to encode it, some do."""
        if self._parts >= self._budgets.parts:
            return []
        raw, start, end = part.raw, part.start, part.end
        if part.encoding.strip().lower() in ("base64", "quoted-printable"):
            raw = self._decoded(part)
            start, end = 0, len(raw)
            if not raw:
                return []
        return [self._part(raw, start, end, depth=part.depth + 1, default="text/plain", outermost=True)]

    def _decoded(self, part: Part) -> bytes:
        """An encoded message as far as the octets go that all of them share, however they stand in one another."""
        found = bytearray()
        for piece in part.octets() if self._decodable > 0 else ():
            found += piece[: self._decodable]
            self._decodable -= len(piece)
            if self._decodable < 0 or self._spent():
                break
        if self._decodable <= 0:
            self._note(f"only the first {4 * self._budgets.text} octets of encoded messages were read")
        return bytes(found)


def _before_line(raw: bytes, start: int, position: int) -> int:
    """Where the line before `position` ends: the line break before a delimiter belongs to the delimiter."""
    if position > start and raw[position - 1] == 10:
        position -= 1
    if position > start and raw[position - 1] == 13:
        position -= 1
    return position
