"""Text/Plain; format=flowed (RFC 3676): paragraphs that a mail client cut into lines become lines again."""

import re

_LINE = re.compile(r"([^\n]*+)(?:\n|\Z)")
_SIGNATURE = "-- "
_DEEPEST_QUOTE = 9


def unflowed(text: str, *, delete_space: bool = False) -> str:
    """`text` with its soft line breaks undone; quoted lines keep their marks. Linear, and no list of lines is made."""
    out = bytearray()  # a list of pieces would be twenty times the size of lines as short as a stranger likes
    paragraph: int | None = None  # how deep the paragraph is quoted whose end has not come yet
    for match in _LINE.finditer(text):
        line = match[1].lstrip(">")
        depth = len(match[1]) - len(line)
        line = line.removeprefix(" ")  # RFC 3676 section 4.4: space-stuffing
        if paragraph is not None and (depth != paragraph or line == _SIGNATURE):
            out += b"\n"
            paragraph = None
        if paragraph is None and depth:
            out += b">" * min(depth, _DEEPEST_QUOTE) + b" "
        # Section 4.3: the line above a signature never flows.
        if line.endswith(" ") and line != _SIGNATURE:
            out += (line[:-1] if delete_space else line).encode()
            paragraph = depth
        else:
            out += line.encode() + b"\n"
            paragraph = None
    return out.decode().rstrip("\n")
