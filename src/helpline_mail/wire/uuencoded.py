"""Files that stand uuencoded in the text itself, as Outlook and Netscape once sent them."""

import re
from typing import NamedTuple

_BEGIN = re.compile(rb"begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n[ -`]{1,80}\r?\n")
_END = re.compile(rb"\nend[ \t]{0,9}(?:\r?\n|\Z)")
# No line of a file starts with a small letter, so hardly anything but the end looks like it.
_FALSE_ENDS = 100
_LINE_FEED = 10


class Span(NamedTuple):
    """Where a file stands in the octets, its `begin` line included, and its name."""

    start: int
    end: int
    name: bytes


def spans(octets: bytes, start: int, end: int, most: int, most_words: int) -> list[Span]:
    """The first `most` complete files between `start` and `end`. A story that only says "begin" is none.

    They are looked for in the first `most_words` octets of what stands around them, which is all that is read.
    """
    found: list[Span] = []
    until = start + most_words
    position = octets.find(b"begin ", start, min(end, until))
    while position >= 0 and len(found) < most:
        at_line_start = position == start or octets[position - 1] == _LINE_FEED
        if at_line_start and (begin := _BEGIN.match(octets, position, end)):
            closing = _closing(octets, begin.end() - 1, end)
            if closing < 0:
                break
            found.append(Span(position, closing, begin[1]))
            until += closing - position
            position = closing - 1
        position = octets.find(b"begin ", position + 1, min(end, until))
    return found


def _closing(octets: bytes, start: int, end: int) -> int:
    """Where the file ends whose lines start at `start`, or -1."""
    position = start
    for _ in range(_FALSE_ENDS):
        position = octets.find(b"\nend", position, end)
        if position < 0:
            break
        if closing := _END.match(octets, position, end):
            return closing.end()
        position += 1
    return -1
