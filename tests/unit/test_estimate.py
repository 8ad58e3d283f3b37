"""The estimate beside the promise: learned from like queries, rounded as people speak, silent while it is wrong."""

import os
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpline_mail.domain.estimate import (
    REMEMBERED,
    Arrival,
    Calibration,
    Query,
    arrival,
    calibration,
    foresee,
    spoken_estimate,
    steps,
    why_silent,
)
from helpline_mail.domain.opening_hours import OpeningHours, Window

EXAMPLES = int(os.environ.get("HELPLINE_MAIL_FUZZ", "50"))
LONDON = ZoneInfo("Europe/London")
HOURS = OpeningHours(((Window(time(10), time(16)),),) * 5 + ((),) * 2, LONDON)
NOW = datetime(2026, 11, 24, 11, 20, tzinfo=UTC)
PROMISE = timedelta(hours=3)
MINUTE = timedelta(minutes=1)
HERE = Arrival(NOW, 11, 0)


def query(
    minutes: float, *, hour: int | None = 11, waiting: int = 0, answered: bool = True, days: float = 1,
    foreseen: int | None = None,
) -> Query:  # fmt: skip
    at = NOW - timedelta(days=days)
    return Query(
        Arrival(at, hour, waiting), minutes * MINUTE, answered, None if foreseen is None else foreseen * MINUTE
    )


QUERIES = st.builds(
    Query,
    st.builds(
        Arrival,
        st.timedeltas(timedelta(), timedelta(days=89)).map(lambda ago: NOW - ago),
        st.none() | st.integers(9, 13),
        st.integers(0, 9),
    ),
    st.timedeltas(timedelta(), timedelta(hours=5)),
    st.sampled_from([True, True, True, False]),
    st.none() | st.sampled_from(list(steps(PROMISE))),
)
HISTORIES = st.lists(QUERIES, max_size=150)
ARRIVALS = st.builds(Arrival, st.just(NOW), st.none() | st.integers(9, 13), st.integers(0, 9))


def test_four_fifths_of_like_queries_were_answered_within_it() -> None:
    assert foresee([query(25)] * 24 + [query(170)] * 6, HERE, PROMISE) == 30 * MINUTE
    assert foresee([query(25)] * 23 + [query(170)] * 7, HERE, PROMISE) == 180 * MINUTE


def test_an_answer_that_took_exactly_as_long_was_within_it() -> None:
    assert foresee([query(30)] * 30, HERE, PROMISE) == 30 * MINUTE
    assert foresee([query(30.1)] * 30, HERE, PROMISE) == 45 * MINUTE


def test_twenty_nine_answers_are_too_few_and_thirty_are_enough() -> None:
    assert foresee([query(25)] * 29 + [query(25, answered=False)] * 9, HERE, PROMISE) is None
    assert foresee([query(25)] * 30, HERE, PROMISE) == 30 * MINUTE


def test_who_still_waits_counts_against_what_they_have_outlasted() -> None:
    answered = [query(5)] * 30
    assert foresee(answered + [query(50, answered=False)] * 7, HERE, PROMISE) == 10 * MINUTE
    assert foresee(answered + [query(50, answered=False)] * 8, HERE, PROMISE) == 60 * MINUTE


def test_who_has_only_just_begun_to_wait_counts_neither_way() -> None:
    assert foresee([query(5)] * 30 + [query(1, answered=False)] * 500, HERE, PROMISE) == 10 * MINUTE


def test_only_the_hour_counts_while_it_has_enough_answers() -> None:
    history = [query(25)] * 30 + [query(100, hour=12)] * 300
    assert foresee(history, HERE, PROMISE) == 30 * MINUTE
    assert foresee(history[1:], HERE, PROMISE) == 120 * MINUTE


def test_neighbouring_hours_help_before_the_other_hours_of_the_day() -> None:
    history = [query(25)] * 20 + [query(25, hour=12)] * 10 + [query(170, hour=15)] * 300
    assert foresee(history, HERE, PROMISE) == 30 * MINUTE
    assert foresee(history[1:], HERE, PROMISE) == 180 * MINUTE


def test_what_came_while_it_was_closed_belongs_together_and_has_no_neighbours() -> None:
    history = [query(25, hour=None)] * 30 + [query(100, hour=10)] * 300
    assert foresee(history, Arrival(NOW, None, 0), PROMISE) == 30 * MINUTE
    assert foresee(history, Arrival(NOW, 10, 0), PROMISE) == 120 * MINUTE
    assert foresee([*history[:29], *history[-30:]], Arrival(NOW, None, 0), PROMISE) == 120 * MINUTE


def test_a_heavier_load_helps_out_and_a_lighter_one_never_does() -> None:
    busy, quiet = [query(100, waiting=8)] * 30, [query(5)] * 300
    assert foresee([*quiet, *busy], Arrival(NOW, 11, 4), PROMISE) == 120 * MINUTE
    assert foresee([*quiet, *busy], Arrival(NOW, 11, 16), PROMISE) is None


def test_any_hour_of_the_same_load_helps_out_before_a_heavier_load() -> None:
    history = [query(25, hour=15)] * 30 + [query(100, waiting=1)] * 300
    assert foresee(history, HERE, PROMISE) == 30 * MINUTE
    assert foresee(history[1:], HERE, PROMISE) == 120 * MINUTE


def test_an_answer_is_remembered_for_ninety_days() -> None:
    assert foresee([query(25, days=90)] * 30, HERE, PROMISE) == 30 * MINUTE
    assert foresee([query(25, days=90.01)] * 30, HERE, PROMISE) is None


@pytest.mark.parametrize("waiting", range(40))
def test_a_band_begins_where_a_smaller_load_is_another(waiting: int) -> None:
    begins = replace(HERE, waiting=waiting).load_begins
    assert replace(HERE, waiting=begins).load == replace(HERE, waiting=waiting).load
    assert begins == 0 or replace(HERE, waiting=begins - 1).load < replace(HERE, waiting=waiting).load


@pytest.mark.parametrize("waiting", [4, 7])
def test_loads_of_one_band_are_alike(waiting: int) -> None:
    history = [query(25, waiting=5)] * 30 + [query(100, waiting=3)] * 99 + [query(100, waiting=8)] * 99
    assert foresee(history, Arrival(NOW, 11, waiting), PROMISE) == 30 * MINUTE


def test_the_hour_is_the_one_on_the_wall_and_none_while_closed() -> None:
    summer = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
    assert arrival(HOURS, summer, 3) == Arrival(summer, 10, 3)
    assert arrival(HOURS, summer - timedelta(hours=1), 3).hour is None


def test_more_than_thirty_percent_of_the_last_fifty_silence_it() -> None:
    kept, wrong = query(30, foreseen=30), query(31, foreseen=30, days=2)
    fifteen, sixteen = [kept] * 35 + [wrong] * 15, [kept] * 34 + [wrong] * 16
    assert calibration(fifteen, NOW) == Calibration(50, 35)
    assert calibration(sixteen, NOW) == Calibration(50, 34)
    assert why_silent(30 * MINUTE, PROMISE, calibration(fifteen, NOW)) == ""
    assert why_silent(30 * MINUTE, PROMISE, calibration(sixteen, NOW)) == "too many of the latest estimates were wrong"


def test_who_still_waits_longer_than_foreseen_makes_it_wrong_and_others_who_wait_do_not_count() -> None:
    waiting = [query(31, answered=False, foreseen=30)] * 3 + [query(29, answered=False, foreseen=30)] * 40
    assert calibration([query(5, foreseen=10)] * 2 + waiting, NOW) == Calibration(5, 2)


def test_what_is_older_than_the_last_fifty_is_forgiven() -> None:
    recent = [query(5, foreseen=10, days=1)] * 50
    assert calibration(recent + [query(99, foreseen=10, days=2)] * 50, NOW) == Calibration(50, 50)


def test_a_query_for_which_nothing_was_foreseen_judges_nothing() -> None:
    assert calibration([query(500), query(5, answered=False)], NOW) == Calibration(0, 0)
    assert Calibration(0, 0).holds


def test_an_estimate_is_said_only_if_it_is_clearly_earlier_than_the_promise() -> None:
    held = Calibration(50, 50)
    assert why_silent(timedelta(hours=2, minutes=15), PROMISE, held) == ""
    assert why_silent(timedelta(hours=2, minutes=16), PROMISE, held) == "it is hardly earlier than the promise"


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (10, "10 minutes"), (15, "15 minutes"), (20, "20 minutes"), (30, "half an hour"),
        (45, "three quarters of an hour"), (60, "an hour"), (90, "an hour and a half"), (120, "2 hours"),
        (150, "2 and a half hours"), (180, "3 hours"), (240, "4 hours"), (300, "5 hours"),
    ],
)  # fmt: skip
def test_it_is_said_the_way_people_speak(minutes: int, said: str) -> None:
    assert spoken_estimate(minutes * MINUTE) == said


def test_the_steps_are_those_that_can_be_said() -> None:
    minutes = [step // MINUTE for step in steps(timedelta(hours=5))]
    assert minutes == [10, 15, 20, 30, 45, 60, 90, 120, 150, 180, 240, 300]
    assert list(steps(9 * MINUTE)) == []


@settings(max_examples=EXAMPLES, deadline=None)
@given(HISTORIES, ARRIVALS, st.timedeltas(timedelta(), timedelta(hours=12)))
def test_it_is_never_later_than_the_promise_and_always_a_step(
    history: list[Query], now: Arrival, promise: timedelta
) -> None:
    foreseen = foresee(history, now, promise)
    assert foreseen is None or (foreseen <= promise and foreseen in list(steps(promise)))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(QUERIES, max_size=200), ARRIVALS)
def test_there_is_none_without_thirty_answers(history: list[Query], now: Arrival) -> None:
    answered = [query for query in history if query.answered][:29]
    assert foresee([*answered, *(query for query in history if not query.answered)], now, PROMISE) is None


@settings(max_examples=EXAMPLES, deadline=None)
@given(HISTORIES.flatmap(lambda history: st.tuples(st.just(history), st.permutations(history))), ARRIVALS)
def test_the_order_in_which_the_past_is_told_changes_nothing(
    told: tuple[list[Query], list[Query]], now: Arrival
) -> None:
    one, other = told
    assert foresee(one, now, PROMISE) == foresee(other, now, PROMISE)
    assert calibration(one, NOW) == calibration(other, NOW)


@settings(max_examples=EXAMPLES, deadline=None)
@given(HISTORIES, HISTORIES, ARRIVALS)
def test_what_lies_longer_back_than_ninety_days_changes_nothing(
    history: list[Query], old: list[Query], now: Arrival
) -> None:
    aged = [replace(one, arrival=replace(one.arrival, at=one.arrival.at - REMEMBERED - MINUTE)) for one in old]
    aged = [one for one in aged if one.arrival.at < NOW - REMEMBERED]
    assert foresee(history + aged, now, PROMISE) == foresee(history, now, PROMISE)
    assert calibration(history + aged, NOW) == calibration(history, NOW)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(QUERIES, min_size=40, max_size=150), ARRIVALS, st.timedeltas(timedelta(), timedelta(hours=2)))
def test_a_slower_past_never_foresees_an_earlier_answer(history: list[Query], now: Arrival, more: timedelta) -> None:
    never = timedelta.max
    slower = [replace(query, waited=query.waited + more) for query in history]
    assert (foresee(slower, now, PROMISE) or never) >= (foresee(history, now, PROMISE) or never)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(QUERIES, min_size=40, max_size=150), ARRIVALS)
def test_a_longer_promise_does_not_change_what_a_shorter_one_foresees(history: list[Query], now: Arrival) -> None:
    foreseen = foresee(history, now, PROMISE)
    assert foreseen is None or foresee(history, now, 3 * PROMISE) == foreseen


def test_the_steps_never_grow_by_more_than_three_quarters() -> None:
    assert all(later <= earlier * 1.75 for earlier, later in pairwise(steps(timedelta(hours=12))))
