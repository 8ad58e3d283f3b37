"""A simulated period in figures: hand-worked hours, and sums that must come out."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_reminders import POLICY
from tests.unit.test_simulation import MINUTE, QUERIES, query, utc

from helpline_mail.domain.load import Figures, HourLoad, figures, within
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.simulation import Query, simulate

MONDAY, SUNDAY_AFTER = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 30, tzinfo=UTC)
MIDNIGHT, NEXT = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 25, tzinfo=UTC)


def figures_of(
    queries: list[Query], advisers: int = 1, since: datetime = MIDNIGHT, until: datetime = NEXT, policy: Policy = POLICY
) -> Figures:
    return figures(simulate(queries, policy, advisers, until), policy, since, until)


def test_the_load_of_an_hour_is_weighted_by_time() -> None:
    found = figures_of([query("2026-11-24T10:00", 30), query("2026-11-24T10:15", 30)])
    assert found.hours[10] == HourLoad(2, 1.25, 2)  # one for 15 minutes, two for 15, one for 30
    assert found.hours[11:16] == (HourLoad(0, 0, 0),) * 5
    assert found.hours[9] == found.hours[16] == HourLoad(0, None, None)


def test_what_waits_over_the_night_weighs_on_the_morning_alone() -> None:
    found = figures_of([query("2026-11-23T20:00", 90)], since=MONDAY)
    assert found.hours[20] == HourLoad(1, None, None)
    assert found.hours[10] == HourLoad(0, 0.5, 1), "two mornings, in one of which it waits"
    assert found.hours[11] == HourLoad(0, 0.25, 1)


def test_what_arrives_at_a_full_hour_waits_in_that_hour_alone() -> None:
    found = figures_of([query("2026-11-24T11:00", 60)])
    assert found.hours[10:13] == (HourLoad(0, 0, 0), HourLoad(1, 1, 1), HourLoad(0, 0, 0))


def test_who_is_answered_at_once_has_not_waited() -> None:
    assert figures_of([query("2026-11-24T10:00", 0)]).hours[10] == HourLoad(1, 0, 0)


def test_days_and_hours_are_those_of_the_helpline() -> None:
    found = figures_of([query("2026-06-30T23:30")], since=utc("2026-06-30T00:00"), until=utc("2026-07-02T00:00"))
    assert found.busiest_day == (date(2026, 7, 1), 1)
    assert found.hours[0].arrivals == 1


def test_of_equally_busy_days_the_first_is_named() -> None:
    arrived = ("2026-11-25T10:00", "2026-11-24T10:00", "2026-11-26T10:00", "2026-11-25T11:00", "2026-11-24T11:00")
    found = figures_of([query(at) for at in sorted(arrived)], since=MONDAY, until=SUNDAY_AFTER)
    assert found.busiest_day == (date(2026, 11, 24), 2)


def test_reminders_are_counted_by_step_and_steps_never_told_stand_at_nought() -> None:
    found = figures_of([query("2026-11-24T10:00", 155), query("2026-11-24T13:00", 60)])
    assert list(found.reminders.items()) == [
        ("opening", 0), ("90m", 1), ("30m", 1), ("10m", 0), ("overdue-0m", 0), ("overdue-60m", 0),
    ]  # fmt: skip


def test_a_period_without_arrivals() -> None:
    found = figures_of([])
    assert (found.arrivals, found.kept, found.breached, found.waiting) == (0, 0, 0, 0)
    assert (found.median, found.eighty_percent, found.busiest_day) == (None, None, None)


@pytest.mark.parametrize(
    ("count", "percent", "answer"), [(10, 50, 5), (10, 80, 8), (5, 50, 3), (1, 80, 1), (7, 80, 6), (35, 80, 28)]
)
def test_within_what_time_so_many_percent_were_answered(count: int, percent: int, answer: int) -> None:
    assert within([number * MINUTE for number in range(1, count + 1)], percent) == answer * MINUTE
    assert within([], percent) is None


@given(QUERIES, st.integers(1, 3), st.integers(0, 5 * 24))
def test_every_query_is_kept_broken_or_waiting(queries: list[Query], advisers: int, hours: int) -> None:
    since = utc("2026-11-27T00:00")
    until = utc("2026-11-30T14:00") + timedelta(hours=hours)
    impatient = replace(POLICY, response=30 * MINUTE)
    for policy in (POLICY, impatient):
        found = figures_of(queries, advisers, since, until, policy)
        assert found.kept + found.breached + found.waiting == found.arrivals == len(queries)
        assert sum(load.arrivals for load in found.hours) == len(queries)
        assert all(0 <= (load.mean_waiting or 0) <= (load.most_waiting or 0) <= len(queries) for load in found.hours)
