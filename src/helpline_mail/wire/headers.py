"""Header blocks: octets to fields (RFC 5322 section 2.2), and the words encoded in them (RFC 2047)."""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from helpline_mail.domain.budgets import Budgets
from helpline_mail.wire import charsets, printable

_BLANK_LINE = re.compile(rb"\n\r?\n")
_LEADING_BLANK = re.compile(rb"(?:\r?\n)*+")
# Possessive, so that a block of any shape is passed over once and never again.
_FIELD = re.compile(r"([!-9;-~]++)([ \t]*+):([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
# An mbox separator; "From :" is a field, and an odd one.
_ENVELOPE_LINE = re.compile(r">?From (?![ \t]*+:)[^\n]*+\n")
_ENCODED_WORD = re.compile(r"=\?([^?*\s]{1,64})(?:\*[^?\s]{0,32})?\?([bBqQ])\?([^?\n]*+)\?=")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")


class Field(NamedTuple):
    """One header field. `value` is unfolded but otherwise as sent: it may hold controls and encoded words.

    `regular` is False if white space stood before the colon (RFC 5322 section 4.5), or the value was cut.
    """

    name: str
    value: str
    regular: bool = True


@dataclass(frozen=True, slots=True)
class Header:
    """The fields of one header block in order, by name as well, and where its body starts."""

    fields: tuple[Field, ...]
    body: int
    defects: tuple[str, ...] = ()

    def named(self) -> Mapping[str, list[str]]:
        """The values by lower-case name, top first."""
        named: dict[str, list[str]] = {}
        for field in self.fields:
            named.setdefault(field.name, []).append(field.value)
        return named

    def first(self, name: str) -> str:
        """The topmost value of that lower-case name, or nothing."""
        for field in self.fields:
            if field[0] == name:
                return field[1]
        return ""


def header_of(
    raw: bytes, start: int, end: int, budgets: Budgets, *, most_fields: int | None = None, outermost: bool = False
) -> Header:
    """The header block that starts at `start`; a line that is no field ends it, as it does for mail servers."""
    if outermost:
        start = _blank_lines_end(raw, start, end)
    if raw.startswith((b"\n", b"\r\n"), start, end):
        return Header((), raw.index(b"\n", start) + 1)
    limit = min(end, start + budgets.header)
    blank = _BLANK_LINE.search(raw, start, limit)
    stop = blank.start() + 1 if blank else limit
    # Octets survive the way to text and back, so that a position in the one is found again in the other.
    block = raw[start:stop].decode("ascii", "surrogateescape")
    fields, position, defects = _fields(block, budgets, most_fields or budgets.fields, outermost)
    body = blank.end() if blank else end
    if position < len(block) and not defects:
        if blank is None and stop < end:
            defects = [f"only the first {budgets.header} octets of the header were read"]
        else:
            defects = ["a line in the header is no field; what follows it was read as the text"]
            body = start + position
    return Header(tuple(fields), body, tuple(defects))


def _blank_lines_end(raw: bytes, start: int, end: int) -> int:
    blank = _LEADING_BLANK.match(raw, start, end)
    return blank.end() if blank else start


def _fields(block: str, budgets: Budgets, most: int, outermost: bool) -> tuple[list[Field], int, list[str]]:
    """The fields of a block up to the first line that is none, where that is, and which budgets were spent."""
    fields: list[Field] = []
    defects: list[str] = []
    envelope = _ENVELOPE_LINE.match(block) if outermost else None
    position = envelope.end() if envelope else 0
    while match := _FIELD.match(block, position):
        if len(fields) == most:
            defects.append(f"only the first {most} header fields were read")
            break
        name, space, value = match.groups()
        name = name.lower()[:200]
        whole = len(value) <= budgets.field
        if not whole:
            defects.append(f"only the first {budgets.field} octets of the field {name[:40]} were read")
            value = value[: budgets.field]
        fields.append(Field(name, _unfolded(value), whole and not space))
        position = match.end()
    return fields, position, defects


def _unfolded(value: str) -> str:
    """One line again (RFC 5322 section 2.2.3), its 8-bit octets as text (RFC 6532)."""
    if "\n" in value:
        value = value.replace("\r\n", "").replace("\n", "")
    value = value.strip(" \t\r\n")
    return value if value.isascii() else charsets.text_of(value.encode("ascii", "surrogateescape"))


def decoded(value: str, limit: int = 1_000) -> str:
    """A field's words for people (RFC 2047): one printable line; what cannot be decoded stays as it was sent."""
    if "=?" in value:
        value = "".join(_words(value))
    return printable.line(value, limit)


def _words(value: str) -> Iterator[str]:
    """Pieces of `value`; neighbouring words of one charset are joined first: senders cut letters in two."""
    position, octets, charset = 0, b"", ""
    for word in _ENCODED_WORD.finditer(value):
        between = value[position : word.start()]
        same = word[1].lower() == charset and not between.strip()
        if not same:
            yield charsets.text_of(octets, charset)
            octets, charset = b"", word[1].lower()
            # RFC 2047 section 6.2: white space between two encoded words is not shown.
            if between.strip() or position == 0:
                yield between
        octets += _octets(word[2], word[3], charset)
        position = word.end()
    yield charsets.text_of(octets, charset)
    yield value[position:]


def _octets(encoding: str, text: str, charset: str) -> bytes:
    """The octets of one encoded word; letters left bare in it are taken to be in its charset."""
    if encoding in "qQ":
        bare = text.encode("utf-8" if text.isascii() else charsets.codec_name(charset) or "utf-8", "replace")
        return binascii.a2b_qp(bare, header=True)
    data = _NOT_BASE64.sub("", text)
    data = data[: len(data) - (len(data) % 4 == 1)]
    return binascii.a2b_base64(data + "=" * (-len(data) % 4))
