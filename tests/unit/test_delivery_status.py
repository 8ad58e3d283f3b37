"""What bounces report, and that a person who forwards one is no machine."""

import time
import tracemalloc
from base64 import encodebytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.message import Bounce
from helpline_mail.wire.delivery_status import bounces_of, looks_like_bounce
from helpline_mail.wire.mime import Structure

SENT = "<posh-1.abc.def@example.org.uk>"


def read(text, *, ask_anyway=False):
    """The bounces in a mail written with bare newlines, its fields as the parser would give them."""
    root = parts_of(text.encode().replace(b"\n", b"\r\n"))
    fields = {name: tuple(values) for name, values in root.header.named().items()}
    return bounces_of(root, fields, ask_anyway=ask_anyway)


def parts_of(raw):
    """The tree of parts that the parser would hand over."""
    return Structure(Budgets(), lambda: False, lambda defect: None).read(raw)


def report(
    blocks,
    *,
    outer="multipart/report; report-type=delivery-status",
    sender="MAILER-DAEMON@mx.school.sch.uk",
    returned=None,
):
    """An RFC 3464 report with those per-recipient blocks, returning our mail."""
    returned = returned or f"Content-Type: message/rfc822\n\nFrom: helpline@example.org.uk\nMessage-ID: {SENT}\n\nHello"
    return (
        f"Return-Path: <>\nFrom: {sender}\nSubject: Undelivered Mail Returned to Sender\n"
        f'Message-ID: <77@mx.school.sch.uk>\nContent-Type: {outer};\n boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nYour mail to <somebody@else.example> was not delivered.\n\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.school.sch.uk\n\n{blocks}\n"
        f"--b\n{returned}\n--b--\n"
    )


FAILED = "Final-Recipient: rfc822; alice@school.sch.uk\nAction: failed\nStatus: 5.1.1\n"


def test_a_report_of_a_failure():
    assert read(report(FAILED)) == (Bounce("alice@school.sch.uk", "5.1.1", "failed", SENT),)


def test_each_recipient_with_its_own_action():
    blocks = (
        FAILED
        + "\nOriginal-Recipient: rfc822;bob@school.sch.uk\nFinal-Recipient: rfc822; bob@elsewhere.example\n"
        + "Action: delayed (will retry)\nStatus: 4.4.7 (queue)\n"
        + "\nFinal-Recipient: RFC822; <carol@a-b.sch.uk>\nAction: Delivered\nStatus: 2.0.0\n"
        + "\nFinal-Recipient: rfc822; dan@school.sch.uk\nAction: error\n"
        + "\nFinal-Recipient: rfc822; eve@school.sch.uk\nStatus: 4.0.0\n"
        + "\nFinal-Recipient: rfc822; fay@school.sch.uk\n"
    )
    assert [(b.recipient, b.status, b.action) for b in read(report(blocks))] == [
        ("alice@school.sch.uk", "5.1.1", "failed"),
        ("bob@school.sch.uk", "4.4.7", "delayed"),
        ("carol@a-b.sch.uk", "2.0.0", "delivered"),
        ("dan@school.sch.uk", None, "failed"),
        ("eve@school.sch.uk", "4.0.0", "delayed"),
        ("fay@school.sch.uk", None, None),
    ]


@pytest.mark.parametrize(
    "returned",
    [
        f"Content-Type: text/rfc822-headers\n\nFrom: helpline@example.org.uk\nMessage-Id: {SENT}\n",
        f"Content-Type: text/rfc822-headers\n\nFrom: helpline@example.org.uk\nMessage-ID:\n {SENT}\n",
        f"Content-Type: message/rfc822-headers\n\nFrom: helpline@example.org.uk\nMessage-ID: {SENT}\n",
        f"Content-Type: message/global-headers\n\nFrom: helpline@example.org.uk\nMessage-ID: {SENT}\n",
        f"Content-Type: message/rfc822\n\nMessage-ID: (x) {SENT}\nTo: alice@school.sch.uk\n\nHello",
    ],
)
def test_the_original_message_id_in_its_several_places(returned):
    assert read(report(FAILED, returned=returned))[0].original_message_id == SENT


def test_no_message_id_is_made_up():
    assert read(report(FAILED, returned="Content-Type: image/png\n\nx"))[0].original_message_id is None


def test_a_report_inside_the_returned_mail_is_not_ours():
    inner = report(FAILED.replace("alice", "inner")).replace("--b", "--c").replace('"b"', '"c"')
    found = read(report(FAILED, returned=f"Content-Type: message/rfc822\n\n{inner}"))
    assert [bounce.recipient for bounce in found] == ["alice@school.sch.uk"]


def test_what_the_returned_mail_says_of_others_is_not_reported():
    ours = f"Message-ID: {SENT}\n\nDelivery to the following recipient failed:\n\n  inner@school.sch.uk\n"
    assert read(report("", returned=f"Content-Type: message/rfc822\n\n{ours}")) == ()
    assert read(report("", returned=f"Content-Type: application/octet-stream\n\n{ours}")) == ()


def test_a_report_that_a_gateway_sends_on_is_read():
    inner = report(FAILED).replace("--b", "--c").replace('"b"', '"c"')
    wrapped = (
        "From: postmaster@school.sch.uk\nSubject: Delivery Status Notification (Failure)\n"
        'Content-Type: multipart/mixed; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    )
    assert read(wrapped) == (Bounce("alice@school.sch.uk", "5.1.1", "failed", SENT),)


PLAIN = f"""From: Mail Delivery System <mailer-daemon@mx.example>
To: helpline@example.org.uk
Subject: Mail delivery failed: returning message to sender

This message was created automatically by mail delivery software.

A message that you sent could not be delivered. The following addresses failed:

  <alice@st-marys.sch.uk>

550 user unknown

--- The header of the original message is following. ---

Received: from mx.example.org.uk
Message-ID: {SENT}
To: alice@st-marys.sch.uk
Sender: helpline@example.org.uk
"""


def test_a_plain_text_bounce_of_a_hyphenated_domain():
    assert read(PLAIN) == (Bounce("alice@st-marys.sch.uk", None, "failed", SENT),)


def test_a_plain_text_bounce_in_base64():
    head, _, body = PLAIN.partition("\n\n")
    encoded = head + "\nContent-Transfer-Encoding: base64\n\n" + encodebytes(body.encode()).decode()
    assert read(encoded) == read(PLAIN)


def test_a_report_in_base64():
    block = encodebytes(f"Reporting-MTA: dns; x\n\n{FAILED}".encode()).decode()
    encoded = report("").replace(
        "message/delivery-status\n\nReporting-MTA: dns; mx.school.sch.uk\n\n",
        f"message/delivery-status\nContent-Transfer-Encoding: base64\n\n{block}",
    )
    assert [(told.recipient, told.action) for told in read(encoded)] == [("alice@school.sch.uk", "failed")]


def test_a_warning_is_a_delay():
    warning = PLAIN.replace("could not be delivered. The following addresses failed", "has not yet been delivered to")
    assert [bounce.action for bounce in read(warning)] == ["delayed"]


@pytest.mark.parametrize(
    "words",
    [
        "<p>Delivery has failed to these recipients:</p><p><a href='mailto:x'>alice@school.sch.uk</a></p>",
        "<p>Your message to <b>alice@school.sch.uk</b> couldn't be delivered.</p>",
    ],
)
def test_a_notice_in_html_alone(words):
    notice = (
        "Return-Path: <>\nFrom: postmaster@school.sch.uk\nSubject: Undeliverable: x\n"
        f"Content-Type: text/html\n\n<html><body>{words}</body></html>\n"
    )
    assert [(told.recipient, told.action) for told in read(notice)] == [("alice@school.sch.uk", "failed")]


def test_a_qmail_notice():
    notice = (
        "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: failure notice\n\n"
        "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message.\n\n"
        f"<alice@school.sch.uk>:\nSorry, no mailbox here by that name.\n\n"
        f"--- Below this line is a copy.\n\nMessage-ID: {SENT}\n"
    )
    assert read(notice) == (Bounce("alice@school.sch.uk", None, "failed", SENT),)


HUMAN = "From: Alice <alice@school.sch.uk>\nReturn-Path: <alice@school.sch.uk>\nSubject: {}\n"


@pytest.mark.parametrize("subject", ["Fwd: Undelivered Mail Returned to Sender", "Undeliverable: my question", "Help"])
def test_a_person_who_quotes_or_forwards_a_bounce_is_no_machine(subject):
    quoted = HUMAN.format(subject) + "\nWhat does this mean?\n\n" + PLAIN.partition("\n\n")[2]
    attached = HUMAN.format(subject) + 'Content-Type: multipart/mixed; boundary="x"\n\n--x\n\nWhat is this?\n'
    attached += f"--x\nContent-Type: message/rfc822\n\n{report(FAILED)}\n--x--\n"
    status = HUMAN.format(subject) + 'Content-Type: multipart/mixed; boundary="x"\n\n--x\n\nWhat is this?\n'
    status += f"--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n{FAILED}\n--x--\n"
    assert read(quoted) == read(attached) == read(status) == ()
    assert read(quoted, ask_anyway=True) != ()


@pytest.mark.parametrize(
    ("content_type", "fields", "expected"),
    [
        ("multipart/report", {}, True),
        ("text/plain", {"from": ("Mail <MAILER-DAEMON@x.example>",)}, True),
        ("multipart/mixed", {"content-type": ("multipart/mixed; report-type=delivery-status",)}, True),
        ("text/plain", {"from": ("postmaster@x.example",), "subject": ("Delivery failure",)}, True),
        ("text/plain", {"from": ("postmaster@x.example",), "subject": ("=?utf-8?b?RGVsaXZlcnkgZmFpbHVyZQ==?=",)}, True),
        ("text/plain", {"from": ("a@x.example",), "return-path": ("<>",), "subject": ("Undeliverable: x",)}, True),
        ("text/plain", {"from": ("a@x.example",), "return-path": ("<>",)}, False),
        ("text/plain", {"from": ("postmaster@x.example",), "subject": ("A question",)}, False),
        ("text/plain", {"from": ("a@x.example",), "subject": ("Undeliverable: x",)}, False),
        ("text/plain", {}, False),
    ],
)
def test_what_looks_like_a_bounce(content_type, fields, expected):
    assert looks_like_bounce(content_type, fields) is expected


BOUNCE = {"from": ("MAILER-DAEMON@x.example",), "subject": ("Undeliverable",)}
HEAD = b"From: MAILER-DAEMON@x.example\r\n"
NESTED = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000))


STATUS = HEAD + b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: %s\r\n\r\n"
DEEP = b"".join(b"Content-Type: multipart/report; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(49))


@pytest.mark.parametrize(
    "raw",
    [
        STATUS % b"message/delivery-status" + b"\n" * 261_000,
        STATUS % b"message/delivery-status" + b"\r" * 261_000,
        STATUS % b"message/delivery-status" + b"a:\r\n\r\n" * 42_000,
        STATUS % b"message/delivery-status" + b"\na:\n" * 60_000,
        STATUS % b"message/rfc822" + b"a:\n" * 86_000,
        STATUS % b"text/plain\r\nContent-Transfer-Encoding: x-uuencode" + b"begin 644 a\n" + b"!\n" * 120_000,
        HEAD + DEEP + b"\r\n" + b"-\n\n" * 80_000,
    ],
    ids=["blank", "bare", "blocks", "short blocks", "header", "uuencode", "deep"],
)
def test_no_report_of_short_lines_costs_much(raw):
    began = time.process_time()
    assert bounces_of(parts_of(raw), BOUNCE) == ()
    assert time.process_time() - began < 1.0
    tracemalloc.start()
    bounces_of(parts_of(raw), BOUNCE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_blank_lines_before_a_report_hide_nothing_of_it():
    raw = report(FAILED).encode().replace(b"\n\n", b"\n" * 2_000)
    (bounce,) = bounces_of(parts_of(raw), BOUNCE)
    assert (bounce.recipient, bounce.status, bounce.action) == ("alice@school.sch.uk", "5.1.1", "failed")


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Content-Type: multipart/report" + b";" * 1_000_000 + b"\r\n\r\n",
        HEAD + b"Content-Type: multipart/report" + b';"\r\n ' * 200_000 + b"\r\n\r\n",
        HEAD + NESTED,
        HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
        HEAD + b"Content-Type: message/delivery-status\r\n\r\n" * 20_000,
        HEAD + b"Content-Type: multipart/report; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 100_000,
        HEAD + b"\r\nDelivery to the following recipient failed\r\n" + b"a" * 1_000_000,
        HEAD + b"\r\nnot yet been delivered\r\n" + b" " * 1_000_000,
        HEAD + b"Content-Type: image/png\r\n\r\nnot yet been delivered\r\n" + b"a" * 1_000_000,
        HEAD + b"\r\n" + b"a\n" * 5_000_000,
        b"\xff\xfe" * 100_000,
        b"",
    ],
    ids=[
        "parameters",
        "quotes",
        "nested",
        "rfc822",
        "status",
        "parts",
        "token",
        "space",
        "image",
        "length",
        "bytes",
        "empty",
    ],
)
def test_no_mail_costs_more_than_two_seconds(raw):
    began = time.process_time()
    assert bounces_of(parts_of(raw), BOUNCE) == ()
    assert time.process_time() - began < 2.0


def test_recipients_are_counted():
    blocks = "\n".join(FAILED.replace("alice", f"a{n}") for n in range(500))
    assert len(read(report(blocks))) == 100


def test_one_recipient_is_told_once():
    assert len(read(report(FAILED + "\n" + FAILED.replace("alice", "ALICE")))) == 1


@given(st.lists(st.tuples(st.integers(0, 1400), st.integers(0, 255)), max_size=30), st.integers(0, 1400))
def test_a_damaged_report_is_read_or_not_but_never_raises(flips, cut):
    raw = bytearray(report(FAILED).encode())
    for place, octet in flips:
        if place < len(raw):
            raw[place] = octet
    for bounce in bounces_of(parts_of(bytes(raw[:cut])), BOUNCE):
        assert "@" in bounce.recipient
        assert bounce.recipient.isprintable()


@given(st.binary(max_size=300))
def test_any_octets_give_an_answer(raw):
    assert isinstance(bounces_of(parts_of(raw), {}, ask_anyway=True), tuple)
