"""One message at a time becomes what it should: its ticket, its clock, its mails and its reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpline_mail.adapters.store import ledger, messages, schema
from helpline_mail.adapters.store.schema import outbox
from helpline_mail.domain.rations import Rations
from helpline_mail.service import triage as service
from helpline_mail.service.answer import answer
from tests.integration.desk import ALICE, AMY, HELPLINE, LEAD, MALLORY, SIGNER, Desk, bounce, header, mail

BOB = "bob@club.example"


def follow_up(desk: Desk, number: int = 2, from_: str = ALICE, **fields: str) -> bytes:
    fields = {"in_reply_to": desk.acknowledgement_id(), **fields}
    return mail(from_, "Re: your answer", f"And this: {number}\n", message_id=f"<{number}@x.example>", **fields)


def test_an_enquiry_becomes_a_ticket_with_a_clock_an_acknowledgement_and_notices(desk: Desk) -> None:
    desk.receive(mail())
    (ticket,), (clock,) = desk.tickets(), desk.rows(schema.clock)
    assert (ticket["state"], ticket["requester"], ticket["subject"]) == ("open", ALICE, "A pupil and a video")
    assert (clock.started_at, clock.due_at) == (desk.clock(), datetime(2026, 11, 24, 13, 10, tzinfo=UTC))
    (acknowledgement,) = desk.sent("acknowledgement")
    text = acknowledgement.octets.decode("ascii")
    assert "by 13:10 today" in text
    assert ticket["reference"] in header(acknowledgement.octets, "Subject")
    assert (acknowledgement.recipient, header(acknowledgement.octets, "In-Reply-To")) == (ALICE, "<one@school.sch.uk>")
    assert header(acknowledgement.octets, "Auto-Submitted") == "auto-replied"
    assert len(acknowledgement.octets) < 4096
    assert sorted(e.recipient for e in desk.sent("notice")) == [AMY, LEAD]
    assert {row.state for row in desk.outbox()} == {"delivered"}
    assert desk.codes()[:4] == ["no_evidence", "acknowledged", "clock_started", "acknowledgement_queued"]


def test_the_bytes_in_the_outbox_are_the_bytes_that_leave(desk: Desk) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    frozen = sorted(bytes(row.octets) for row in desk.rows(schema.outbox_content))
    desk.clock.advance(hours=20)
    desk.submit()
    assert sorted(e.octets for e in desk.letterbox.taken) == frozen


def test_a_reply_to_our_acknowledgement_joins(desk: Desk) -> None:
    desk.receive(mail())
    desk.clock.advance(minutes=20)
    desk.receive(follow_up(desk))
    assert desk.dispositions() == ["new_ticket", "follow_up"]
    assert (len(desk.tickets()), len(desk.rows(schema.clock))) == (1, 1)
    assert "our_message_id" in desk.codes()


@pytest.mark.parametrize("carrier", ["references", "reply_address", "own_message_id"])
def test_other_evidence_joins_too(desk: Desk, carrier: str) -> None:
    desk.receive(mail())
    reference = desk.tickets()[0]["reference"]
    fields = {
        "references": {"references": f"<x@y.example> {desk.acknowledgement_id()}"},
        "reply_address": {"to": SIGNER.reply_address(reference)},
        "own_message_id": {"in_reply_to": "<one@school.sch.uk>"},
    }[carrier]
    desk.receive(mail(text="More\n", message_id="<2@school.sch.uk>", **fields))
    assert desk.dispositions() == ["new_ticket", "follow_up"]


@pytest.mark.parametrize("forgery", ["zeroed", "of another ticket", "removed", "extended"])
def test_a_forged_token_does_not_join(desk: Desk, forgery: str) -> None:  # P-02
    desk.receive(mail(), mail(BOB, "Other", message_id="<bob@club.example>"))
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


def test_a_genuine_token_from_somebody_else_opens_a_ticket_of_its_own(desk: Desk) -> None:  # P-03
    desk.receive(mail(), follow_up(desk_after(desk), from_="colleague@other.example"))
    first, second = desk.tickets()
    assert second["requester"] == "colleague@other.example"
    assert {(row.ticket_id, row.address) for row in desk.rows(schema.participant)} == {
        (first["id"], ALICE), (second["id"], "colleague@other.example"),
    }  # fmt: skip
    assert "not_a_participant" in desk.codes()
    (to_colleague,) = [e for e in desk.letterbox.taken if e.recipient == "colleague@other.example"]
    assert first["reference"].encode() not in to_colleague.octets
    assert any(first["reference"].encode() in e.octets for e in desk.sent("notice") if b"olleague" in e.octets)


def desk_after(desk: Desk) -> Desk:
    """The desk, once it has acknowledged one enquiry."""
    if not desk.letterbox.taken:
        desk.receive(mail())
    return desk


def test_a_reference_in_a_subject_is_a_hint_only(desk: Desk) -> None:  # P-01
    desk.receive(mail())
    (before,) = desk.tickets()
    desk.letterbox.taken.clear()
    desk.receive(mail(MALLORY, f"Re: [{before['reference']}] hello", message_id="<m@evil.example>"))
    first, second = desk.tickets()
    assert first == before
    assert {e.recipient for e in desk.letterbox.taken} == {MALLORY, AMY, LEAD}
    (acknowledgement,) = desk.sent("acknowledgement")
    assert second["reference"].encode() in acknowledgement.octets
    assert before["reference"].encode() not in acknowledgement.octets
    assert "possibly_related" in desk.codes()


def test_two_references_in_one_message(desk: Desk) -> None:  # P-10
    desk.receive(mail(), mail(BOB, "Other", message_id="<bob@club.example>"))
    both = f"{desk.acknowledgement_id(0)} {desk.acknowledgement_id(1)}"
    desk.receive(mail(text="Mixed\n", message_id="<2@school.sch.uk>", references=both))
    assert [ticket["messages"] for ticket in desk.tickets()] == [3, 2]
    desk.receive(mail("stranger@z.example", "Both", message_id="<3@z.example>", references=both))
    assert [ticket["messages"] for ticket in desk.tickets()] == [3, 2, 2]


def test_an_automatic_reply_starts_and_acknowledges_nothing(desk: Desk) -> None:  # P-15
    desk.receive(mail())
    answer(desk.store, desk.correspondence.policy, desk.tickets()[0]["reference"], desk.clock(), desk.clock())
    before, mails = desk.tickets()[0], len(desk.outbox())
    desk.receive(follow_up(desk, auto_submitted="auto-replied"))
    assert desk.dispositions() == ["new_ticket", "automatic"]
    assert desk.tickets() == [{**before, "messages": before["messages"] + 1}]
    assert len(desk.outbox()) == mails
    assert [row.stopped_at is None for row in desk.rows(schema.clock)] == [False]


@pytest.mark.parametrize("to_bounce_address", [False, True])
def test_a_bounce_of_our_acknowledgement_is_told_to_staff_once(desk: Desk, to_bounce_address: bool) -> None:  # P-16
    desk.receive(mail())
    (sent,) = desk.sent("acknowledgement")
    known = (bounce(ALICE, "<unknown@x.example>", sent.sender) if to_bounce_address
             else bounce(ALICE, desk.acknowledgement_id()))  # fmt: skip
    desk.letterbox.taken.clear()
    desk.receive(known, known.replace(b"Sorry.", b"Again."))
    assert [row.bounced_at is not None for row in desk.outbox("acknowledgement")] == [True]
    assert sorted(e.recipient for e in desk.letterbox.taken) == [AMY, LEAD]
    assert desk.codes().count("enquirer_not_reached") == 1
    assert len(desk.rows(schema.clock)) == 1


@pytest.mark.parametrize("forged", ["unknown id", "other recipient"])
def test_a_forged_bounce_does_nothing(desk: Desk, forged: str) -> None:  # P-13
    desk.receive(mail())
    desk.letterbox.taken, letterbox = [], desk.letterbox.taken
    acknowledgement = next(e for e in letterbox if e.recipient == ALICE)
    known = header(acknowledgement.octets, "Message-ID")
    desk.receive(bounce(ALICE, "<t@example.org.uk>") if forged == "unknown id" else bounce(MALLORY, known))
    assert desk.dispositions() == ["new_ticket", "bounce"]
    assert desk.letterbox.taken == []
    assert [row.bounced_at for row in desk.outbox()] == [None] * 3


def test_a_bounce_of_an_alarm_is_noted_although_it_has_no_ticket(desk: Desk) -> None:
    with desk.store.write() as connection:
        desk.correspondence.alarm(connection, 1, "The mailbox cannot be read", desk.clock())
    desk.submit()
    (alarm,) = desk.sent("alarm")
    desk.receive(bounce("ops@example.org.uk", header(alarm.octets, "Message-ID")))
    assert desk.outbox("alarm")[0].bounced_at == desk.clock()
    assert [row.cause for row in desk.rows(schema.alarm)] == ["undelivered_alarm"]


def test_our_own_mail_coming_back_is_recognised(desk: Desk) -> None:  # P-20
    desk.receive(mail())
    (acknowledgement,) = desk.sent("acknowledgement")
    token = header(acknowledgement.octets, "Message-ID")
    forged = acknowledgement.octets.replace(token.encode(), token.replace("@", "a@").encode())
    mails = len(desk.outbox())
    desk.receive(acknowledgement.octets)
    assert (desk.dispositions()[-1], len(desk.tickets()), len(desk.outbox())) == ("own", 1, mails)
    desk.receive(forged)
    assert len(desk.outbox("acknowledgement")) == 1, "From our own address: never acknowledged"


def test_one_mail_by_two_routes_is_one_ticket(desk: Desk) -> None:
    desk.receive(mail(), b"Received: by another.route\r\n" + mail())
    assert desk.dispositions() == ["new_ticket", "duplicate"]
    assert len(desk.outbox("acknowledgement")) == 1


def test_a_reused_message_id_with_other_content_is_another_mail(desk: Desk) -> None:
    desk.receive(mail(), mail(text="Something else entirely\n"))
    assert desk.dispositions() == ["new_ticket", "new_ticket"]
    assert "reused_message_id" in desk.codes()


def test_equal_mails_without_identity_are_two_enquiries(desk: Desk) -> None:
    form = b"From: alice@school.sch.uk\r\nSubject: Call me\r\n\r\nPlease call.\r\n"
    desk.receive(b"Received: on Monday\r\n" + form, b"Received: on Thursday\r\n" + form)
    assert desk.dispositions() == ["new_ticket", "new_ticket"]


def test_mail_goes_to_the_writer_and_staff_only(desk: Desk) -> None:  # P-07, P-08
    desk.receive(mail(cc=MALLORY, reply_to="third@party.example", to="anything@x.example"))
    desk.receive(follow_up(desk, cc=MALLORY))
    desk.clock.advance(hours=3)
    desk.remind()
    desk.submit()
    assert {e.recipient for e in desk.letterbox.taken} == {ALICE, AMY, LEAD}
    assert {header(e.octets, "From").partition("<")[2] for e in desk.letterbox.taken} == {f"{HELPLINE}>"}
    assert all(e.recipient in header(e.octets, "To") for e in desk.letterbox.taken)


def test_the_acknowledgement_holds_nothing_of_the_writers(desk: Desk) -> None:  # P-22
    desk.receive(mail(f'"Click http://evil" <{ALICE}>', "WIN http://evil.example NOW", "Buy at evil.example\n"))
    (acknowledgement,) = desk.sent("acknowledgement")
    for word in (b"evil", b"http", b"WIN", b"Click", b"Buy"):
        assert word not in acknowledgement.octets


def test_ten_follow_ups_get_one_acknowledgement(desk: Desk) -> None:  # P-24
    desk.receive(mail())
    desk.receive(*(follow_up(desk, number) for number in range(2, 12)))
    assert (len(desk.tickets()), len(desk.sent("acknowledgement"))) == (1, 1)
    assert len(desk.rows(schema.clock)) == 1


def test_acknowledgements_are_rationed_and_tickets_are_not(desk: Desk) -> None:  # P-23
    desk.decide_otherwise(rations=Rations(2, 4, 6))
    for number in range(12):
        sender = f"someone{number // 3 % 2}@{number // 6}.example"
        desk.mailbox.append(mail(sender, f"Bomb {number}", message_id=f"<{number}@b.example>"), desk.clock())
    desk.collect()
    desk.triage()
    assert len(desk.tickets()) == len(desk.rows(schema.clock)) == 12
    assert len(desk.outbox("acknowledgement")) == 6
    assert {"ration_address", "ration_total"} <= set(desk.codes())
    desk.clock.advance(minutes=61)
    desk.receive(mail(message_id="<later@school.sch.uk>"))
    assert len(desk.outbox("acknowledgement")) == 7


def test_mail_from_before_the_start_is_recorded_only(desk: Desk) -> None:
    desk.decide_otherwise(recorded_before=desk.clock())
    desk.mailbox.append(mail(), desk.clock() - timedelta(seconds=1))
    desk.receive(mail(message_id="<2@school.sch.uk>", text="In time\n"))
    assert desk.dispositions() == ["recorded", "new_ticket"]
    assert len(desk.sent("acknowledgement")) == 1


def test_a_message_that_cannot_be_filed_is_quarantined_with_a_clock_and_can_be_released(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:  # P-43
    add_incoming = messages.add_incoming

    def refuse_one(connection: Any, message: Any, *rest: Any) -> int:
        if "poison" in message.subject:
            raise RecursionError
        return add_incoming(connection, message, *rest)

    monkeypatch.setattr(messages, "add_incoming", refuse_one)
    arrived_at = desk.clock()
    for number, subject in enumerate(["first", "poison", "last"]):
        desk.mailbox.append(mail(subject=subject, message_id=f"<{number}@school.sch.uk>"), arrived_at)
    desk.collect()
    assert (desk.triage().triaged, len(desk.tickets())) == (2, 2), "the others passed in the same run"
    for _ in range(4):
        desk.clock.advance(seconds=6)
        desk.triage()
    (row,) = desk.rows(schema.ledger, schema.ledger.c.state == "quarantined")
    assert desk.codes().count("triage_failed") == 3
    stand_in = desk.tickets()[-1]
    clock = desk.rows(schema.clock)[-1]
    assert (clock.ticket_id, clock.started_at, clock.stopped_at) == (stand_in["id"], arrived_at, None)
    desk.submit()
    assert sum(stand_in["reference"].encode() in e.octets for e in desk.sent("notice")) == 2

    monkeypatch.undo()
    with desk.store.write() as connection:
        ledger.release(connection, row.id)
    desk.triage()
    assert len(desk.tickets()) == 3, "the same ticket now knows its enquirer"
    assert desk.tickets()[-1]["requester"] == ALICE
    assert len(desk.outbox("acknowledgement")) == 3


def test_a_stand_in_that_cannot_be_written_does_not_stop_the_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    desk.mailbox.append(mail(), desk.clock())
    desk.mailbox.append(mail(message_id="<2@school.sch.uk>", text="Other\n"), desk.clock())
    desk.collect()
    with desk.store.write() as connection:
        connection.execute(schema.ledger.update().where(schema.ledger.c.uid == 1).values(attempts=6))
    monkeypatch.setattr(service, "_quarantine", fail)
    assert desk.triage() == service.Triaged(triaged=1, quarantined=0, failed=1)
    monkeypatch.undo()
    desk.clock.advance(seconds=6)
    assert desk.triage().quarantined == 1


def test_hostile_texts_are_stored_alike(desk: Desk) -> None:  # P-35
    desk.receive(
        b"From: alice@school.sch.uk\r\nSubject: a\x00b \xe9\xff\r\n\r\nbody \x00 \xed\xb3\xa9 \xff\r\n",
        mail(subject="=?utf-8?q?a=00b?=", text="\x00\udce9\n", message_id="<\x00@x>"),
        mail(f"{'a' * 400}@{'b' * 60}.example", "Long", message_id=f"<{'c' * 900}@x.example>"),
        mail(f"{ALICE}" + "é" * 10, "Not an address", message_id="<4@x.example>"),
    )
    texts = [(row.subject, row.text) for row in desk.rows(schema.message_content)]
    assert not any(c == "\0" or "\ud800" <= c <= "\udfff" for subject, text in texts for c in subject + text)
    assert desk.dispositions() == ["new_ticket"] * 4
    assert [row.attempts for row in desk.rows(schema.ledger)] == [1] * 4


def test_an_address_that_no_server_need_take_is_told_to_staff(desk: Desk) -> None:
    desk.receive(mail("josé@school.sch.uk"))
    assert desk.rows(outbox, outbox.c.kind == "acknowledgement") == []
    assert all(b"No acknowledgement was sent" in e.octets for e in desk.sent("notice"))


@pytest.mark.parametrize("from_staff", [AMY, LEAD.upper()])
def test_staff_answering_a_notice_by_mail_stops_no_clock(desk: Desk, from_staff: str) -> None:  # P-04
    desk.receive(mail())
    notice = desk.sent("notice")[0]
    desk.receive(mail(from_staff, "Re: notice", "Do this.\n", message_id="<s@example.org.uk>",
                      in_reply_to=header(notice.octets, "Message-ID")))  # fmt: skip
    assert desk.dispositions() == ["new_ticket", "staff"]
    assert [row.stopped_at for row in desk.rows(schema.clock)] == [None]
    assert len([e for e in desk.letterbox.taken if e.recipient == ALICE]) == 1
