"""Which steps of a clock are doubted, and what proves that it is right after all."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.timekeeping import (
    JUMP,
    LONGEST_DOWN,
    Look,
    agreeing,
    doubt_at_start,
    doubt_on_record,
    is_back,
    jump,
    latest_arrival,
)

TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
YEARS = 1095 * DAY
passed = st.timedeltas(timedelta(), 20 * DAY)
steps = st.timedeltas(-3 * YEARS, 3 * YEARS)


def look(at: datetime, after: timedelta = timedelta()) -> Look:
    """The clock shows `at`, that long after the counter stood at 500 seconds."""
    return Look(at, 500 + after.total_seconds())


@pytest.mark.parametrize(
    ("step", "is_doubted"),
    [(timedelta(), False), (SECOND, False), (-SECOND, False), (JUMP, False), (-JUMP, False),
     (JUMP + SECOND, True), (-JUMP - SECOND, True), (HOUR, True), (-2 * HOUR, True), (YEARS, True)],
)  # fmt: skip
@pytest.mark.parametrize("after", [timedelta(), 15 * SECOND, 8 * HOUR])
def test_only_a_step_beyond_any_correction_is_doubted_in_a_running_process(
    step: timedelta, is_doubted: bool, after: timedelta
) -> None:
    doubt = jump(look(TEN), look(TEN + after + step, after))
    assert (doubt is not None) == is_doubted
    if doubt:
        assert (doubt.expected, doubt.shown) == (TEN + after, TEN + after + step)


@pytest.mark.parametrize(
    ("since_latest", "is_doubted"),
    [(timedelta(), False), (5 * DAY, False), (LONGEST_DOWN, False), (-JUMP, False),
     (LONGEST_DOWN + SECOND, True), (-JUMP - SECOND, True), (-2 * HOUR, True), (YEARS, True)],
)  # fmt: skip
def test_at_the_start_a_clock_is_doubted_that_is_behind_the_record_or_a_month_ahead(
    since_latest: timedelta, is_doubted: bool
) -> None:
    assert (doubt_at_start(TEN, look(TEN + since_latest)) is not None) == is_doubted


def test_a_new_installation_doubts_nothing() -> None:
    assert doubt_at_start(None, look(TEN)) is None


@pytest.mark.parametrize(
    ("shown", "now", "back"),
    [
        (TEN + YEARS, TEN + 3 * HOUR, True),
        (TEN + YEARS, TEN + 20 * DAY, True),
        (TEN + YEARS, TEN + YEARS + HOUR, False),
        (TEN + YEARS, TEN + 60 * DAY, False),
        (TEN + 8 * HOUR, TEN + HOUR, True),
        (TEN + 8 * HOUR, TEN + 8 * HOUR, False),
        (TEN + 8 * HOUR, TEN + 9 * HOUR, False),  # nobody knows: it is proved in another way
        (TEN - 2 * HOUR, TEN - HOUR, False),
        (TEN - 2 * HOUR, TEN + MINUTE, True),
        (TEN - YEARS, TEN + 5 * DAY, True),
    ],
)
def test_a_process_that_finds_a_doubt_on_record_knows_on_which_side_it_is(
    shown: datetime, now: datetime, back: bool
) -> None:
    assert is_back(doubt_on_record(TEN, shown, look(now)), look(now)) == back


@given(passed, st.timedeltas(-JUMP, JUMP))
def test_no_small_step_is_ever_doubted(after: timedelta, step: timedelta) -> None:
    assert jump(look(TEN), Look(TEN + after + step * 0.999, 500 + after.total_seconds())) is None


@given(st.lists(st.tuples(passed, st.timedeltas(-JUMP, JUMP)), max_size=20))
def test_small_steps_never_add_up(steps_taken: list[tuple[timedelta, timedelta]]) -> None:
    before = look(TEN)
    for after, step in steps_taken:
        now = Look(before.at + after + step * 0.999, before.seconds + after.total_seconds())
        assert jump(before, now) is None
        before = now


@given(steps, passed)
def test_a_doubt_lasts_while_nobody_sets_the_clock_and_ends_when_it_is_set_back(
    step: timedelta, later: timedelta
) -> None:
    doubt = jump(look(TEN), look(TEN + step))
    if doubt and abs(step) > JUMP + SECOND:
        assert not is_back(doubt, look(TEN + step + later, later))
        assert is_back(doubt, look(TEN + later, later))


@given(steps, passed)
def test_a_doubt_of_the_start_lasts_while_nobody_sets_the_clock(step: timedelta, later: timedelta) -> None:
    doubt = doubt_at_start(TEN, look(TEN + step))
    if doubt:
        assert not is_back(doubt, look(TEN + step + later, later))


def test_only_mail_of_this_moment_agrees() -> None:
    first, last = agreeing(TEN)
    assert first <= TEN - 5 * MINUTE <= TEN + 5 * MINUTE <= last
    assert not first <= TEN - 11 * MINUTE <= last
    assert not first <= TEN + 11 * MINUTE <= last


def test_a_doubtful_clock_that_was_set_back_makes_no_arrival_impossible() -> None:
    assert latest_arrival(None, TEN) == TEN
    assert latest_arrival(TEN, TEN - 2 * HOUR) >= TEN + DAY
    assert latest_arrival(TEN, TEN + YEARS) == TEN + YEARS
