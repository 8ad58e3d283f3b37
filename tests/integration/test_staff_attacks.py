# ruff: noqa: E501  HTML as mail clients write it
"""Attacks on answering by mail: each was once a way to leak, to lose words or to stop a clock that should run."""

import base64
import time
from typing import Any

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain import commands
from helpline_mail.domain.delivery import Envelope, Refused
from helpline_mail.domain.policy import Partner
from tests.integration.desk import ALICE, AMY, BOB, HELPLINE, LEAD, Desk, bounce, follow_up, header, mail
from tests.integration.test_staff_mail import Server, files_of, notice_to, reply, to_alice, words_of

PARTNERS = (Partner("examplebook", "Examplebook safety team", "safety@examplebook.example"),)
OPEN = {"outcomes": ("advice given", "spam"), "outcomes_without_answer": ("spam",), "partners": PARTNERS}


@pytest.fixture
def asked(desk: Desk) -> Desk:
    desk.decide_otherwise(**OPEN)
    desk.receive(mail('"Alice Smith" <alice@school.sch.uk>'))
    return desk


def first_notice(desk: Desk, member: str = AMY) -> Envelope:
    return next(e for e in desk.letterbox.taken if e.recipient == member)


def said(desk: Desk, member: str = AMY) -> str:
    return " ".join(words_of(notice_to(desk, member).octets).split())


def kind_sent(desk: Desk, kind: str) -> list[Envelope]:
    return [e for e in desk.letterbox.taken if header(e.octets, "X-Helpline-Kind") == kind]


def running(desk: Desk) -> list[Any]:
    return desk.clocks(schema.clock.c.stopped_at.is_(None))


def enclosing(raw: bytes, name: str, content_type: str, octets: bytes) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    return (
        head
        + (
            "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body.decode()}\r\n--bb\r\n"
            f'Content-Type: {content_type}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
            f"Content-Transfer-Encoding: base64\r\n\r\n{base64.encodebytes(octets).decode()}\r\n--bb--\r\n"
        ).encode()
    )


def instead(raw: bytes, body: bytes, content_type: str = "text/plain; charset=utf-8") -> bytes:
    head = raw.partition(b"\r\n\r\n")[0]
    return head + f"\r\nMIME-Version: 1.0\r\nContent-Type: {content_type}\r\n\r\n".encode() + body


def joining(reference: str) -> str:
    """#join as it gets past the doubt about other tickets' references (a full-width hyphen): see the first of (d)."""
    return "#join " + reference.replace("-", "\uff0d")


# (a) what is internal reaches an outsider


@pytest.mark.parametrize(
    ("name", "part", "kind"), [("ATT00001.htm", "html", "text/html"), ("ATT00001.txt", "plain", "text/plain")]
)
def test_a1_our_notice_as_a_file_that_the_mail_server_made_of_the_quotation(
    asked: Desk, name: str, part: str, kind: str
) -> None:
    """Exchange makes ATT00001 of each text part behind a file (Apple Mail puts the quotation there)."""
    from email import message_from_bytes, policy

    notice = notice_to(asked, AMY)
    body = message_from_bytes(notice.octets, policy=policy.default).get_body((part,))
    assert body is not None
    asked.receive(enclosing(reply(notice, "See the form."), name, kind, body.get_content().encode()))
    assert b"+s-" not in b"".join(octets for e in to_alice(asked) for _, octets in files_of(e.octets))


def test_a2_our_notice_as_an_outlook_item(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    item = notice.octets.decode().encode("utf-16-le")  # .msg holds its strings so
    asked.receive(enclosing(reply(notice, "See the form."), "notice.msg", "application/vnd.ms-outlook", item))
    assert to_alice(asked) == []


@pytest.mark.parametrize("name", ["amy@example.org.uk.pdf", "POSH-AAAAAA.pdf"])
def test_a3_a_file_name_tells_of_staff_or_of_another_ticket(asked: Desk, name: str) -> None:
    asked.receive(enclosing(reply(notice_to(asked, AMY), "See the form."), name, "application/pdf", b"x"))
    assert to_alice(asked) == []


@pytest.mark.parametrize(
    ("name", "octets"), [("Alice Smith.pdf", b"x"), ("statement.txt", b"I am Alice Smith, alice@school.sch.uk")]
)
def test_a4_a_file_tells_a_partner_who_the_enquirer_is(asked: Desk, name: str, octets: bytes) -> None:
    words = "#partner examplebook\nPlease take this down."
    asked.receive(enclosing(reply(notice_to(asked, AMY), words), name, "text/plain", octets))
    assert kind_sent(asked, "partner") == []


@pytest.mark.parametrize(
    ("from_", "words"),
    [
        ('"Alice Smith" <a@school.sch.uk>', "Al\u200bice Smi\u00adth asks."),
        ('"\u00c5sa Bergstr\u00f6m" <a@school.sch.uk>', "Bergstro\u0308m asks."),
        ("alice.smith@school.sch.uk", "Alice Smith asks."),
    ],
)
def test_a5_the_enquirers_name_in_another_form_goes_to_a_partner(desk: Desk, from_: str, words: str) -> None:
    desk.decide_otherwise(**OPEN)
    desk.receive(mail(from_))
    desk.receive(reply(notice_to(desk, AMY), f"#partner examplebook\nPlease take it down. {words}"))
    assert kind_sent(desk, "partner") == []


def test_a6_the_name_of_a_second_enquirer_goes_to_a_partner(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#admit carol@home.example"))
    asked.receive(
        mail(
            '"Carol Danvers" <carol@home.example>',
            "Re",
            "I too\n",
            message_id="<c@h.example>",
            in_reply_to=asked.acknowledgement_id(),
        )
    )
    asked.receive(reply(notice_to(asked, AMY), "#partner examplebook\nCarol Danvers asks."))
    assert kind_sent(asked, "partner") == []


# (b) words go to somebody or somewhere that their writer did not mean


def test_b1_words_in_reply_to_bobs_notice_do_not_go_to_alice_after_a_join(asked: Desk) -> None:
    """Nor do his Message-IDs. Expected: the ticket of another enquirer is not joined, or he gets the answer."""
    asked.receive(mail(BOB, "Other", "Help me too\n", message_id="<b1@club.example>"))
    amys, lenas = notice_to(asked, AMY), notice_to(asked, LEAD)
    asked.receive(reply(amys, joining(asked.tickets()[0]["reference"])))
    asked.receive(reply(lenas, "Dear Bob, your secret is safe."))
    assert to_alice(asked) == []


def test_b2_words_to_an_admitted_colleague_do_not_go_to_the_first_enquirer_unasked(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#admit carol@home.example"))
    asked.receive(
        mail(
            "carol@home.example",
            "Re",
            "Do not tell Alice.\n",
            message_id="<c@h.example>",
            in_reply_to=asked.acknowledgement_id(),
        )
    )
    asked.receive(reply(notice_to(asked, AMY), "Dear Carol, I will not tell her."))
    assert to_alice(asked) == []


def test_b3_words_to_a_message_that_was_split_off_do_not_go_to_the_old_ticket(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "Call 101."))
    asked.clock.advance(minutes=5)
    asked.receive(follow_up(asked))
    amys, lenas = notice_to(asked, AMY), notice_to(asked, LEAD)
    asked.receive(reply(amys, "#split"))
    asked.receive(reply(lenas, "Words about the second matter."))
    _old, new = (t["reference"] for t in asked.tickets())
    answer = to_alice(asked)[-1]
    assert new in header(answer.octets, "Subject")
    assert running(asked) == []


@pytest.mark.parametrize("text", ["Kind regards,\n\nAmy Adams\nAdviser", "Amy Adams | Adviser | 0844 381 4772"])
def test_b4_a_signature_alone_is_no_answer(asked: Desk, text: str) -> None:
    asked.receive(reply(notice_to(asked, AMY), text))
    assert running(asked)


def test_b5_a_gmail_reaction_is_no_answer(asked: Desk) -> None:
    body = (
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xf0\x9f\x91\x8d\r\n\r\nAmy reacted via Gmail\r\n"
        b"<https://www.google.com/gmail/about/?utm_source=gmail-in-product>\r\n"
        b"--b\r\nContent-Type: text/vnd.google.email-reaction+json\r\n\r\n{}\r\n--b--\r\n"
    )
    asked.receive(instead(reply(notice_to(asked, AMY), ""), body, "multipart/alternative; boundary=b"))
    assert to_alice(asked) == []
    assert running(asked)


@pytest.mark.parametrize("subject", ["Out of Office: ", "Out of office Re: "])
def test_b6_an_absence_notice_told_by_its_subject_alone(asked: Desk, subject: str) -> None:
    raw = reply(notice_to(asked, AMY), "I am out of the office until Monday.")
    asked.receive(raw.replace(b"Subject: Re: ", f"Subject: {subject}".encode()))
    assert to_alice(asked) == []


@pytest.mark.parametrize("field", [{"precedence": "bulk"}, {"x_auto_response_suppress": "All"}])
def test_b7_a_mail_of_a_member_that_bears_a_machines_mark_is_no_answer(asked: Desk, field: dict[str, str]) -> None:
    asked.receive(reply(notice_to(asked, AMY), "I am away until Monday.", **field))
    assert to_alice(asked) == []


def test_b8_a_recall_is_no_answer(asked: Desk) -> None:
    raw = reply(notice_to(asked, AMY), "").replace(b"Subject: Re: ", b"Subject: Recall: ")
    asked.receive(instead(raw, b'Amy would like to recall the message, "x".\r\n'))
    assert to_alice(asked) == []


# (c) words are lost and nobody is told


@pytest.mark.parametrize(
    "text",
    [
        "Warning: do not reply to the blackmailer.\n\nDear Alice,\n\nCall 101.",
        "Attention: never open the links that he sends.\n\nCall 101.",
        "This message came from outside the school, so report it to the police.\n\nThen block him.",
        "Dear Alice,\n\nCall 101.\n\n--\n\nAnd block him at once.\n\nAmy",
        "Dear Alice,\n\n--\n1. call 101\n2. keep the phone",
    ],
)
def test_c1_what_reads_like_a_banner_or_stands_below_a_rule(asked: Desk, text: str) -> None:
    asked.receive(reply(notice_to(asked, AMY), text))
    for answer in to_alice(asked):  # or held
        assert words_of(answer.octets).split() == [word for word in text.split() if word != "--"]


def test_c2_an_answer_between_the_lines_that_begins_the_next_line_of_ours(desk: Desk) -> None:
    desk.decide_otherwise(**OPEN)
    desk.receive(mail(text="Should we call the police?\nYes or no?\n\nAlice\n"))
    body = f"On Tue, 24 Nov 2026 at 10:12, Helpline <{HELPLINE}> wrote:\r\n> Should we call the police?\r\nYes\r\n> Alice\r\nCome back to us.\r\n"
    desk.receive(instead(reply(notice_to(desk, AMY), ""), body.encode()))
    for answer in to_alice(desk):
        assert "Yes" in words_of(answer.octets)


# (d) clocks


def test_d1_anyway_does_not_cover_what_came_after_the_notice_that_was_answered(asked: Desk) -> None:
    amys, lenas = notice_to(asked, AMY), notice_to(asked, LEAD)
    asked.clock.advance(minutes=5)
    asked.receive(reply(lenas, "Call 101."))
    asked.clock.advance(minutes=5)
    asked.receive(follow_up(asked))
    asked.clock.advance(minutes=5)
    asked.receive(reply(amys, "Call the school."))  # to the first query; held, for Lena answered it
    asked.clock.advance(minutes=5)
    asked.receive(reply(notice_to(asked, AMY), "#anyway"))
    assert len(running(asked)) == 1


def test_d2_a_split_leaves_the_clock_of_a_later_follow_up(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "Call 101."))
    asked.clock.advance(minutes=5)
    asked.receive(follow_up(asked, 2))
    second = notice_to(asked, AMY)
    asked.clock.advance(minutes=5)
    asked.receive(follow_up(asked, 3))
    asked.receive(reply(second, "#split"))
    assert len({row.ticket_id for row in running(asked)}) == 2


@pytest.mark.parametrize("bounces", [True, False])
def test_d3_closing_words_that_do_not_arrive_leave_a_clock(asked: Desk, bounces: bool) -> None:
    asked.mailbox.append(reply(notice_to(asked, AMY), "#resolve spam\nDear Alice, this is not for us."), asked.clock())
    asked.collect()
    asked.triage()
    if bounces:
        asked.submit()
        asked.receive(bounce(ALICE, header(to_alice(asked)[0].octets, "Message-ID")))
    else:
        for _ in range(2):
            asked.submit(Server(asked, Refused(550, "RCPT")))
            asked.clock.advance(seconds=10)
    assert asked.tickets()[0]["state"] == "open"
    assert running(asked)


def test_d4_a_bounce_of_a_joined_tickets_answer_starts_a_clock_that_can_be_stopped(asked: Desk) -> None:
    asked.receive(mail(ALICE, "Other", "x\n", message_id="<b1@school.sch.uk>"))
    second = notice_to(asked, AMY)
    asked.receive(reply(second, "Answer to the second."))
    answer = to_alice(asked)[0]
    asked.receive(reply(second, joining(asked.tickets()[0]["reference"])))
    asked.receive(reply(first_notice(asked), "Answer to the first."))
    asked.receive(bounce(ALICE, header(answer.octets, "Message-ID")))
    states = {t["id"]: t["state"] for t in asked.tickets()}
    assert [states[row.ticket_id] for row in running(asked)] == ["open"]


def test_d5_a_caller_who_wrote_meanwhile_is_not_answered_by_closing_the_call(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#call carol@home.example\nShe rang."))
    noted = notice_to(asked, AMY)
    asked.receive(
        mail(
            "carol@home.example",
            "Re",
            "Still waiting\n",
            message_id="<c@h.example>",
            in_reply_to=asked.acknowledgement_id(1),
        )
    )
    asked.receive(reply(noted, "#resolve advice given"))
    assert len({row.ticket_id for row in running(asked)}) == 2


def test_d6_a_ticket_can_be_closed_right_behind_the_answer(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    for text in ("Call 101.", "#resolve advice given"):
        asked.mailbox.append(reply(notice, text), asked.clock())
    asked.collect()
    asked.triage()
    asked.submit()
    assert asked.tickets()[0]["state"] == "resolved"


# (f) commands that cannot work


def test_f1_join_with_a_reference_works(asked: Desk) -> None:
    asked.receive(mail(ALICE, "Other", "x\n", message_id="<b1@school.sch.uk>"))
    asked.receive(reply(notice_to(asked, AMY), f"#join {asked.tickets()[0]['reference']}"))
    assert [t["state"] for t in asked.tickets()] == ["open", "resolved"]


def test_f2_assign_by_address_works(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), f"#assign {LEAD}"))
    assert asked.rows(schema.ticket)[0].assignee == LEAD


def test_f3_what_was_said_in_a_call_is_internal_and_may_name_anything(asked: Desk) -> None:
    text = f"#call carol@home.example\nShe rang about {asked.tickets()[0]['reference'][:5]}AAAAAA; {LEAD} knows her."
    asked.receive(reply(notice_to(asked, AMY), text))
    assert len(asked.tickets()) == 2


def test_f4_the_caller_with_a_name_is_acknowledged_or_the_writer_is_told(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#call Carol <carol@home.example>\nShe rang."))
    assert len(kind_sent(asked, "acknowledgement")) == 2 or kind_sent(asked, "refusal")


def test_f5_a_partners_answer_is_filed_in_the_ticket_that_theirs_was_joined_to(asked: Desk) -> None:
    asked.receive(mail(ALICE, "Other", "x\n", message_id="<b1@school.sch.uk>"))
    second = notice_to(asked, AMY)
    asked.receive(reply(second, "#partner examplebook\nPlease take this down."))
    (sent,) = kind_sent(asked, "partner")
    asked.receive(reply(second, joining(asked.tickets()[0]["reference"])))
    to = header(sent.octets, "Reply-To").rpartition("<")[2].rstrip(">")
    asked.receive(mail("safety@examplebook.example", "Re", "Done.\n", message_id="<p@e.example>", to=to))
    found = [m.ticket_id for m in asked.rows(schema.message) if m.kind == "partner_in"]
    assert found == [asked.tickets()[0]["id"]]


def test_f6_an_answer_of_a_partner_who_was_removed_tells_of_the_ticket(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#partner examplebook\nPlease take this down."))
    (sent,) = kind_sent(asked, "partner")
    asked.decide_otherwise(**{**OPEN, "partners": ()})
    to = header(sent.octets, "Reply-To").rpartition("<")[2].rstrip(">")
    asked.receive(mail("safety@examplebook.example", "Re", "Done.\n", message_id="<p@e.example>", to=to))
    assert asked.tickets()[0]["reference"] in words_of(notice_to(asked, AMY).octets)


# (g) ordinary clients whose replies are held, or sent with the client's own words

HEAD = f"<b>From:</b> Professionals Online Safety Helpline &lt;{HELPLINE}&gt;<br><b>Sent:</b> 24 November 2026 10:12<br><b>To:</b> Amy &lt;{AMY}&gt;<br><b>Subject:</b> New enquiry"
ON = f"On 24 Nov 2026, at 10:12, Professionals Online Safety Helpline &lt;{HELPLINE}&gt; wrote:"
CLIENTS = {
    "outlook web": '<div>Call 101.</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg" dir="ltr"><font>'
    + HEAD
    + "</font><div>&nbsp;</div></div><div>{}</div>",
    "outlook ios": '<div>Call 101.</div><div id="ms-outlook-mobile-signature"><div><br></div>Get <a href="https://aka.ms/o0ukef">Outlook for iOS</a></div><hr><div id="divRplyFwdMsg"><font>'
    + HEAD
    + "</font><div>&nbsp;</div></div><div>{}</div>",
    "ios": '<div>Call 101.</div><div dir="ltr"><br></div><div dir="ltr">Sent from my iPhone</div><div dir="ltr"><br><blockquote type="cite">'
    + ON
    + '<br><br></blockquote></div><blockquote type="cite"><div dir="ltr">\ufeff{}</div></blockquote>',
    "gmx": '<div>Call 101.<div>&nbsp;<div name="quote"><div><b>Gesendet:</b>&nbsp;Dienstag, 24. November 2026 um 10:12 Uhr<br/><b>Von:</b>&nbsp;"Professionals Online Safety Helpline" &lt;'
    + HELPLINE
    + '&gt;<br/><b>An:</b>&nbsp;Amy<br/><b>Betreff:</b>&nbsp;New enquiry</div><div name="quoted-content">{}</div></div></div></div>',
    "proton": '<div>Call 101.</div><div class="protonmail_signature_block">Sent with <a href="https://proton.me/mail/home">Proton Mail</a> secure email. </div><div><br></div><div class="protonmail_quote">'
    + ON
    + '<br><blockquote type="cite">{}</blockquote></div>',
}


@pytest.mark.parametrize("client", CLIENTS)
def test_g1_html_only(asked: Desk, client: str) -> None:
    from email import message_from_bytes, policy

    notice = notice_to(asked, AMY)
    body = message_from_bytes(notice.octets, policy=policy.default).get_body(("html",))
    assert body is not None
    html = CLIENTS[client].replace("{}", body.get_content().partition("<body>")[2].partition("</body>")[0])
    asked.receive(instead(reply(notice, ""), html.encode(), "text/html; charset=utf-8"))
    assert [words_of(e.octets) for e in to_alice(asked)] == ["Call 101."]


def test_g2_a_command_with_a_corporate_signature_that_has_no_marker_asks_nothing_back(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#take\n\nKind regards,\n\nAmy Adams\nAdviser"))
    assert "held" not in header(notice_to(asked, AMY).octets, "Subject")


# (h) time and size


def test_h1_commands_in_great_numbers() -> None:
    started = time.perf_counter()
    commands.read("#take\n" * 30_000)
    assert time.perf_counter() - started < 2


def test_h2_a_refusal_stays_small(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#tke\n" * 6_000))
    assert len(notice_to(asked, AMY).octets) < 50_000
