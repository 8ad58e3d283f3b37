"""What the content of a mail may not do: P-26 to P-49, each by mails that come in, what is kept and what leaves."""

from dataclasses import replace
from email import message_from_bytes
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from helpline_mail.adapters.store import ledger, messages, schema
from helpline_mail.domain.rations import Rations
from helpline_mail.wire.compose import HEADERS
from tests.integration.desk import ALICE, AMY, BOB, LEAD, MALLORY, Desk, header, mail, words

CASES = Path(__file__).parent.parent / "mail"


def raw(*lines: str, body: str = "The enquiry.") -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n" + body.encode()


def multipart(*parts: str) -> bytes:
    """A mail with those parts, each with its header; the first part is the enquiry."""
    inside = "".join(f"--b\r\n{part}\r\n" for part in ("\r\nThe enquiry.", *parts))
    return raw(f"From: {ALICE}", "Content-Type: multipart/mixed; boundary=b", body=f"{inside}--b--\r\n")


FIELDS_THAT_CRASH_PARSERS = [
    "Content-Type: text/plain; name*", "Content-Type: text/plain; name*0*", "Message-ID: <[b378@microsoft.com]>",
    "To: (c):", "Cc: (x): a@b;", 'To: "', "Cc: a@b.uk,", "From: a@[127.0.0.1",
]  # fmt: skip


def test_p26_p28_fields_that_crash_parsers_stop_neither_their_mail_nor_the_next(desk: Desk) -> None:
    hostile = [raw("Subject: s", field) for field in FIELDS_THAT_CRASH_PARSERS]
    parts = [multipart(f"{field}\r\n\r\nmore") for field in FIELDS_THAT_CRASH_PARSERS[:2]]
    desk.receive(*hostile, *parts, mail())
    assert desk.dispositions() == ["new_ticket"] * (len(hostile) + len(parts) + 1)
    assert {row.attempts for row in desk.rows(schema.ledger)} == {1}
    assert all("The enquiry." in row.text for row in desk.received()[:-1])
    assert [e.recipient for e in desk.sent("acknowledgement")] == [ALICE] * 3


def test_p29_p44_an_encoded_line_end_is_no_field_of_any_mail_of_ours(desk: Desk) -> None:
    name, subject = "=?utf-8?q?=0D=0ABcc=3A_x=40evil?=", "Hi =?UTF-8?Q?x=0D=0ABcc:_inj=40evil?= =?utf-8?q?=0A?=Bcc: y"
    desk.receive(mail(f"{name} <{MALLORY}>", subject))
    (ticket,) = desk.tickets()
    assert (ticket["requester_name"], ticket["subject"]) == ("Bcc: x@evil", "Hi x Bcc: inj@evil Bcc: y")
    assert sorted(e.recipient for e in desk.letterbox.taken) == [AMY, LEAD, MALLORY]
    for envelope in desk.letterbox.taken:
        fields = message_from_bytes(envelope.octets).keys()
        assert fields == [field for field in HEADERS if field in fields]


def nested(levels: int) -> bytes:
    opened = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(levels))
    return f"From: {ALICE}\r\n{opened}\r\nThe enquiry.\r\n".encode()


BOMBS = [
    nested(5000),
    raw("Content-Type: multipart/mixed; boundary=b", body="--b\r\n\r\nx\r\n" * 100_000),
    raw("Subject: bomb", "To: " + ", ".join(f"a{n}@x.uk" for n in range(10_000))),
    raw("Subject: " + " ".join(["=?utf-8?q?a?="] * 20_000)),
    raw("From: " + '"' * 20_000),
]


def test_p31_p32_p33_bombs_are_tickets_that_say_so_and_the_queue_goes_on(desk: Desk) -> None:
    desk.limits = replace(desk.limits, message_octets=5_000_000)
    desk.receive(*BOMBS, mail())
    assert desk.dispositions() == ["new_ticket"] * (len(BOMBS) + 1)
    said = [{"Please note:" in words(e) for e in desk.sent("notice") if ticket["reference"].encode() in e.octets}
            for ticket in desk.tickets()]  # fmt: skip
    assert said == [{True}] * len(BOMBS) + [{False}]
    assert [e.recipient for e in desk.sent("acknowledgement")] == [ALICE] * 2


def test_p35_hostile_texts_are_stored_alike(desk: Desk) -> None:
    mails = [
        b"From: alice@school.sch.uk\r\nSubject: a\x00b \xe9\xff\r\n\r\nbody \x00 \xed\xb3\xa9 \xff\r\n",
        mail(subject="=?utf-8?q?a=00b?=", text="\x00\udce9\n", message_id="<\x00@x>"),
        mail(f"{'a' * 400}@{'b' * 60}.example", "Long", message_id=f"<{'c' * 900}@x.example>"),
        mail(f"{ALICE}" + "é" * 10, "Not an address", message_id="<4@x.example>"),
    ]
    desk.receive(*mails)
    assert [(row.subject, row.text) for row in desk.received()] == [
        ("a b éÿ", "body  í³© ÿ"), ("a b", "é"), ("Long", "What should we do?"),
        ("Not an address", "What should we do?"),
    ]  # fmt: skip
    assert desk.dispositions() == ["new_ticket"] * 4
    assert [row.attempts for row in desk.rows(schema.ledger)] == [1] * 4
    assert [bytes(row.octets) for row in desk.rows(schema.raw_content)] == mails


OUR_TYPES = {"multipart/alternative", "text/plain", "text/html"}


@pytest.mark.parametrize("name", ["../../x", "/etc/cron.d/x", r"C:\\x", "..%2F..%2Fx", ""])
def test_p37_a_file_name_is_data_and_nothing_is_written(
    desk: Desk, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here := tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(here)
    encoded = f"filename*=utf-8''{name}" if "%" in name else f'filename="{name}"'
    part = f"Content-Type: application/zip\r\nContent-Disposition: attachment; {encoded}\r\n\r\nPK\x03\x04"
    desk.receive(multipart(part))
    assert [path for path in tmp_path.rglob("*") if path not in (here, here.parent)] == []
    assert not Path("/etc/cron.d/x").exists()
    (attachment,) = desk.received()[0].attachments
    shown = name.replace("%2F", "/").replace(r"\\", "\\")
    assert (attachment["filename"], attachment["size"]) == (shown, 4)
    for notice in desk.sent("notice"):
        assert f"Attached: {shown or '(no name)'}, 4 Bytes" in words(notice)
        assert {part.get_content_type() for part in message_from_bytes(notice.octets).walk()} <= OUR_TYPES


def test_p39_html_is_told_as_text_and_nothing_of_it_is_fetched(desk: Desk, url_that_nobody_calls: str) -> None:
    page = (
        f"<body onload=x()><script src='{url_that_nobody_calls}'>x()</script><p>The <b>enquiry</b></p>"
        f"<img src='{url_that_nobody_calls}'><svg onload=x()><image href='{url_that_nobody_calls}'/></svg>"
        f"<link rel=stylesheet href='{url_that_nobody_calls}'></body>"
    )
    image = (
        f"Content-Type: image/svg+xml\r\nContent-Disposition: inline\r\n\r\n<svg><a href='{url_that_nobody_calls}'/>"
    )
    desk.receive(mail(text=page, content_type="text/html"))
    desk.receive(multipart(f"Content-Type: text/html\r\n\r\n{page}", image))
    first, second = desk.received()
    assert (first.text, second.text) == ("The enquiry", "The enquiry.\nThe enquiry")
    for envelope in desk.letterbox.taken:
        text = words(envelope)
        for part in message_from_bytes(envelope.octets).walk():
            if part.get_content_type() == "text/html":  # ours, for its links: the words as they are, and line breaks
                text += part.get_payload(decode=True).decode().replace("<br>", "")
        assert not [tag for tag in ("<b>", "<s", "<i", "onload", "127.0.0.1") if tag in text]


def test_p40_the_clock_starts_at_arrival_whatever_the_date_says(desk: Desk) -> None:
    dates = ["Thu, 1 Jan 1970 00:00:00 +0000", "Thu, 1 Jan 2099 00:00:00 +0000", "31 Feb 2026 25:61 +9999", "?", None]
    fields = [[f"Date: {date}"] if date else [] for date in ["Tue, 24 Nov 2026 10:09:00 +0000", *dates]]
    desk.receive(*(raw(f"From: {ALICE}", f"Subject: {n}", *date) for n, date in enumerate(fields)))
    clocks = {(row.started_at, row.due_at) for row in desk.clocks()}
    assert (len(desk.tickets()), len(clocks)) == (len(fields), 1)
    assert clocks.pop()[0] == desk.clock()


def test_p41_whatever_is_missing_there_is_a_ticket(desk: Desk) -> None:
    desk.decide_otherwise(rations=Rations(0, 0, 0, 0))
    mails = []
    for number, kept in enumerate(product([False, True], repeat=4)):
        fields = (f"From: a{number}@school.sch.uk", f"Message-ID: <{number}@school.sch.uk>", f"Subject: {number}")
        body = f"Question {number}" if kept[3] else ""
        mails.append(
            b"X-Number: %d\r\n" % number + raw(*(f for f, k in zip(fields, kept[:3], strict=True) if k), body=body)
        )
    desk.receive(*mails)
    assert desk.dispositions() == ["new_ticket"] * 16
    assert len(desk.clocks()) == 16
    assert {e.recipient for e in desk.sent("acknowledgement")} == {f"a{n}@school.sch.uk" for n in range(8, 16)}
    assert [bool(row.defects) for row in desk.received()] == [not row.text for row in desk.received()]
    desk.receive(*mails)
    assert desk.dispositions()[16:] == ["duplicate"] * 16, "each is known again, also without a Message-ID"


@pytest.mark.parametrize("case", ["08-smime-signed", "09-smime-encrypted", "10-pgp-encrypted", "11-winmail-dat"])
def test_p42_a_kind_that_cannot_be_read_is_never_an_empty_ticket(desk: Desk, case: str) -> None:
    desk.receive((CASES / f"{case}.eml").read_bytes())
    (found,) = desk.received()
    if case == "08-smime-signed":
        assert (found.text, found.defects) == ("A signed enquiry about a class group.", [])
    else:
        assert "needs opening in the mailbox" in found.defects[0]
        assert all("needs opening in the mailbox" in words(notice) for notice in desk.sent("notice"))
    assert (len(desk.tickets()), len(desk.clocks()), len(desk.sent("acknowledgement"))) == (1, 1, 1)


def test_p43_a_message_that_cannot_be_filed_is_quarantined_with_a_clock_and_can_be_released(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_incoming = messages.add_incoming

    def refuse_one(connection: Any, message: Any, *rest: Any) -> int:
        if "poison" in message.subject:
            raise RecursionError
        return add_incoming(connection, message, *rest)

    monkeypatch.setattr(messages, "add_incoming", refuse_one)
    arrived_at = desk.clock()
    for number, subject in enumerate(["first", "poison", "second", "last"]):
        desk.mailbox.append(mail(subject=subject, message_id=f"<{number}@school.sch.uk>"), arrived_at)
    desk.collect()
    assert (desk.triage().triaged, len(desk.tickets())) == (3, 3), "the others passed in the same run"
    for _ in range(4):
        desk.clock.advance(seconds=6)
        Desk(desk.store, clock=desk.clock).triage()  # as after a restart: what failed is remembered in SQL
    (row,) = desk.rows(schema.ledger, schema.ledger.c.state == "quarantined")
    assert desk.codes().count("triage_failed") == 3
    stand_in = desk.tickets()[-1]
    clock = desk.clocks()[-1]
    assert (clock.ticket_id, clock.started_at, clock.stopped_at) == (stand_in["id"], arrived_at, None)
    desk.submit()
    assert sum(stand_in["reference"].encode() in e.octets for e in desk.sent("notice")) == 2

    monkeypatch.undo()
    desk.decide_otherwise(rations=Rations(0, 0, 0, 0))
    with desk.store.write() as connection:
        ledger.release(connection, row.id)
    desk.triage()
    assert len(desk.tickets()) == 4, "the same ticket now knows its enquirer"
    assert desk.tickets()[-1]["requester"] == ALICE
    assert len(desk.outbox("acknowledgement")) == 4


def test_p45_a_template_that_a_mail_brings_is_told_as_it_is_or_not_at_all(desk: Desk) -> None:
    payload = "{{ cycler.__init__.__globals__.os.popen('id').read() }}{% raw %}{{ 7*7 }}"
    desk.receive(mail(f'"{payload}" <{ALICE}>', payload, payload))
    assert [row.subject for row in desk.received()] == [payload]
    (acknowledgement,) = desk.sent("acknowledgement")
    assert b"{" not in acknowledgement.octets
    for notice in desk.sent("notice"):
        assert words(notice).count(payload) == 3


@pytest.mark.parametrize("length", [82, 120])
def test_p46_a_long_id_leaves_in_one_piece_as_it_came(desk: Desk, length: int) -> None:
    long_id = f"<{'aB1=' * 30}"[: length - 26] + "@eurprd04.outlook.example>"
    parents = [f"<{n}@school.sch.uk>" for n in range(59)]
    desk.receive(mail(message_id=long_id, references="\r\n ".join(parents)))
    (acknowledgement,) = desk.sent("acknowledgement")
    assert len(long_id) == length
    assert f"\r\nIn-Reply-To: {long_id}\r\n".encode() in acknowledgement.octets
    assert header(acknowledgement.octets, "References").split() == [*parents, long_id]
    assert max(map(len, acknowledgement.octets.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "text", ["one\n.\r\nMAIL FROM:<x@evil.example>\r\n", "one\rtwo\r", "x" * 5000 + "\n", "\x00\n"]
)
def test_p48_only_whole_lines_of_bounded_length_are_frozen(desk: Desk, text: str) -> None:
    desk.receive(mail(f'"{text[:-1]}" <{ALICE}>', f"=?utf-8?q?{text[:-1]}=0A.=0A?=", text))
    frozen = [bytes(row.octets) for row in desk.rows(schema.outbox_content)]
    assert len(frozen) >= 2
    for octets in frozen:
        assert octets.count(b"\r\n") == octets.count(b"\r") == octets.count(b"\n")
        assert max(map(len, octets.split(b"\r\n"))) <= 998
        assert b"\0" not in octets
        assert b"\r\n.\r\n" not in octets


@pytest.mark.parametrize(
    ("known", "stranger"),
    [("a_b@x.uk", "axb@x.uk"), ("axb@x.uk", "a_b@x.uk"), ("a_b@x.uk", "%@x.uk"), ("a%@x.uk", "ab@x.uk")],
)
def test_p49_a_wildcard_in_an_address_matches_nobody_else(desk: Desk, known: str, stranger: str) -> None:
    desk.receive(mail(known))
    desk.receive(mail(stranger, "Re: your answer", "More\n", message_id="<2@x.uk>", in_reply_to="<one@school.sch.uk>"))
    assert desk.dispositions() == ["new_ticket", "new_ticket"]
    assert [t["requester"] for t in desk.tickets()] == [known, stranger]


def test_p49_sql_in_a_mail_is_text(desk: Desk) -> None:
    payload = "'; DROP TABLE tickets;-- %_\\"
    desk.receive(mail(f'"{payload}\\" <o\'x;--{BOB}>', payload, payload), mail(f"o'_{BOB}", payload, payload))
    assert [ticket["subject"] for ticket in desk.tickets()] == [payload] * 2
    assert [row.text for row in desk.received()] == [payload] * 2
    assert [e.recipient for e in desk.sent("acknowledgement")] == [f"o'_{BOB}"]
