"""The threats of identity from the side of staff: what looks like a colleague's mail and is not, or carries more."""

from tests.integration.desk import ALICE, AMY, BOB, LEAD, MALLORY, Desk, header, mail
from tests.integration.staff import to
from tests.integration.test_staff_mail import VOUCHED, notice_to, reply, to_alice, words_of

FORGED_BELOW = f"mx.example.org.uk; dmarc=fail header.from=example.org.uk\r\nAuthentication-Results: {VOUCHED}"


def nothing_done(desk: Desk) -> bool:
    (ticket, *_) = desk.tickets()
    clocks = [row.stopped_at for row in desk.clocks() if row.ticket_id == ticket["id"]]
    return (ticket["state"], ticket["assignee"], clocks) == ("open", None, [None]) and desk.sent("answer") == []


def test_p05_the_receivers_own_topmost_verdict_counts_and_no_other(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#take\n#answer\nCall 101.", vouched=FORGED_BELOW))
    assert nothing_done(asked)


def test_p06_a_colleagues_address_as_a_display_name_is_a_strangers_mail(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#take", from_=f'"{AMY}" <{MALLORY}>'))
    assert nothing_done(asked)
    assert asked.dispositions()[-1] == "new_ticket"


def test_p07_who_stands_in_copy_of_an_answer_gets_nothing(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "Dear Alice, call 101.", cc=f"{BOB}, {MALLORY}"))
    (answer,) = asked.sent("answer")
    assert (answer.recipient, header(answer.octets, "To")) == (ALICE, ALICE)
    assert BOB.encode() not in answer.octets
    assert {e.recipient for e in asked.letterbox.taken} <= {ALICE, AMY, LEAD}


def test_p08_a_reply_to_field_of_staff_leads_nobody_astray(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "Dear Alice, call 101.", reply_to=MALLORY))
    (answer,) = to_alice(asked)
    assert MALLORY.encode() not in answer.octets
    assert MALLORY not in {e.recipient for e in asked.letterbox.taken}


def test_p09_a_colleague_who_writes_from_home_has_no_power_and_is_not_lost(asked: Desk) -> None:
    home = "amy.at.home@mail.example"
    asked.receive(reply(notice_to(asked, AMY), "#take", from_=home, vouched=""))
    assert nothing_done(asked)
    assert asked.dispositions()[-1] == "new_ticket"
    assert any("#take" in words_of(e.octets) for e in to(asked, LEAD, "notice"))


def test_p10_the_references_of_two_tickets_in_an_answer_merge_nothing(asked: Desk) -> None:
    asked.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    bobs = asked.acknowledgement_id(1)
    first = next(e for e in to(asked, AMY, "notice"))
    asked.receive(reply(first, "Dear Alice, call 101.", references=bobs))
    assert [e.recipient for e in asked.sent("answer")] == [ALICE]
    assert bobs.encode() not in asked.sent("answer")[0].octets


def test_p11_our_own_fields_in_a_mail_of_staff_do_nothing(asked: Desk) -> None:
    fields = {"x_helpline_kind": "answer", "x_helpline_state": "resolved", "x_loop": "helpline"}
    asked.receive(reply(notice_to(asked, AMY), "#take", **fields))
    assert asked.tickets()[0]["state"] == "open"
    assert asked.sent("answer") == []
