"""Calendars, dates and clocks that cannot be right: no mail waits for them."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from helpline_mail.adapters.store import outbox, schema
from helpline_mail.domain.errors import ServerUnavailableError
from helpline_mail.domain.opening_hours import Closure, OpeningHours, Window
from helpline_mail.service import submit as submit_service
from helpline_mail.service import triage as triage_service
from helpline_mail.service.answer import answer
from helpline_mail.service.collect import GIVE_UP_IN_ANY_CASE_AFTER
from helpline_mail.service.inquire import coming
from tests.integration.desk import BOB, LONDON, Desk, follow_up, mail, policy
from tests.integration.staff import opened, settings, tell, trail, update_due

ONE_HOUR_A_WEEK = OpeningHours((((Window(time(10), time(11)),),) + ((),) * 6), LONDON)
CLOSED_FOR_GOOD = Closure(date(2026, 11, 28), date(2029, 1, 1), "Closed for good")
YEAR = timedelta(days=365)


def alarms(desk: Desk) -> list[str]:
    return [row.cause for row in desk.rows(schema.alarm, schema.alarm.c.over_at.is_(None))]


@pytest.fixture
def impossible(desk: Desk) -> Desk:
    """A promise that more than a year of opening hours cannot keep."""
    desk.decide_otherwise(hours=ONE_HOUR_A_WEEK, response=timedelta(hours=100))
    return desk


def test_a_calendar_without_a_deadline_makes_an_answer_due_at_once_and_is_an_alarm(impossible: Desk) -> None:
    desk = impossible
    arrived_at = desk.clock() - timedelta(minutes=20)
    desk.mailbox.append(mail(), arrived_at)
    desk.receive(mail(BOB, "Other", message_id="<bob@club.example>"))
    assert [row.state for row in desk.rows(schema.ledger)] == ["triaged"] * 2
    assert [ticket["state"] for ticket in desk.tickets()] == ["open"] * 2
    clocks = desk.clocks()
    assert [(row.started_at, row.due_at) for row in clocks] == [(arrived_at, desk.clock()), (desk.clock(),) * 2]
    assert (alarms(desk), len(desk.sent("alarm"))) == (["calendar"], 1)
    assert (len(desk.sent("acknowledgement")), len(desk.sent("notice"))) == (2, 4)


def test_what_such_a_calendar_leaves_unread_is_due_at_once_as_well(impossible: Desk) -> None:
    desk = impossible
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    for _ in range(triage_service.QUARANTINE_AFTER_UNENDED):  # each of these attempts was killed
        triage_service._begin(desk.store, desk.clock())
        desk.clock.advance(seconds=6)
    assert desk.triage().quarantined == 1
    assert [row.due_at for row in desk.clocks()] == [desk.clock()]
    assert alarms(desk) == ["calendar"]


def test_an_earlier_answer_can_be_recorded_under_such_a_calendar(impossible: Desk) -> None:
    desk = impossible
    desk.receive(mail())
    desk.clock.advance(minutes=10)
    answered_at = desk.clock()
    desk.clock.advance(minutes=10)
    desk.receive(follow_up(desk))
    policy, reference = desk.correspondence.policy, desk.tickets()[0]["reference"]
    answer(desk.store, policy, reference, answered_at, desk.clock())
    assert [row.stopped_at for row in desk.clocks()] == [answered_at, None]
    assert desk.clocks()[1].due_at == desk.clock()


def test_a_helpline_that_will_not_open_again_in_sight_says_so_seldom_and_promises_nothing(desk: Desk) -> None:
    opened(desk)
    tell(desk, "Dear Alice, we are asking the network.")
    due_at = update_due(desk)
    assert due_at is not None
    desk.decide_otherwise(**settings(hours=replace(policy().hours, closures=(CLOSED_FOR_GOOD,))))
    desk.sweep(*(due_at + timedelta(seconds=15) * number for number in range(100)))
    assert desk.codes().count("update_missed") == 1
    assert update_due(desk) == due_at + timedelta(days=2)
    assert desk.sent("update") == []
    assert "no holding mail leaves: the calendar does not tell when" in trail(desk)


def test_the_schedule_leaves_out_what_no_opening_time_reaches(desk: Desk) -> None:
    desk.decide_otherwise(hours=replace(policy().hours, closures=(CLOSED_FOR_GOOD,)))
    desk.clock.now = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)
    desk.receive(mail())
    found = [line["what"] for line in coming(desk.store, desk.correspondence.policy, desk.clock())]
    assert "answer due" in found
    assert "overdue reminder, 1 hour past" not in found


@pytest.mark.parametrize(
    "internal_date",
    [datetime(1899, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC),
     datetime(2999, 1, 1, tzinfo=UTC)],
)  # fmt: skip
@pytest.mark.parametrize("is_given", [True, False])
def test_an_arrival_that_cannot_be_counts_as_now(desk: Desk, internal_date: datetime, is_given: bool) -> None:
    """Also for a message that the server never gives, which stands in quarantine."""
    desk.decide_otherwise(recorded_before=datetime(2026, 11, 1, tzinfo=UTC))
    uid = desk.mailbox.append(mail(), internal_date)
    if not is_given:
        desk.mailbox.poisonous.add(uid)
        for _ in range(GIVE_UP_IN_ANY_CASE_AFTER):
            with suppress(ServerUnavailableError):
                desk.collect()
    desk.receive()
    assert [row.arrived_at for row in desk.rows(schema.ledger)] == [internal_date], "what the server said is kept"
    (clock,), (ticket,) = desk.clocks(), desk.tickets()
    assert (clock.started_at, clock.due_at) == (desk.clock(), desk.clock() + timedelta(hours=3))
    assert ticket["created_at"] == desk.clock()
    (message,) = desk.rows(schema.message, schema.message.c.direction == "in")
    assert message.at == desk.clock()


def test_an_arrival_of_this_very_moment_or_of_last_week_counts_as_it_is(desk: Desk) -> None:
    week = desk.clock() - timedelta(days=7)
    desk.mailbox.append(mail(), week)
    desk.receive(mail(BOB, "Other", message_id="<bob@club.example>"))
    assert [row.started_at for row in desk.clocks()] == [week, desk.clock()]


def put(desk: Desk, table: Any, **values: Any) -> None:
    with desk.store.write() as connection:
        connection.execute(table.update().values(values))


def test_a_mail_that_a_clock_a_year_ahead_queued_or_put_off_leaves_now(desk: Desk) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.clock.now += YEAR
    desk.triage()
    desk.clock.now -= YEAR
    assert {row.next_attempt_at for row in desk.outbox()} == {desk.clock() + YEAR}
    desk.submit()
    assert {row.state for row in desk.outbox()} == {"delivered"}


def test_a_lease_that_a_clock_a_year_ahead_gave_is_over(desk: Desk) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    ahead = desk.clock() + YEAR
    with desk.store.write() as connection:
        outbox.claim(connection, ahead, ahead + submit_service.LEASE, 10)
    desk.submit()
    assert [(row.state, row.times_in_doubt) for row in desk.outbox()] == [("deferred", 1)] * 3
    desk.clock.advance(minutes=1)
    desk.submit()
    assert [row.state for row in desk.outbox()] == ["delivered"] * 3


def test_an_attempt_to_file_that_a_clock_a_year_ahead_began_is_over(desk: Desk) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    triage_service._begin(desk.store, desk.clock() + YEAR)  # and was killed
    assert desk.rows(schema.ledger)[0].retry_at > desk.clock() + timedelta(days=364)
    assert desk.triage().triaged == 1


@pytest.mark.parametrize("ahead", [timedelta(seconds=1), timedelta(minutes=59)])
def test_times_that_we_set_ourselves_are_waited_for(desk: Desk, ahead: timedelta) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    put(desk, schema.ledger, retry_at=desk.clock() + ahead)
    assert desk.triage().triaged == 0
    desk.clock.now += ahead
    assert desk.triage().triaged == 1
    put(desk, schema.outbox, next_attempt_at=desk.clock() + ahead)
    assert desk.submit().tried == 0
    put(desk, schema.outbox, state="sending", attempts=1, lease_until=desk.clock() + ahead)
    desk.submit()
    assert {row.state for row in desk.outbox()} == {"sending"}
