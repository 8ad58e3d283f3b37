"""What is promised to a query, and how it is said."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from helpline_mail.domain.opening_hours import OpeningHours, Span, Window
from helpline_mail.domain.promise import due, spoken_duration, spoken_end, spoken_moment, spoken_time
from helpline_mail.wire.bank_holidays import bank_holidays

LONDON = ZoneInfo("Europe/London")
TEN_TO_FOUR = Window(time(10), time(16))
HELPLINE = OpeningHours(((TEN_TO_FOUR,),) * 5 + ((),) * 2, LONDON, bank_holidays=bank_holidays("GB-ENG"))


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def test_a_promise_carries_its_proof() -> None:
    promise = due(HELPLINE, london("2026-04-02T13:30"), timedelta(hours=3))
    assert promise.received == london("2026-04-02T13:30")
    assert promise.due == london("2026-04-07T10:30")
    assert promise.due.tzinfo is UTC
    assert promise.spans == (
        Span(london("2026-04-02T13:30"), london("2026-04-02T16:00")),
        Span(london("2026-04-07T10:00"), london("2026-04-07T10:30")),
    )
    assert [closed.reason for closed in promise.closed] == [
        "Good Friday",
        "Saturday",
        "Sunday",
        "Easter Monday",
    ]


def test_a_promise_at_the_end_of_the_day_skips_nothing() -> None:
    promise = due(HELPLINE, london("2026-11-27T13:00"), timedelta(hours=3))
    assert promise.due == london("2026-11-27T16:00")
    assert promise.closed == ()


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-11-24T12:40:00", "by 12:40 today"),
        ("2026-11-24T12:40:59.999999", "by 12:40 today"),
        ("2026-11-25T10:00:01", "by 10:00 on Wednesday 25 November"),
        ("2026-11-17T09:05:00", "by 09:05 on Tuesday 17 November"),
        ("2026-12-24T11:00:00", "by 11:00 on Thursday 24 December"),
        ("2027-01-04T11:00:00", "by 11:00 on Monday 4 January 2027"),
        ("2026-11-25T00:00:00", "by midnight today"),
        ("2026-11-26T00:00:00", "by midnight on Wednesday 25 November"),
        ("2026-11-24T00:00:00", "by midnight on Monday 23 November"),
        ("2027-01-01T00:00:00", "by midnight on Thursday 31 December"),
        ("2026-11-25T00:00:01", "by 00:00 on Wednesday 25 November"),
    ],
)
def test_a_time_in_words(at: str, said: str) -> None:
    assert spoken_time(london(at), london("2026-11-24T09:40"), LONDON) == said


def test_a_day_begins_at_its_own_midnight_and_ends_at_the_next() -> None:
    midnight, now = london("2026-11-25T00:00"), london("2026-11-24T09:40")
    assert spoken_moment(midnight, now, LONDON) == "00:00 on Wednesday 25 November"
    assert spoken_end(midnight, now, LONDON) == "midnight today"
    assert spoken_end(midnight, midnight, LONDON) == "midnight on Tuesday 24 November"


def test_today_is_the_day_of_the_reader_and_not_of_utc() -> None:
    late_evening = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)  # 00:30 on 1 July in London
    assert spoken_moment(datetime(2026, 7, 1, 9, 0, tzinfo=UTC), late_evening, LONDON) == "10:00 today"


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(hours=1, minutes=30), "1 hour 30 minutes"),
        (timedelta(minutes=-61, seconds=-59), "1 hour 1 minute"),
        (timedelta(hours=30), "30 hours"),
        (timedelta(seconds=59), "less than a minute"),
    ],
)
def test_a_duration_in_words(duration: timedelta, said: str) -> None:
    assert spoken_duration(duration) == said
