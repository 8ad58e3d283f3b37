"""What an outsider must not learn: words and files that staff send are looked through before they leave.

A name is found in whatever form it is written: with or without accents, in composed letters or not, with invisible
characters in it. Files are searched as they are and as UTF-16; what is packed in a file is not seen.
"""

import re
import unicodedata
from collections.abc import Iterable

from helpline_mail.domain.message import Enclosure
from helpline_mail.domain.threads import holds_signed_address

_WORD = re.compile(r"[^\W\d_]+")
_APART = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe"})
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_TELLING_LETTERS = 4
_TITLES = frozenset(("mr", "mrs", "ms", "miss", "dr", "sir", "the", "and", "von", "van", "de", "la", "prof", "mx"))
_MAIL_FILES = (".eml", ".msg", ".oft", ".emlx")


def plain(text: str) -> str:
    """Small letters without accents and invisible characters, for finding names."""
    apart = unicodedata.normalize("NFKD", text)
    return "".join(c for c in apart if unicodedata.category(c) not in ("Mn", "Cf")).casefold().translate(_APART)


def identifying(text: str, told: Iterable[str]) -> str | None:
    """The first of an enquirer's names, addresses and references that stands in a text, whole or by a telling word.

    A word tells if it has four letters or more, or if it is written exactly as in the name, as in Ng or Li.
    """
    low, words = plain(text), set(_WORD.findall(plain(text)))
    written, letters = set(_WORD.findall(text)), "".join(_WORD.findall(low))
    for item in told:
        if item and plain(item) in low:
            return item
        words_of_it: list[str] = _WORD.findall(item.partition("@")[0])
        for word in words_of_it:
            simple = plain(word)
            if simple in _TITLES or simple.isdigit():
                continue
            out = plain(unicodedata.normalize("NFC", word).casefold().translate(_WRITTEN_OUT))
            telling = any(
                len(one) >= _TELLING_LETTERS and any(present.startswith(one) for present in words)
                for one in (simple, out)
            )
            if telling or (word[:1].isupper() and (word in written or simple.capitalize() in written)):
                return word
        local = "".join(_WORD.findall(plain(item.partition("@")[0]))) if "@" in item else ""
        if len(local) >= _TELLING_LETTERS and local in letters:
            return item
    return None


def telling_file(files: Iterable[Enclosure], secrets: Iterable[str], reference: str, write_above: str) -> str | None:
    """A clause that says which file must not leave, and why; None if nothing is found in any.

    A mail attached to a mail is most often ours, or says who of us wrote to whom. `write_above` is the line that
    stands in mail of ours to staff.
    """
    needles = [needle.casefold().encode() for needle in (*secrets, write_above) if needle]
    prefix = re.escape(reference.partition("-")[0].encode().lower())
    references = re.compile(rb"(?<![a-z0-9])" + prefix + rb"[- ][0-9a-z]{6}(?![a-z0-9])")
    own = reference.encode().lower()
    for file in files:
        name = file.filename[:60] or "(no name)"
        if file.content_type.startswith("message/") or file.filename.lower().endswith(_MAIL_FILES):
            return f"the file {name} is a mail, which may hold what is ours"
        octets = f"{file.filename}\n".encode() + file.octets
        for found in (octets.lower(), octets.lower().replace(b"\0", b"")):
            if holds_signed_address(found.decode("latin-1")) or any(needle in found for needle in needles):
                return f"the file {name} holds the address of one of us, or a notice of ours"
            if any(other.replace(b" ", b"-") != own for other in references.findall(found)):
                return f"the file {name} holds another ticket's reference"
    return None
