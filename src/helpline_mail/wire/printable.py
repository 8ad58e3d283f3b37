"""Text that is safe to store, show and log: no control characters, no lone surrogates."""

import re

_LINE_BREAKS = re.compile("[\r\v\f\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Direction overrides let a sender show staff a line in another order than it is stored (Unicode TR 36).
_NOT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]+"
)


def lines(text: str) -> str:
    """`text` with newline as its only line break and no control character but newline and tab."""
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return _UNPRINTABLE.sub("", _LINE_BREAKS.sub("\n", text))


def line(text: str, limit: int = 1_000) -> str:
    """`text` as one line of at most `limit` characters: whatever breaks or hides a line is a space."""
    if "\t" in text:
        text = text.replace("\t", " ")
    if not text.isprintable():
        text = _NOT_IN_A_LINE.sub(" ", text)
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"
