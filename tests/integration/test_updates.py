"""Enquirers are to hear from us again while their tickets are open: staff are reminded once, in a list."""

from datetime import UTC, datetime, timedelta

from helpline_mail.service.inquire import coming
from tests.integration.desk import ALICE, AMY, BOB, LEAD, Desk, follow_up, header, mail, words
from tests.integration.staff import opened, tell, ticket, to, update_due
from tests.integration.test_staff_mail import reply


def answered(desk: Desk) -> Desk:
    """Tuesday at ten past ten, and Alice has her answer: by Thursday at four she is to hear from us again."""
    opened(desk)
    tell(desk, "Dear Alice, we are asking the network.")
    return desk


def lists(desk: Desk, member: str) -> list[str]:
    return [words(e) for e in to(desk, member, "reminder") if "to hear from us again" in header(e.octets, "Subject")]


def sweep(desk: Desk, *at: datetime) -> None:
    for moment in at:
        desk.clock.now = moment
        desk.remind()
        desk.submit()


def coming_to(desk: Desk) -> list[tuple[datetime, str]]:
    return [(line["at"], line["what"]) for line in coming(desk.store, desk.correspondence.policy, desk.clock())]


UPDATE_DUE = "update to the enquirer due; a holding mail, if nobody has written"
THURSDAY = datetime(2026, 11, 26, 13, 0, tzinfo=UTC)


def test_an_answer_says_when_the_next_word_is_due_and_schedule_shows_it(desk: Desk) -> None:
    answered(desk)
    due_at = update_due(desk)
    assert due_at == datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
    assert coming_to(desk) == [
        (THURSDAY, "reminder of the update to the enquirer"), (due_at, UPDATE_DUE),
    ]  # fmt: skip


def test_the_schedule_tells_the_reminder_of_an_update_for_the_moment_at_which_it_comes(desk: Desk) -> None:
    answered(desk)
    tell(desk, "#wait 3d")
    (told_at, what), _ = coming_to(desk)
    assert what == "reminder of the update to the enquirer"
    sweep(desk, told_at - timedelta(seconds=1))
    assert lists(desk, AMY) == []
    sweep(desk, told_at)
    assert len(lists(desk, AMY)) == 1
    assert [line for _, line in coming_to(desk)] == [UPDATE_DUE]


def test_the_schedule_shows_in_the_evening_what_is_told_in_the_morning(desk: Desk) -> None:
    opened(desk)
    tell(desk, "#partner examplebook\nPlease remove video 17.")
    desk.clock.now = datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
    assert (datetime(2026, 11, 27, 10, 0, tzinfo=UTC), "reminder, if examplebook has not answered") in coming_to(desk)


def test_staff_are_reminded_once_in_time_and_with_the_deadline(desk: Desk) -> None:
    answered(desk)
    sweep(desk, THURSDAY - timedelta(minutes=1))
    assert lists(desk, AMY) == []
    sweep(desk, THURSDAY, THURSDAY + timedelta(minutes=1), THURSDAY + timedelta(days=1))
    assert len(lists(desk, AMY)) == len(lists(desk, LEAD)) == 1
    assert "due by 16:00 today" in lists(desk, AMY)[0]
    assert ALICE not in lists(desk, AMY)[0]


def test_the_reminder_says_since_when_nobody_has_written_and_holds_a_link_unless_somebody_has_the_ticket(
    desk: Desk,
) -> None:
    answered(desk)
    sweep(desk, THURSDAY)
    assert "open since 10:10 on Tuesday 24 November Take it: <mailto:helpline+s-" in lists(desk, AMY)[0]
    tell(desk, "#take")
    tell(desk, "#wait 1d")
    sweep(desk, THURSDAY + timedelta(days=1))
    assert "Take it" not in lists(desk, AMY)[1]


def test_who_has_the_ticket_is_reminded_alone(desk: Desk) -> None:
    answered(desk)
    tell(desk, "#take")
    sweep(desk, THURSDAY)
    assert (len(lists(desk, AMY)), len(lists(desk, LEAD))) == (1, 0)


def test_nobody_is_reminded_while_closed_and_what_was_missed_is_told_late(desk: Desk) -> None:
    answered(desk)
    sweep(desk, THURSDAY + timedelta(hours=5))
    assert lists(desk, AMY) == []
    sweep(desk, datetime(2026, 11, 27, 10, 0, tzinfo=UTC))
    assert "was due by 16:00 on Thursday 26 November" in lists(desk, AMY)[0]


def test_wait_sets_another_time_and_is_reminded_of_again(desk: Desk) -> None:
    answered(desk)
    sweep(desk, THURSDAY)
    tell(desk, "#wait 1d")
    sweep(desk, datetime(2026, 11, 27, 13, 0, tzinfo=UTC))
    assert len(lists(desk, AMY)) == 2


def test_a_closed_ticket_and_one_that_waits_for_an_answer_are_in_no_list(desk: Desk) -> None:
    answered(desk)
    desk.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    notice = to(desk, AMY, "notice")[-1]
    desk.receive(reply(notice, "Dear Bob, we have closed this.\n"))
    desk.receive(reply(to(desk, AMY, "notice")[-1], "#resolve advice given"))
    desk.receive(follow_up(desk, 7))
    sweep(desk, THURSDAY)
    assert lists(desk, AMY) == []


def test_closing_words_plan_no_update(desk: Desk) -> None:
    opened(desk)
    tell(desk, "#resolve advice given\nDear Alice, we are glad that it is over.")
    assert (ticket(desk).state, update_due(desk)) == ("resolved", None)


def test_many_are_one_list(desk: Desk) -> None:
    answered(desk)
    desk.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    desk.receive(reply(to(desk, AMY, "notice")[-1], "Dear Bob, we are asking too."))
    sweep(desk, THURSDAY)
    (one,) = lists(desk, AMY)
    assert one.count("due by 16:00 today") == 2
