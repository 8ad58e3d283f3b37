"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231)."""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from helpline_mail.wire import charsets, headers, printable

_MOST_PARAMETERS = 100
_PARAMETER = re.compile(r";\s*+([^=;\s]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"?|([^;]*+))", re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_TYPE = re.compile(r"\s*([^\s/;\"<>()]+)\s*/\s*([^\s/;\"<>()]+)")


def split(value: str) -> tuple[str, Mapping[str, str]]:
    """The lower-case value before the first semicolon, and its parameters by lower-case name."""
    head = value.partition(";")[0].strip().lower()[:200]
    if ";" not in value:
        return head, {}
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(value)):
        if count == _MOST_PARAMETERS:
            break
        name, quoted, token = match.groups()
        text = token.strip() if quoted is None else quoted
        if quoted and "\\" in quoted:
            text = _QUOTED_PAIR.sub(r"\1", quoted)
        base, star, rest = name.lower().partition("*")
        number = rest.rstrip("*")
        if not star:
            plain.setdefault(base, text)
        elif (number.isascii() and number.isdigit() and len(number) < 4) or not number:
            pieces.setdefault(base, {}).setdefault(int(number or 0), (text, name.endswith("*")))
    return head, plain | {name: _joined(found) for name, found in pieces.items()}


def _joined(pieces: Mapping[int, tuple[str, bool]]) -> str:
    """The pieces of a value in their order; the first names the charset of all (RFC 2231 section 4.1)."""
    octets, charset = b"", ""
    for index, (number, (text, extended)) in enumerate(sorted(pieces.items())):
        if extended and index == 0 and number == 0 and text.count("'") >= 2:
            charset, _language, text = text.split("'", 2)
        octets += unquote_to_bytes(text) if extended else text.encode("utf-8", "replace")
    return charsets.text_of(octets, charset)


def media_type(value: str, default: str) -> tuple[str, Mapping[str, str]]:
    """The media type in lower case and its parameters; `default` for what is no media type (RFC 2045 5.2)."""
    _, parameters = split(value)
    match = _TYPE.match(value)
    return (printable.line(f"{match[1]}/{match[2]}".lower(), 200) if match else default), parameters


def filename(*places: Mapping[str, str]) -> str:
    """The first file name given: one printable line, data and never a path of ours; may be empty."""
    for parameters in places:
        for name in ("filename", "name"):
            given = parameters.get(name)
            if given and (shown := headers.decoded(given, 255)):
                return shown
    return ""
