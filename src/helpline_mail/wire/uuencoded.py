"""Files that stand uuencoded in the text itself, as Outlook and Netscape once sent them."""

import re
from typing import NamedTuple

_BEGIN = re.compile(rb"begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n[ -`]{1,80}\r?\n")
_END = re.compile(rb"\nend[ \t]{0,9}(?:\r?\n|\Z)")
_LINE_FEED = 10


class Span(NamedTuple):
    """Where a file stands in the octets, its `begin` line included, and its name."""

    start: int
    end: int
    name: bytes


def spans(octets: bytes, start: int, end: int, most: int) -> list[Span]:
    """The first `most` complete files between `start` and `end`. A story that only says "begin" is none."""
    found: list[Span] = []
    position = octets.find(b"begin ", start, end)
    while position >= 0 and len(found) < most:
        begin = _BEGIN.match(octets, position, end)
        if begin and (position == start or octets[position - 1] == _LINE_FEED):
            closing = _END.search(octets, begin.end() - 1, end)
            if closing is None:
                break
            found.append(Span(position, closing.end(), begin[1]))
            position = closing.end() - 1
        position = octets.find(b"begin ", position + 1, end)
    return found
