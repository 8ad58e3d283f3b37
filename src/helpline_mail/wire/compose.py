"""One outgoing mail as bytes, byte for byte the same on every Python; and the check that nothing slipped in.

The standard library's composer is not used: it encodes long Message-IDs, which breaks threads, and some patch
levels write a newline that an encoded word hid as a header of its own (CVE-2024-6923).
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Literal

from helpline_mail.domain.message import Address, Enclosure
from helpline_mail.wire import content, printable
from helpline_mail.wire.content import LINE_SHOULD

SUBJECT_MAX = 200
NAME_MAX = 100
LINE_MUST = 998
"""RFC 5322 section 2.1.1."""
ID_MAX = 250
"""Longer identifiers are not repeated: they are hardly a mail client's, and would carry a stranger's words."""
REFERENCES_MAX = 2_000
"""Octets for References: threads stay whole with the first and the latest ids, and a reply stays small."""
_WORD_OCTETS = 39  # in base 64 and behind "Reply-To: " within the 76 columns of RFC 2047 section 2

HEADERS = (
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"),
    *("Auto-Submitted", "X-Auto-Response-Suppress", "X-Helpline-Kind"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
)
"""Every header that leaves us, in this order."""
_OPTIONAL = {"Reply-To", "Subject", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress"}

_ADDR_SPEC = re.compile(
    r"(?!.*=\?)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\Z"
)
_OUTSIDER = re.compile(r"(?!-)[^%!|/@]+@(?:[^.@]+\.)+[a-z][a-z0-9-]*\Z")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")
_KIND = re.compile(r"[a-z_]{1,40}")
_NOT_CRLF = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
_FIELD = re.compile(rb"([A-Za-z-]+): ?[ -~]*(?:\r\n[ \t][ -~]*[!-~][ -~]*)*\r\n")


class UnsafeMail(ValueError):
    """A mail that must not leave: an address, an id or a byte in it could be read as something else."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What one mail says. Texts may hold anything; addresses and our own Message-ID must be well-formed."""

    kind: str
    from_: Address
    to: Address
    subject: str
    text: str
    message_id: str
    date: datetime
    reply_to: Address | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    auto_submitted: Literal["auto-replied", "auto-generated"] | None = None
    html: str = ""
    """The same words with formatting, already safe (`formatting.formatted`); empty: the mail is plain text."""
    files: tuple[Enclosure, ...] = ()


def compose(draft: Draft) -> bytes:
    """The whole mail with CRLF line ends, verified. UnsafeMail if it must not leave, or has a naive date."""
    if draft.date.utcoffset() is None:
        raise UnsafeMail(f"the mail's date {draft.date} has no time zone")
    if not _is_id(draft.message_id):
        raise UnsafeMail(f"{draft.message_id!r} is not a Message-ID")
    if not _KIND.fullmatch(draft.kind):
        raise UnsafeMail(f"{draft.kind!r} is not a kind of mail")
    media_type, encoding, body = content.of(draft.text, draft.html, draft.files, draft.message_id)
    values = _values(draft) | {"Content-Type": media_type, "Content-Transfer-Encoding": encoding}
    head = "".join(f"{name}: {values[name]}\r\n" for name in HEADERS if values[name])
    raw = head.encode("ascii") + b"\r\n" + body
    verify(raw)
    return raw


def is_writable(addr_spec: str) -> bool:
    """Whether an outsider's address can be written to, and would not lead a mail server to somebody else.

    ASCII, no quoted local part, no address literal; nothing in the local part that servers take for a route
    (`victim%bank.example@`, `evil.example!victim@`), a program, a file or an option; a domain with a dot that is no
    number, because `localhost` and 127.0.0.1 are the mail server's own. Configured addresses are only held to the
    first of these, by `compose`: whoever configures them may have servers without a dot.
    """
    return _is_addr_spec(addr_spec) and _OUTSIDER.match(addr_spec) is not None


def _is_addr_spec(addr_spec: str) -> bool:
    return _ADDR_SPEC.match(addr_spec) is not None


def verify(raw: bytes) -> None:
    """Read the bytes again and raise UnsafeMail unless they are one mail of the form that `compose` gives.

    Only CRLF pairs, no NUL, no line over 998 octets (RFC 5322 section 2.1.1), each header known and once, and of
    each part what `content` writes.
    """
    if _NOT_CRLF.search(raw):
        raise UnsafeMail("it holds a NUL, or a carriage return or newline that stands alone")
    if max(map(len, raw.split(b"\r\n"))) > LINE_MUST:
        raise UnsafeMail(f"it has a line of over {LINE_MUST} octets")
    names: list[str] = []
    position = 0
    while raw[position : position + 2] != b"\r\n":
        field = _FIELD.match(raw, position)
        if field is None:
            raise UnsafeMail(f"header field {len(names) + 1} is malformed")
        names.append(field[1].decode("ascii"))
        position = field.end()
    if [name for name in HEADERS if name in names or name not in _OPTIONAL] != names:
        raise UnsafeMail(f"its headers are {', '.join(names)}")
    if fault := content.fault_in(raw):
        raise UnsafeMail(fault)


def _values(draft: Draft) -> dict[str, str]:
    answered = [draft.in_reply_to] if draft.in_reply_to and _is_id(draft.in_reply_to) else []
    references = list(dict.fromkeys(id_ for id_ in draft.references if _is_id(id_)))
    return {
        "From": _mailbox(draft.from_),
        "To": _mailbox(draft.to),
        "Reply-To": _mailbox(draft.reply_to) if draft.reply_to else "",
        "Subject": _unstructured(_one_line(draft.subject, SUBJECT_MAX), len("Subject: ")),
        "Date": format_datetime(draft.date),
        "Message-ID": draft.message_id,
        "In-Reply-To": "\r\n ".join(answered),
        "References": "\r\n ".join(_bounded(references)),
        "Auto-Submitted": draft.auto_submitted or "",  # RFC 3834 section 5
        "X-Auto-Response-Suppress": "All" if draft.auto_submitted else "",
        "X-Helpline-Kind": draft.kind,
        "MIME-Version": "1.0",
    }


def _is_id(message_id: str) -> bool:
    return len(message_id) <= ID_MAX and _MESSAGE_ID.fullmatch(message_id) is not None


def _bounded(references: list[str]) -> Iterable[str]:
    """The first id, which names the thread, and as many of the latest as there is room for."""
    if not references:
        return ()
    room = REFERENCES_MAX - len(references[0])
    latest: list[str] = []
    for message_id in reversed(references[1:]):
        room -= len(message_id) + len("\r\n ")
        if room < 0:
            break
        latest.insert(0, message_id)
    return (references[0], *latest)


def _mailbox(address: Address) -> str:
    if not _is_addr_spec(address.addr_spec):
        raise UnsafeMail("an address is not of a form that can be written to")
    name = _one_line(address.name, NAME_MAX)
    if not name:
        return address.addr_spec
    if _needs_encoding(name):
        return f"{_encoded_words(name)}\r\n <{address.addr_spec}>"
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    fold = "\r\n " if len(f'Reply-To: "{quoted}" <{address.addr_spec}>') > LINE_SHOULD else " "
    return f'"{quoted}"{fold}<{address.addr_spec}>'


def _one_line(text: str, limit: int) -> str:
    return " ".join(printable.line(text, limit).split())


def _needs_encoding(text: str) -> bool:
    return not text.isascii() or "=?" in text


def _unstructured(text: str, column: int) -> str:
    if _needs_encoding(text):
        return _encoded_words(text)
    lines = [""]
    for word in text.split():
        if lines[-1] and column + len(lines[-1]) + 1 + len(word) > LINE_SHOULD:
            lines.append("")
            column = 1
        lines[-1] += f" {word}" if lines[-1] else word
    return "\r\n ".join(lines)


def _encoded_words(text: str) -> str:
    """RFC 2047: no word over 75 columns, and none that ends inside a character."""
    words, octets = [], b""
    for character in text:
        encoded = character.encode("utf-8")
        if len(octets) + len(encoded) > _WORD_OCTETS:
            words.append(octets)
            octets = b""
        octets += encoded
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode('ascii')}?=" for word in (*words, octets))
