"""Our next word did not come in time: an honest holding mail goes out, three in a row at most, and staff are told."""

from datetime import UTC, datetime, timedelta

from helpline_mail.domain.delivery import Refused
from helpline_mail.service import clockwork
from tests.integration.desk import ALICE, AMY, LEAD, Away, Desk, bounce, follow_up, header, mail
from tests.integration.staff import MONDAY, THURSDAY, held_out, lapsed, opened, settings, tell, ticket, to, update_due
from tests.integration.test_staff_mail import notice_to, reply

LATER = (MONDAY, datetime(2026, 12, 2, 16, 0, tzinfo=UTC), datetime(2026, 12, 4, 16, 0, tzinfo=UTC))


def test_at_the_deadline_the_enquirer_hears_by_when_they_will_hear(waiting: Desk) -> None:
    waiting.sweep(THURSDAY - timedelta(seconds=1))
    assert held_out(waiting) == []
    waiting.sweep(THURSDAY, THURSDAY + timedelta(seconds=15))
    (text,) = held_out(waiting)
    assert "no news yet" in text
    assert "You will hear from us by 16:00 on Monday 30 November." in text
    (octets,) = (e.octets for e in to(waiting, ALICE, "update"))
    assert header(octets, "Auto-Submitted") == "auto-generated"
    assert ticket(waiting).reference in header(octets, "Subject")
    assert header(octets, "In-Reply-To") == "<one@school.sch.uk>"
    first, second = waiting.clocks(kind="update")[-2:]
    assert (first.kept, second.due_at, second.promised_at) == (False, MONDAY, MONDAY)


def test_staff_are_told_when_the_helpline_opens(waiting: Desk) -> None:
    waiting.sweep(THURSDAY)
    assert lapsed(waiting) == []
    waiting.sweep(THURSDAY + timedelta(hours=18))
    assert len(lapsed(waiting)) == len(lapsed(waiting, LEAD)) == 1
    assert "a holding mail says: by 16:00 on Monday 30 November" in lapsed(waiting)[0]


def test_three_in_a_row_at_most_and_staff_are_told_each_time(waiting: Desk) -> None:
    waiting.sweep(THURSDAY, *LATER)
    assert len(held_out(waiting)) == 3
    waiting.sweep(LATER[-1] + timedelta(days=2, hours=20))
    assert len(lapsed(waiting)) == 4
    assert "no holding mail: 3 in a row have gone already" in lapsed(waiting)[-1]


def test_a_person_who_writes_starts_the_count_again(waiting: Desk) -> None:
    waiting.sweep(THURSDAY, *LATER)
    waiting.clock.now = LATER[-1] + timedelta(hours=66)
    waiting.sweep()
    waiting.receive(reply(notice_to(waiting, AMY), "Dear Alice, they are still looking."))
    waiting.sweep(update_due(waiting) or waiting.clock())
    assert len(held_out(waiting)) == 4


def test_an_answer_in_time_means_no_holding_mail(waiting: Desk) -> None:
    waiting.sweep(THURSDAY - timedelta(hours=1))
    tell(waiting, "Dear Alice, they have removed it.")
    waiting.sweep(THURSDAY)
    assert held_out(waiting) == []
    assert [row.kept for row in waiting.clocks(kind="update")] == [True, True, None]


def test_a_closed_ticket_is_left_in_peace(waiting: Desk) -> None:
    waiting.sweep(THURSDAY - timedelta(hours=1))
    tell(waiting, "#resolve advice given\nDear Alice, they have removed it.")
    waiting.sweep(THURSDAY, *LATER)
    assert held_out(waiting) == []
    assert waiting.clocks(kind="update")[-1].stopped_at is not None


def test_they_can_be_switched_off(waiting: Desk) -> None:
    waiting.decide_otherwise(**settings(holding_mails=0))
    waiting.sweep(THURSDAY, THURSDAY + timedelta(hours=18))
    assert held_out(waiting) == []
    assert "holding mails are switched off" in lapsed(waiting)[0]


def test_who_cannot_be_reached_gets_none(waiting: Desk) -> None:
    waiting.clock.advance(hours=1)
    waiting.receive(bounce(ALICE, header(to(waiting, ALICE, "answer")[0].octets, "Message-ID")))
    waiting.sweep(THURSDAY, THURSDAY + timedelta(hours=18))
    assert held_out(waiting) == []


def test_who_was_never_written_to_gets_none(desk: Desk) -> None:
    desk.decide_otherwise(**settings())
    desk.receive(mail(authentication_results="mx.example.org.uk; dmarc=fail header.from=school.sch.uk"))
    desk.sweep(THURSDAY, THURSDAY + timedelta(hours=18))
    assert desk.sent("acknowledgement") == held_out(desk) == []
    assert "nothing of ours is known to have reached the enquirer" in lapsed(desk)[0]


def test_an_answer_that_is_overdue_is_said_to_be_so(desk: Desk) -> None:
    opened(desk)
    desk.sweep(THURSDAY)
    (text,) = held_out(desk)
    assert "You should have had our answer by 13:10 on Tuesday 24 November. We are sorry" in text


def test_with_a_partner_it_says_so_without_a_name(waiting: Desk) -> None:
    waiting.sweep(THURSDAY - timedelta(hours=1))
    tell(waiting, "#partner examplebook\nPlease remove video 17.")
    waiting.sweep(THURSDAY)
    (text,) = held_out(waiting)
    assert "still with the safety team that we have asked" in text
    assert "xamplebook" not in text


def test_what_waited_for_the_server_and_was_overtaken_never_leaves(waiting: Desk) -> None:
    waiting.clock.now = THURSDAY
    waiting.keep_in_touch()
    waiting.submit(Away())
    waiting.clock.advance(hours=18)
    waiting.letterbox.taken.clear()
    waiting.sweep()
    assert len(held_out(waiting)) == 1
    waiting.clock.now = MONDAY
    waiting.keep_in_touch()
    waiting.submit(Away())
    waiting.clock.advance(hours=18)
    with waiting.store.write() as connection:
        clockwork.close(connection, ticket(waiting).id, "withdrawn", waiting.clock())
    waiting.sweep()
    assert len(held_out(waiting)) == 1
    assert "update_overtaken" in waiting.codes()


def test_a_reply_to_it_is_in_the_thread_and_starts_the_clock(waiting: Desk) -> None:
    waiting.sweep(THURSDAY)
    sent = to(waiting, ALICE, "update")[0]
    waiting.clock.advance(hours=18)
    waiting.receive(follow_up(waiting, 9, in_reply_to=header(sent.octets, "Message-ID")))
    assert waiting.dispositions()[-1] == "follow_up"
    assert waiting.clocks()[-1].stopped_at is None


def test_one_that_is_refused_is_told_to_staff(waiting: Desk) -> None:
    waiting.clock.now = THURSDAY
    waiting.keep_in_touch()
    waiting.submit(Away(outcome=Refused(550, "RCPT")))
    assert "enquirer_not_reached" in waiting.codes()
    waiting.sweep(MONDAY)
    assert held_out(waiting) == [], "the next one is not tried"


def test_after_a_long_downtime_one_goes_out_while_open_with_a_time_that_is_to_come(waiting: Desk) -> None:
    waiting.sweep(datetime(2026, 12, 8, 3, 0, tzinfo=UTC))
    assert held_out(waiting) == []
    waiting.sweep(datetime(2026, 12, 8, 10, 0, tzinfo=UTC), datetime(2026, 12, 8, 10, 1, tzinfo=UTC))
    (text,) = held_out(waiting)
    assert "You will hear from us by 16:00 on Thursday 10 December." in text


def test_what_staff_asked_for_with_their_answer_stands(waiting: Desk) -> None:
    waiting.clock.advance(minutes=5)
    waiting.sweep(datetime(2026, 11, 26, 13, 0, tzinfo=UTC))  # the reminder of the update gives a mail to reply to
    tell(waiting, "#wait 5d\nDear Alice, this takes a week.")
    assert update_due(waiting) == datetime(2026, 12, 3, 16, 0, tzinfo=UTC)
