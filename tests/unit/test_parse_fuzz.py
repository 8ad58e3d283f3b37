"""Any octets at all, and hand-written mail that was flipped, cut, doubled and shuffled: one clean Message each.

HELPLINE_MAIL_FUZZ=20000 runs that many examples of each instead of some two dozen.
"""

import os
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.message import Message
from helpline_mail.wire.address_fields import Malformed, a_labels
from helpline_mail.wire.flowed import unflowed
from helpline_mail.wire.html import text_of
from helpline_mail.wire.parse import parse
from helpline_mail.wire.quotes import new_text

EXAMPLES = int(os.environ.get("HELPLINE_MAIL_FUZZ", "25"))
MAILS = [path.read_bytes() for path in sorted((Path(__file__).parent.parent / "mail").glob("*.eml"))]
FIELDS = ["From: ", "Subject: ", "Content-Type: message/rfc822\r\n", "Content-Type: text/html\r\n"]
FIELDS += ["Content-Type: multipart/mixed; boundary=b\r\n", "Content-Transfer-Encoding: base64\r\n"]
MARKS = ["--b\r\n", "--b--\r\n", "\r\n", "\n", "\r", "<p>", "=?utf-8?q?=0A?=", "<a@b.example>", "begin 644 a\n", "\0"]
STRUCTURE = [text.encode() for text in (*FIELDS, *MARKS, *'"(;= \t')] + [b"\xed\xa0\x80", b"\xff"]

fuzzed = settings(max_examples=EXAMPLES, deadline=None)
pieces = st.lists(st.sampled_from(STRUCTURE) | st.binary(max_size=20), max_size=60).map(b"".join)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(MAILS)))
    for _ in range(draw(st.integers(1, 8))):
        start, end = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        match draw(st.sampled_from(["flip", "cut", "double", "insert", "end"])):
            case "flip":
                raw[start : start + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del raw[start : min(end, start + 40)]
            case "double":
                raw[end:end] = raw[start:end]
            case "insert":
                raw[start:start] = draw(st.sampled_from(STRUCTURE))
            case _:
                del raw[max(end, 1) :]
    return bytes(raw[:50_000])


def is_clean(message: Message) -> None:
    one_line = [message.subject, message.sender.shown, message.message_id or "", message.content_type, *message.defects]
    one_line += [value for values in message.fields.values() for value in values]
    one_line += [text for address in (*message.to, *message.cc) for text in (address.addr_spec, address.name)]
    one_line += [text for attachment in message.attachments for text in (attachment.filename, attachment.content_type)]
    for text in one_line:
        text.encode()
        assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in text)
    for text in (message.text, message.new_text):
        text.encode()
        assert not any((ord(letter) < 32 and letter not in "\n\t") or 0x7F <= ord(letter) < 0xA0 for letter in text)
    assert message.text.strip() or message.defects
    assert message.date is None or message.date.utcoffset() is not None
    assert (message.sender.status == "ok") == (message.sender.address is not None)
    assert not any("could not be read fully" in defect for defect in message.defects)


@fuzzed
@given(st.binary(max_size=400) | pieces)
def test_any_octets(raw):
    is_clean(parse(raw))


@fuzzed
@given(mutated())
def test_mutated_mail(raw):
    is_clean(parse(raw))


@fuzzed
@given(mutated(), st.integers(1, 60))
def test_small_budgets_never_lose_the_sender_to_an_error(raw, size):
    budgets = Budgets(
        header=size * 20, field=size * 10, fields=size, depth=size % 4, parts=size % 9 + 1, addresses=size % 3,
        message_ids=size % 3 + 1, text=size * 7, html_tags=size, attachments=size % 3,
    )  # fmt: skip
    is_clean(parse(raw, budgets))


@fuzzed
@given(
    st.text(
        alphabet=st.sampled_from("> \nOn wrote:From Sent To Subject 2026 10:11 a@b -_") | st.characters(), max_size=400
    )
)
def test_what_is_not_quoted_stays(text):
    shown = new_text(text)
    rest = iter(text.split("\n"))
    assert all(line in rest for line in shown.split("\n") if line.strip()), "the lines kept stand in their order"
    assert bool(shown.strip()) == bool(text.strip())
    if ":" not in text and ">" not in text and "--" not in text and "：" not in text:
        assert shown == text


@fuzzed
@given(st.text(alphabet=st.sampled_from("<>/=\"' abp!-divspan&;\n") | st.characters(), max_size=300))
def test_any_html(source):
    text, _tags, _complete = text_of(source, 1000)
    assert isinstance(text, str)


@fuzzed
@given(st.text(alphabet=st.sampled_from("> -\nab"), max_size=200), st.booleans())
def test_flowing_keeps_every_letter(text, delete_space):
    flowed = unflowed(text, delete_space=delete_space)
    assert [letter for letter in flowed if letter in "ab-"] == [letter for letter in text if letter in "ab-"]


@fuzzed
@given(st.text(max_size=40))
def test_a_domain_in_a_labels_stays_itself(domain):
    try:
        labels = a_labels(domain)
    except Malformed:
        return
    assert labels == labels.lower()
    assert a_labels(labels) == labels


def test_trimming_quotations_takes_linear_time():
    started = time.process_time()
    for bomb in (
        "On x at y wrote: " * 12_000,
        "On x at y\n" * 20_000,
        "> a\nb:\n" * 30_000,
        "From: a\n" * 25_000,
        "a" * 200_000,
    ):
        new_text(bomb)
    assert time.process_time() - started < 2.5
