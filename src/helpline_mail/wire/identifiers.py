"""Message identifiers (RFC 5322 section 3.6.4), kept as they were sent: odd ones thread as well as good ones."""

import re

from helpline_mail.wire import printable

_LONGEST = 998
_IDENTIFIER = re.compile(r"<[^<>]{1,996}>")


def message_id(value: str) -> str | None:
    """The identifier in a Message-ID field with its angle brackets, or the bare value, or None if there is none."""
    match = _IDENTIFIER.search(value)
    return printable.line(match[0] if match else value, _LONGEST) or None


def identifiers_of(value: str, limit: int) -> tuple[tuple[str, ...], bool]:
    """The identifiers in In-Reply-To or References in order; the last `limit`, and whether there were more.

    The last are the nearest: what a reply answers stands at the end.
    """
    found = [printable.line(identifier, _LONGEST) for identifier in _IDENTIFIER.findall(value)]
    return tuple(found[-limit:]), len(found) > limit
