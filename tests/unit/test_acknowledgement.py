"""The facts of an acknowledgement, at any time of any day."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from helpline_mail.domain.acknowledgement import Likely, acknowledge
from helpline_mail.domain.estimate import steps
from helpline_mail.domain.opening_hours import END_OF_DAY, Closure, OpeningHours, Window
from helpline_mail.domain.promise import due
from helpline_mail.wire.bank_holidays import bank_holidays
from helpline_mail.wire.templates import Templates

LONDON = ZoneInfo("Europe/London")
TEN_TO_FOUR = (Window(time(10), time(16)),)
HOURS = OpeningHours(
    (TEN_TO_FOUR,) * 5 + ((),) * 2,
    LONDON,
    closures=(
        Closure(date(2026, 12, 24), date(2027, 1, 1), "Christmas"),
        Closure(date(2026, 11, 25), date(2026, 11, 25), "training"),
    ),
    bank_holidays=bank_holidays("GB-ENG"),
)
CLOSED_ON_WEDNESDAY = OpeningHours((TEN_TO_FOUR,) * 2 + ((),) + (TEN_TO_FOUR,) * 2 + ((),) * 2, LONDON)
RESPONSE, MINUTE = timedelta(hours=3), timedelta(minutes=1)
EXAMPLES = int(os.environ.get("HELPLINE_MAIL_FUZZ", "20"))
TEMPLATES = Templates()


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@pytest.mark.parametrize(
    ("received", "situation", "closed", "reason"),
    [
        ("2026-11-23T11:00", "in_hours", "", ""),
        ("2026-11-23T17:00", "out_of_hours", "", ""),
        ("2026-11-24T15:00", "closure", "on Wednesday 25 November", "training"),
        ("2026-11-25T12:00", "closure", "today", "training"),
        ("2026-11-27T15:00", "weekend", "at the weekend", ""),
        ("2026-11-29T15:00", "weekend", "at the weekend", ""),
        ("2026-04-02T17:00", "bank_holiday", "from Friday 3 April to Monday 6 April", "Good Friday and Easter Monday"),
        ("2026-04-04T12:00", "bank_holiday", "from today to Monday 6 April", "Easter Monday"),
        ("2027-12-24T17:00", "bank_holiday", "from Saturday 25 December to Tuesday 28 December",
         "Christmas Day and Boxing Day"),
        ("2026-12-24T12:00", "closure", "from today to Sunday 3 January 2027", "Christmas"),
    ],
)  # fmt: skip
def test_the_situation_and_its_reason(received: str, situation: str, closed: str, reason: str) -> None:
    at = london(received)
    facts = acknowledge(HOURS, due(HOURS, at, RESPONSE).due, at)
    assert (facts.situation, facts.closed, facts.reason) == (situation, closed, reason)


def test_a_weekday_without_opening_hours_is_called_by_its_name() -> None:
    at = london("2026-11-24T15:00")
    facts = acknowledge(CLOSED_ON_WEDNESDAY, due(CLOSED_ON_WEDNESDAY, at, RESPONSE).due, at)
    assert (facts.situation, facts.closed, facts.reason) == ("weekend", "on Wednesday 25 November", "")


def test_closed_days_apart_are_named_apart() -> None:
    at = london("2026-11-24T15:00")
    facts = acknowledge(CLOSED_ON_WEDNESDAY, due(CLOSED_ON_WEDNESDAY, at, timedelta(hours=15)).due, at)
    assert facts.closed == "on Wednesday 25 November and at the weekend"


def test_the_promise_is_dated_even_if_it_is_for_today() -> None:
    facts = acknowledge(HOURS, london("2026-11-23T13:00"), london("2026-11-23T10:00"))
    assert facts.by == "by 13:00 today, Monday 23 November"
    assert (facts.lines_open, facts.lines_until, facts.lines_from) == (True, "16:00 today", None)


def test_late_from_the_deadline_on() -> None:
    deadline = london("2026-11-23T13:00")
    assert acknowledge(HOURS, deadline, deadline).situation == "late"
    assert acknowledge(HOURS, deadline, deadline - datetime.resolution).situation == "in_hours"
    evening = acknowledge(HOURS, deadline, london("2026-11-24T18:00"))
    assert (evening.situation, evening.by) == ("late", "by 13:00 on Monday 23 November")
    assert (evening.lines_open, evening.lines_until, evening.lines_from) == (
        False,
        None,
        "10:00 on Thursday 26 November",
    )


def test_two_weekends_are_the_weekend_once() -> None:
    at = london("2026-11-24T11:00")
    facts = acknowledge(HOURS, due(HOURS, at, timedelta(hours=60)).due, at)
    assert facts.closed == "on Wednesday 25 November and at the weekend"


def test_a_late_one_says_why_nobody_is_there_now() -> None:
    facts = acknowledge(HOURS, london("2026-12-22T13:00"), london("2026-12-28T09:00"))
    assert (facts.situation, facts.closed, facts.reason) == ("late", "from today to Sunday 3 January 2027", "Christmas")


def test_a_day_that_ends_at_midnight_is_not_the_next_day() -> None:
    at = london("2026-11-24T21:00")
    hours = replace(HOURS, weekly=((Window(time(8), END_OF_DAY),),) * 7, closures=())
    facts = acknowledge(hours, due(hours, at, RESPONSE).due, at)
    assert (facts.by, facts.lines_until) == ("by midnight today, Tuesday 24 November", "midnight today")


def test_of_many_closed_days_the_first_are_named() -> None:
    at = london("2026-11-24T11:00")
    hours = OpeningHours(
        ((Window(time(10), time(10, 5)),), ()) * 3 + ((),), LONDON, bank_holidays=bank_holidays("GB-ENG")
    )
    facts = acknowledge(hours, due(hours, at, RESPONSE).due, at)
    assert facts.closed == ("today, on Thursday 26 November, at the weekend, on Tuesday 1 December and on other days")
    assert facts.reason == "Christmas Day, Boxing Day and New Year's Day"


@pytest.mark.parametrize(
    ("received", "minutes", "at", "within"),
    [
        ("2026-11-23T10:18", 60, "11:20 today", "an hour"),
        ("2026-11-23T10:15", 15, "10:30 today", "15 minutes"),
        ("2026-11-23T15:45", 15, "16:00 today, Monday 23 November", "15 minutes"),
        ("2026-11-27T15:30", 45, "10:15 on Monday 30 November", "three quarters of an hour of opening time"),
        ("2026-11-28T15:30", 90, "11:30 on Monday 30 November", "an hour and a half of opening time"),
    ],
)
def test_what_is_likely_is_said_by_the_clock_on_the_wall(received: str, minutes: int, at: str, within: str) -> None:
    arrived = london(received)
    facts = acknowledge(HOURS, due(HOURS, arrived, RESPONSE).due, arrived, Likely(arrived, timedelta(minutes=minutes)))
    assert (facts.likely, facts.likely_within) == (at, within)


def test_an_estimate_is_said_until_a_quarter_of_it_has_passed_in_opening_time() -> None:
    arrived = london("2026-11-23T15:50")
    deadline, likely = due(HOURS, arrived, RESPONSE).due, Likely(arrived, timedelta(hours=1))
    morning = london("2026-11-24T10:05")
    assert acknowledge(HOURS, deadline, morning, likely).likely == "10:50 today"
    assert acknowledge(HOURS, deadline, morning + datetime.resolution, likely).likely == ""


def test_an_estimate_that_is_not_before_the_deadline_is_left_out() -> None:
    arrived = london("2026-11-23T10:11")
    deadline = arrived + timedelta(minutes=14)
    assert acknowledge(HOURS, deadline, arrived, Likely(arrived, timedelta(minutes=10))).likely == ""
    assert (
        acknowledge(HOURS, deadline + MINUTE, arrived, Likely(arrived, timedelta(minutes=10))).likely == "10:25 today"
    )
    assert acknowledge(HOURS, arrived, arrived, Likely(arrived, timedelta(minutes=10))).likely == ""


MINUTES = st.integers(0, 24 * 60)


def _windows(bounds: list[int]) -> tuple[Window, ...]:
    bounds = sorted(bounds)
    return tuple(Window(_wall(opens), _wall(closes)) for opens, closes in zip(bounds[::2], bounds[1::2], strict=True))


def _wall(minutes: int) -> time:
    return END_OF_DAY if minutes == 24 * 60 else time(*divmod(minutes, 60))


WINDOWS = st.one_of(*(st.lists(MINUTES, min_size=n, max_size=n, unique=True) for n in (0, 2, 4))).map(_windows)
DAYS = st.dates(date(2025, 12, 1), date(2028, 3, 1))
CLOSURES = st.builds(
    lambda first, days, reason: Closure(first, first + timedelta(days=days), reason),
    DAYS,
    st.integers(0, 40),
    st.text(st.characters(codec="latin-1", categories=("L", "N", "P", "Zs")), min_size=1, max_size=60),
)
LIKELY = st.none() | st.sampled_from(list(steps(RESPONSE)))
CALENDARS = st.builds(
    OpeningHours,
    st.lists(WINDOWS, min_size=7, max_size=7).filter(any).map(tuple),
    st.sampled_from([LONDON, ZoneInfo("America/Santiago"), ZoneInfo("Pacific/Kiritimati")]),
    st.lists(CLOSURES, max_size=4).map(tuple),
    st.just(bank_holidays("GB-ENG")),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    CALENDARS,
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(), timedelta(days=20)),
    st.timedeltas(timedelta(minutes=1), timedelta(hours=12)),
    st.booleans(),
    LIKELY,
)
def test_an_acknowledgement_fits_a_small_screen_whatever_the_calendar(
    hours: OpeningHours,
    received: datetime,
    delay: timedelta,
    response: timedelta,
    lines: bool,
    within: timedelta | None,
) -> None:
    likely = Likely(received, within) if within and within < response else None
    try:
        facts = acknowledge(hours, due(hours, received, response).due, received + delay, likely)
    except ValueError:
        reject()  # a calendar that hardly opens within a year: triage says so, and answers nothing
    rendered = TEMPLATES.render(
        "acknowledgement",
        helpline="Professionals Online Safety Helpline",
        telephone="0844 381 4772" if lines else "",
        skype="professionalshelpline" if lines else "",
        reference="POSH-7K3M9Q",
        channel="email",
        facts=facts,
    )
    assert len(rendered.text.encode()) < 4096
    assert max(map(len, rendered.text.splitlines())) <= 78
    assert "24:00" not in rendered.text


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.timedeltas(timedelta(), timedelta(days=20)),
    st.booleans(),
    st.booleans(),
    LIKELY,
)
def test_an_acknowledgement_is_whole_and_small_at_any_time(
    received: datetime, delay: timedelta, telephone: bool, skype: bool, within: timedelta | None
) -> None:
    now = received + delay
    facts = acknowledge(HOURS, due(HOURS, received, RESPONSE).due, now, Likely(received, within) if within else None)
    rendered = TEMPLATES.render(
        "acknowledgement",
        helpline="Professionals Online Safety Helpline",
        telephone="0844 381 4772" if telephone else "",
        skype="professionalshelpline" if skype else "",
        reference="POSH-7K3M9Q",
        channel="email",
        facts=facts,
    )
    said = " ".join(rendered.text.split())
    assert facts.by in said
    assert "999" in said
    assert ("We are sorry" in said) == (facts.situation == "late")
    assert ("You will hear" in said) == (facts.situation != "late")
    assert ("may well be sooner" in said) == bool(facts.likely)
    assert (facts.lines_open and telephone) <= ("open now" in said)
    assert facts.lines_open or str(facts.lines_from) in said
    assert "None" not in said
    assert "  " not in rendered.text
    assert "\n\n\n" not in rendered.text
    assert max(map(len, rendered.text.splitlines())) <= 76
    assert len(rendered.text) < 1500
