"""Mail that breaks parsers: P-26 to P-43, each of which must still be one message that says what was not read."""

import base64
import binascii
import hashlib
import io
import re
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest

import helpline_mail
from helpline_mail.domain.budgets import Budgets
from helpline_mail.wire.parse import parse

FROM = b"From: Alice <alice@school.sch.uk>\r\n"


def mail(*lines: bytes, body: bytes = b"The enquiry.") -> bytes:
    return FROM + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def inside(part: bytes) -> bytes:
    return mail(
        b"Content-Type: multipart/mixed; boundary=b",
        body=b"--b\r\n\r\nThe enquiry.\r\n--b\r\n" + part + b"\r\n--b--\r\n",
    )


@pytest.mark.parametrize(
    "parameter", [b"name*", b"name*0*", b"name*0", b"name*=", b"name*99999999=x", b"=", b"*=*", b"charset="]
)
def test_p26_parameters_that_crash_others(parameter):
    message = parse(mail(b"Content-Type: text/plain; " + parameter))
    assert (message.text, message.sender.status) == ("The enquiry.", "ok")
    message = parse(inside(b"Content-Type: application/pdf; " + parameter + b"\r\n\r\nx"))
    assert (message.text, len(message.attachments)) == ("The enquiry.", 1)


@pytest.mark.parametrize(
    "identifier",
    [
        "<[b378@microsoft.com]>",
        "<" + "a" * 120 + "@outlook.example>",
        "<AS8PR04MB7543EXAMPLEAS8PR04MB7543EXAMPLE@AS8PR04MB7543.eurprd04.prod.outlook.example>",
        "<no-at-sign>",
        "<two words@x>",
        "bare@id",
    ],
)
def test_p27_p46_identifiers_are_kept_as_they_are(identifier):
    message = parse(mail(b"Message-ID: " + identifier.encode()))
    assert message.message_id == identifier
    assert parse(mail(b"Message-ID:\r\n " + identifier.encode())).message_id == identifier


def test_p46_a_folded_list_of_sixty_references():
    wanted = tuple(f"<{n}.{'x' * 70}@outlook.example>" for n in range(60))
    message = parse(mail(b"In-Reply-To: Your message <a@b>", b"References: " + "\r\n ".join(wanted).encode()))
    assert message.references == wanted
    assert message.in_reply_to == ("<a@b>",)


def test_of_too_many_references_the_nearest_are_kept():
    message = parse(mail(b"References: " + b"".join(b"<%d@x>" % n for n in range(300))))
    assert len(message.references) == 100
    assert message.references[-1] == "<299@x>"
    assert any("identifiers" in defect for defect in message.defects)


@pytest.mark.parametrize("value", ["(c):", "(x): a@b;", '"', "a@[127.0.0.1", "a@b.uk,"])
@pytest.mark.parametrize("name", ["To", "Cc", "From", "Reply-To", "Sender"])
def test_p28_address_fields_that_crash_others(name, value):
    assert parse(f"{name}: {value}\r\nSubject: s\r\n\r\nword".encode()).text == "word"


KNOWN = ["us-ascii", "utf-8", "iso-8859-1", "windows-1252"]
CHARSETS = [
    "unknown-8bit", "x-fake", "hex", "zip", "rot13", "base64", "quopri", "uu", "bz2", "idna", "punycode", "undefined",
    "utf-8\x00", "\x00", "unicode_escape", "raw_unicode_escape", "mbcs", "oem", "", "'", "../../x", "x" * 5000,
    "encodings.idna", "aliases", *KNOWN,
]  # fmt: skip


@pytest.mark.parametrize("charset", CHARSETS)
def test_p30_a_charset_is_a_strangers_word(charset):
    message = parse(mail(b'Content-Type: text/plain; charset="' + charset.encode() + b'"', body=b"caf\xe9"))
    assert message.text == "café"
    assert bool(message.defects) == (charset not in ("", "utf-8\x00", *KNOWN))
    raw = mail(b"Subject: =?" + charset.encode() + b"?q?caf=E9?=")
    assert "caf" in parse(raw).subject or len(charset) > 1000


@pytest.mark.parametrize(
    "charset", ["iso-2022-jp", "shift_jis", "euc-jp", "utf-16", "utf-7", "koi8-r", "big5", "gb2312", "euc-kr", "utf-8"]
)
def test_p30_real_charsets_are_read(charset):
    words = {"koi8-r": "Привет", "big5": "您好", "gb2312": "你好", "euc-kr": "안녕"}.get(charset, "日本")
    raw = mail(b"Content-Type: text/plain; charset=" + charset.encode(), body=words.encode(charset))
    assert parse(raw).text == words


def nested(levels: int) -> bytes:
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(levels))
    return FROM + opened + b"\r\nThe enquiry.\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(levels)))


def test_p31_nesting_within_the_limit_is_read():
    message = parse(nested(20))
    assert (message.text, message.defects) == ("The enquiry.", ())


@pytest.mark.parametrize("levels", [300, 1000, 5000])
def test_p31_nesting_beyond_it_is_said_and_its_words_kept(levels):
    message, seconds = timed(nested(levels))
    assert any("deep" in defect for defect in message.defects)
    assert message.sender.status == "ok"
    assert seconds < 2


def test_p31_messages_in_messages():
    message, seconds = timed(FROM + b"Content-Type: message/rfc822\r\n\r\n" * 5000 + b"\r\nword")
    assert message.defects
    assert seconds < 2


def test_p31_encoded_messages_share_one_budget():
    levels = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" * 19
    part = b"--b\r\n" + levels + (b"word " * 14 + b"\r\n") * 14_000
    raw = mail(b"Content-Type: multipart/mixed; boundary=b", body=part * 12)
    message, grown, seconds = measured(raw)
    assert any("encoded messages" in defect for defect in message.defects)
    assert len(message.attachments) == 12
    assert grown < 5_000_000
    assert seconds < 2


def test_p31_an_encoded_message_within_the_budget_is_read():
    inner = base64.encodebytes(b"From: Bob <bob@school.sch.uk>\r\nSubject: s\r\n\r\nThe words of Bob.")
    part = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inner
    message = parse(inside(part))
    assert message.text.endswith("The words of Bob.")
    assert message.defects == ()


@pytest.mark.parametrize("line", [b"begin ", b"xbegin 644 a\n#A\n", b"\nbegin 644 a\n#AAAA\nendx\n"])
def test_false_starts_of_uuencoded_files_cost_no_time(line):
    message, seconds = timed(mail(body=b"x" + line * (5_000_000 // len(line))))
    assert message.text.startswith("x" + line.decode().rstrip())
    assert message.attachments == ()
    assert message.defects
    assert seconds < 1


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (b"text/plain", b"begin 644 \nbegin 6444444 "), (b"text/plain", b"!\x7f\n"), (b"text/plain", b"\n"),
        (b"image/png", b"!\x7f\n"),
    ],
)  # fmt: skip
def test_uuencoding_of_nothing_costs_little_time(kind, line):
    fields = (b"Content-Type: " + kind, b"Content-Transfer-Encoding: x-uuencode")
    message, seconds = timed(mail(*fields, body=line * (2_000_000 // len(line))))
    assert message.defects
    assert seconds < 2


def test_a_large_uuencoded_file_in_a_text_is_set_aside():
    octets = bytes(range(256)) * 8_000
    lines = b"".join(binascii.b2a_uu(octets[place : place + 45]) for place in range(0, len(octets), 45))
    message = parse(mail(body=b"The enquiry.\nbegin 644 a.doc\n" + lines + b"`\nend\nThe end.\n"))
    assert message.text == "The enquiry.\nThe end."
    assert [(a.filename, a.sha256) for a in message.attachments] == [("a.doc", hashlib.sha256(octets).hexdigest())]
    assert message.defects == ()


def measured(raw: bytes):
    _, seconds = timed(raw)
    tracemalloc.start()
    message = parse(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return message, peak, seconds


def timed(raw: bytes):
    started = time.process_time()
    message = parse(raw)
    return message, time.process_time() - started


def test_p32_parts_without_number():
    message, seconds = timed(mail(b"Content-Type: multipart/mixed; boundary=b", body=b"--b\r\n\r\nx\r\n" * 100_000))
    assert any("parts" in defect for defect in message.defects)
    assert message.text.startswith("x\nx")
    assert seconds < 2


@pytest.mark.parametrize(
    "field",
    [
        b"To: " + b", ".join(b"a%d@x.uk" % n for n in range(10_000)),
        b"Subject: " + b" ".join([b"=?utf-8?q?a?="] * 20_000),
        b"Content-Type: text/plain" + b"; a=b" * 20_000,
    ],
)
def test_p33_fields_that_burn_time(field):
    message, seconds = timed(mail(field))
    assert message.defects
    assert seconds < 2


def test_p33_a_sender_of_quotes_is_nobody():
    message, seconds = timed(b"From: " + b'"' * 20_000 + b"\r\n\r\nword")
    assert (message.sender.status, message.text) == ("malformed", "word")
    assert seconds < 2


def test_p34_a_truncated_message_says_so():
    message = parse(inside(b"Content-Type: image/png\r\n\r\nxx")[:-10], truncated=True)
    assert any("fetched" in defect for defect in message.defects)
    assert message.text == "The enquiry."


def test_p34_an_oversized_message_is_read_in_part():
    message = parse(mail(body=b"word " * 1000), Budgets(message=1000))
    assert any("1000 octets" in defect for defect in message.defects)
    assert message.text.startswith("word word")


def test_p35_no_nul_and_no_surrogate():
    message = parse(mail(b"Subject: a\x00b \xed\xa0\x80 \xff", body=b"a\x00b\xed\xa0\x80\x1b[31m\xff\r\nc\td"))
    for text in (message.subject, message.text, message.new_text, *message.fields["subject"]):
        text.encode()
        assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in text)
    assert message.text.endswith("c\td")


def test_p36_p37_attachments_are_hashed_and_their_names_are_data():
    names = [
        b'"../../x"',
        b"/etc/cron.d/x",
        b'"C:\\\\x"',
        b"''..%2F..%2Fetc%2Fpasswd",
        b'""',
        b'"a\r\n b"',
        b'"\x00\x1b"',
    ]
    for name in names:
        star = b"*" if b"''" in name else b""
        disposition = b"Content-Disposition: attachment; filename" + star + b"=" + name
        message = parse(inside(b"Content-Type: application/zip\r\n" + disposition + b"\r\n\r\nPK\x03\x04"))
        (attachment,) = message.attachments
        assert attachment.size == 4
        assert attachment.filename == "" or attachment.filename.isprintable()
    assert attachment.sha256 == hashlib.sha256(b"PK\x03\x04").hexdigest()


def test_p36_an_archive_that_would_fill_the_memory_is_only_hashed():
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    with zipfile.ZipFile(outer, "w") as archive:
        for number in range(20):
            archive.writestr(f"{number}.zip", inner.getvalue())
    octets = outer.getvalue()
    raw = inside(
        b"Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(octets)
    )
    tracemalloc.start()
    message = parse(raw)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [(a.size, a.sha256) for a in message.attachments] == [(len(octets), hashlib.sha256(octets).hexdigest())]
    assert peak < 2 * len(octets) < 3_000_000


def test_p36_nothing_of_ours_can_open_an_archive_or_an_image():
    opening = re.compile(r"^\s*(?:import|from)\s+(?:zipfile|tarfile|gzip|bz2|lzma|zlib|shutil|PIL)\b", re.MULTILINE)
    sources = list(Path(helpline_mail.__file__).parent.rglob("*.py"))
    assert len(sources) > 50
    assert [source.name for source in sources if opening.search(source.read_text("utf-8"))] == []


QUOTE_LIKE = [
    "Yes. On Tuesday I am off.",
    "From: postmaster... why?",
    "From: postmaster… why?",
    "On Tuesday a pupil wrote:\nI am afraid.",
    "He wrote: > is greater\n\nFrom: him\nI do not know.",
    "-- \nAlice, head of year",
]


@pytest.mark.parametrize("text", QUOTE_LIKE)
def test_p38_no_word_that_is_not_quoted_is_hidden(text):
    message = parse(mail(b"Content-Type: text/plain; charset=utf-8", body=text.encode()))
    assert message.text == message.new_text == text


def test_p38_what_is_quoted_stays_in_the_whole_text():
    text = "Yes.\n\nOn Tue, 24 Nov 2026 at 10:10, Helpline <helpline@example.org.uk> wrote:\n> What happened?\n"
    message = parse(mail(body=text.encode()))
    assert (message.text, message.new_text.strip()) == (text.strip(), "Yes.")


@pytest.mark.parametrize("end", [b"", b" wrote:\n> a", b":\nFrom: a"])
def test_p38_a_line_that_looks_like_an_introduction_without_end(end):
    message, seconds = timed(mail(body=b"on x at y " * 20_000 + end))
    assert message.text.startswith("on x at y on x")
    assert seconds < 0.5


def test_p39_html_is_read_as_text_and_nothing_of_it_lives():
    body = (
        b"<html><head><title>t</title><style>p{}</style></head><body onload=x()><script>alert(1)</script>"
        b"<p>The <b>enquiry</b><br>goes on<svg onload=x><text>s</text></svg><img src=http://127.0.0.1:1/p>"
        b"<div style='display: none'>hidden</div><p hidden>hidden</p><p class='a hidden b'>seen</p>"
        b"<a href='http://x.example'>link &lt;b&gt;</a></body></html>"
    )
    message = parse(mail(b"Content-Type: text/html", body=body))
    assert message.text == "The enquiry\ngoes on\n\nseen\n\nlink <b>"


def test_p39_html_that_nests_without_end():
    for body in (b"<div>" * 50_000, b"<span>" * 50_000 + b"</p>" * 50_000, b"<p" + b" a=1" * 50_000):
        message, seconds = timed(mail(b"Content-Type: text/html", body=b"<p>The enquiry.</p>" + body + b"the end"))
        assert message.text.startswith("The enquiry.")
        assert seconds < 2


@pytest.mark.parametrize("line", [b"\n", b"\na"])
def test_p39_quotation_marks_do_not_make_a_text_grow_without_end(line):
    body = b"<p>The enquiry.</p>" + b"<blockquote>" * 6 + b"<pre>" + line * (249_000 // len(line))
    message, grown, seconds = measured(mail(b"Content-Type: text/html", body=body))
    assert message.text.startswith("The enquiry.")
    assert any("grew" in defect for defect in message.defects)
    assert grown < 5_000_000
    assert seconds < 2


def test_p39_a_number_of_thousands_of_digits_behind_the_last_tag_is_no_character():
    body = b"<p>The enquiry." + b"<p>" * 7_500 + b"&amp;&#" + b"1" * 5_000 + b"; the end"
    message = parse(mail(b"Content-Type: text/html", body=body))
    assert message.text.startswith("The enquiry.")
    assert message.text.endswith("&\ufffd the end")
    assert not any("could not be read fully" in defect for defect in message.defects)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Mon, 23 Nov 2026 10:00:00 +0000", "2026-11-23T10:00:00+00:00"),
        ("23 Nov 26 10:00 GMT", "2026-11-23T10:00:00+00:00"),
        ("Mon, 6 Jul 2026 10:00:00 +0100 (BST)", "2026-07-06T09:00:00+00:00"),
        ("Mon, 6 Jul 2026 10:00:00 BST", "2026-07-06T09:00:00+00:00"),
        ("Mon, 23 Nov 2026 10:00:00 -0000", "2026-11-23T10:00:00+00:00"),
        ("Mon, 23 Nov 2026 10:00:60 +0000", "2026-11-23T10:00:59+00:00"),
        ("Mon, 23 Nov 2026 10:00:00", "2026-11-23T10:00:00+00:00"),
        ("31 Feb 2026 10:00:00 +0000", None),
        ("1 Jan 2026 10:00:00 +9999", None),
        ("1 Jan 99999 10:00:00 +0000", None),
        ("31 Dec 9999 23:59:59 -1200", None),
        ("1 Jan 0001 00:00:00 +1200", None),
        ("garbage", None),
        ("", None),
        ("1 Jan 2026 ٣:٠٠ +0000", None),
    ],
)
def test_p40_a_date_is_utc_or_nothing(value, expected):
    date = parse(mail(b"Date: " + value.encode())).date
    assert (date.isoformat() if date else None) == expected


@pytest.mark.parametrize("missing", range(16))
def test_p41_sixteen_ways_to_miss_something(missing):
    fields = [b"From: alice@school.sch.uk", b"Message-ID: <a@b>", b"Subject: s"]
    kept = [field for bit, field in enumerate(fields) if not missing & (1 << bit)]
    body = b"" if missing & 8 else b"word"
    message = parse(b"".join(field + b"\r\n" for field in kept) + b"\r\n" + body)
    assert message.sender.status == ("malformed" if missing & 1 else "ok")
    assert message.message_id == (None if missing & 2 else "<a@b>")
    assert message.subject == ("" if missing & 4 else "s")
    assert message.text == ("" if missing & 8 else "word")
    assert bool(message.defects) == (missing >= 7)


@pytest.mark.parametrize(
    "raw", [b"", b"\x00", b"\r\n", b"\n\n\n", b"no header at all", b":", b"From", b"\xff\xfe\x00" * 99]
)
def test_p41_hardly_a_message(raw):
    message = parse(raw)
    assert message.sender.status == "malformed"
    assert message.text or message.defects


@pytest.mark.parametrize("error", [RecursionError, MemoryError, AttributeError, IndexError, KeyError, UnicodeError])
def test_p43_whatever_fails_a_message_comes_back(error):
    def clock() -> float:
        raise error("deep inside")

    message = parse(mail(b"Subject: help", b"Message-ID: <a@b>"), clock=clock)
    assert message.sender.status == "ok"
    assert (message.subject, message.message_id, message.text) == ("help", "<a@b>", "The enquiry.")
    assert error.__name__ in message.defects[0]
    assert "deep inside" not in message.defects[0]


def test_the_time_budget_leaves_what_was_read_and_says_so():
    ticks = iter(range(1_000_000))
    message = parse(inside(b"Content-Type: image/png\r\n\r\nx"), clock=lambda: float(next(ticks)))
    assert message.sender.status == "ok"
    assert any("took more than" in defect for defect in message.defects)


def test_fields_that_stand_twice_are_a_defect():
    message = parse(mail(b"Subject: one", b"Subject: two", b"Received: a", b"Received: b"))
    assert message.subject == "one"
    assert [defect for defect in message.defects if "subject" in defect]
    assert not [defect for defect in message.defects if "received" in defect]
    assert message.fields["received"] == ("a", "b")


@pytest.mark.parametrize("padding", [10, 5_000, 50_000, 1_000_000])
def test_a_carriage_return_alone_makes_no_sender(padding):
    hidden = b"X: a\rFrom: alice@school.sch.uk\rSubject: s\r\r" + b"x" * padding
    message = parse(hidden + b"\r\nFrom: mallory@evil.example\r\n\r\nword")
    assert message.sender.shown != "alice@school.sch.uk"
    assert message.sender.status == ("ok" if padding < 250_000 else "malformed")
    for cut in (parse(hidden, truncated=True), parse(hidden + b"\r\n", Budgets(message=len(hidden)))):
        assert cut.sender.status == "malformed"


def test_lines_of_the_old_macintosh_are_read():
    message = parse(b"From: alice@school.sch.uk\rSubject: s\r\rThe enquiry.\rThe end.\r")
    assert (message.sender.shown, message.subject) == ("alice@school.sch.uk", "s")
    assert (message.text, message.defects) == ("The enquiry.\nThe end.", ())


def test_p44_an_encoded_line_end_in_a_subject_is_a_space():
    message = parse(mail(b"Subject: Hi =?UTF-8?Q?x=0D=0ABcc:_inj=40evil?= =?utf-8?q?=E2=80=A8y?="))
    assert message.subject == "Hi x Bcc: inj@evil y"


def test_only_the_outermost_header_is_kept_in_fields():
    message = parse(inside(b"Auto-Submitted: auto-replied\r\nX-Inner: 1\r\n\r\nx"))
    assert set(message.fields) == {"from", "content-type"}


def test_many_attachments_are_listed_up_to_the_budget():
    part = b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n"
    message = parse(mail(b"Content-Type: multipart/mixed; boundary=b", body=part * 20), Budgets(attachments=5))
    assert len(message.attachments) == 5
    assert any("5 of 20 attachments" in defect for defect in message.defects)


def alternative(plain: bytes, rich: bytes) -> bytes:
    parts = b"--b\r\nContent-Type: text/plain\r\n\r\n%b\r\n--b\r\nContent-Type: text/html\r\n\r\n%b\r\n--b--\r\n"
    return mail(b"Content-Type: multipart/alternative; boundary=b", body=parts % (plain, rich))


def test_a_stub_beside_the_enquiry_does_not_hide_it():
    enquiry = b"<p>" + b"A pupil is being bullied, and we do not know whom to ask. " * 5 + b"</p>"
    assert "bullied" in parse(alternative(b"Your program does not show HTML.", enquiry)).text
    assert parse(alternative(b"Please call me back.", b"<p>Please call me back.</p>")).text == "Please call me back."
