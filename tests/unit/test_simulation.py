"""What becomes of the promise on a virtual clock: worked by hand, and against a desk that is run minute by minute."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_reminders import HOURS, POLICY

from helpline_mail.domain.clocks import RunningClock
from helpline_mail.domain.opening_hours import Closure
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.promise import due
from helpline_mail.domain.reminders import step_due
from helpline_mail.domain.simulation import Fate, Query, handling_times, simulate

MINUTE = timedelta(minutes=1)
FRIDAY_TWO, TUESDAY_NOON = datetime(2026, 11, 27, 14, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC)
END_OF_YEAR = datetime(2027, 1, 1, tzinfo=UTC)
QUERIES = st.lists(
    st.builds(
        lambda arrived, handling: Query(FRIDAY_TWO + arrived * MINUTE, handling * MINUTE),
        st.integers(0, 3 * 24 * 60),
        st.integers(0, 240),
    ),
    max_size=4,
).map(lambda queries: sorted(queries, key=lambda query: query.arrived_at))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def query(arrived: str, minutes: int = 25) -> Query:
    return Query(utc(arrived), minutes * MINUTE)


def names(fate: Fate) -> list[str]:
    return [step.name for step in fate.told]


def test_two_queries_and_one_adviser_over_a_weekend() -> None:
    queries = [query("2026-11-27T15:30", 60), query("2026-11-28T12:00", 120)]
    friday, saturday = simulate(queries, POLICY, 1, END_OF_YEAR)
    assert (friday.due_at, friday.answered_at) == (utc("2026-11-30T12:30"), utc("2026-11-30T10:30"))
    assert (friday.took, friday.kept, names(friday)) == (60 * MINUTE, True, [])
    assert (saturday.due_at, saturday.answered_at) == (utc("2026-11-30T13:00"), utc("2026-11-30T12:30"))
    assert (saturday.took, saturday.kept) == (150 * MINUTE, True)
    assert names(saturday) == ["opening", "90m"], "its answer comes at the very minute of the next reminder"


def test_a_query_in_the_last_second_of_a_week() -> None:
    (fate,) = simulate([query("2026-11-27T15:59:59")], POLICY, 1, END_OF_YEAR)
    assert (fate.due_at, fate.answered_at) == (utc("2026-11-30T12:59:59"), utc("2026-11-30T10:24:59"))
    assert fate.took == 25 * MINUTE


def test_nobody_works_on_a_closure() -> None:
    closed = replace(POLICY, hours=replace(HOURS, closures=(Closure(date(2026, 11, 30), date(2026, 11, 30), "move"),)))
    (fate,) = simulate([query("2026-11-27T15:30", 60)], closed, 1, END_OF_YEAR)
    assert (fate.due_at, fate.answered_at) == (utc("2026-12-01T12:30"), utc("2026-12-01T10:30"))


def test_the_clock_is_set_back_over_a_weekend() -> None:
    (fate,) = simulate([query("2026-10-23T14:30", 60)], POLICY, 1, END_OF_YEAR)  # 15:30 in London
    assert (fate.due_at, fate.answered_at) == (utc("2026-10-26T12:30"), utc("2026-10-26T10:30"))
    assert fate.took == 60 * MINUTE


def test_two_advisers_begin_with_two_queries_at_once_and_not_before_they_arrive() -> None:
    queries = [query("2026-11-24T09:00"), query("2026-11-24T10:30"), query("2026-11-24T10:30")]
    answers = [fate.answered_at for fate in simulate(queries, POLICY, 2, END_OF_YEAR)]
    assert answers == [utc("2026-11-24T10:25"), utc("2026-11-24T10:55"), utc("2026-11-24T10:55")]


def test_a_late_answer_breaks_the_promise_and_every_step_is_told() -> None:
    (fate,) = simulate([query("2026-11-24T10:00", 241)], POLICY, 1, END_OF_YEAR)
    assert (fate.answered_at, fate.kept) == (utc("2026-11-24T14:01"), False)
    assert names(fate) == ["90m", "30m", "10m", "overdue-0m", "overdue-60m"]


def test_an_answer_in_the_last_instant_keeps_the_promise() -> None:
    (fate,) = simulate([query("2026-11-24T10:00", 180)], POLICY, 1, END_OF_YEAR)
    assert (fate.kept, names(fate)) == (True, ["90m", "30m", "10m"])


def test_steps_that_are_reached_together_or_while_closed_are_told_as_one_at_the_next_opening() -> None:
    steps = replace(POLICY, response=timedelta(hours=1), reminders=(90 * MINUTE, 60 * MINUTE), overdue_reminders=())
    (fate,) = simulate([query("2026-11-28T12:00", 60)], steps, 1, END_OF_YEAR)
    assert names(fate) == ["60m"]
    at_closing = replace(POLICY, reminders=(), overdue_reminders=(timedelta(),))
    for minutes, told in ((180, []), (181, ["overdue-0m"])):
        (fate,) = simulate([query("2026-11-24T13:00", minutes)], at_closing, 1, END_OF_YEAR)
        assert (fate.due_at, names(fate)) == (utc("2026-11-24T16:00"), told)


def test_what_is_not_answered_by_the_end_waits_until_its_deadline_and_is_broken_then() -> None:
    queries = [query("2026-11-24T10:00", 300), query("2026-11-24T11:00")]
    for until, kept in (("13:00", None), ("13:00:01", False)):
        first, _ = simulate(queries, POLICY, 1, utc(f"2026-11-24T{until}"))
        assert (first.answered_at, first.took, first.kept) == (None, None, kept)
    assert [fate.answered_at for fate in simulate(queries, POLICY, 1, utc("2026-11-24T15:00"))] == [
        utc("2026-11-24T15:00"),
        None,
    ]


def test_nothing_arrives() -> None:
    assert simulate([], POLICY, 2, END_OF_YEAR) == ()


@given(QUERIES, st.integers(1, 3), st.booleans())
def test_it_is_what_a_desk_does_that_is_swept_every_minute(
    queries: list[Query], advisers: int, impatient: bool
) -> None:
    policy = replace(POLICY, response=timedelta(hours=1)) if impatient else POLICY
    found = simulate(queries, policy, advisers, TUESDAY_NOON)
    answers, told = swept(queries, policy, advisers, TUESDAY_NOON)
    assert [fate.answered_at for fate in found] == answers
    assert [names(fate) for fate in found] == told


def swept(
    queries: Sequence[Query], policy: Policy, advisers: int, until: datetime
) -> tuple[list[datetime | None], list[list[str]]]:
    """When each query is answered, and what staff are told of it, if somebody looks every minute."""
    clocks = [
        RunningClock(number, number, query.arrived_at, due(policy.hours, query.arrived_at, policy.response).due)
        for number, query in enumerate(queries)
    ]
    answers: list[datetime | None] = [None] * len(queries)
    told: list[list[str]] = [[] for _ in queries]
    waiting, busy, now = list(clocks), dict[int, timedelta](), FRIDAY_TWO
    while now < until:
        if not policy.hours.is_open(now):
            now += MINUTE
            continue
        for clock in sorted(waiting, key=lambda one: (one.due_at, one.clock_id)):
            if clock.started_at <= now and len(busy) < advisers:
                waiting.remove(clock)
                if queries[clock.clock_id].handling:
                    busy[clock.clock_id] = queries[clock.clock_id].handling
                else:
                    answers[clock.clock_id] = now
        for clock in clocks:
            if clock.started_at <= now and answers[clock.clock_id] is None:
                step = step_due(clock, told[clock.clock_id], policy, now)
                told[clock.clock_id] += [step.name] if step else []
        now += MINUTE
        for number in list(busy):
            busy[number] -= MINUTE
            if not busy[number]:
                answers[number] = now
                del busy[number]
    return answers, told


@given(QUERIES, st.integers(1, 3))
def test_another_adviser_never_makes_an_answer_later(queries: list[Query], advisers: int) -> None:
    fewer, more = (simulate(queries, POLICY, number, END_OF_YEAR) for number in (advisers, advisers + 1))
    assert all(one.answered_at and two.answered_at and two.answered_at <= one.answered_at
               for one, two in zip(fewer, more, strict=True))  # fmt: skip


@given(QUERIES)
def test_with_an_adviser_for_each_query_who_needs_no_time_nothing_is_broken(queries: list[Query]) -> None:
    at_once = [replace(query, handling=timedelta()) for query in queries]
    fates = simulate(at_once, POLICY, len(queries) + 1, END_OF_YEAR)
    assert all(fate.kept and fate.took == timedelta() and not fate.told for fate in fates)


def test_handling_times_are_repeatable_and_lie_about_their_median() -> None:
    assert set(islice(handling_times(Random(1).random, 25 * MINUTE, 1), 100)) == {25 * MINUTE}
    times, again = (list(islice(handling_times(Random(1).random, 25 * MINUTE, 2), 3000)) for _ in range(2))
    assert times == again
    assert abs(sum(time < 25 * MINUTE for time in times) / 3000 - 0.5) < 0.03
    assert abs(sum(12.5 * MINUTE <= time <= 50 * MINUTE for time in times) / 3000 - 0.683) < 0.03
