"""Whatever stands in a subject, a name or a text: the mail that leaves is the mail that was meant."""

import os
import quopri
import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from helpline_mail.domain.message import Address
from helpline_mail.wire import printable
from helpline_mail.wire.compose import HEADERS, Draft, UnsafeMail, compose, is_writable, verify

DRAFT = Draft(
    kind="acknowledgement",
    from_=Address("helpline@example.org.uk", "Professionals Online Safety Helpline"),
    to=Address("alice@school.sch.uk"),
    subject="[POSH-7K3M9Q] We have received your message",
    text="Hello,\n\nthank you.\n",
    message_id="<posh-7k3m9q.abcdefghijklmnop@example.org.uk>",
    date=datetime(2026, 11, 24, 10, tzinfo=UTC),
    auto_submitted="auto-replied",
)
EXAMPLES = int(os.environ.get("HELPLINE_MAIL_FUZZ", "25"))
INJECTION = "Hi \r\nBcc: inj@evil.example\r\n\r\n.\r\nMAIL FROM:<x@evil.example>"
anything = st.text(st.characters(), max_size=400) | st.text("a\r\n .=?_\x00\u2028é🙂\ud800\t", max_size=400)


def header(raw: bytes, name: str) -> bytes:
    """The raw value of one header, with its folds."""
    head = raw.partition(b"\r\n\r\n")[0] + b"\r\n"
    start = head.index(f"\r\n{name}: ".encode()) + len(name) + 4
    end = start
    while True:
        end = head.index(b"\r\n", end)
        if head[end + 2 : end + 3] != b" ":
            return head[start:end]
        end += 2


def display_name(value: str) -> str:
    """Read by hand: some versions of the standard library put spaces between encoded words of a phrase."""
    phrase = value.replace("\r\n", "").rpartition("<")[0].rstrip()
    if phrase.startswith('"'):
        return re.sub(r"\\(.)", r"\1", phrase[1:-1])
    return str(make_header(decode_header(phrase)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(subject=anything, name=anything, text=anything)
@example(subject=INJECTION, name=INJECTION, text=INJECTION)
@example(subject="=?utf-8?q?x=0D=0ABcc:_inj=40evil?=", name='"=?utf-8?q?=0A?= \\', text="lone \r dot\n.\n")
@example(subject="two\tlines \\", name='Alice \\ "Al" O\'Brien', text="trailing \nspaces\t\n")
@example(subject="x" * 5000, name="y" * 5000, text="z" * 5000)
@example(subject="é" * 5000, name="🙂" * 5000, text="🙂" * 5000)
@example(subject="a" + " " * 100 + "b", name=" ", text="From me\n From you \nFrom them\t\n\n\n")
def test_p44_p48_reads_back_as_it_was_meant(subject: str, name: str, text: str) -> None:
    draft = replace(DRAFT, subject=subject, to=Address("alice@school.sch.uk", name), text=text)
    raw = compose(draft)
    assert raw == compose(draft)
    assert not {0, *range(127, 256)} & set(raw)
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert b"\r\n.\r\n" not in raw
    assert all(len(line) <= 76 for line in raw.split(b"\r\n") if b"=?utf-8?b?" in line)  # RFC 2047 section 2
    assert not re.search(rb"[ \t]\r\n", raw.partition(b"\r\n\r\n")[2])

    message = message_from_bytes(raw, policy=policy.compat32)
    assert [known for known in HEADERS if known in message] == message.keys()
    assert not message.defects
    read = make_header(decode_header(message.get("Subject", "").replace("\r\n", "")))
    assert str(read) == " ".join(printable.line(subject, 200).split())
    modern = message_from_bytes(raw, policy=policy.default)
    assert [recipient.addr_spec for recipient in modern["To"].addresses] == ["alice@school.sch.uk"]
    assert display_name(message["To"]) == " ".join(printable.line(name, 100).split())
    payload = message.get_payload(decode=True)
    assert payload.decode("utf-8").replace("\r\n", "\n") == printable.lines(text).rstrip("\n") + "\n"


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_quoted_printable_is_what_the_standard_library_reads(text: str) -> None:
    raw = compose(replace(DRAFT, text=f"é{text}"))
    body = raw.partition(b"\r\n\r\n")[2]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    assert quopri.decodestring(body).decode().replace("\r\n", "\n") == printable.lines(f"é{text}").rstrip("\n") + "\n"


def test_an_automatic_mail_says_so_and_another_does_not() -> None:
    message = message_from_bytes(compose(DRAFT))
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message["X-Helpline-Kind"] == "acknowledgement"
    answer = message_from_bytes(compose(replace(DRAFT, kind="answer", auto_submitted=None)))
    assert "Auto-Submitted" not in answer
    assert "X-Auto-Response-Suppress" not in answer


@pytest.mark.parametrize("length", [82, 120, 250])
def test_p46_a_long_id_stays_in_one_piece(length: int) -> None:
    message_id = f"<{'x' * (length - 14)}@outlook.com>"
    raw = compose(replace(DRAFT, in_reply_to=message_id, references=("<first@x>", message_id)))
    assert header(raw, "In-Reply-To") == message_id.encode()
    assert header(raw, "References") == b"<first@x>\r\n " + message_id.encode()


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "x@y",
        "<a b@c>",
        "<a@b",
        "<a\r\nBcc: x@y>",
        "<a\x00@b>",
        "<é@b>",
        "<<a@b>>",
        "<>",
        f"<{'x' * 899}>",
        "<a>,<b>",
    ],
)
def test_an_inbound_id_that_is_none_is_left_out(bad: str) -> None:
    raw = compose(replace(DRAFT, in_reply_to=bad, references=("<good@x>", bad, "<good@x>")))
    assert "In-Reply-To" not in message_from_bytes(raw)
    assert header(raw, "References") == b"<good@x>"
    assert b"References" not in compose(replace(DRAFT, references=(bad,)))


def test_p46_references_keep_the_first_and_the_latest() -> None:
    short = tuple(f"<{number}@school.sch.uk>" for number in range(60))
    assert header(compose(replace(DRAFT, references=short)), "References").split() == [id_.encode() for id_ in short]
    many = tuple(f"<{number}.{'x' * 80}@school.sch.uk>" for number in range(1000))
    kept = header(compose(replace(DRAFT, references=many)), "References").decode().split()
    assert kept == [many[0], *many[1 - len(kept) :]]
    assert 10 < len(kept) < 30
    longest = tuple(f"<{number}{'x' * 200}@school.sch.uk>" for number in range(10))
    kept = header(compose(replace(DRAFT, references=longest)), "References").decode().split()
    assert kept == [longest[0], *longest[1 - len(kept) :]]
    assert 2 < len(kept) < 10


@pytest.mark.parametrize(
    "address",
    [
        "", "alice", "@x.uk", "alice@", "a b@x.uk", "a@x.uk, b@x.uk", "a@x.uk\r\nBcc: b@x.uk", "a@x.uk\n", "ä@x.uk",
        "a@ä.uk", "<a@x.uk>", '"a b"@x.uk', "a@[127.0.0.1]", "a@b@x.uk", "a@x..uk", "a@X.uk", "=?utf-8?q?a?=@x.uk",
        f"{'a' * 65}@x.uk", f"a@{'b.' * 127}uk", "a(c)@x.uk", "a;b@x.uk", "a\x00@x.uk",
    ],
)  # fmt: skip
def test_an_address_that_could_be_read_otherwise_is_refused(address: str) -> None:
    assert not is_writable(address)
    for field in ("to", "from_", "reply_to"):
        with pytest.raises(UnsafeMail):
            compose(replace(DRAFT, **{field: Address(address)}))


@pytest.mark.parametrize(
    "address",
    ["o'brien+x@school.sch.uk", "john..doe.@docomo.ne.jp", "a_b@under_score.example", "a-b-@3.xn--p1ai", "a@x-1.uk"],
)
def test_an_odd_address_that_works_is_written_to(address: str) -> None:
    assert is_writable(address)
    assert header(compose(replace(DRAFT, to=Address(address))), "To") == address.encode()


@pytest.mark.parametrize(
    "address",
    [
        "victim%bank.example@localhost", "victim%bank.example@school.sch.uk", "evil.example!mallory@localhost",
        "evil.example!mallory@school.sch.uk", "|mail@school.sch.uk", "/dev/null@school.sch.uk", "a/b@school.sch.uk",
        "-f@school.sch.uk", "alice@localhost", "a@127.0.0.1", "a@2130706433", "a@school.1", "a@127.0.0.0x1", "a@x.-",
    ],
)  # fmt: skip
def test_an_outsiders_address_that_servers_route_elsewhere_is_not_written_to(address: str) -> None:
    assert not is_writable(address)


@pytest.mark.parametrize("address", ["amy@localhost", "alarms@rig", "amy@127.0.0.1", "team/urgent@example.org.uk"])
def test_a_configured_address_may_be_on_a_server_without_a_dot(address: str) -> None:
    assert header(compose(replace(DRAFT, to=Address(address))), "To") == address.encode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("message_id", "posh@example.org.uk"),
        ("message_id", "<a@b>\r\nBcc: <c@d>"),
        ("kind", "ack\r\nBcc: a@b"),
        ("kind", ""),
        ("auto_submitted", "no\r\nBcc: mallory@evil.example"),
        ("date", datetime.fromisoformat("2026-11-24T10:00")),
    ],
)
def test_what_we_make_ourselves_must_be_right(field: str, value: object) -> None:
    with pytest.raises(UnsafeMail):
        compose(replace(DRAFT, **{field: value}))


GOOD = compose(DRAFT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Auto-Submitted", b"Bcc: mallory@evil.example\r\nAuto-Submitted"),
        (b"Subject:", b"To: mallory@evil.example\r\nSubject:"),
        (b"MIME-Version: 1.0\r\n", b""),
        (b"From:", b"from:"),
        (b"From: ", b"Sender: a@b\r\nFrom: "),
        (b"Hello,\r\n", b"Hello,\n"),
        (b"Hello,\r\n", b"Hello,\r"),
        (b"Hello,", b"Hel\x00lo,"),
        (b"Hello,", b"x" * 999),
        (b"[POSH-7K3M9Q]", "é".encode()),
        (b"[POSH-7K3M9Q]", b"x\r\n \t \r\n y"),
        (b"[POSH-7K3M9Q]", b"x\r\n\r\ny"),
        (b"\r\n\r\n", b"\r\n"),
        (b"Subject: ", b"Subject : "),
    ],
)
def test_p44_p48_the_second_look_finds_what_slipped_in(old: bytes, new: bytes) -> None:
    verify(GOOD)
    with pytest.raises(UnsafeMail):
        verify(GOOD.replace(old, new, 1))


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"\r\n\r\n", b"From", GOOD.partition(b"\r\n\r\n")[0]])
def test_the_second_look_refuses_half_a_mail(raw: bytes) -> None:
    with pytest.raises(UnsafeMail):
        verify(raw)
