"""Opening time against the calendar of the promise, and against a clock that is read minute by minute."""

import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpline_mail.domain.opening_hours import (
    END_OF_DAY,
    HORIZON,
    ClosedDay,
    Closure,
    OpeningHours,
    Span,
    Window,
    refuse_never_open,
)
from helpline_mail.wire.bank_holidays import bank_holidays, known_until

LONDON = ZoneInfo("Europe/London")
TEN_TO_FOUR = Window(time(10), time(16))
ALL_DAY = Window(time(0), END_OF_DAY)
WORKING_WEEK = ((TEN_TO_FOUR,),) * 5 + ((),) * 2
ENGLAND = bank_holidays("GB-ENG")
HELPLINE = OpeningHours(WORKING_WEEK, LONDON, bank_holidays=ENGLAND)
CHRISTMAS = replace(HELPLINE, closures=(Closure(date(2026, 12, 24), date(2027, 1, 1), "Christmas"),))
MINUTE = timedelta(minutes=1)
NAIVE = datetime.fromisoformat("2026-03-29T01:30")


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Boundaries of a day, weekends, both clock changes, Easter, the August bank holiday, the New Year.
DEADLINES = [
    ("2026-11-24T09:59:59", "2026-11-24T13:00:00"),
    ("2026-11-24T10:00:00", "2026-11-24T13:00:00"),
    ("2026-11-24T13:00:00", "2026-11-24T16:00:00"),
    ("2026-11-24T13:00:01", "2026-11-25T10:00:01"),
    ("2026-11-24T15:59:59", "2026-11-25T12:59:59"),
    ("2026-11-24T16:00:00", "2026-11-25T13:00:00"),
    ("2026-11-24T16:00:01", "2026-11-25T13:00:00"),
    ("2026-11-27T15:30:00", "2026-11-30T12:30:00"),
    ("2026-11-28T12:00:00", "2026-11-30T13:00:00"),
    ("2026-11-29T23:59:59", "2026-11-30T13:00:00"),
    ("2026-03-27T15:00:00", "2026-03-30T11:00:00"),
    ("2026-10-23T14:30:00", "2026-10-26T11:30:00"),
    ("2026-04-02T13:30:00", "2026-04-07T09:30:00"),
    ("2026-08-28T15:45:00", "2026-09-01T11:45:00"),
    ("2026-12-31T14:00:00", "2027-01-04T11:00:00"),
]


@pytest.mark.parametrize(("received", "due"), DEADLINES)
def test_three_hours_of_opening_time(received: str, due: str) -> None:
    assert HELPLINE.add_opening_time(london(received), timedelta(hours=3)) == utc(due)


def test_an_instant_that_no_london_clock_shows() -> None:
    assert HELPLINE.add_opening_time(utc("2026-03-29T01:30"), timedelta(hours=3)) == utc("2026-03-30T12:00")


@pytest.mark.parametrize("query", ["is_open", "next_opening", "next_closing"])
def test_a_naive_time_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        getattr(HELPLINE, query)(NAIVE)


def test_a_naive_time_is_refused_in_arithmetic() -> None:
    naive, aware = NAIVE, utc("2026-03-29T01:30")
    for refused in (
        lambda: HELPLINE.add_opening_time(naive, MINUTE),
        lambda: HELPLINE.opening_time_between(naive, aware),
        lambda: HELPLINE.opening_time_between(aware, naive),
        lambda: list(HELPLINE.spans(aware, naive)),
        lambda: HELPLINE.closed_days(naive, aware),
    ):
        with pytest.raises(ValueError, match="has no time zone"):
            refused()


def test_ten_is_open_and_four_is_closed() -> None:
    assert not HELPLINE.is_open(london("2026-11-24T09:59:59.999999"))
    assert HELPLINE.is_open(london("2026-11-24T10:00"))
    assert HELPLINE.is_open(london("2026-11-24T15:59:59.999999"))
    assert not HELPLINE.is_open(london("2026-11-24T16:00"))
    assert not HELPLINE.is_open(london("2026-11-28T12:00"))


def test_next_opening_and_closing() -> None:
    friday = london("2026-11-27T15:30")
    assert HELPLINE.next_opening(friday) == friday
    assert HELPLINE.next_closing(friday) == london("2026-11-27T16:00")
    assert HELPLINE.next_opening(london("2026-11-27T16:00")) == london("2026-11-30T10:00")
    assert HELPLINE.next_closing(london("2026-11-27T16:00")) == london("2026-11-27T16:00")


def test_left_is_positive_before_and_negative_after_the_deadline() -> None:
    due = london("2026-11-30T10:30")
    assert HELPLINE.opening_time_left(london("2026-11-27T15:30"), due) == timedelta(hours=1)
    assert HELPLINE.opening_time_left(due, due) == timedelta()
    assert HELPLINE.opening_time_left(london("2026-11-30T23:00"), due) == timedelta(hours=-5.5)


def test_closed_days_carry_the_most_particular_reason() -> None:
    days = CHRISTMAS.closed_days(london("2026-12-23T15:00"), london("2027-01-04T11:00"))
    assert [(day.day.isoformat(), day.reason) for day in days] == [
        *((f"2026-12-{day}", "Christmas") for day in range(24, 32)),
        ("2027-01-01", "Christmas"),
        ("2027-01-02", "Saturday"),
        ("2027-01-03", "Sunday"),
    ]
    assert HELPLINE.closed_days(london("2026-04-02T13:30"), london("2026-04-04T00:00")) == [
        ClosedDay(date(2026, 4, 3), "Good Friday", "bank holiday")
    ]
    saturday = london("2026-11-28T12:00")
    assert HELPLINE.closed_days(saturday, saturday) == []


def test_a_closure_ends_with_its_last_day() -> None:
    assert CHRISTMAS.next_opening(london("2026-12-23T16:00")) == london("2027-01-04T10:00")
    assert CHRISTMAS.is_open(london("2026-12-23T15:59"))


def test_a_split_day() -> None:
    morning, afternoon = Window(time(9), time(12, 30)), Window(time(13, 30), time(17))
    hours = OpeningHours(((afternoon, morning),) * 7, LONDON)
    due = hours.add_opening_time(london("2026-11-24T11:30"), timedelta(hours=2))
    assert due == london("2026-11-24T14:30")
    assert list(hours.spans(london("2026-11-24T11:30"), due)) == [
        Span(utc("2026-11-24T11:30"), utc("2026-11-24T12:30")),
        Span(utc("2026-11-24T13:30"), utc("2026-11-24T14:30")),
    ]
    assert hours.next_closing(london("2026-11-24T12:45")) == london("2026-11-24T12:45")


def test_windows_that_touch_are_one_span() -> None:
    hours = OpeningHours(((Window(time(10), time(12)), Window(time(12), time(16))),) * 7, LONDON)
    assert hours.next_closing(london("2026-11-24T11:00")) == london("2026-11-24T16:00")
    assert len(list(hours.spans(london("2026-11-24T11:00"), london("2026-11-24T13:00")))) == 1


def test_a_helpline_that_never_closes() -> None:
    hours = OpeningHours(((ALL_DAY,),) * 7, LONDON)
    start = london("2026-03-28T12:00")
    assert hours.next_closing(start) is None
    assert hours.add_opening_time(start, timedelta(days=300)) == start.astimezone(UTC) + timedelta(days=300)
    assert list(hours.spans(start, start + timedelta(days=2))) == [Span(start, start + timedelta(days=2))]


@pytest.mark.parametrize(
    ("opens", "closes"),
    [(time(16), time(10)), (time(10), time(10)), (time(10), time(0)), (time(10, tzinfo=UTC), time(16))],
)
def test_a_window_that_makes_no_sense_is_refused(opens: time, closes: time) -> None:
    with pytest.raises(ValueError):
        Window(opens, closes)


def test_overlapping_windows_are_refused() -> None:
    overlapping = (Window(time(12), time(16)), Window(time(10), time(12, 1)))
    with pytest.raises(ValueError, match="on Tuesday 10:00-12:01 and 12:00-16:00 overlap"):
        OpeningHours(((), overlapping, (), (), (), (), ()), LONDON)


def test_a_week_has_seven_days_and_a_closure_an_order() -> None:
    with pytest.raises(ValueError, match="seven days"):
        OpeningHours(((TEN_TO_FOUR,),) * 5, LONDON)
    with pytest.raises(ValueError, match="starts on"):
        Closure(date(2027, 1, 1), date(2026, 12, 24), "Christmas")


def test_a_calendar_that_never_opens_is_refused() -> None:
    today = date(2026, 11, 24)
    refuse_never_open(CHRISTMAS, today)
    closed_for_good = Closure(today, today + HORIZON + timedelta(days=1), "moved")
    for hours in (OpeningHours(((),) * 7, LONDON), replace(HELPLINE, closures=(closed_for_good,))):
        with pytest.raises(ValueError, match="would not open on any day"):
            refuse_never_open(hours, today)
        with pytest.raises(ValueError, match="does not open within 400 days"):
            hours.next_opening(utc("2026-11-24T10:00"))
        with pytest.raises(ValueError, match="is not open for 3:00:00"):
            hours.add_opening_time(utc("2026-11-24T10:00"), timedelta(hours=3))
        assert hours.opening_time_between(utc("2026-11-24T10:00"), utc("2027-11-24T10:00")) == timedelta()


def test_what_cannot_be_computed_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="is not open for"):
        HELPLINE.add_opening_time(utc("2026-11-24T10:00"), timedelta.max)
    with pytest.raises(ValueError, match="backwards"):
        HELPLINE.add_opening_time(utc("2026-11-24T10:00"), -MINUTE)
    for year in (1, 1899, 9000, 9999):
        with pytest.raises(ValueError, match="outside the years"):
            HELPLINE.next_opening(datetime(year, 12, 31, 23, tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "window", "day", "start", "end"),
    [
        # 01:30 is never shown: the clock goes from 01:00 to 02:00, and the door opens with it.
        ("Europe/London", Window(time(1, 30), time(3)), "2026-03-29", "2026-03-29T01:00", "2026-03-29T02:00"),
        ("Europe/London", Window(time(0), time(1, 30)), "2026-03-29", "2026-03-29T00:00", "2026-03-29T01:00"),
        # 01:30 is shown twice: the first time counts.
        ("Europe/London", Window(time(1, 30), time(3)), "2026-10-25", "2026-10-25T00:30", "2026-10-25T03:00"),
        ("Europe/London", Window(time(0), time(1, 30)), "2026-10-25", "2026-10-24T23:00", "2026-10-25T00:30"),
        ("Europe/London", ALL_DAY, "2026-10-25", "2026-10-24T23:00", "2026-10-26T00:00"),
        # Half an hour forward at 02:00.
        (
            "Australia/Lord_Howe",
            Window(time(2, 10), time(4)),
            "2026-10-04",
            "2026-10-03T15:30",
            "2026-10-03T17:00",
        ),
        # Two hours forward at 01:00.
        ("Antarctica/Troll", Window(time(2), time(4)), "2026-03-29", "2026-03-29T01:00", "2026-03-29T02:00"),
        # 45 minutes off the hour.
        ("Pacific/Chatham", TEN_TO_FOUR, "2026-11-24", "2026-11-23T20:15", "2026-11-24T02:15"),
        # One minute after midnight back to 23:01 of the day before.
        ("America/St_Johns", ALL_DAY, "2006-10-29", "2006-10-29T02:30", "2006-10-30T03:30"),
    ],
)
def test_windows_across_clock_changes(zone: str, window: Window, day: str, start: str, end: str) -> None:
    weekday = date.fromisoformat(day).weekday()
    hours = OpeningHours(tuple((window,) if n == weekday else () for n in range(7)), ZoneInfo(zone))
    noon = datetime.combine(date.fromisoformat(day), time(12), UTC)
    spans = list(hours.spans(noon - timedelta(days=2), noon + timedelta(days=2)))
    assert spans == [Span(utc(start), utc(end))]


def test_a_day_that_began_goes_on_while_the_clock_shows_yesterday() -> None:
    sunday_only = OpeningHours(((),) * 6 + ((ALL_DAY,),), ZoneInfo("America/St_Johns"))
    ten_past_eleven = utc("2006-10-29T02:40")  # for the second time on Saturday
    assert sunday_only.is_open(ten_past_eleven)
    assert sunday_only.opening_time_between(ten_past_eleven, ten_past_eleven + MINUTE) == MINUTE


def test_the_friday_that_samoa_skipped() -> None:
    hours = OpeningHours(((TEN_TO_FOUR,),) * 7, ZoneInfo("Pacific/Apia"))
    start, until = (
        utc("2011-12-29T12:00"),
        utc("2012-01-01T12:00"),
    )  # Thursday and Saturday adjoin, at 10:00 UTC
    assert hours.opening_time_between(start, until) == timedelta(hours=18)
    assert hours.closed_days(start, until) == []


# Random calendars near the odd clock changes, against a clock that is read at every step.

CHANGES = [
    ("Europe/London", "2026-03-29T01:00"),
    ("Europe/London", "2026-10-25T01:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00"),
    ("Australia/Lord_Howe", "2026-10-03T15:30"),
    ("Africa/Casablanca", "2026-02-15T02:00"),
    ("Africa/Casablanca", "2026-03-22T02:00"),
    ("Antarctica/Troll", "2026-03-29T01:00"),
    ("Antarctica/Troll", "2026-10-25T01:00"),
    ("Pacific/Apia", "2011-12-30T10:00"),
    ("Pacific/Chatham", "2026-04-04T14:00"),
    ("America/St_Johns", "2006-10-29T02:31"),
    ("America/Sao_Paulo", "2018-02-18T02:00"),
    ("Asia/Kathmandu", "2026-11-24T00:00"),
]


@st.composite
def days_of_windows(draw: st.DrawFn) -> tuple[Window, ...]:
    minutes = sorted(draw(st.lists(st.integers(0, 24 * 60), unique=True, max_size=6)))
    shown = [END_OF_DAY if minute == 24 * 60 else time(minute // 60, minute % 60) for minute in minutes]
    return tuple(Window(opens, closes) for opens, closes in zip(shown[::2], shown[1::2], strict=False))


@st.composite
def calendars(draw: st.DrawFn) -> tuple[OpeningHours, datetime]:
    """A calendar that opens on some day, and an instant within a day of a clock change."""
    zone, change = draw(st.sampled_from(CHANGES))
    weekly = (*(draw(days_of_windows()) for _ in range(6)), (TEN_TO_FOUR,))
    day = date.fromisoformat(change[:10]) + timedelta(days=draw(st.integers(-2, 2)))
    closures = (Closure(day, day, "training"),) if draw(st.booleans()) else ()
    at = utc(change) + timedelta(seconds=draw(st.integers(-86_400, 86_400)))
    return OpeningHours(weekly, ZoneInfo(zone), closures), at


def counted(hours: OpeningHours, start: datetime, until: datetime, step: timedelta) -> timedelta:
    """Opening time by looking at the latest time that the clock has shown, again and again."""
    latest, at, total = NAIVE.replace(year=1900), start - timedelta(days=1), timedelta()
    while at < until:
        latest = max(latest, at.astimezone(hours.time_zone).replace(tzinfo=None))
        closed = any(closure.first <= latest.date() <= closure.last for closure in hours.closures)
        windows = () if closed else hours.weekly[latest.weekday()]
        if at >= start and any(window.opens <= latest.time() < window.closes for window in windows):
            total += step
        at += step if at >= start else min(MINUTE, start - at)
    return total


EXAMPLES = int(os.environ.get("HELPLINE_MAIL_FUZZ", "20"))
durations = st.timedeltas(timedelta(), timedelta(hours=90))


@settings(max_examples=EXAMPLES, deadline=None)
@given(calendars(), st.integers(1, 2880))
def test_agrees_with_a_clock_read_minute_by_minute(drawn: tuple[OpeningHours, datetime], minutes: int) -> None:
    hours, at = drawn
    start = at.replace(second=0)
    until = start + minutes * MINUTE
    total = counted(hours, start, until, MINUTE)
    assert hours.opening_time_between(start, until) == total
    assert hours.is_open(until) == bool(counted(hours, until, until + MINUTE, MINUTE))


@settings(max_examples=EXAMPLES // 2, deadline=None)
@given(calendars(), st.integers(1, 600))
def test_agrees_with_a_clock_read_second_by_second(drawn: tuple[OpeningHours, datetime], seconds: int) -> None:
    hours, start = drawn
    until = start + timedelta(seconds=seconds)
    assert hours.opening_time_between(start, until) == counted(hours, start, until, timedelta(seconds=1))


@settings(max_examples=EXAMPLES, deadline=None)
@given(calendars(), durations, durations)
def test_adding_twice_is_adding_the_sum(
    drawn: tuple[OpeningHours, datetime], first: timedelta, second: timedelta
) -> None:
    hours, at = drawn
    both = hours.add_opening_time(at, first + second)
    assert hours.add_opening_time(hours.add_opening_time(at, first), second) == both
    assert hours.add_opening_time(at, first) <= both


@settings(max_examples=EXAMPLES, deadline=None)
@given(calendars(), durations)
def test_adding_and_counting_are_inverse(drawn: tuple[OpeningHours, datetime], duration: timedelta) -> None:
    hours, at = drawn
    due = hours.add_opening_time(at, duration)
    assert hours.opening_time_between(at, due) == duration
    assert hours.opening_time_between(due, at) == -duration
    if duration:  # and no earlier instant would do
        assert hours.opening_time_between(at, due - datetime.resolution) < duration


@settings(max_examples=EXAMPLES, deadline=None)
@given(calendars(), st.timedeltas(timedelta(), timedelta(days=3)), durations)
def test_a_later_query_is_never_due_earlier(
    drawn: tuple[OpeningHours, datetime], later: timedelta, duration: timedelta
) -> None:
    hours, at = drawn
    assert hours.add_opening_time(at, duration) <= hours.add_opening_time(at + later, duration)
    assert hours.next_opening(at) <= hours.next_opening(at + later)


@settings(max_examples=EXAMPLES, deadline=None)
@given(calendars(), st.timedeltas(timedelta(), timedelta(days=4)))
def test_spans_are_ordered_apart_and_add_up(drawn: tuple[OpeningHours, datetime], length: timedelta) -> None:
    hours, start = drawn
    spans = list(hours.spans(start, start + length))
    edges = [edge for span in spans for edge in (span.start, span.end)]
    assert edges == sorted(set(edges))
    assert all(start <= edge <= start + length for edge in edges)
    total = sum((span.length for span in spans), timedelta())
    assert total == hours.opening_time_between(start, start + length)
    for span in spans:
        assert hours.is_open(span.start)
        assert span.end == start + length or hours.next_closing(span.start) == span.end


def test_opening_hours_are_plain_data() -> None:
    hours = OpeningHours(WORKING_WEEK, LONDON)
    assert hours.is_open(london("2026-11-24T12:00"))
    assert pickle.loads(pickle.dumps(hours)) == hours == OpeningHours(WORKING_WEEK, LONDON)


def test_bank_holidays_by_division() -> None:
    england, scotland, bavaria = (bank_holidays(division) for division in ("GB-ENG", "GB-SCT", "DE-BY"))
    assert england(date(2026, 8, 31)) == "Late Summer Bank Holiday"
    assert england(date(2026, 12, 28)) == "Boxing Day (substitute day)"
    assert england(date(2026, 4, 6)) == "Easter Monday"
    assert england(date(2022, 9, 19)) == "State Funeral of Queen Elizabeth II"
    assert scotland(date(2026, 4, 6)) is None
    assert scotland(date(2026, 11, 30)) == "Saint Andrew's Day"
    assert bavaria(date(2026, 1, 6)) == "Epiphany"
    assert bank_holidays("FR")(date(2026, 7, 14)) == "National Day"
    assert bank_holidays("")(date(2026, 12, 25)) is None
    assert (known_until("GB-ENG"), known_until("")) == (date(2100, 12, 31), None)


def test_bank_holidays_asked_for_by_many_threads_at_once() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            for year in range(2030, 2060):
                christmas = [date(year, 12, 25)] * 8
                assert set(threads.map(ENGLAND, christmas)) == {"Christmas Day"}
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("division", ["GB-XYZ", "XX", "england", "gb-eng", "GB-", "-"])
def test_an_unknown_division_says_what_to_write(division: str) -> None:
    with pytest.raises(ValueError, match=r'no bank holidays are known for ".*"GB-ENG"'):
        bank_holidays(division)
