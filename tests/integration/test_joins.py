"""Tickets are joined and split: messages, addresses, clocks and both trails."""

from datetime import timedelta

import pytest

from helpline_mail.adapters.store import schema
from tests.integration.desk import ALICE, AMY, BOB, HELPLINE, LEAD, Desk, bounce, follow_up, header, mail
from tests.integration.staff import (
    ALICES_HOME,
    clocks,
    kinds,
    runs,
    tell,
    ticket,
    to,
    told,
    trail,
)
from tests.integration.test_staff_mail import notice_to, reply, to_alice, words_of


@pytest.fixture
def two(asked: Desk) -> Desk:
    """Alice wrote once more, half an hour later and from her other address: two tickets."""
    asked.clock.advance(minutes=30)
    asked.receive(mail(ALICES_HOME, "The video again", "It is worse.\n", message_id="<home@mail.example>"))
    return asked


def test_a_joined_ticket_gives_its_messages_addresses_and_earlier_clock(two: Desk) -> None:
    first, second = ticket(two), ticket(two, 1)
    due_at = clocks(two)[0].due_at
    notice = next(e for e in to(two, AMY, "notice") if first.reference.encode() in e.octets)
    two.receive(reply(notice, f"#join [{second.reference}]"))
    assert (ticket(two).state, ticket(two).outcome, ticket(two).joined_to) == ("resolved", "joined", second.id)
    assert kinds(two) == []
    assert runs(two) is False
    assert [row.due_at for row in clocks(two, 1) if row.stopped_at is None] == [due_at]
    assert f"became part of {second.reference}" in trail(two)
    assert f"{first.reference} became part of it" in trail(two, 1)


def test_mail_to_the_old_thread_finds_the_joined_ticket(two: Desk) -> None:
    tell(two, f"#join {ticket(two).reference}")
    two.receive(mail(ALICES_HOME, "Re: it", "More.\n", message_id="<h2@mail.example>",
                     in_reply_to=two.acknowledgement_id(1)))  # fmt: skip
    assert two.dispositions()[-1] == "follow_up"
    assert kinds(two).count("follow_up") == 1
    assert len(two.tickets()) == 2


def test_a_reply_to_a_notice_of_the_old_ticket_answers_in_the_joined_one(two: Desk) -> None:
    old = notice_to(two, LEAD)
    tell(two, f"#join {ticket(two).reference}")
    two.receive(reply(old, "Dear Alice, call the police."))
    (answer,) = two.sent("answer")
    assert (answer.recipient, words_of(answer.octets)) == (ALICES_HOME, "Dear Alice, call the police.")
    assert ticket(two).reference in header(answer.octets, "Subject"), "in the ticket that is left"


def test_an_answer_of_the_old_ticket_that_came_back_is_due_in_the_joined_one(asked: Desk) -> None:
    tell(asked, "Dear Alice, call the police.")
    asked.receive(mail(ALICES_HOME, "The video again", "It is worse.\n", message_id="<home@mail.example>"))
    tell(asked, "Dear Alice, we saw both.")
    notice = next(e for e in to(asked, AMY, "notice") if ticket(asked).reference.encode() in e.octets)
    asked.receive(reply(notice, f"#join {ticket(asked, 1).reference}"))
    assert (runs(asked), runs(asked, 1)) == (False, False)
    asked.receive(bounce(ALICE, header(to_alice(asked)[0].octets, "Message-ID")))
    assert (runs(asked), runs(asked, 1)) == (False, True)


def test_an_answer_on_its_way_when_its_ticket_is_joined_stops_the_clock_that_moved(asked: Desk) -> None:
    asked.receive(mail(ALICES_HOME, "The video again", "It is worse.\n", message_id="<home@mail.example>"))
    tell(asked, "#resolve advertising")
    first = next(e for e in to(asked, AMY, "notice") if ticket(asked).reference.encode() in e.octets)
    asked.mailbox.append(reply(first, "Dear Alice, call the police."), asked.clock())
    asked.mailbox.append(reply(first, f"#join {ticket(asked, 1).reference}"), asked.clock())
    asked.collect()
    asked.triage()
    assert (runs(asked), runs(asked, 1)) == (False, True)
    asked.submit()
    assert len(to_alice(asked)) == 1
    assert [row.kept for row in clocks(asked, 1)] == [True, None, None]
    assert (runs(asked), runs(asked, 1)) == (False, True), "who wrote from home has no answer yet"


@pytest.mark.parametrize(("reference", "hint"), [("POSH-AAAAAA", "There is no ticket"), ("", "#join REFERENCE")])
def test_joining_what_is_not_there_is_refused(two: Desk, reference: str, hint: str) -> None:
    assert hint in tell(two, f"#join {reference}")
    assert [row.state for row in two.rows(schema.ticket)] == ["open", "open"]


def test_joining_a_ticket_to_itself_or_to_a_joined_one_is_refused(two: Desk) -> None:
    assert "is this very ticket" in tell(two, f"#join {ticket(two, 1).reference}")
    two.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    bobs, second = notice_to(two, LEAD), to(two, LEAD, "notice")[-2]
    two.receive(reply(second, f"#join {ticket(two).reference}"))
    before = [row.joined_to for row in two.rows(schema.ticket)]
    assert before == [None, ticket(two).id, None]
    two.receive(reply(bobs, f"#join {ticket(two, 1).reference}"))
    assert "was joined to another ticket itself" in told(two, LEAD)
    assert [row.joined_to for row in two.rows(schema.ticket)] == before


def test_in_a_ticket_joined_to_a_call_without_an_address_who_wrote_is_answered(asked: Desk) -> None:
    enquiry = notice_to(asked, AMY)
    tell(asked, "#call a school in Leeds\nThey asked about a video.")
    asked.receive(reply(enquiry, f"#join {ticket(asked, 1).reference}"))
    assert "whoever wrote the message" in told(asked, AMY)
    asked.receive(reply(enquiry, "Dear Alice, call the police."))
    assert [words_of(e.octets) for e in to_alice(asked)] == ["Dear Alice, call the police."]


def test_a_correspondence_with_a_partner_keeps_its_name_after_a_join(two: Desk) -> None:
    tell(two, "#partner examplebook\nPlease remove video 17.")
    enquiry = next(e for e in to(two, AMY, "notice") if ticket(two, 1).reference.encode() in e.octets)
    two.receive(reply(enquiry, f"#join {ticket(two).reference}"))
    assert "to Examplebook safety team, by Amy" in tell(two, "#status")


def test_a_follow_up_that_was_answered_from_the_shared_mailbox_and_is_split_off_waits_for_nothing(asked: Desk) -> None:
    asked.open_sent_folder()
    asked.clock.advance(minutes=5)
    asked.receive(follow_up(asked))
    later = notice_to(asked, AMY)
    asked.clock.advance(minutes=5)
    asked.staff_send(mail(HELPLINE, "Re: A pupil and a video", "Call the police.\n", message_id="<s@example.org.uk>",
                          to=ALICE, in_reply_to="<2@x.example>"))  # fmt: skip
    assert runs(asked) is False
    asked.receive(reply(later, "#split"))
    assert [runs(asked), runs(asked, 1)] == [False, False]


def test_a_follow_up_that_is_split_off_has_its_own_ticket_and_clock(asked: Desk) -> None:
    tell(asked, "Dear Alice, call the police.")
    asked.clock.advance(minutes=30)
    asked.receive(follow_up(asked))
    came = asked.clock()
    asked.clock.advance(minutes=30)
    tell(asked, "#split")
    first, second = asked.tickets()
    assert (second["requester"], second["state"]) == (ALICE, "open")
    assert (kinds(asked, 1), "follow_up" in kinds(asked)) == (["enquiry"], False)
    assert runs(asked) is False
    assert [(row.started_at, row.due_at) for row in clocks(asked, 1)] == [(came, came + timedelta(hours=3))]
    assert second["reference"] in trail(asked)
    assert first["reference"] in trail(asked, 1)
    assert any(second["reference"] in header(e.octets, "Subject") for e in to(asked, AMY, "notice"))


def test_an_enquiry_cannot_be_split(asked: Desk) -> None:
    assert "notice of a later message" in tell(asked, "#split")
    assert len(asked.tickets()) == 1
