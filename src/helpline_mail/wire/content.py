"""What stands below the header of an outgoing mail: a text, its HTML form beside it, files behind them.

One form only, so that it can be read again and proved: text/plain; or multipart/alternative of text/plain and
text/html; or multipart/mixed of one of these and files. The same input gives the same octets.
"""

import re
import unicodedata
from base64 import encodebytes
from collections.abc import Iterator, Sequence
from hashlib import sha256
from urllib.parse import quote

from helpline_mail.domain.message import Enclosure
from helpline_mail.wire import printable

LINE_SHOULD = 78
"""RFC 5322 section 2.1.1."""
FILENAME_MAX = 100
_LONGEST_SUFFIX = 10
_VALUE_COLUMNS = 54  # behind ` filename*00*=utf-8''` within 76

_PLAIN, _HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
_FILE = "application/octet-stream"
# RFC 6838 section 4.2, and no longer than any registered type.
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,90}")
# A mail client might run, render or take apart what is of these types.
_RUN = re.compile(r"(?:message|multipart)/.*|text/(?:html|xml|javascript)|application/(?:xml|javascript)|.*\+xml")
_UNSEEN = ("Cc", "Cf", "Cs", "Co")
_NOT_IN_A_FILENAME = re.compile(r'[/\\:"<>|?*\u2044\u2215\u29f5\ufe68\uff0f\uff3c]')
_NOT_QUOTED_PRINTABLE = re.compile(rb"[^\t -<>-~]|[\t ]\Z|\AF(?=rom )")

_BOUNDARY = rb'boundary="(=_[0-9a-f]{32})"'
_MULTIPART = re.compile(rb"Content-Type: multipart/(mixed|alternative);\r\n " + _BOUNDARY + rb"\r\n")
_TEXT_HEADER = rb"Content-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: (?:7bit|quoted-printable)\r\n\r\n"
_TEXT_PARTS = {name: re.compile(_TEXT_HEADER % name) for name in (b"plain", b"html")}
_PARAMETER = rb';\r\n (?:file)?name(?:="[ -!#-\[\]-~]+"|(?:\*[0-9]{1,2})?\*=[!-:<-~]+)'
_FILE_PART = re.compile(
    rb"Content-Type: ([a-z0-9][a-z0-9!#$&^_.+/-]+)"
    + _PARAMETER
    + rb"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment(?:"
    + _PARAMETER
    + rb")+\r\n\r\n(?:\r\n|(?:[A-Za-z0-9+/=]{4,76}\r\n)++)"
)


def of(text: str, html: str, files: Sequence[Enclosure], message_id: str) -> tuple[str, str, bytes]:
    """Content-Type, Content-Transfer-Encoding and octets with CRLF line ends. `message_id` makes the boundaries."""
    encoding, body = _encoded(text)
    if not html and not files:
        return _PLAIN, encoding, body
    if "=_" in text:  # might be taken for a boundary; quoted-printable has no such octets
        encoding, body = "quoted-printable", _as_quoted_printable(text)
    media_type = _PLAIN
    if html:
        parts = [
            _part(_PLAIN, encoding, body),
            _part(_HTML, "quoted-printable", _as_quoted_printable(html)),
        ]
        media_type, encoding, body = _multipart("alternative", parts, message_id)
    if files:
        # RFC 2045 section 6.4: a multipart that is not encoded need not say so.
        first = f"Content-Type: {media_type}\r\n\r\n".encode() + body if html else _part(media_type, encoding, body)
        media_type, encoding, body = _multipart("mixed", [first, *map(_file, files)], message_id)
    return media_type, encoding, body


def filename_of(name: str) -> str:
    """`name` as one that can be saved anywhere: no controls, marks of direction, separators or leading dots."""
    shown = "".join(character for character in name if unicodedata.category(character) not in _UNSEEN)
    shown = unicodedata.normalize("NFC", _NOT_IN_A_FILENAME.sub("", shown))
    shown = " ".join(shown.split()).lstrip(". ").rstrip(". ")
    if len(shown) > FILENAME_MAX:
        stem, dot, suffix = shown.rpartition(".")
        ending = f".{suffix}" if dot and len(suffix) <= _LONGEST_SUFFIX else ""
        shown = (stem if ending else shown)[: FILENAME_MAX - len(ending)].rstrip(". ") + ending
    return shown or "attachment"


def media_type_of(content_type: str) -> str:
    """`content_type` if it is a plain type and subtype that no mail client runs; else application/octet-stream."""
    media_type = content_type.lower()
    return media_type if _TYPE.fullmatch(media_type) and not _RUN.fullmatch(media_type) else _FILE


def fault_in(raw: bytes) -> str | None:
    """What is wrong with the content of `raw`, a whole mail: None if it is of the form that `of` writes.

    Whether line ends and the mail's own header are right is for the caller to look at.
    """
    head, _, body = raw.partition(b"\r\n\r\n")
    head += b"\r\n"
    if re.search(rb"^Content-Type: text/plain; charset=utf-8\r\n", head, re.MULTILINE):
        return None
    opening = _MULTIPART.search(head)
    if opening is None:
        return "its content is of a type that is never written"
    kind, boundary = opening.groups()
    parts = _parts(body, boundary)
    if parts is None:
        return "its parts are not what stands between its boundaries"
    return _fault_in_alternative(parts) if kind == b"alternative" else _fault_in_mixed(parts)


def _fault_in_mixed(parts: Sequence[bytes]) -> str | None:
    if len(parts) < 2:
        return "it announces files and has none"
    for number, part in enumerate(parts[1:], start=1):
        file = _FILE_PART.fullmatch(part)
        if file is None or media_type_of(file[1].decode("ascii")).encode() != file[1]:
            return f"file {number} is not written as a file"
    if _TEXT_PARTS[b"plain"].match(parts[0]):
        return None
    opening = _MULTIPART.match(parts[0])
    inner = opening and opening[1] == b"alternative" and parts[0][opening.end() : opening.end() + 2] == b"\r\n"
    found = _parts(parts[0][opening.end() + 2 :], opening[2]) if opening and inner else None
    return "its first part is no text" if found is None else _fault_in_alternative(found)


def _fault_in_alternative(parts: Sequence[bytes]) -> str | None:
    """RFC 2046 section 5.1.4: plain text first, the richer form last."""
    if len(parts) == 2 and _TEXT_PARTS[b"plain"].match(parts[0]) and _TEXT_PARTS[b"html"].match(parts[1]):
        return None
    return "its two forms are not plain text and HTML"


def _parts(body: bytes, boundary: bytes) -> list[bytes] | None:
    """What stands between the delimiters, each with its last line end; None if anything stands outside them."""
    delimiter = b"--" + boundary
    if not body.startswith(delimiter + b"\r\n") or not body.endswith(b"\r\n" + delimiter + b"--\r\n"):
        return None
    inside = body[len(delimiter) + 2 : -len(delimiter) - 6]
    parts = inside.split(b"\r\n" + delimiter + b"\r\n")
    return None if any(delimiter in part for part in parts) else [part + b"\r\n" for part in parts]


def _multipart(kind: str, parts: Sequence[bytes], message_id: str) -> tuple[str, str, bytes]:
    boundary = f"=_{sha256(f'{kind} {message_id}'.encode()).hexdigest()[:32]}"
    delimiter = f"--{boundary}".encode()
    # The line end before a delimiter belongs to the delimiter, and each part ends with one (RFC 2046 section 5.1.1).
    body = b"".join(b"%s\r\n%s" % (delimiter, part) for part in parts)
    return f'multipart/{kind};\r\n boundary="{boundary}"', "7bit", b"%s%s--\r\n" % (body, delimiter)


def _part(media_type: str, encoding: str, body: bytes) -> bytes:
    return f"Content-Type: {media_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode("ascii") + body


def _file(file: Enclosure) -> bytes:
    name = filename_of(file.filename)
    simple = _simple(name)
    disposition = f';\r\n filename="{name}"' if name == simple else _extended(name)
    head = (
        f'Content-Type: {media_type_of(file.content_type)};\r\n name="{simple}"\r\n'
        f"Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment{disposition}\r\n\r\n"
    )
    lines = encodebytes(file.octets) or b"\n"  # of 76 columns (RFC 2045 section 6.8)
    return head.encode("ascii") + lines.replace(b"\n", b"\r\n")


def _simple(name: str) -> str:
    """`name` in letters that every mail client shows, accents dropped; short enough for one line."""
    decomposed = unicodedata.normalize("NFKD", name)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    simple = re.sub(r"[^A-Za-z0-9 .,;=@!#$&()+_\[\]'~^{}%-]", "_", bare)
    stem, dot, suffix = simple.rpartition(".")
    most = LINE_SHOULD - len(' filename="";') - 2
    if len(simple) <= most:
        return simple
    return stem[: most - len(suffix) - 1] + dot + suffix if dot and len(suffix) <= _LONGEST_SUFFIX else simple[:most]


def _extended(name: str) -> str:
    """The parameter in UTF-8, in pieces if one line is too short for it (RFC 2231 sections 3 and 4.1)."""
    pieces = [""]
    for character in name:
        encoded = quote(character, safe="")
        if len(pieces[-1]) + len(encoded) > _VALUE_COLUMNS:
            pieces.append("")
        pieces[-1] += encoded
    first, *others = pieces
    if not others:
        return f";\r\n filename*=utf-8''{first}"
    rest = (f";\r\n filename*{number}*={piece}" for number, piece in enumerate(others, start=1))
    return f";\r\n filename*0*=utf-8''{first}" + "".join(rest)


def _encoded(text: str) -> tuple[str, bytes]:
    """The transfer encoding and the encoded text. Plain where nothing on the way could alter it."""
    lines = _lines(text)
    if all(_travels_plainly(line) for line in lines):
        return "7bit", "".join(f"{line}\r\n" for line in lines).encode("ascii")
    return "quoted-printable", _as_quoted_printable(text)


def _lines(text: str) -> list[str]:
    return printable.lines(text).rstrip("\n").split("\n")


def _as_quoted_printable(text: str) -> bytes:
    return b"".join(b"=\r\n".join(_quoted_printable(line)) + b"\r\n" for line in _lines(text))


def _travels_plainly(line: str) -> bool:
    if not line.isascii() or len(line) > LINE_SHOULD:
        return False
    return not line.startswith((".", "From ")) and line == line.rstrip()


def _quoted_printable(line: str) -> Iterator[bytes]:
    """RFC 2045 section 6.7, in pieces of at most 75 octets that a soft line break may follow.

    No piece starts with a dot, whatever the transport does about dots (RFC 5321 section 4.5.2).
    """
    rest = _NOT_QUOTED_PRINTABLE.sub(lambda match: b"=%02X" % ord(match[0]), line.encode("utf-8"))
    start = 0
    while len(rest) - start > 73:
        cut = start + 73
        escape = rest.rfind(b"=", cut - 2, cut)
        cut = escape if escape >= 0 else cut
        yield _undotted(rest[start:cut])
        start = cut
    yield _undotted(rest[start:])


def _undotted(piece: bytes) -> bytes:
    return b"=2E" + piece[1:] if piece.startswith(b".") else piece
