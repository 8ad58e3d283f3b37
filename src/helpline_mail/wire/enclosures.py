"""The files in a received mail, decoded, and the HTML form of its text: what an answer of staff carries on."""

from collections.abc import Iterator
from dataclasses import dataclass

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.message import Enclosure
from helpline_mail.wire import charsets, mime, printable, transfer
from helpline_mail.wire.body import Body
from helpline_mail.wire.mime import Part
from helpline_mail.wire.reading import Reading

SIGNATURES = frozenset(("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"))
"""Signatures of a mail (RFC 8551, RFC 3156): they hold for the mail that came, and for no other."""
DECORATION_OCTETS = 30_000
"""A picture shown in place that has as many octets is meant to be seen; a smaller one is a signature's logo."""
_MESSAGES = ("message/rfc822", "message/global")


@dataclass(frozen=True, slots=True)
class Enclosures:
    """The files in their order, the HTML of the body or "", and what could not be read: send nothing on then."""

    files: tuple[Enclosure, ...]
    html: str
    defects: tuple[str, ...] = ()


def enclosures_of(raw: bytes, budgets: Budgets) -> Enclosures:
    """What `parse` lists as attachments of `raw`, in the same order, without signatures of the mail itself.

    An attached message is one file, with a name that ends in `.eml`. The HTML may be cut short by its budget, and
    is a stranger's: see `formatting`. Never raises on content.
    """
    reading = Reading(budgets, None)
    try:
        root = mime.Structure(budgets, reading.spent, reading.note).read(reading.readable(raw, truncated=False))
        body = Body(budgets, reading.spent, reading.note)
        body.collect(root)
        files = tuple(_files(body.attached, reading))
        html = "\n".join(_html(root, budgets.text))
    except Exception as error:
        # As in `parse`: one mail never stops another, and the message of an error may hold its words.
        return Enclosures((), "", (f"the files of this message could not be read ({type(error).__name__})",))
    return Enclosures(files, printable.lines(html), tuple(reading.defects))


def _files(parts: list[Part], reading: Reading) -> Iterator[Enclosure]:
    for number, part in enumerate(parts):
        if number == reading.budgets.attachments or reading.spent():
            reading.note(f"only the first {number} of {len(parts)} attachments were read")
            return
        if part.media_type not in SIGNATURES:
            octets = b"".join(part.octets())
            yield Enclosure(_name(part), part.media_type, octets, _is_decoration(part, len(octets)))


def _name(part: Part) -> str:
    if part.media_type not in _MESSAGES or part.filename.lower().endswith(".eml"):
        return part.filename
    return f"{part.filename or 'message'}.eml"


def _is_decoration(part: Part, size: int) -> bool:
    shown_in_place = part.disposition == "inline" or bool(part.header.first("content-id").strip())
    return (
        part.main_type == "image" and shown_in_place and part.disposition != "attachment" and size < DECORATION_OCTETS
    )


def _html(root: Part, most: int) -> Iterator[str]:
    """The HTML texts of the body in their order; of alternatives the last (RFC 2046 section 5.1.4)."""
    waiting = [root]
    while waiting and most > 0:
        part = waiting.pop()
        if part.media_type in _MESSAGES or (part.disposition == "attachment" and part is not root):
            continue
        if part.media_type == "multipart/alternative":
            waiting += [child for child in part.children if _holds_html(child)][-1:]
        elif part.children:
            waiting.extend(reversed(part.children))
        elif part.media_type == "text/html":
            octets, _ = transfer.head(part.raw, part.start, part.end, part.encoding, most)
            most -= len(octets)
            yield charsets.text_of(octets, part.parameters.get("charset", ""))


def _holds_html(part: Part) -> bool:
    waiting = [part]
    while waiting:
        inner = waiting.pop()
        if inner.media_type == "text/html" and inner.disposition != "attachment":
            return True
        waiting.extend(child for child in inner.children if child.media_type not in _MESSAGES)
    return False
