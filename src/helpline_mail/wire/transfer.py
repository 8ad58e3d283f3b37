"""Content-Transfer-Encodings (RFC 2045 section 6), decoded in slices so that no copy of a whole part is made."""

import binascii
import re
from collections.abc import Iterator

_SLICE = 262_144
_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _BASE64_ALPHABET)
# How much may stand before a uuencoded file, or be skipped in what is decoded, before it is given up.
_PREFACE = 65_536
_UUENCODED = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.MULTILINE)


def decoded(raw: bytes, start: int, end: int, encoding: str) -> Iterator[bytes]:
    """The content of `raw[start:end]` in slices; an unknown encoding is read as no encoding. Never raises."""
    match encoding.strip().lower():
        case "base64":
            return _base64(raw, start, end)
        case "quoted-printable":
            return _quoted_printable(raw, start, end)
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return _uuencoded(raw, start, end)
        case _:
            return _plain(raw, start, end)


def head(raw: bytes, start: int, end: int, encoding: str, limit: int) -> tuple[bytes, bool]:
    """At most `limit` octets of the content, and whether that is all of it.

    No encoding needs four octets for one, so of more than that much is nothing but what a decoder skips.
    """
    found = bytearray()
    stop = min(end, start + 4 * limit + _PREFACE)
    for piece in decoded(raw, start, stop, encoding):
        found += piece
        if len(found) > limit:
            return bytes(found[:limit]), False
    return bytes(found), stop == end


def _plain(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    for position in range(start, end, _SLICE):
        yield raw[position : min(position + _SLICE, end)]


def _base64(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    """RFC 2045 section 6.8: what is outside the alphabet is skipped; the first padding is the end."""
    carried = b""
    for piece in _plain(raw, start, end):
        carried, padding, _ = (carried + piece.translate(None, _NOT_BASE64)).partition(b"=")
        whole = len(carried) & ~3
        yield binascii.a2b_base64(carried[:whole])
        carried = carried[whole:]
        if padding:
            break
    if len(carried) > 1:
        yield binascii.a2b_base64(carried + b"=" * (4 - len(carried)))


def _quoted_printable(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    """RFC 2045 section 6.7; a slice never ends inside a line if it can end between two, nor inside `=XX`."""
    while start < end:
        stop = min(start + _SLICE, end)
        if stop < end:
            stop = raw.rfind(b"\n", start, stop) + 1 or raw.rfind(b"=", stop - 3, stop)
            if stop <= start:
                stop = start + _SLICE
        yield binascii.a2b_qp(raw[start:stop])
        start = stop


def _uuencoded(raw: bytes, start: int, end: int) -> Iterator[bytes]:
    begin = _UUENCODED.search(raw, start, min(end, start + _PREFACE))
    position = begin.end() if begin else start
    while position < end:
        stop = raw.find(b"\n", position, end) + 1 or end
        line = raw[position:stop].rstrip()
        position = stop
        if line in (b"end", b"`"):
            break
        # The count in front of a line is what ends it: some encoders pad, some forget to.
        wanted = ((line[0] - 32) & 63 if line else 0) * 4 // 3 + 4
        try:
            yield binascii.a2b_uu(line[:wanted])
        except binascii.Error:
            yield b""  # so that whoever reads may stop between any two lines
