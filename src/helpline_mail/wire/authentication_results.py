"""What the configured receiver says about a message's sender: a tolerant reader of RFC 8601.

Only the topmost Authentication-Results field counts, and only if it is the configured receiver's: what stands
below may have come with the message (RFC 8601 section 5) and is text. Without a configured receiver nobody is
believed.
"""

import re
from collections.abc import Iterator, Mapping

from helpline_mail.domain.message import folded
from helpline_mail.domain.responder import Verdict

MICROSOFT_365 = "microsoft-365"
"""Configured as the identifier where the receiver is Microsoft 365, which writes none."""

_LONGEST = 8192
_METHOD = re.compile(r" ?([a-z][a-z0-9-]*)(?: ?/ ?\d+)?=([a-z]+)(?= |$)")
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^ "])+')
_SAID = re.compile(r"[a-z0-9._/-]+=.*", re.DOTALL)
_DOMAIN = re.compile(r"[^\s@\"\\.]+(?:\.[^\s@\"\\.]+)*+(?=\.?\Z)")
_Result = tuple[str, str, dict[str, str]]


class _Malformed(ValueError):
    """A quotation or a comment does not end, or ends without having begun."""


def verdict(fields: Mapping[str, tuple[str, ...]], authserv_id: str, from_domain: str) -> Verdict:
    """What the receiver of that identifier says of a message from that domain (lower-case A-labels).

    `fields` is the outermost header block, top first. `failed` only for an explicit dmarc=fail. `aligned` for
    dmarc=pass of exactly that domain, or, where DMARC does not contradict, a DKIM signature of exactly that
    domain (RFC 7489 section 3.1.1, strict). What is missing, doubled or malformed vouches for nobody.
    """
    topmost = next(iter(fields.get("authentication-results", ())), "")
    if not authserv_id or not topmost or len(topmost) > _LONGEST:
        return Verdict()
    try:
        results = list(_results(_of_receiver(topmost, authserv_id)))
    except _Malformed:
        return Verdict(text="the receiver's Authentication-Results cannot be read")
    return _weigh(results, _domain(from_domain)) if results else Verdict()


def _weigh(results: list[_Result], from_domain: str) -> Verdict:
    dmarc = [(result, properties) for method, result, properties in results if method == "dmarc"]
    dkim = [(result, properties) for method, result, properties in results if method == "dkim"]
    failed = any(result == "fail" for result, _ in dmarc)
    passed = any(result == "pass" and _author(said) == from_domain for result, said in dmarc)
    signed = any(result == "pass" and _signer(said) == from_domain for result, said in dkim)
    aligned = bool(from_domain) and not failed and len(dmarc) <= 1 and (passed or signed)
    first = {method: result for method, result, _ in reversed(results)}
    shown = "fail" if failed else first.get("dmarc", "none")
    spf, signature = first.get("spf", "none"), first.get("dkim", "none")
    text = f"the receiver says dmarc={shown}, spf={spf}, dkim={signature}"
    return Verdict(shown, spf, signature, aligned, failed, text)


def _of_receiver(value: str, authserv_id: str) -> list[str]:
    """The statements of one field if the configured receiver wrote it, else none."""
    first, *rest = _statements(folded(value))
    if folded(authserv_id) == MICROSOFT_365:
        return [first, *rest] if "=" in first else []
    identifier = next(iter(first.split()), "").strip('"')  # RFC 8601 section 2.5: a version may follow
    return rest if identifier == folded(authserv_id) else []


def _statements(value: str) -> Iterator[str]:
    """The parts between semicolons, without comments, quoted strings as they are (RFC 5322 section 3.2)."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for character in value:
        literal = escaped or quoted or character not in "();"
        if escaped:
            escaped = False
        elif character == "\\" and (quoted or depth):
            escaped = True
        elif character == '"' and not depth:
            quoted = not quoted
        elif not quoted and character in "()":
            depth += 1 if character == "(" else -1
        if depth < 0:
            raise _Malformed
        if character == ";" and not literal and not depth:
            yield "".join(kept)
            kept.clear()
        elif not depth:
            kept.append(character if literal else " ")
    if depth or quoted:
        raise _Malformed
    yield "".join(kept)


def _results(statements: list[str]) -> Iterator[_Result]:
    """Method, result and properties of each statement; what cannot be read is left out."""
    for statement in statements:
        spaced = re.sub(" ?= ?", "=", " ".join(statement.split()))
        if found := _METHOD.match(spaced):
            yield found[1], found[2], _properties(spaced[found.end() :])


def _properties(text: str) -> dict[str, str]:
    """RFC 8601 section 2.2 propspec. A property said twice in two ways says nothing.

    Nor does any beside a word that is no property: it may be a text of the sender's that was not quoted.
    """
    properties: dict[str, str] = {}
    for word in _WORD.findall(text):
        if not _SAID.fullmatch(word):
            return {}
        name, _, value = word.partition("=")
        value = value.strip('"')
        properties[name] = value if properties.get(name, value) == value else ""
    return properties


def _author(properties: dict[str, str]) -> str:
    """A domain, or the address it was taken from: at most one @."""
    before, _, domain = properties.get("header.from", "").rpartition("@")
    return "" if "@" in before else _domain(domain)


def _signer(properties: dict[str, str]) -> str:
    """RFC 6376 section 3.5: d= is a domain; i= is an address, whose local part may be missing."""
    if "header.d" in properties:
        return _domain(properties["header.d"])
    before, at, domain = properties.get("header.i", "").rpartition("@")
    return _domain(domain) if at and "@" not in before else ""


def _domain(name: str) -> str:
    """The domain in ASCII lower case, without the dot of the root; of anything else nothing."""
    found = _DOMAIN.match(name)
    return folded(found[0]) if found else ""
