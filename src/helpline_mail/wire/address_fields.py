"""Address fields (RFC 5322 section 3.4), read by our own tokenizer: the same on every Python.

What is ambiguous is refused rather than guessed, because two readers of it would answer two people.
"""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import idna

from helpline_mail.domain.message import Address, folded
from helpline_mail.wire import headers, printable

_TOKEN = re.compile(
    r"""(?P<space>[ \t]++)
      | (?P<quoted>"(?:[^"\\]|\\.)*+")
      | (?P<special>[<>@,;:()\\"])
      | (?P<atom>[^ \t"<>@,;:()\\]++)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_PIECE = re.compile(r"\\.|[()]", re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_DOT_ATOM = re.compile(r"[^\s\x00-\x20\x7f()<>@,;:\\\".\[\]]+(?:\.[^\s\x00-\x20\x7f()<>@,;:\\\".\[\]]+)*")
_A_LABELS = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9-]{1,63}(?<!-))*")


class Malformed(ValueError):
    """The field is not one plain address."""


class Token(NamedTuple):
    """One lexical token; a `comment` and a `quoted` string come without their delimiters."""

    kind: str
    text: str


def tokens_of(value: str) -> Iterator[Token]:
    """The tokens of an unfolded field in order. Raises Malformed at a quote or comment that never closes."""
    position = 0
    while match := _TOKEN.match(value, position):
        kind, text = str(match.lastgroup), match[0]
        position = match.end()
        if text == "(":
            end = _end_of_comment(value, position)
            kind, text, position = "comment", value[position : end - 1], end
        elif kind == "quoted":
            text = _QUOTED_PAIR.sub(r"\1", text[1:-1])
        elif text in ('"', ")", "\\"):
            raise Malformed(f"a stray {text}")
        yield Token(kind, text)


def _end_of_comment(value: str, position: int) -> int:
    depth = 1
    for piece in _COMMENT_PIECE.finditer(value, position):
        depth += {"(": 1, ")": -1}.get(piece[0], 0)
        if not depth:
            return piece.end()
    raise Malformed("a comment that never ends")


def mailbox(tokens: list[Token]) -> Address:
    """The one address in `tokens` (RFC 5322 mailbox), with its display name. Raises Malformed."""
    if any(token.kind == "comment" and ("@" in token.text or "<" in token.text) for token in tokens):
        raise Malformed("a comment that could be an address")
    specials = [token.text for token in tokens if token.kind == "special"]
    if "<" not in specials:
        return _bare_mailbox(_trimmed(tokens))
    tokens = _trimmed(tokens, "space", "comment")
    opening = tokens.index(Token("special", "<"))
    if tokens[-1] != Token("special", ">") or specials.count("<") > 1 or specials.count(">") > 1:
        raise Malformed("not one address in angle brackets")
    addr_spec = _addr_spec(_trimmed(tokens[opening + 1 : -1]))
    phrase = tokens[:opening]
    name = _name(phrase)
    if any(token.kind == "special" for token in phrase) and folded(name) != folded(addr_spec):
        raise Malformed("an unquoted name that could be an address")
    return Address(addr_spec, name)


def _bare_mailbox(tokens: list[Token]) -> Address:
    """`local@domain`, or with the name in a comment behind it, as it was once written."""
    comment = tokens.pop() if tokens and tokens[-1].kind == "comment" else None
    if comment and tokens and tokens.pop().kind != "space":
        raise Malformed("a comment inside the address")
    return Address(_addr_spec(tokens), headers.decoded(comment.text, 200) if comment else "")


def _trimmed(tokens: list[Token], *kinds: str) -> list[Token]:
    """Without tokens of those kinds (white space, if none is named) at either end."""
    kinds = kinds or ("space",)
    start, end = 0, len(tokens)
    while start < end and tokens[start].kind in kinds:
        start += 1
    while end > start and tokens[end - 1].kind in kinds:
        end -= 1
    return tokens[start:end]


def _name(phrase: list[Token]) -> str:
    """The display name: quoted strings, atoms and encoded words as people see them; comments left out."""
    return headers.decoded("".join(token.text for token in phrase if token.kind != "comment"), 200)


def _addr_spec(tokens: list[Token]) -> str:
    """`local@domain` (RFC 5322 section 3.4.1). Quoted local parts and domain literals are refused."""
    match tokens:
        case [Token("atom", local), Token("special", "@"), Token("atom", domain)]:
            pass
        case _:
            raise Malformed("not an address")
    printable_local = local.isprintable() and len(local.encode("utf-8", "replace")) <= 64
    if not printable_local or not _DOT_ATOM.fullmatch(local) or "=?" in local:
        raise Malformed("not a local part")
    return f"{local}@{a_labels(domain)}"


def a_labels(domain: str) -> str:
    """The domain as lower-case A-labels (RFC 5890 section 2.3.2.1). Raises Malformed."""
    if len(domain) > 253:
        raise Malformed("a domain that is too long")
    if any(not character.isascii() and _holds_ascii(_lower(character)) for character in domain):
        raise Malformed("a domain with a look-alike of another letter")  # the Kelvin sign, which lowers to k
    name = _lower(domain)
    if not name.isascii() or "xn--" in name:
        try:
            name = idna.encode(name, strict=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as error:
            raise Malformed("a domain that is no host name") from error
    if len(name) > 253 or not _A_LABELS.fullmatch(name):
        raise Malformed("a domain that is no host name")
    return name


def _lower(text: str) -> str:
    return unicodedata.normalize("NFC", text).lower()


def _holds_ascii(text: str) -> bool:
    return any(character.isascii() for character in text)


def addresses_of(value: str, limit: int) -> tuple[tuple[Address, ...], bool]:
    """The readable addresses of a To or Cc field, at most `limit`, and whether there were more.

    Tolerant, because nobody is trusted or written to for standing in these fields.
    """
    found: list[Address] = []
    element: list[Token] = []
    for token in _with_end(value):
        if token.kind == "special" and token.text in ",;":
            if len(found) == limit:
                return tuple(found), True
            with suppress(Malformed):
                found.append(mailbox(element))
            element = []
        elif token == Token("special", ":"):
            element = []  # what stood before is the name of a group
        else:
            element.append(token)
    return tuple(found), False


def _with_end(value: str) -> Iterator[Token]:
    with suppress(Malformed):  # the rest cannot be told apart, what came before can
        yield from tokens_of(value)
    yield Token("special", ",")


def shown(values: list[str]) -> str:
    """Address fields as one printable line for people."""
    return printable.line(", ".join(headers.decoded(value) for value in values))
