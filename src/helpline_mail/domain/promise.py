"""The promise to a query: by when it is answered, how that was counted, and how it is said to people."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from helpline_mail.domain.opening_hours import WEEKDAYS, ClosedDay, OpeningHours, Span

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Promise:
    """A response deadline and its proof: the opening time counted in `spans`, the days passed over."""

    received: datetime
    due: datetime
    spans: tuple[Span, ...]
    closed: tuple[ClosedDay, ...]


def due(hours: OpeningHours, received: datetime, response: timedelta) -> Promise:
    """What is promised to a query received then: an answer within `response` of opening time.

    A query that arrives while the helpline is closed starts to count at its next opening.
    """
    deadline = hours.add_opening_time(received, response)
    return Promise(
        received=received,
        due=deadline,
        spans=tuple(hours.spans(received, deadline)),
        closed=tuple(hours.closed_days(received, deadline)),
    )


def spoken_time(due: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`by 12:40 today` or `by 11:20 on Tuesday 24 November`, read at `now` by a clock in `zone`.

    Cut to the minute, so never later than `due`; "by 12:40" takes the whole minute of 12:40 in.
    """
    return f"by {spoken_end(due, now, zone)}"


def spoken_with_date(due: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`by 12:40 today, Tuesday 24 November`: for mail that may arrive, or be read, on another day."""
    return dated(spoken_time(due, now, zone), now.astimezone(zone).date())


def dated(said: str, today: date) -> str:
    """What was said of a moment, with its date even if that is today."""
    return f"{said}, {spoken_day(today, today)}" if said.endswith(" today") else said


def spoken_moment(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """`12:40 today` or `11:20 on Tuesday 24 November`; a day begins at `00:00`."""
    there = at.astimezone(zone)
    return f"{there:%H:%M} {_when(there.date(), now.astimezone(zone).date())}"


def spoken_end(at: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A deadline or a closing: like `spoken_moment`, but a day ends at `midnight today`, on that very day."""
    there = at.astimezone(zone)
    if there.time() != time.min:
        return spoken_moment(at, now, zone)
    return f"midnight {_when(there.date() - timedelta(days=1), now.astimezone(zone).date())}"


def _when(day: date, today: date) -> str:
    return "today" if day == today else f"on {spoken_day(day, today)}"


def spoken_day(day: date, today: date) -> str:
    """`Tuesday 24 November`, with the year only if it is not this one."""
    year = "" if day.year == today.year else f" {day.year}"
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}{year}"


def spoken_duration(duration: timedelta) -> str:
    """`1 hour 30 minutes`, `10 minutes`, `less than a minute`; without its sign, cut to the minute."""
    hours, minutes = divmod(abs(duration) // timedelta(minutes=1), 60)
    parts = [f"{count} {unit}{'s' * (count != 1)}" for count, unit in ((hours, "hour"), (minutes, "minute")) if count]
    return " ".join(parts) or "less than a minute"
