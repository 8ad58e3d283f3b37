"""What each command does, seen from the ticket, the enquirer and the trail."""

from datetime import UTC, datetime, timedelta

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.delivery import Refused
from tests.integration.desk import ALICE, AMY, BOB, LEAD, Desk, bounce, follow_up, header, mail
from tests.integration.staff import (
    ALICES_HOME,
    EXAMPLEBOOK,
    clocks,
    kinds,
    runs,
    tell,
    ticket,
    to,
    told,
    update_due,
)
from tests.integration.test_staff_mail import Server, notice_to, reply, to_alice, words_of

# Notes, takers, categories.


def test_a_note_is_in_no_later_mail_to_anybody(asked: Desk) -> None:
    assert "went to nobody" in tell(asked, "#note\nA zebra of a case.")
    asked.receive(follow_up(asked))
    tell(asked, "#answer\nDear Alice, more soon.")
    assert all(b"zebra" not in envelope.octets for envelope in asked.letterbox.taken)
    assert "note" in kinds(asked)


def test_a_released_ticket_is_nobodys_again(asked: Desk) -> None:
    tell(asked, "#take")
    assert ticket(asked).assignee == AMY
    assert "Nobody has the ticket now" in tell(asked, "#release")
    assert ticket(asked).assignee is None


@pytest.mark.parametrize("name", ["Lena", "le", LEAD.upper()])
def test_a_ticket_is_assigned_by_name_or_address(asked: Desk, name: str) -> None:
    assert "Lena has the ticket now" in tell(asked, f"#assign {name}")
    assert ticket(asked).assignee == LEAD
    assert "has given it to you" in header(to(asked, LEAD, "notice")[-1].octets, "Subject")
    asked.clock.advance(hours=1, minutes=31)
    asked.remind()
    asked.submit()
    assert [e.recipient for e in asked.sent("reminder")] == [LEAD]


def test_a_category_may_be_begun_and_an_unknown_one_is_refused(asked: Desk) -> None:
    assert "The category is: gaming." in tell(asked, "#category gam")
    assert "There are: sexting, gaming" in tell(asked, "#category ponies")
    assert ticket(asked).category == "gaming"


def test_a_closed_ticket_is_opened_again(asked: Desk) -> None:
    tell(asked, "#resolve advice given\nGlad to help.")
    assert (ticket(asked).state, ticket(asked).outcome) == ("resolved", "advice given")
    assert "open again" in tell(asked, "#reopen")
    assert ticket(asked).state == "open"


# Waiting.


@pytest.mark.parametrize(
    ("wait", "due"),
    [("3h", datetime(2026, 11, 24, 13, 10, tzinfo=UTC)), ("1d", datetime(2026, 11, 25, 16, 0, tzinfo=UTC))],
)
def test_the_next_update_is_due_after_opening_time(asked: Desk, wait: str, due: datetime) -> None:
    tell(asked, f"#wait {wait}")
    assert update_due(asked) == due
    assert runs(asked), "waiting is no answer"


@pytest.mark.parametrize(
    ("wait", "hint"),
    [("999d", "60 opening days at most"), ("0d", "no waiting time"), ("soon", "no waiting time"), ("", "#wait 2d")],
)
def test_a_wait_that_cannot_be_is_refused(asked: Desk, wait: str, hint: str) -> None:
    before = update_due(asked)
    assert hint in tell(asked, f"#wait {wait}")
    assert update_due(asked) == before


# Closing.


def test_closing_without_words_while_an_answer_is_due_is_refused(asked: Desk) -> None:
    assert "still to be answered" in tell(asked, "#resolve advice given")
    assert (ticket(asked).state, runs(asked)) == ("open", True)


def test_an_outcome_that_needs_no_answer_ends_the_clock_neither_kept_nor_broken(asked: Desk) -> None:
    tell(asked, "#resolve advertising")
    assert (ticket(asked).state, ticket(asked).outcome, runs(asked)) == ("resolved", "advertising", False)
    assert [row.kept for row in clocks(asked)] == [None]
    assert ticket(asked).responded_at is None
    assert to_alice(asked) == []


def test_closing_words_that_failed_open_the_ticket_again(asked: Desk) -> None:
    asked.mailbox.append(reply(notice_to(asked, AMY), "#resolve advice given\nGlad to help."), asked.clock())
    asked.collect()
    asked.triage()
    assert ticket(asked).state == "resolved"
    asked.submit(Server(asked, Refused(550, "RCPT")))
    asked.submit()
    assert (ticket(asked).state, runs(asked)) == ("open", True)
    assert "did not reach the enquirer" in told(asked, LEAD)


def test_closing_words_that_came_back_open_the_ticket_again_with_its_clock(asked: Desk) -> None:
    tell(asked, "#resolve advice given\nGlad to help.")
    assert (ticket(asked).state, runs(asked)) == ("resolved", False)
    asked.receive(bounce(ALICE, header(to_alice(asked)[0].octets, "Message-ID")))
    assert (ticket(asked).state, runs(asked)) == ("open", True)


# Second addresses.


def test_an_admitted_address_takes_part_and_is_answered_where_it_wrote(asked: Desk) -> None:
    assert f"{ALICES_HOME} may write to this ticket now" in tell(asked, f"#admit {ALICES_HOME}")
    asked.receive(follow_up(asked, from_=ALICES_HOME))
    assert asked.dispositions()[-1] == "follow_up"
    first = next(e for e in to(asked, AMY, "notice") if "New enquiry" in header(e.octets, "Subject"))
    asked.receive(reply(first, "Dear Alice, to the address that you wrote from first."))
    assert (len(to_alice(asked)), to(asked, ALICES_HOME)) == (1, [])
    last = next(e for e in reversed(to(asked, AMY, "notice")) if "More from" in header(e.octets, "Subject"))
    asked.receive(reply(last, "Dear Alice, to your home."))
    assert [words_of(e.octets) for e in to(asked, ALICES_HOME)] == ["Dear Alice, to your home."]
    assert len(to_alice(asked)) == 1


@pytest.mark.parametrize("address", ["helpline@example.org.uk", AMY, LEAD.upper(), EXAMPLEBOOK])
def test_an_address_of_ours_or_a_partners_is_not_admitted(asked: Desk, address: str) -> None:
    before = asked.rows(schema.participant)
    assert "no enquirer's" in tell(asked, f"#admit {address}")
    assert asked.rows(schema.participant) == before


def test_what_is_no_address_is_not_admitted(asked: Desk) -> None:
    assert "is no e-mail address" in tell(asked, "#admit Alice")


# Calls.


@pytest.mark.parametrize(("command", "channel"), [("#call", "telephone"), ("#skype", "skype")])
def test_a_call_with_an_address_is_a_ticket_with_the_promise_and_an_acknowledgement(
    asked: Desk, command: str, channel: str
) -> None:
    tell(asked, f"{command} {BOB}\nA zebra was mentioned.")
    call = asked.tickets()[1]
    assert (call["channel"], call["requester"], call["assignee"]) == (channel, BOB, AMY)
    assert [row.due_at for row in clocks(asked, 1)] == [asked.clock() + timedelta(hours=3)]
    (acknowledgement,) = to(asked, BOB)
    assert call["reference"] in header(acknowledgement.octets, "Subject")
    assert "13:10" in words_of(acknowledgement.octets)
    assert "zebra" not in words_of(acknowledgement.octets)
    assert "A zebra was mentioned." in told(asked, LEAD)


def test_a_caller_who_has_an_address_can_be_answered_and_writes_back(asked: Desk) -> None:
    tell(asked, f"#call {BOB}\nHe rang.")
    tell(asked, "Dear Bob, as we said.")
    (answer,) = to(asked, BOB, "answer")
    assert words_of(answer.octets) == "Dear Bob, as we said."
    assert runs(asked, 1) is False
    asked.receive(mail(BOB, "Re: call", "Thanks.\n", message_id="<b@club.example>",
                       in_reply_to=header(answer.octets, "Message-ID")))  # fmt: skip
    assert asked.dispositions()[-1] == "follow_up"


def test_a_call_without_an_address_is_acknowledged_to_nobody_and_closed_when_answered(asked: Desk) -> None:
    before = len(asked.sent("acknowledgement"))
    tell(asked, "#call a school in Leeds, 0113 496 0000\nThey asked about a video.")
    assert len(asked.sent("acknowledgement")) == before
    assert (asked.tickets()[1]["requester"], runs(asked, 1)) == (None, True)
    assert "no address" in tell(asked, "Dear caller, hello.")
    assert "closed" in tell(asked, "#resolve advice given")
    assert [row.kept for row in clocks(asked, 1)] == [True]


@pytest.mark.parametrize("address", [AMY, EXAMPLEBOOK, "helpline@example.org.uk"])
def test_a_call_from_our_own_address_is_refused(asked: Desk, address: str) -> None:
    assert "no enquirer's" in tell(asked, f"#call {address}\nHm.")
    assert len(asked.tickets()) == 1


def test_a_call_about_nothing_is_refused(asked: Desk) -> None:
    assert "needs the caller's address" in tell(asked, "#call")
    assert len(asked.tickets()) == 1


# Signposts.


def test_send_alone_lists_the_texts_and_sends_nothing(asked: Desk) -> None:
    listed = tell(asked, "#send")
    assert all(name in listed for name in asked.correspondence.signposts())
    assert to_alice(asked) == []


def test_a_signposting_text_is_an_answer_with_the_words_above_it(asked: Desk) -> None:
    text = asked.correspondence.signposts()["nudes"]
    assert 'The text "nudes" is on its way' in tell(asked, "#send nudes\n\nDear Alice,\n\nread this.")
    (answer,) = to_alice(asked)
    assert words_of(answer.octets) == f"Dear Alice,\n\nread this.\n\n{text}".strip("\n")
    assert runs(asked) is False


def test_a_signposting_text_goes_alone(asked: Desk) -> None:
    tell(asked, "#send nudes")
    assert words_of(to_alice(asked)[0].octets) == asked.correspondence.signposts()["nudes"].strip("\n")


def test_an_unknown_signposting_text_sends_nothing(asked: Desk) -> None:
    assert 'There is no signposting text "ponies"' in tell(asked, "#send ponies\nDear Alice, see below.")
    assert to_alice(asked) == []
