"""What a bounce says: RFC 3464 reports first, then the plain-text kinds that mail servers make up.

Only mail that is certainly a machine's is read: a person who forwards or quotes a bounce wants an answer.
What comes out is a claim all the same (RFC 3464 section 4.1): to be compared with what was really sent.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from email import message_from_bytes
from email.message import Message as Part
from itertools import islice

from flufl.bounce import all_failures

from helpline_mail.domain.message import Bounce, folded
from helpline_mail.domain.notices import is_bounce_notice
from helpline_mail.wire import html
from helpline_mail.wire.headers import decoded

# It logs what it fails on, and that is a stranger's text.
logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL + 1)

_BYTES = 256 * 1024
_FIELD_BYTES = 2000
_BOUNDARIES = 100
_LINES = 5_000
_BLANK_LINES = 250
_NOTICE_CHARACTERS = 16 * 1024
_NOTICE_TAGS = 1_000
_RECIPIENTS = 100

_MAIL_SYSTEM = re.compile(r"mailer-?daemon|\bmdaemon@", re.IGNORECASE)
_MACHINE = re.compile(
    r"postmaster|mail[ _.-]?(?:delivery|service|server|system|gateway)|anti-?virus|system admin|<>\s*$",
    re.IGNORECASE,
)
_REPORT_TYPE = re.compile(r"report-type\s{0,4}=\s{0,4}\"?delivery-status", re.IGNORECASE)
_FIELD = re.compile(rb"^[!-9;-~]{1,80}:[^\n]*(?:\n[ \t][^\n]*)*", re.MULTILINE)
_BOUNDARY = re.compile(rb"^--", re.MULTILINE)
_LINE = re.compile(rb"\r\n|\r|\n")
_RUN_OF_BLANK_LINES = re.compile(rb"((?>\r\n|\r|\n){3})[\r\n]++")
_BLANK_LINE = re.compile(rb"(?:(?<=\n)|(?<=\r)(?!\n))[\r\n]")
_RETURNED_TYPES = {"rfc822", "global", "rfc822-headers", "global-headers"}
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


def bounces_of(
    raw: bytes, content_type: str, fields: Mapping[str, tuple[str, ...]], *, ask_anyway: bool = False
) -> tuple[Bounce, ...]:
    """What a message reports of recipients, one each, or nothing if it is no bounce. Never raises on content.

    `content_type` and `fields` are the outermost ones: lower-case names, top first. `action` is RFC 3464's:
    `failed` is permanent, `delayed` is still being tried. `ask_anyway` also reads mail that does not
    look like a bounce. Reads the first 256 KiB and reports at most 100 recipients.
    """
    try:
        if ask_anyway or looks_like_bounce(content_type, fields):
            return _read(_parsed(raw))
    except Exception:  # noqa: S110  (the email package raises nearly anything, RecursionError included)
        pass
    return ()


def looks_like_bounce(content_type: str, fields: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a mail system writes of a delivery: it says so itself, or two weaker signs do.

    A subject is but one weak sign: a person may write below a bounce's subject, and is not a machine.
    """
    first = {name: values[0][:_FIELD_BYTES] for name, values in fields.items() if values}
    sender, path = first.get("from", ""), "".join(first.get("return-path", "").split())
    is_report = content_type == "multipart/report" or _REPORT_TYPE.search(first.get("content-type", ""))
    if is_report or _MAIL_SYSTEM.search(sender):
        return True
    signs = (
        _MACHINE.search(sender) is not None,
        path == "<>" or _MAIL_SYSTEM.search(path) is not None,
        is_bounce_notice(decoded(first.get("subject", ""))),
        "x-failed-recipients" in first,
    )
    return sum(signs) >= 2


def _parsed(raw: bytes) -> Part:
    """The message, cut to what is cheap to parse: long parameters, nesting, lines and blocks cost the time."""
    head = raw[:_BYTES]
    if head.count(b"\n") + head.count(b"\r") > _BLANK_LINES:
        head = _RUN_OF_BLANK_LINES.sub(rb"\1", head)
        for unit, most in ((_LINE, _LINES), (_BLANK_LINE, _BLANK_LINES)):
            head = _cut(head, unit, most)
    head = _FIELD.sub(lambda field: field[0][:_FIELD_BYTES], head)
    return message_from_bytes(_cut(head, _BOUNDARY, _BOUNDARIES))


def _cut(octets: bytes, unit: re.Pattern[bytes], most: int) -> bytes:
    """The octets up to where there are more than `most` of what `unit` matches."""
    beyond = next(islice(unit.finditer(octets), most, None), None)
    return octets[: beyond.start()] if beyond else octets


def _read(report: Part) -> tuple[Bounce, ...]:
    parts = list(_own_parts(report))
    found = [recipient for part in parts for recipient in _recipients(part)]
    wrapped = (child for part in parts if _returns(part) for child in _children(part))
    inner = next((child for child in wrapped if child.get_content_type() == "multipart/report"), None)
    if not found and inner is not None:  # some gateways send a report on inside a mail of their own
        return _read(inner)
    notice = _notice(parts)
    original = _original_message_id(report, parts, notice)
    found = found or [(recipient, None, action) for recipient, action in _told(report, parts, notice)]
    once = {folded(told[0]): Bounce(*told, original) for told in found}
    return tuple(islice(once.values(), _RECIPIENTS))


def _children(part: Part) -> list[Part]:
    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Part)] if isinstance(payload, list) else []


def _returns(part: Part) -> bool:
    return part.get_content_maintype() == "message" and part.get_content_subtype() in _RETURNED_TYPES


def _own_parts(report: Part) -> Iterator[Part]:
    """The parts of a report, in order, without those inside the message that it returns."""
    waiting = [report]
    while waiting:
        part = waiting.pop()
        yield part
        if part.get_content_maintype() == "multipart":
            waiting.extend(reversed(_children(part)))


def _recipients(part: Part) -> Iterator[tuple[str, str | None, str | None]]:
    """Recipient, status and action of each per-recipient block (RFC 3464 section 2.3, RFC 6533 section 3)."""
    if part.get_content_type() not in {"message/delivery-status", "message/global-delivery-status"}:
        return
    for block in _children(part):
        named = (_address(str(block.get(name, ""))) for name in ("original-recipient", "final-recipient"))
        if recipient := next(filter(None, named), None):
            status = _STATUS.search(str(block.get("status", "")))
            code = status[0] if status else None
            yield recipient, code, _action(str(block.get("action", "")), code)


def _address(value: str) -> str | None:
    """The address behind its type (RFC 3464 section 2.1.2), or None."""
    found = _ADDRESS.search(value.partition(";")[2] or value)
    return found[0] if found else None


def _action(value: str, status: str | None) -> str | None:
    word = re.match(r"\s*([a-z]+)", value.casefold())
    if word is None:
        return {"5": "failed", "4": "delayed"}.get((status or "")[:1])
    return "failed" if word[1].startswith(("fail", "error")) else word[1]  # OpenSMTPD writes error


def _notice(parts: Iterable[Part]) -> str:
    """What the report says in words. Leaves every part decoded and in short lines, on which patterns are quick."""
    left, texts = _NOTICE_CHARACTERS, []
    for part in parts:
        if part.is_multipart():
            continue
        decoded = part.get_payload(decode=True) if part.get_content_maintype() == "text" else None
        text = decoded.decode("utf-8", "replace")[:left] if isinstance(decoded, bytes) else ""
        left -= len(text)
        del part["content-transfer-encoding"]
        short = _LONG_LINE.sub("\\g<0>\n", text)
        part.set_payload(_own_words(short))
        if part.get_content_subtype() == "html":
            short = _LONG_LINE.sub("\\g<0>\n", html.text_of(text, _NOTICE_TAGS)[0])
            short = _ADDRESS_IN_A_SENTENCE.sub("\\g<0>\n\\1\n", short)
        texts.append(short)
    return "\n".join(texts)


def _own_words(text: str) -> str:
    """A text up to the first line of the returned message, if it is returned as text."""
    lines = text.splitlines(keepends=True)
    end = next((number for number, line in enumerate(lines) if _RETURNED_MESSAGE.match(line)), len(lines))
    return "".join(lines[: end + 1])


def _told(report: Part, parts: Iterable[Part], notice: str) -> list[tuple[str, str]]:
    """Recipients that the words name and what became of each: by flufl.bounce, else by our own reading."""
    for part in parts:
        if part.is_multipart():
            part.set_payload([child for child in _children(part) if child.get_content_maintype() != "message"])
    try:
        delayed, failed = all_failures(report)
    except Exception:  # it raises on a score of ordinary mails
        delayed, failed = frozenset(), frozenset()
    named = [(address, "delayed") for address in delayed] + [(address, "failed") for address in failed]
    texts = [(address.decode("ascii", "replace"), action) for address, action in sorted(named)]
    return [told for told in texts if _ADDRESS.fullmatch(told[0])] or list(_standing_alone(notice))


def _standing_alone(notice: str) -> Iterator[tuple[str, str]]:
    """Addresses on lines of their own, for flufl.bounce knows no hyphened domain."""
    words = _own_words(notice)
    action = "delayed" if _STILL_TRYING.search(words) else "failed"
    for line in words.splitlines():
        if found := _ADDRESS_ALONE.fullmatch(line):
            yield found[1], action


def _original_message_id(report: Part, parts: Iterable[Part], notice: str) -> str | None:
    """The Message-ID of the mail that was not delivered, from what the report returns of it."""
    returned = (str(child.get("message-id", "")) for part in parts if _returns(part) for child in _children(part))
    for text in returned:
        if found := _MESSAGE_ID.search(text):
            return found[0]
    if found := _MESSAGE_ID_FIELD.search(notice):  # text/rfc822-headers is text as well (RFC 6522 section 4)
        return found[1]
    answered = _MESSAGE_ID.search(str(report.get("in-reply-to", "")))
    return answered[0] if answered else None
