"""Answers that staff send from their own mailbox straight to the enquirer, with helpline@ in copy."""

from typing import Any

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.service.inquire import ticket_shown
from tests.integration.desk import ALICE, AMY, BOB, HELPLINE, LEAD, Desk, mail

VOUCHED = "mx.example.org.uk; dmarc=pass header.from=example.org.uk"
ENQUIRY = "<one@school.sch.uk>"


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """One enquiry of Alice's, half an hour ago."""
    desk.receive(mail())
    desk.clock.advance(minutes=30)
    return desk


def in_copy(text: str = "Call the police.\n> What should we do?\n", number: int = 1, **fields: str) -> bytes:
    """Amy's own mail to Alice, with the helpline in Cc."""
    given = {
        "from_": AMY, "to": ALICE, "cc": HELPLINE, "date": "Tue, 24 Nov 2026 10:39:00 +0000", "in_reply_to": ENQUIRY,
        "authentication_results": VOUCHED, **fields,
    }  # fmt: skip
    sender = given.pop("from_")
    fields = {name: value for name, value in given.items() if value}
    return mail(sender, "Re: A pupil and a video", text, message_id=f"<amy-{number}@example.org.uk>", **fields)


def clock(desk: Desk) -> Any:
    return desk.clocks()[0]


def test_it_counts_at_its_arrival_and_stands_in_the_ticket_under_its_writer(asked: Desk) -> None:
    mails = len(asked.letterbox.taken)
    asked.receive(in_copy())
    assert (clock(asked).stopped_at, clock(asked).kept) == (asked.clock(), True)
    (kept,) = asked.rows(schema.message, schema.message.c.kind == "answer")
    assert (kept.direction, kept.author, kept.at) == ("out", AMY, asked.clock())
    found = ticket_shown(asked.store, asked.tickets()[0]["reference"])
    assert found["messages"][-1]["text"].strip() == "Call the police."
    assert found["responded_at"] == asked.clock()
    assert [event["code"] for event in found["events"]][-3:] == ["staff_answered", "answers", "answered"]
    assert len(asked.letterbox.taken) == mails


def test_a_reply_to_our_acknowledgement_counts_as_well(asked: Desk) -> None:
    asked.receive(in_copy(in_reply_to=asked.acknowledgement_id(), to=HELPLINE, cc=ALICE))
    assert clock(asked).stopped_at == asked.clock()


@pytest.mark.parametrize(
    "changes",
    [
        {"authentication_results": ""},
        {"authentication_results": VOUCHED.replace("pass", "fail")},
        {"authentication_results": VOUCHED.replace("example.org.uk;", "evil.example;")},
        {"authentication_results": VOUCHED.replace("from=", "from=mail.")},
        {"from_": "alice.other@example.org.uk"},
        {"to": BOB},
        {"in_reply_to": "<unknown@school.sch.uk>"},
        {"auto_submitted": "auto-replied"},
        {"text": "\n> What should we do?\n"},
    ],
)
def test_nothing_less_stops_the_clock(asked: Desk, changes: dict[str, str]) -> None:
    asked.receive(in_copy(**changes))
    assert clock(asked).stopped_at is None
    assert asked.tickets()[0]["responded_at"] is None


def test_without_results_a_policy_of_tokens_alone_proves_nothing(asked: Desk) -> None:
    asked.decide_otherwise(staff_proof="token", authserv_id="")
    asked.receive(in_copy())
    assert clock(asked).stopped_at is None


def test_unproved_it_is_kept_as_unverified_and_the_member_is_told(asked: Desk) -> None:
    asked.receive(in_copy(in_reply_to=asked.acknowledgement_id(), authentication_results=""))
    assert asked.dispositions()[-1] == "staff"
    assert asked.rows(schema.message)[-1].kind == "staff_unverified"
    assert [e.recipient for e in asked.letterbox.taken[-2:]] == [AMY, LEAD]


def test_a_mail_to_two_enquirers_about_both_their_tickets_answers_neither(asked: Desk) -> None:
    asked.receive(mail(BOB, "My question", message_id="<bob@club.example>"))
    asked.receive(in_copy(to=f"{ALICE}, {BOB}", references=f"{ENQUIRY} <bob@club.example>"))
    assert [row.stopped_at for row in asked.clocks()][:2] == [None, None]


def test_a_second_copy_of_it_changes_nothing(asked: Desk) -> None:
    asked.receive(in_copy(), b"Received: from elsewhere\r\n" + in_copy())
    assert asked.dispositions()[-2:] == ["staff", "duplicate"]


def test_an_old_mail_that_comes_once_more_stops_nothing(asked: Desk) -> None:
    asked.receive(in_copy(date="Mon, 23 Nov 2026 15:00:00 +0000"))
    assert clock(asked).stopped_at is None
    assert asked.codes()[-1] == "answer_dated_before"


def test_staff_who_are_enquirers_themselves_ask_on(asked: Desk) -> None:
    asked.receive(mail(AMY, "My own question", message_id="<amy@example.org.uk>", authentication_results=VOUCHED))
    asked.receive(in_copy(to=HELPLINE, cc=AMY, in_reply_to="<amy@example.org.uk>"))
    assert asked.dispositions()[-1] == "follow_up"
