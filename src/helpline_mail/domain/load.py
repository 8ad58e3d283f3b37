"""What a simulated period comes to: how many promises were kept, what staff were reminded of, and the load by hour."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from helpline_mail.domain.opening_hours import OpeningHours, Span
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.reminders import AT_OPENING, steps
from helpline_mail.domain.simulation import Fate

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourLoad:
    """An hour of the local day: what arrived in it, and how many queries were unanswered in its opening time."""

    arrivals: int
    mean_waiting: float | None
    """Weighted by time; None for an hour that is never open."""
    most_waiting: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """A simulated period in figures; every query is kept, breached or waiting."""

    arrivals: int
    kept: int
    breached: int
    """Answered late, or not answered although the deadline has passed."""
    waiting: int
    """Not answered by the end, and not due yet."""
    median: timedelta | None
    """Opening time within which half of the answers came; None without an answer."""
    eighty_percent: timedelta | None
    reminders: Mapping[str, int]
    """Name of each configured step, the earliest first -> how often staff were reminded of it."""
    hours: tuple[HourLoad, ...]
    """From midnight on, 24 of them."""
    busiest_day: tuple[date, int] | None
    """The first of the local days on which most arrived, and how many; None if nothing did."""


def figures(fates: Sequence[Fate], policy: Policy, since: datetime, until: datetime) -> Figures:
    """The figures of queries that arrived in [`since`, `until`), counted by the clock in the policy's time zone."""
    took = sorted(fate.took for fate in fates if fate.took is not None)
    told = Counter(step.name for fate in fates for step in fate.told)
    by_day = Counter(fate.arrived_at.astimezone(policy.zone).date() for fate in fates)
    kept = Counter(fate.kept for fate in fates)
    return Figures(
        arrivals=len(fates),
        kept=kept[True],
        breached=kept[False],
        waiting=kept[None],
        median=within(took, 50),
        eighty_percent=within(took, 80),
        reminders={step.name: told[step.name] for step in (AT_OPENING, *steps(policy))},
        hours=_hours(fates, policy.hours, since, until),
        busiest_day=min(by_day.items(), key=lambda item: (-item[1], item[0])) if by_day else None,
    )


def within(took: Sequence[timedelta], percent: int) -> timedelta | None:
    """The time within which that many percent of the answers came, given their times in order; None of none."""
    return took[-(-percent * len(took) // 100) - 1] if took else None


def _hours(fates: Sequence[Fate], hours: OpeningHours, since: datetime, until: datetime) -> tuple[HourLoad, ...]:
    zone = hours.time_zone
    arrivals = Counter(fate.arrived_at.astimezone(zone).hour for fate in fates)
    opening, waited, most = Counter[int](), Counter[int](), dict[int, int]()  # the first two in microseconds
    for hour, length, waiting in _levels(fates, hours, since, until):
        opening[hour] += _microseconds(length)
        waited[hour] += _microseconds(length) * waiting
        most[hour] = max(most.get(hour, 0), waiting)
    return tuple(
        HourLoad(arrivals[hour], waited[hour] / opening[hour] if opening[hour] else None, most.get(hour))
        for hour in range(24)
    )


def _levels(
    fates: Iterable[Fate], hours: OpeningHours, since: datetime, until: datetime
) -> Iterator[tuple[int, timedelta, int]]:
    """Opening time in pieces of one local hour, cut at each arrival and answer: hour, length, queries unanswered."""
    changes = sorted(
        [(fate.arrived_at, 1) for fate in fates] + [(fate.answered_at, -1) for fate in fates if fate.answered_at]
    )
    waiting = position = 0
    for piece in _hourly(hours.spans(since, until), hours.time_zone):
        hour, at = piece.start.astimezone(hours.time_zone).hour, piece.start
        while position < len(changes) and changes[position][0] < piece.end:
            moment = max(changes[position][0], at)
            if moment > at:
                yield hour, moment - at, waiting
            at, waiting = moment, waiting + changes[position][1]
            position += 1
        yield hour, piece.end - at, waiting


def _hourly(spans: Iterable[Span], zone: ZoneInfo) -> Iterator[Span]:
    """The spans cut where the clock in that zone shows a full hour."""
    for span in spans:
        start = span.start
        while start < span.end:
            shown = start.astimezone(zone)
            into = timedelta(minutes=shown.minute, seconds=shown.second, microseconds=shown.microsecond)
            end = min(start + HOUR - into, span.end)
            yield Span(start, end)
            start = end


def _microseconds(length: timedelta) -> int:
    return length // timedelta.resolution
