"""One message: octets to a value. Whatever the octets are, a Message comes back and says what was not read."""

import re
from collections.abc import Mapping
from hashlib import sha256

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.message import Address, Attachment, Message, Sender
from helpline_mail.wire import (
    address_fields,
    dates,
    delivery_status,
    headers,
    identifiers,
    identity,
    mime,
    printable,
    quotes,
)
from helpline_mail.wire.body import Body
from helpline_mail.wire.headers import Header
from helpline_mail.wire.reading import Clock, Reading

# RFC 5322 section 3.6: fields of which a message has one at most.
_SINGLE = """from sender reply-to to cc subject date message-id in-reply-to references content-type
content-transfer-encoding content-disposition mime-version"""
_SINGLE_FIELDS = frozenset(_SINGLE.split())
# What Outlook and others put before a subject that is passed on, in the languages of our senders.
_FORWARD = re.compile(r"\s*(?:fwd?|wg|tr|rv|vs|vb|doorst|i|inoltra|yml|enc)\s*:", re.IGNORECASE)


def parse(
    raw: bytes,
    budgets: Budgets | None = None,
    *,
    truncated: bool = False,
    link_targets: bool = False,
    clock: Clock | None = None,
) -> Message:
    """The message in `raw`, whose end is missing if `truncated`. Never raises on content.

    With `link_targets`, the text of HTML says where links lead, as what is sent on as plain text must.
    `clock` returns CPU seconds and is asked only whether `budgets.cpu_seconds` are spent.
    """
    budgets = budgets or Budgets()
    try:
        reading = Reading(budgets, clock)
        if truncated:
            reading.note(f"only the first {len(raw)} octets were fetched; the whole message is in the mailbox")
        raw = reading.readable(raw, truncated=truncated)
        return _message(raw, reading, link_targets=link_targets)
    except Exception as error:
        # One message never stops another: of MemoryError and RecursionError, too, only the name is kept.
        return _unreadable(raw, budgets, type(error).__name__)


def _message(raw: bytes, reading: Reading, *, link_targets: bool) -> Message:
    root = mime.Structure(reading.budgets, reading.spent, reading.note).read(raw)
    body = Body(reading.budgets, reading.spent, reading.note, link_targets=link_targets)
    text = printable.lines(body.text_of(root)).strip("\n")
    if not text.strip():
        reading.note("no readable text was found in this message")
    header = root.header
    fields = _fields(header, reading.budgets.field)
    _note_doubles(fields, reading)
    subject = headers.decoded(header.first("subject"))
    return Message(
        message_id=identifiers.message_id(header.first("message-id")),
        sender=identity.sender_of(header.fields),
        to=_addresses(header, "to", reading),
        cc=_addresses(header, "cc", reading),
        subject=subject,
        date=dates.date_of(header.first("date")),
        in_reply_to=_identifiers(header, "in-reply-to", reading),
        references=_identifiers(header, "references", reading),
        text=text,
        new_text=quotes.new_text(text, forwarding=bool(_FORWARD.match(subject))),
        attachments=_attachments(body.attached, reading),
        content_type=root.media_type,
        fields=fields,
        bounces=delivery_status.bounces_of(root, fields),
        defects=tuple(reading.defects),
    )


def _note_doubles(fields: Mapping[str, tuple[str, ...]], reading: Reading) -> None:
    for name, values in fields.items():
        if len(values) > 1 and name in _SINGLE_FIELDS:
            reading.note(f"the field {name} stands more than once; only the first was read")


def _addresses(header: Header, name: str, reading: Reading) -> tuple[Address, ...]:
    value = header.first(name)
    if not value:
        return ()
    addresses, more = address_fields.addresses_of(value, reading.budgets.addresses)
    if more:
        reading.note(f"only the first {reading.budgets.addresses} addresses of the field {name} were read")
    return addresses


def _identifiers(header: Header, name: str, reading: Reading) -> tuple[str, ...]:
    found, more = identifiers.identifiers_of(header.first(name), reading.budgets.message_ids)
    if more:
        reading.note(f"only the last {reading.budgets.message_ids} identifiers of the field {name} were read")
    return found


def _attachments(parts: list[mime.Part], reading: Reading) -> tuple[Attachment, ...]:
    found: list[Attachment] = []
    for part in parts:
        if len(found) == reading.budgets.attachments or reading.spent():
            reading.note(f"only the first {len(found)} of {len(parts)} attachments are listed")
            break
        digest, size = sha256(), 0
        for piece in part.octets():
            digest.update(piece)
            size += len(piece)
            if reading.spent():
                reading.note(f"the attachment {part.filename or len(found) + 1} was read in part")
                break
        found.append(Attachment(part.filename, part.media_type, size, digest.hexdigest()))
    return tuple(found)


def _fields(header: Header, longest: int) -> Mapping[str, tuple[str, ...]]:
    return {
        name: tuple(value if value.isprintable() else printable.line(value, longest) for value in values)
        for name, values in header.named().items()
    }


def _unreadable(raw: bytes, budgets: Budgets, reason: str) -> Message:
    """What can still be said of a message on which reading failed: a few fields by the simplest means."""
    defect = f"this message could not be read fully ({reason}); the original needs opening in the mailbox"
    try:
        header = headers.header_of(raw, 0, min(len(raw), 16_384), budgets, outermost=True)
        sender = identity.sender_of(header.fields)
        subject = headers.decoded(header.first("subject"))
        message_id = identifiers.message_id(header.first("message-id"))
        text = printable.lines(raw[header.body : header.body + 16_384].decode("utf-8", "replace"))
        fields = _fields(header, budgets.field)
    except Exception:  # whatever failed may fail again
        sender, subject, message_id, text, fields = Sender("malformed", None, ""), "", None, "", {}
    return Message(
        message_id=message_id,
        sender=sender,
        to=(),
        cc=(),
        subject=subject,
        date=None,
        in_reply_to=(),
        references=(),
        text=text,
        new_text=text,
        attachments=(),
        content_type="text/plain",
        fields=fields,
        defects=(defect,),
    )
