"""A made-up year has the shape that its page describes, and is the same whenever it is asked for."""

from collections import Counter
from datetime import UTC, date
from random import Random
from zoneinfo import ZoneInfo

import pytest

from helpline_mail.domain.synthetic import synthetic_year

LONDON = ZoneInfo("Europe/London")
YEAR = [at.astimezone(LONDON) for at in synthetic_year(2026, 10_000, LONDON, Random(1).random)]


def test_it_is_repeatable_and_another_seed_is_another_year() -> None:
    assert synthetic_year(2026, 10_000, LONDON, Random(1).random) == YEAR
    assert synthetic_year(2026, 10_000, LONDON, Random(2).random) != YEAR


@pytest.mark.parametrize("zone", ["Europe/London", "Asia/Tokyo", "America/Los_Angeles"])
def test_all_arrivals_lie_in_the_local_year_and_in_order(zone: str) -> None:
    found = synthetic_year(2028, 3_000, ZoneInfo(zone), Random(1).random)
    assert len(found) == 3_000
    assert found == sorted(found)
    assert {at.tzinfo for at in found} == {UTC}
    assert {at.astimezone(ZoneInfo(zone)).year for at in found} == {2028}
    assert all(at.microsecond == 0 for at in found)


def test_mondays_are_busy_weekends_quiet_and_evenings_busier_than_nights() -> None:
    days, hours = Counter(at.weekday() for at in YEAR), Counter(at.hour for at in YEAR)
    assert max(days, key=days.__getitem__) == 0
    assert max(days[5], days[6]) < 0.4 * min(days[weekday] for weekday in range(5))
    assert hours[20] > 1.5 * hours[10] > 3 * hours[3]


def test_school_holidays_are_quiet() -> None:
    june, august = (sum(at.month == month for at in YEAR) for month in (6, 8))
    assert august < 0.4 * june
    assert sum(at.date() == date(2026, 12, 25) for at in YEAR) < 20
