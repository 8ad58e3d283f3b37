"""Who may do what, what is held, and what comes late, twice, in a list or with files."""

from datetime import timedelta

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.service.collect import CollectLimits
from tests.integration.desk import AMY, BOB, LEAD, Desk, follow_up, header, mail
from tests.integration.staff import (
    clocks,
    runs,
    settings,
    tell,
    ticket,
    to,
    told,
)
from tests.integration.test_staff_mail import notice_to, reply, to_alice, with_file, words_of

# Holding, and sending on.


def test_what_was_held_is_sent_on_once(asked: Desk) -> None:
    assert "Your words below the commands were not sent on" in tell(asked, "#take\nShe should call someone.")
    assert to_alice(asked) == []
    held = notice_to(asked, AMY)
    asked.receive(reply(held, "#anyway"))
    assert [words_of(e.octets) for e in to_alice(asked)] == ["She should call someone."]
    asked.receive(reply(held, "#anyway").replace(b"10:09:00", b"10:11:00").replace(b"Message-ID: <", b"Message-ID: <2"))
    assert len(to_alice(asked)) == 1
    assert "nothing that is held" in told(asked, AMY)


def test_anyway_out_of_place_sends_nothing(asked: Desk) -> None:
    assert "nothing that is held" in tell(asked, "#anyway")
    assert to_alice(asked) == []


def test_a_colleague_cannot_send_on_what_another_wrote(asked: Desk) -> None:
    tell(asked, "#take\nShe should call someone.")
    asked.receive(reply(notice_to(asked, AMY), "#anyway", from_=LEAD))
    assert to_alice(asked) == []


# Who may do what.


def test_when_the_taker_is_out_of_office_the_others_are_told_and_no_clock_stops(asked: Desk) -> None:
    tell(asked, "#take")
    asked.receive(follow_up(asked))
    away = reply(notice_to(asked, AMY), "I am away until Monday.", auto_submitted="auto-replied")
    before = len(asked.letterbox.taken)
    asked.receive(away)
    assert ticket(asked).assignee is None
    assert [e.recipient for e in asked.letterbox.taken[before:]] == [LEAD]
    assert "Amy may be away" in header(notice_to(asked, LEAD).octets, "Subject")
    assert (to_alice(asked), runs(asked)) == ([], True)


def test_a_removed_member_loses_what_was_held_for_them(asked: Desk) -> None:
    tell(asked, "#take\nShe should call someone.")
    held = notice_to(asked, AMY)
    asked.decide_otherwise(**settings(staff=tuple(m for m in asked.correspondence.policy.staff if m.address != AMY)))
    asked.receive(reply(held, "#anyway"))
    assert to_alice(asked) == []


def test_a_token_of_another_ticket_acts_on_that_ticket_alone(asked: Desk) -> None:
    first = notice_to(asked, AMY)
    asked.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    asked.receive(reply(first, "#take"))
    assert [row.assignee for row in asked.rows(schema.ticket)] == [AMY, None]


def test_a_reply_that_quotes_another_tickets_notice_is_refused(asked: Desk) -> None:
    first = notice_to(asked, AMY)
    asked.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    second = notice_to(asked, AMY)
    mixed = reply(second, "Dear Bob, hello.").replace(
        header(second.octets, "Reply-To").encode(), header(first.octets, "Reply-To").encode()
    )
    sender = [header(e.octets, "Reply-To").rpartition("<")[2].rstrip(">") for e in (second, first)]
    mixed = mixed.replace(f"To: {sender[0]}".encode(), f"To: {sender[1]}".encode(), 1)
    asked.receive(mixed)
    assert asked.sent("answer") == []
    assert "Nothing was sent on" in header(notice_to(asked, AMY).octets, "Subject")


def test_a_colleagues_token_has_no_power(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, LEAD), "#take", from_=AMY))
    assert ticket(asked).assignee is None
    assert asked.codes()[-1] != "assigned"
    assert "staff_other_writer" in asked.codes()


def test_an_expired_token_has_no_power_and_its_writer_is_told(asked: Desk) -> None:
    old = notice_to(asked, AMY)
    asked.clock.advance(days=31)
    asked.receive(reply(old, "#take\n#wait 2d"))
    assert ticket(asked).assignee is None
    assert "staff_expired" in asked.codes()
    assert "too old" in told(asked, AMY)


def test_tokens_of_two_tickets_in_one_mail_have_no_power(asked: Desk) -> None:
    first = notice_to(asked, AMY)
    asked.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    other = header(first.octets, "Reply-To").rpartition("<")[2].rstrip(">")
    asked.receive(reply(notice_to(asked, AMY), "#take", cc=other))
    assert [row.assignee for row in asked.rows(schema.ticket)] == [None, None]
    assert "staff_several" in asked.codes()


# Old notices, lists, and mail that comes twice.


def test_an_answer_to_an_old_notice_of_a_ticket_that_somebody_closed_is_held(asked: Desk) -> None:
    old = notice_to(asked, LEAD)
    tell(asked, "#resolve advertising")
    asked.receive(reply(old, "Dear Alice, call the police."))
    assert "has been closed meanwhile" in told(asked, LEAD)
    assert (to_alice(asked), ticket(asked).state) == ([], "resolved")
    asked.receive(reply(notice_to(asked, LEAD), "#anyway"))
    assert [words_of(e.octets) for e in to_alice(asked)] == ["Dear Alice, call the police."]


def test_opening_it_again_in_the_same_mail_sends_the_answer(asked: Desk) -> None:
    tell(asked, "#resolve advertising")
    tell(asked, "#reopen\nDear Alice, call the police.")
    assert [words_of(e.octets) for e in to_alice(asked)] == ["Dear Alice, call the police."]
    assert ticket(asked).state == "open"


@pytest.fixture
def listed(asked: Desk) -> Desk:
    """Many wrote at once, so that the last of them stands in a list."""
    for number in range(60):
        asked.receive(mail(f"a{number}@s{number}.example", f"Case {number}", message_id=f"<{number}@list.example>"))
        asked.clock.advance(seconds=20)
    asked.clock.advance(minutes=30)
    asked.digest()
    asked.submit()
    assert to(asked, AMY, "digest")
    return asked


def test_a_reply_to_a_list_answers_nobody_and_says_why(listed: Desk) -> None:
    listed_ = to(listed, AMY, "digest")[-1]
    for number, text in enumerate(("Dear Alice, call the police.", "#take", "#note\nHm.", "#partner examplebook\nHm.")):
        listed.receive(reply(listed_, text))
        assert "about no single ticket" in told(listed, AMY), number
    assert listed.sent("answer") == listed.sent("partner") == []
    listed.receive(reply(listed_, "#help"))
    assert "#resolve OUTCOME" in told(listed, AMY)


def test_an_answer_does_not_cover_what_came_while_it_was_written(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    asked.clock.advance(minutes=20)
    asked.receive(follow_up(asked))
    came = asked.clock()
    asked.clock.advance(minutes=20)
    asked.receive(reply(notice, "Dear Alice, call the police."))
    first, second = clocks(asked)
    assert (first.kept, first.stopped_at) == (True, asked.clock())
    assert (second.started_at, second.due_at, second.stopped_at) == (came, came + timedelta(hours=3), None)


def test_the_same_mail_of_staff_twice_is_obeyed_once(asked: Desk) -> None:
    octets = reply(notice_to(asked, AMY), "Dear Alice, call the police.")
    asked.receive(octets, octets)
    asked.receive(b"Received: from elsewhere by mx.example.org.uk\r\n" + octets)
    assert len(to_alice(asked)) == 1
    assert asked.dispositions()[-2:] == ["duplicate", "duplicate"]


# Files.


def test_twenty_megabytes_are_held_and_explained(asked: Desk) -> None:
    asked.limits = CollectLimits(50, 100_000_000, 50_000_000, 10_000)
    octets = with_file(reply(notice_to(asked, AMY), "See the film."), "film.mp4", "video/mp4")
    asked.receive(octets.replace(b"\r\nAAAA\r\n", b"\r\n" + (b"A" * 76 + b"\r\n") * 360_000))
    assert to_alice(asked) == []
    assert runs(asked)
    why = told(asked, AMY)
    assert "film.mp4" in why
    assert "20.5 MB" in why
    assert "10 MB can be sent on" in why


def test_a_mail_that_was_not_fetched_whole_is_not_sent_on(asked: Desk) -> None:
    octets = with_file(reply(notice_to(asked, AMY), "See the film."), "film.mp4", "video/mp4")
    asked.receive(octets.replace(b"\r\nAAAA\r\n", b"\r\n" + (b"A" * 76 + b"\r\n") * 20_000))
    assert to_alice(asked) == []
    assert "could not be read" in told(asked, AMY)


def test_our_own_notice_as_a_file_is_refused(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    octets = with_file(reply(notice, "Dear Alice, see what came."), "notice.eml", "message/rfc822")
    octets = octets.replace(b"Content-Transfer-Encoding: base64\r\n", b"").replace(b"AAAA", notice.octets)
    asked.receive(octets)
    assert to_alice(asked) == []
    assert "Nothing was sent on" in header(notice_to(asked, AMY).octets, "Subject")


# Minimal notices.


def test_a_minimal_notice_holds_nothing_of_the_enquiry_and_can_be_answered(asked: Desk) -> None:
    asked.decide_otherwise(**settings(minimal_notices=True))
    asked.receive(mail(f"Zebedee <{BOB}>", "A zebra", "Zebras!\n", message_id="<bob@club.example>"))
    for member in (AMY, LEAD):
        octets = notice_to(asked, member).octets
        assert not any(word in octets.lower() for word in (b"zeb", b"club.example"))
        assert ticket(asked, 1).reference in header(octets, "Subject")
    tell(asked, "Dear Bob, call us.")
    assert [words_of(e.octets) for e in to(asked, BOB, "answer")] == ["Dear Bob, call us."]
