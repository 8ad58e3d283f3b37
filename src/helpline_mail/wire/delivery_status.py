"""What a bounce says: RFC 3464 reports first, then the plain-text kinds that mail servers make up.

Only mail that is certainly a machine's is read: a person who forwards or quotes a bounce wants an answer.
What comes out is a claim all the same (RFC 3464 section 4.1): to be compared with what was really sent.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from email.message import Message as EmailMessage
from itertools import islice

from flufl.bounce import all_failures

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.message import Bounce, folded
from helpline_mail.domain.notices import is_bounce_notice
from helpline_mail.wire import headers, html, transfer
from helpline_mail.wire.headers import Header
from helpline_mail.wire.mime import Part

# It logs what it fails on, and that is a stranger's text.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

_FIELD_CHARACTERS = 2_000
_REPORT_OCTETS = 64 * 1024
_BLOCKS = 250
_BLOCK_BUDGETS = Budgets(field=_FIELD_CHARACTERS, fields=100)
_NOTICE_OCTETS = 16 * 1024
_NOTICE_TAGS = 1_000
_RECIPIENTS = 100

_MAIL_SYSTEM = re.compile(r"mailer-?daemon|\bmdaemon@", re.IGNORECASE)
_MACHINE = re.compile(
    r"postmaster|mail[ _.-]?(?:delivery|service|server|system|gateway)|anti-?virus|system admin|<>\s*$",
    re.IGNORECASE,
)
_REPORT_TYPE = re.compile(r"report-type\s{0,4}=\s{0,4}\"?delivery-status", re.IGNORECASE)
_BLANK_LINES = re.compile(rb"\r?\n(?:\r?\n)++")
_RETURNED_TYPES = frozenset(f"message/{kind}" for kind in ("rfc822", "global", "rfc822-headers", "global-headers"))
_ASKED_FOR = frozenset(("content-type", "content-description", "from", "x-mailer", "x-failed-recipients"))
_LONG_LINE = re.compile(r"[^\n]{400}(?=[^\n])")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,990}>")
_MESSAGE_ID_FIELD = re.compile(r"^[ >]{0,4}message-id:\s{0,4}(<[^<>\s]{1,990}>)", re.MULTILINE | re.IGNORECASE)
_ADDRESS = re.compile(r"[!-;=?-~]{1,64}@[A-Za-z0-9._\[\]:-]{1,255}")
_ADDRESS_ALONE = re.compile(
    r"\s{0,20}(?:[*-] )?(?:\(generated from )?<?([^\s<>()@,;:]{1,64}@[A-Za-z0-9._-]{1,255})>?\)?:?\s*"
)
_ADDRESS_IN_A_SENTENCE = re.compile(
    r"\b(?:message|mail|e-mail|email) to <?([^\s<>()@,;:]{1,64}@[A-Za-z0-9._-]{1,255})>?"
    r" (?:could|was|has|can|is)(?: ?not|n['\u2019]t)",
    re.IGNORECASE,
)
_RETURNED_MESSAGE = re.compile(r"\s{0,20}-{2,}.{0,40}(?:copy|original|header|returned)|received:", re.IGNORECASE)
_STATUS = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_STILL_TRYING = re.compile(r"not yet|delayed|will (?:be retried|continue|keep trying)|warning", re.IGNORECASE)


def bounces_of(root: Part, fields: Mapping[str, tuple[str, ...]], *, ask_anyway: bool = False) -> tuple[Bounce, ...]:
    """What a message reports of recipients, one each, or nothing if it is no bounce. Never raises on content.

    `root` is the whole message and `fields` its own: lower-case names, top first. `action` is RFC 3464's:
    `failed` is permanent, `delayed` is still being tried. `ask_anyway` also reads mail that does not
    look like a bounce. Reads 64 KiB of a report, 16 KiB of its words, and tells of 100 recipients at most.
    """
    try:
        if ask_anyway or looks_like_bounce(root.media_type, fields):
            return _read(root)
    except Exception:  # noqa: S110  (the email package raises nearly anything, and flufl.bounce asks it)
        pass
    return ()


def looks_like_bounce(content_type: str, fields: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a mail system writes of a delivery: it says so itself, or two weaker signs do.

    A subject is but one weak sign: a person may write below a bounce's subject, and is not a machine.
    """
    first = {name: values[0][:_FIELD_CHARACTERS] for name, values in fields.items() if values}
    sender, path = first.get("from", ""), "".join(first.get("return-path", "").split())
    is_report = content_type == "multipart/report" or _REPORT_TYPE.search(first.get("content-type", ""))
    if is_report or _MAIL_SYSTEM.search(sender):
        return True
    signs = (
        _MACHINE.search(sender) is not None,
        path == "<>" or _MAIL_SYSTEM.search(path) is not None,
        is_bounce_notice(headers.decoded(first.get("subject", ""))),
        "x-failed-recipients" in first,
    )
    return sum(signs) >= 2


def _read(report: Part) -> tuple[Bounce, ...]:
    parts = list(_own_parts(report))
    found = [recipient for part in parts for recipient in _recipients(part)]
    wrapped = (part.children[0] for part in parts if part.media_type in _RETURNED_TYPES and part.children)
    inner = next((child for child in wrapped if child.media_type == "multipart/report"), None)
    if not found and inner is not None:  # some gateways send a report on inside a mail of their own
        return _read(inner)
    notices = _notices(parts)
    original = _original_message_id(report, parts, notices)
    found = found or [(recipient, None, action) for recipient, action in _told(report, notices)]
    once = {folded(told[0]): Bounce(*told, original) for told in found}
    return tuple(islice(once.values(), _RECIPIENTS))


def _own_parts(report: Part) -> Iterator[Part]:
    """The parts of a report, in order, without those inside the message that it returns."""
    waiting = [report]
    while waiting:
        part = waiting.pop()
        yield part
        if part.main_type == "multipart":
            waiting.extend(reversed(part.children))


def _recipients(part: Part) -> Iterator[tuple[str, str | None, str | None]]:
    """Recipient, status and action of each per-recipient block (RFC 3464 section 2.3, RFC 6533 section 3)."""
    if part.media_type not in {"message/delivery-status", "message/global-delivery-status"}:
        return
    octets, _ = transfer.head(part.raw, part.start, part.end, part.encoding, _REPORT_OCTETS)
    for block in _BLANK_LINES.split(octets.lstrip(b"\r\n"), _BLOCKS)[:_BLOCKS]:
        header = headers.header_of(block, 0, len(block), _BLOCK_BUDGETS)
        named = (_address(header.first(name)) for name in ("original-recipient", "final-recipient"))
        if recipient := next(filter(None, named), None):
            status = _STATUS.search(header.first("status"))
            code = status[0] if status else None
            yield recipient, code, _action(header.first("action"), code)


def _address(value: str) -> str | None:
    """The address behind its type (RFC 3464 section 2.1.2), or None."""
    found = _ADDRESS.search(value.partition(";")[2] or value)
    return found[0] if found else None


def _action(value: str, status: str | None) -> str | None:
    word = re.match(r"\s*([a-z]+)", value.casefold())
    if word is None:
        return {"5": "failed", "4": "delayed"}.get((status or "")[:1])
    return "failed" if word[1].startswith(("fail", "error")) else word[1]  # OpenSMTPD writes error


def _notices(parts: Iterable[Part]) -> dict[int, str]:
    """What the report says in words, by the place of each text, in short lines: patterns are quick on those."""
    left, notices = _NOTICE_OCTETS, {}
    for part in parts:
        if part.main_type != "text" or left <= 0:
            continue
        octets, _ = transfer.head(part.raw, part.start, part.end, part.encoding, left)
        left -= len(octets)
        text = octets.decode("utf-8", "replace").replace("\r\n", "\n")
        if part.media_type == "text/html":
            text = html.text_of(text, _NOTICE_TAGS)[0]
            text = _ADDRESS_IN_A_SENTENCE.sub("\\g<0>\n\\1\n", text)
        notices[part.start] = _LONG_LINE.sub("\\g<0>\n", text)
    return notices


def _own_words(text: str) -> str:
    """A text up to the first line of the returned message, if it is returned as text."""
    lines = text.splitlines(keepends=True)
    end = next((number for number, line in enumerate(lines) if _RETURNED_MESSAGE.match(line)), len(lines))
    return "".join(lines[: end + 1])


def _told(report: Part, notices: Mapping[int, str]) -> list[tuple[str, str]]:
    """Recipients that the words name and what became of each: by flufl.bounce, else by our own reading."""
    try:
        delayed, failed = all_failures(_retold(report, notices))
    except Exception:  # it raises on a score of ordinary mails
        delayed, failed = frozenset(), frozenset()
    named = [(address, "delayed") for address in delayed] + [(address, "failed") for address in failed]
    texts = [(address.decode("ascii", "replace"), action) for address, action in sorted(named)]
    return [told for told in texts if _ADDRESS.fullmatch(told[0])] or list(_standing_alone("\n".join(notices.values())))


def _retold(part: Part, notices: Mapping[int, str]) -> EmailMessage:
    """A part as flufl.bounce takes it: the fields that it asks for, and the words, without what is returned."""
    told = EmailMessage()
    for field in part.header.fields:
        if field.name in _ASKED_FOR:
            told[field.name] = field.value[:_FIELD_CHARACTERS]
    if part.main_type == "multipart" and part.children:
        told.set_payload([_retold(child, notices) for child in part.children if child.main_type != "message"])
    else:
        told.set_payload(_own_words(notices.get(part.start, "")))
    return told


def _standing_alone(notice: str) -> Iterator[tuple[str, str]]:
    """Addresses on lines of their own, for flufl.bounce knows no hyphened domain."""
    words = _own_words(notice)
    action = "delayed" if _STILL_TRYING.search(words) else "failed"
    for line in words.splitlines():
        if found := _ADDRESS_ALONE.fullmatch(line):
            yield found[1], action


def _original_message_id(report: Part, parts: Iterable[Part], notices: Mapping[int, str]) -> str | None:
    """The Message-ID of the mail that was not delivered, from what the report returns of it."""
    for part in parts:
        if part.media_type in _RETURNED_TYPES and (found := _MESSAGE_ID.search(_returned(part).first("message-id"))):
            return found[0]
    for notice in notices.values():  # text/rfc822-headers is text as well (RFC 6522 section 4)
        if found := _MESSAGE_ID_FIELD.search(notice):
            return found[1]
    answered = _MESSAGE_ID.search(report.header.first("in-reply-to"))
    return answered[0] if answered else None


def _returned(part: Part) -> Header:
    if part.children:
        return part.children[0].header
    return headers.header_of(part.raw, part.start, part.end, _BLOCK_BUDGETS, outermost=True)
