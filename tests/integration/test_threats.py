"""What strangers and machines may not do: P-01 to P-25, each by mails that come in and what becomes of them."""

import re
from email import message_from_bytes, policy

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.delivery import Envelope
from helpline_mail.service.answer import answer
from tests.integration.desk import (
    ALICE,
    AMY,
    BOB,
    HELPLINE,
    LEAD,
    MALLORY,
    SIGNER,
    Desk,
    bounce,
    follow_up,
    header,
    mail,
    words,
)

STAFF = [AMY, LEAD]


def recipients(desk: Desk, kind: str | None = None) -> list[str]:
    return sorted(e.recipient for e in (desk.sent(kind) if kind else desk.letterbox.taken))


@pytest.fixture
def acknowledged(desk: Desk) -> Desk:
    """A desk that has answered Alice's enquiry; what leaves from now on is counted from nothing."""
    desk.receive(mail())
    return desk


def test_p01_a_reference_in_a_subject_is_a_hint_only(acknowledged: Desk) -> None:
    desk = acknowledged
    (before,), clocks = desk.tickets(), desk.clocks()
    desk.letterbox.taken.clear()
    desk.receive(mail(MALLORY, f"Re: [{before['reference']}] hello", message_id="<m@evil.example>"))
    first, second = desk.tickets()
    assert (first, desk.clocks()[:1]) == (before, clocks)
    assert recipients(desk) == [AMY, LEAD, MALLORY]
    (acknowledgement,) = desk.sent("acknowledgement")
    assert second["reference"].encode() in acknowledgement.octets
    assert before["reference"].encode() not in acknowledgement.octets
    for notice in desk.sent("notice"):
        assert f"Possibly related to {before['reference']}" in words(notice)


@pytest.mark.parametrize("forgery", ["zeroed", "of another ticket", "removed", "extended"])
def test_p02_a_forged_token_does_not_join(acknowledged: Desk, forgery: str) -> None:
    desk = acknowledged
    desk.receive(mail(BOB, "Other", message_id="<bob@club.example>"))
    genuine, other = desk.acknowledgement_id(0), desk.acknowledgement_id(1)
    (left, domain), other_left = genuine[1:-1].split("@"), other[1:-1].split("@")[0]
    (reference, nonce, signature), signed_otherwise = left.split("."), other_left.split(".")[2]
    forged = {
        "zeroed": f"<{reference}.{nonce}.{'a' * len(signature)}@{domain}>",
        "of another ticket": f"<{reference}.{nonce}.{signed_otherwise}@{domain}>",
        "removed": f"<{reference}.{nonce}@{domain}>",
        "extended": f"<{left}x@{domain}>",
    }[forgery]
    desk.receive(mail(subject="New words", text="More\n", message_id="<2@school.sch.uk>", references=forged))
    assert desk.dispositions() == ["new_ticket"] * 3
    assert "bad_token" in desk.codes()


def test_p02_a_token_that_we_signed_and_never_sent_does_not_join(acknowledged: Desk) -> None:
    desk = acknowledged
    unsent = SIGNER.message_id(desk.tickets()[0]["reference"], "abcdefgh234567ab")
    desk.receive(mail(subject="New words", text="More\n", message_id="<2@school.sch.uk>", references=unsent))
    assert desk.dispositions() == ["new_ticket"] * 2
    assert "bad_token" in desk.codes()


def test_p03_a_genuine_token_from_somebody_else_opens_a_ticket_of_its_own(acknowledged: Desk) -> None:
    desk, colleague = acknowledged, "colleague@other.example"
    desk.receive(follow_up(desk, from_=colleague))
    first, second = desk.tickets()
    assert (second["requester"], first["messages"]) == (colleague, 2)
    assert {(row.ticket_id, row.address) for row in desk.rows(schema.participant)} == {
        (first["id"], ALICE), (second["id"], colleague),
    }  # fmt: skip
    assert "not_a_participant" in desk.codes()
    (to_colleague,) = [e for e in desk.letterbox.taken if e.recipient == colleague]
    assert first["reference"].encode() not in to_colleague.octets
    told = [e.recipient for e in desk.sent("notice") if f"Possibly related to {first['reference']}" in words(e)]
    assert sorted(told) == STAFF


@pytest.mark.parametrize("verdict", [None, "dmarc=fail", "dmarc=pass"])
@pytest.mark.parametrize("from_staff", [AMY, LEAD.upper()])
def test_p04_staff_answering_a_notice_by_mail_stops_no_clock(
    acknowledged: Desk, from_staff: str, verdict: str | None
) -> None:
    """Not even with a pass yet: what may count as an answer one day is tested where verdicts are read."""
    desk = acknowledged
    (before,) = desk.tickets()
    stamp = f"Authentication-Results: mx.example.org.uk; {verdict} header.from=example.org.uk\r\n" if verdict else ""
    notice = header(desk.sent("notice")[0].octets, "Message-ID")
    desk.letterbox.taken.clear()
    answered = mail(from_staff, "Re: notice", "Do this.\n", message_id="<s@example.org.uk>", in_reply_to=notice)
    desk.receive(stamp.encode() + answered)
    assert desk.dispositions() == ["new_ticket", "staff"]
    assert [row.stopped_at for row in desk.clocks()] == [None]
    assert desk.tickets() == [{**before, "messages": before["messages"] + 1}]
    assert ALICE not in recipients(desk)


@pytest.mark.parametrize("name", [f'"{ALICE}"', "=?utf-8?q?alice=40school=2Esch=2Euk?="])
def test_p06_a_name_that_is_somebody_elses_address_opens_no_door(acknowledged: Desk, name: str) -> None:
    desk = acknowledged
    (before,) = desk.tickets()
    reply = follow_up(desk, from_=f"{name} <{MALLORY}>")
    desk.letterbox.taken.clear()
    desk.receive(reply)
    first, second = desk.tickets()
    assert (first, second["requester"]) == (before, MALLORY)
    assert recipients(desk, "acknowledgement") == [MALLORY]
    for notice in desk.sent("notice"):
        assert f"<{MALLORY}>" in words(notice)
        assert f"name looks like an address; the mail came from {MALLORY}" in words(notice)


def test_p07_p08_mail_goes_to_the_writer_and_staff_only(desk: Desk) -> None:
    desk.receive(mail(cc=MALLORY, reply_to=f"third@party.example, {MALLORY}", to="anything@x.example"))
    desk.receive(follow_up(desk, cc=MALLORY))
    desk.clock.advance(hours=3)
    desk.remind()
    desk.submit()
    assert set(recipients(desk)) == {ALICE, *STAFF}
    assert recipients(desk, "acknowledgement") == [ALICE]
    assert [row.address for row in desk.rows(schema.participant)] == [ALICE]
    assert {header(e.octets, "From").partition("<")[2] for e in desk.letterbox.taken} == {f"{HELPLINE}>"}
    for envelope in desk.letterbox.taken:
        assert re.findall(r"[\w.]+@[\w.]+", header(envelope.octets, "To")) == [envelope.recipient]


def test_p09_an_enquirer_at_another_address_gets_a_ticket_with_a_hint(acknowledged: Desk) -> None:
    desk, home = acknowledged, "alice.home@gmail.example"
    desk.letterbox.taken.clear()
    desk.receive(mail(home, "Re: A pupil and a video", "From my telephone\n", message_id="<h@gmail.example>"))
    first, second = desk.tickets()
    assert (second["requester"], second["state"], first["messages"]) == (home, "open", 2)
    assert second["response_due_at"] == first["response_due_at"]
    assert len(desk.clocks()) == 2
    assert recipients(desk, "acknowledgement") == [home]
    for notice in desk.sent("notice"):
        assert f"Possibly related to {first['reference']}" in words(notice)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_p10_two_references_in_one_message_merge_nothing(acknowledged: Desk, order: tuple[int, int]) -> None:
    desk = acknowledged
    desk.receive(mail(BOB, "Other", message_id="<bob@club.example>"))
    mine, other = desk.tickets()
    both = " ".join(desk.acknowledgement_id(nth) for nth in order)
    desk.letterbox.taken.clear()
    desk.receive(mail(text="Mixed\n", message_id="<2@school.sch.uk>", references=both))
    assert desk.tickets() == [{**mine, "messages": 3}, other]
    assert recipients(desk) == STAFF
    for notice in desk.sent("notice"):
        assert f"Possibly related to {other['reference']}" in words(notice)
    desk.receive(mail("stranger@z.example", "Both", message_id="<3@z.example>", references=both))
    assert [ticket["messages"] for ticket in desk.tickets()] == [3, 2, 2]


def test_p11_fields_in_our_name_change_nothing(desk: Desk) -> None:
    ours = {
        "x_helpline_ticket": "1", "x_helpline_state": "closed", "x_helpline_kind": "acknowledgement",
        "x_loop": HELPLINE, "x_resolved_by": AMY, "x_zammad_ticket_state": "closed",
    }  # fmt: skip
    desk.receive(mail(**ours))
    desk.receive(follow_up(desk, **ours), mail(BOB, "Other", message_id="<bob@club.example>", **ours))
    assert desk.dispositions() == ["new_ticket", "follow_up", "new_ticket"]
    assert [ticket["state"] for ticket in desk.tickets()] == ["open", "open"]
    assert [row.stopped_at for row in desk.clocks()] == [None, None]
    assert recipients(desk, "acknowledgement") == [ALICE, BOB]


def test_p12_an_acknowledgement_does_not_tell_whether_a_reference_exists(acknowledged: Desk) -> None:
    desk = acknowledged
    reference, token = desk.tickets()[0]["reference"], desk.acknowledgement_id()
    probes = [(f"Re: [{reference}] x", token), ("Re: [POSH-234567] x", token.replace(".", ".a", 1)), ("x", "<y@z>")]
    desk.letterbox.taken.clear()
    for number, (subject, parent) in enumerate(probes):
        desk.receive(mail(MALLORY, subject, message_id=f"<{number}@evil.example>", in_reply_to=parent))
    answers = [e for e in desk.letterbox.taken if e.recipient == MALLORY]
    assert (len(answers), len({_without_its_own(e) for e in answers})) == (3, 1)


def _without_its_own(envelope: Envelope) -> tuple[str, ...]:
    """Names of fields, subject and text of an acknowledgement, without what is its own."""
    subject = header(envelope.octets, "Subject")
    reference = subject[1:].partition("]")[0]
    names = message_from_bytes(envelope.octets).keys()
    return tuple(said.replace(reference, "") for said in (*names, subject, words(envelope)))


@pytest.mark.parametrize("forged", ["unknown id", "other recipient"])
def test_p13_a_forged_bounce_does_nothing(acknowledged: Desk, forged: str) -> None:
    desk, before = acknowledged, acknowledged.tickets()
    known = desk.acknowledgement_id()
    desk.letterbox.taken.clear()
    desk.receive(bounce(ALICE, "<t@example.org.uk>") if forged == "unknown id" else bounce(MALLORY, known))
    assert desk.dispositions() == ["new_ticket", "bounce"]
    assert (desk.tickets(), desk.letterbox.taken) == (before, [])
    assert [row.bounced_at for row in desk.outbox()] == [None] * 3


@pytest.mark.parametrize(
    "from_", [f"{ALICE} <{MALLORY}>", f"{ALICE}, {MALLORY}", f"<{ALICE}", f"{MALLORY}\r\nFrom: {ALICE}", f"G: {ALICE};"]
)
def test_p14_an_ambiguous_sender_is_nobody_and_still_has_a_ticket(acknowledged: Desk, from_: str) -> None:
    desk = acknowledged
    (before,) = desk.tickets()
    reply = follow_up(desk, from_=from_)
    desk.letterbox.taken.clear()
    desk.receive(reply)
    first, second = desk.tickets()
    assert (first, second["requester"]) == (before, None)
    assert len(desk.clocks()) == 2
    assert recipients(desk) == STAFF


def test_p15_an_automatic_reply_starts_and_acknowledges_nothing(acknowledged: Desk) -> None:
    desk = acknowledged
    answer(desk.store, desk.correspondence.policy, desk.tickets()[0]["reference"], desk.clock(), desk.clock())
    before, mails = desk.tickets()[0], len(desk.outbox())
    desk.receive(follow_up(desk, auto_submitted="auto-replied"))
    assert desk.dispositions() == ["new_ticket", "automatic"]
    assert desk.tickets() == [{**before, "messages": before["messages"] + 1}]
    assert len(desk.outbox()) == mails
    assert [row.stopped_at is None for row in desk.clocks()] == [False]


@pytest.mark.parametrize("to_bounce_address", [False, True])
def test_p16_a_bounce_of_our_acknowledgement_is_told_to_staff_once(acknowledged: Desk, to_bounce_address: bool) -> None:
    desk = acknowledged
    (sent,) = desk.sent("acknowledgement")
    known = (bounce(ALICE, "<unknown@x.example>", sent.sender) if to_bounce_address
             else bounce(ALICE, desk.acknowledgement_id()))  # fmt: skip
    desk.letterbox.taken.clear()
    desk.receive(known, known.replace(b"Sorry.", b"Again."))
    assert [row.bounced_at is not None for row in desk.outbox("acknowledgement")] == [True]
    assert recipients(desk) == STAFF
    assert desk.codes().count("enquirer_not_reached") == 1
    assert len(desk.clocks()) == 1


def test_p19_mailing_list_mail_is_a_ticket_without_an_answer(desk: Desk, url_that_nobody_calls: str) -> None:
    desk.receive(mail(list_id="<heads.school.sch.uk>", list_unsubscribe=f"<{url_that_nobody_calls}>",
                      list_unsubscribe_post="List-Unsubscribe=One-Click"))  # fmt: skip
    assert (desk.dispositions(), len(desk.clocks())) == (["new_ticket"], 1)
    assert recipients(desk) == STAFF


def test_p20_our_own_mail_coming_back_is_recognised(acknowledged: Desk) -> None:
    desk = acknowledged
    (acknowledgement,) = desk.sent("acknowledgement")
    token = header(acknowledgement.octets, "Message-ID")
    forged = acknowledgement.octets.replace(token.encode(), token.replace("@", "a@").encode())
    unmarked = forged.replace(b"Auto-Submitted", b"X-A").replace(b"X-Auto-Response-Suppress", b"X-B")
    mails = len(desk.outbox())
    desk.receive(acknowledgement.octets)
    assert (desk.dispositions()[-1], len(desk.tickets()), len(desk.outbox())) == ("own", 1, mails)
    desk.receive(forged)
    assert (desk.dispositions()[-1], len(desk.tickets())) == ("automatic", 1), "it says that a machine sent it"
    desk.receive(unmarked.replace(b"Hello,", b"Hallo,"))  # the same words would be the same mail
    assert (desk.dispositions()[-1], len(desk.tickets())) == ("new_ticket", 2)
    assert recipients(desk, "acknowledgement") == [ALICE], "From our own address: never acknowledged"


@pytest.mark.parametrize("message_id", ["<one@school.sch.uk>", None])
def test_p21_an_acknowledgement_is_what_rfc_3834_asks_for(desk: Desk, message_id: str | None) -> None:
    desk.receive(mail(message_id=message_id, references="<zero@school.sch.uk>"))
    (envelope,) = desk.sent("acknowledgement")
    (row,) = desk.outbox("acknowledgement")
    found = message_from_bytes(envelope.octets, policy=policy.default)
    fields = dict(found.items())
    own = [fields.pop(name) for name in ("Subject", "Date", "Message-ID", "Reply-To", "Content-Transfer-Encoding")]
    reference = desk.tickets()[0]["reference"]
    answers = {"In-Reply-To": message_id, "References": f"<zero@school.sch.uk> {message_id}"} if message_id else {}
    assert fields == {
        "From": f"Professionals Online Safety Helpline <{HELPLINE}>", "To": ALICE, "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All", "X-Helpline-Kind": "acknowledgement", "MIME-Version": "1.0",
        "Content-Type": 'text/plain; charset="utf-8"', **answers,
    }  # fmt: skip
    assert own[0] == f"[{reference}] We have received your message"
    assert (envelope.recipient, envelope.sender) == (ALICE, SIGNER.bounce_address(row.nonce))
    assert SIGNER.reply_address(reference) in own[3]
    assert len(envelope.octets) < 4096
    assert "What should we do?" not in words(envelope)


def test_p22_the_acknowledgement_holds_nothing_of_the_writers(desk: Desk) -> None:
    desk.receive(mail(f'"Click http://evil" <{ALICE}>', "WIN http://evil.example NOW", "Buy at evil.example\n"))
    (acknowledgement,) = desk.sent("acknowledgement")
    for word in (b"evil", b"http", b"WIN", b"Click", b"Buy"):
        assert word not in acknowledgement.octets


def test_p24_ten_follow_ups_get_one_acknowledgement(acknowledged: Desk) -> None:
    desk = acknowledged
    for number in range(2, 12):
        desk.clock.advance(seconds=30)
        desk.receive(follow_up(desk, number))
    assert (len(desk.tickets()), len(desk.sent("acknowledgement"))) == (1, 1)
    assert len(desk.clocks()) == 1


def test_p25_a_reading_receipt_that_is_asked_for_is_never_given(desk: Desk) -> None:
    desk.receive(mail(disposition_notification_to=MALLORY, return_receipt_to=MALLORY))
    assert recipients(desk) == [ALICE, *STAFF]


@pytest.mark.parametrize(
    "content_type",
    ["multipart/report; report-type=disposition-notification; boundary=b", "text/calendar; method=REPLY"],
)
def test_p25_receipts_and_calendar_answers_are_filed_and_answered_by_nobody(
    acknowledged: Desk, content_type: str
) -> None:
    desk = acknowledged
    (before,) = desk.tickets()
    reply = follow_up(desk, content_type=content_type)
    desk.letterbox.taken.clear()
    desk.receive(reply)
    assert desk.dispositions() == ["new_ticket", "automatic"]
    assert desk.tickets() == [{**before, "messages": before["messages"] + 1}]
    assert desk.letterbox.taken == []
