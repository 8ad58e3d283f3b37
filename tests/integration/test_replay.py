"""What arrived in a period is read as it was recorded, and a simulation replays it."""

from datetime import UTC, datetime, timedelta

from helpline_mail.domain.load import figures
from helpline_mail.domain.simulation import Query, simulate
from helpline_mail.service.answer import answer
from helpline_mail.service.replay import Recorded, recorded
from tests.integration.desk import ALICE, BOB, MALLORY, TUESDAY_TEN_PAST_TEN, Desk, bounce, follow_up, header, mail
from tests.integration.staff import tell, ticket

MIDNIGHT, NEXT = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def replayed(desk: Desk, since: datetime = MIDNIGHT, until: datetime = NEXT) -> Recorded:
    return recorded(desk.store, since, until, desk.clock())


def answer_after(desk: Desk, minutes: int, nth: int = 0) -> None:
    desk.clock.now = TUESDAY_TEN_PAST_TEN + minutes * MINUTE
    answer(desk.store, desk.correspondence.policy, desk.tickets()[nth]["reference"], desk.clock(), desk.clock())


def test_a_day_is_read_and_replayed(desk: Desk) -> None:
    desk.receive(mail())
    desk.receive(mail(BOB, message_id="<bob@club.example>"))
    answer_after(desk, 20)
    desk.receive(mail(MALLORY, message_id="<late@evil.example>"))
    answer_after(desk, 190, nth=1)
    found = replayed(desk)
    at = TUESDAY_TEN_PAST_TEN
    assert found == Recorded((at, at, at + 20 * MINUTE), kept=1, breached=1, waiting=1, median=20 * MINUTE)
    queries = [Query(arrived_at, 60 * MINUTE) for arrived_at in found.arrived]
    policy = desk.correspondence.policy
    one, two = (figures(simulate(queries, policy, advisers, NEXT), policy, MIDNIGHT, NEXT) for advisers in (1, 2))
    assert (one.kept, one.median, two.kept, two.median) == (3, 120 * MINUTE, 3, 60 * MINUTE)
    assert (one.reminders["90m"], two.reminders["90m"]) == (2, 1)


def test_what_nobody_answers_waits_and_is_broken_when_its_time_has_passed(desk: Desk) -> None:
    desk.receive(mail())
    desk.clock.advance(hours=3)
    assert (replayed(desk).waiting, replayed(desk).breached) == (1, 0)
    desk.clock.advance(seconds=1)
    assert (replayed(desk).waiting, replayed(desk).breached) == (0, 1)
    assert replayed(desk).median is None


def test_a_query_that_came_later_counts_as_one_of_its_own(desk: Desk) -> None:
    desk.receive(mail())
    answer_after(desk, 20)
    desk.receive(follow_up(desk))
    assert replayed(desk).arrived == (TUESDAY_TEN_PAST_TEN, TUESDAY_TEN_PAST_TEN + 20 * MINUTE)


def test_a_query_is_one_although_its_answer_bounced_and_its_clock_runs_again(asked: Desk) -> None:
    tell(asked, "Report it to the platform first.")
    sent = asked.sent("answer")[0]
    assert replayed(asked).kept == 1
    asked.receive(bounce(ALICE, header(sent.octets, "Message-ID")))
    found = replayed(asked)
    assert (found.arrived, found.kept, found.waiting) == ((TUESDAY_TEN_PAST_TEN,), 0, 1)


def test_only_the_period_counts(desk: Desk) -> None:
    desk.receive(mail())
    for since, until, count in (
        (TUESDAY_TEN_PAST_TEN, NEXT, 1),
        (TUESDAY_TEN_PAST_TEN + MINUTE, NEXT, 0),
        (MIDNIGHT, TUESDAY_TEN_PAST_TEN, 0),
    ):
        assert len(replayed(desk, since, until).arrived) == count


def test_queries_of_joined_tickets_wait_for_one_answer(asked: Desk) -> None:
    asked.clock.advance(minutes=5)
    asked.receive(mail(BOB, message_id="<bob@club.example>"))
    tell(asked, f"#join {ticket(asked).reference}")
    found = replayed(asked)
    assert (found.arrived, found.waiting) == ((TUESDAY_TEN_PAST_TEN,), 1)
