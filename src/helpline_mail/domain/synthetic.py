"""A made-up year of arrivals for a simulation, in the shape of a helpline for people who work in schools.

The shape is an assumption, measured nowhere: Mondays are busiest and weekends quiet, people write before lessons, at
lunchtime, after school and in the evening, and in the school holidays of England few do. docs/simulate.md shows it.
"""

from bisect import bisect
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from helpline_mail.domain.simulation import Chance

BY_WEEKDAY = (1.5, 1.1, 1.0, 1.0, 0.8, 0.2, 0.3)
"""How much of the mail comes on a day, Monday first; a Wednesday is 1."""
BY_HOUR = (
    *(0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 1.0, 1.5, 1.0, 1.0, 1.0),
    *(1.5, 1.0, 1.0, 2.0, 2.5, 1.5, 1.0, 1.5, 2.0, 1.5, 0.8, 0.4),
)
"""How much of a day's mail comes in a local hour, from midnight on."""
HOLIDAYS = (
    ((1, 1), (1, 4)), ((2, 13), (2, 21)), ((4, 1), (4, 15)), ((5, 24), (5, 31)), ((7, 22), (9, 1)),
    ((10, 24), (11, 1)), ((12, 19), (12, 31)),
)  # fmt: skip
"""First and last day of each school holiday, as month and day: about what most of England keeps, the same each year."""
IN_HOLIDAYS = 0.3
"""How much of the mail of a school day comes on the same weekday of a holiday."""


def synthetic_year(year: int, number: int, zone: ZoneInfo, chance: Chance) -> list[datetime]:
    """`number` arrivals within that local year, as instants in UTC of whole seconds, the earliest first."""
    first = date(year, 1, 1)
    days = [first + timedelta(days=count) for count in range((date(year + 1, 1, 1) - first).days)]
    by_day, by_hour = list(accumulate(map(_weight, days))), list(accumulate(BY_HOUR))
    found = []
    for _ in range(number):
        day = days[bisect(by_day, chance() * by_day[-1])]
        hour = bisect(by_hour, chance() * by_hour[-1])
        minute, second = divmod(int(chance() * 3600), 60)
        found.append(datetime.combine(day, time(hour, minute, second), zone).astimezone(UTC))
    return sorted(found)


def _weight(day: date) -> float:
    quiet = any(start <= (day.month, day.day) <= end for start, end in HOLIDAYS)
    return BY_WEEKDAY[day.weekday()] * (IN_HOLIDAYS if quiet else 1)
