"""When the helpline is open, and how much opening time lies between two instants.

Opening hours are written as the clock on the wall shows them; opening time is counted on instants in UTC.
A door opens, and shuts, when the clock first shows its time, or first shows something later where the clock
is set forward over it. Where the clock is set back, nothing opens or shuts a second time.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

BankHolidays = Callable[[date], str | None]
"""The name of the bank holiday on that local day, or None."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

HORIZON = timedelta(days=400)
"""How far a search looks: a calendar that does not open in all this time is a mistake, not a long holiday."""

END_OF_DAY = time.max
"""24:00, which `datetime.time` cannot say: a window that closes then runs to the very end of its day."""

_DAY = timedelta(days=1)
_CACHED_DAYS = 4096


@dataclass(frozen=True, slots=True)
class Window:
    """Wall-clock time on one day, half open: at `opens` it is open, at `closes` closed."""

    opens: time
    closes: time

    def __post_init__(self) -> None:
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError(f"{self}: opening hours are wall-clock times, without a time zone")
        if self.closes <= self.opens:
            raise ValueError(f"{self}: it closes before it opens")

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{'24:00' if self.closes == END_OF_DAY else f'{self.closes:%H:%M}'}"


@dataclass(frozen=True, slots=True)
class Closure:
    """Local days on which the helpline is closed although the week says otherwise; `last` is one of them."""

    first: date
    last: date
    reason: str

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"the closure {self.reason!r} ends on {self.last} but starts on {self.first}")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of opening time between two instants in UTC, half open."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """Elapsed time, which is opening time throughout."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A local day on which nothing opens. The reason is the closure's, or the holiday's or weekday's name."""

    day: date
    reason: str
    kind: Literal["closure", "bank holiday", "weekday"]


def no_bank_holidays(day: date) -> str | None:
    """A calendar without bank holidays."""
    return None


@dataclass(frozen=True)
class OpeningHours:
    """A week of windows, Monday first, in one time zone, less closures and bank holidays.

    Every instant given must be aware, else ValueError; every instant returned is in UTC. Searches that find
    nothing within `HORIZON` raise ValueError.
    """

    weekly: tuple[tuple[Window, ...], ...]
    time_zone: ZoneInfo
    closures: tuple[Closure, ...] = ()
    bank_holidays: BankHolidays = no_bank_holidays
    holidays_known_to: date | None = None
    """The last day of which it is known whether it is a bank holiday; None where there are none to know."""
    _days: dict[date, tuple[Span, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.weekly) != len(WEEKDAYS):
            raise ValueError(f"opening hours are for seven days, not {len(self.weekly)}")
        for weekday, windows in zip(WEEKDAYS, self.weekly, strict=True):
            for earlier, later in pairwise(sorted(windows, key=lambda window: window.opens)):
                if later.opens < earlier.closes:
                    raise ValueError(f"on {weekday} {earlier} and {later} overlap")

    def is_open(self, at: datetime) -> bool:
        """Whether `at` is opening time."""
        at = _instant(at)
        return any(self._pieces(at, at + datetime.resolution))

    def next_opening(self, at: datetime) -> datetime:
        """The first instant of opening time from `at` on: `at` itself while open."""
        at = _instant(at)
        for span in self._pieces(at, at + HORIZON):
            return span.start
        raise ValueError(f"the helpline does not open within {HORIZON.days} days of {at:%Y-%m-%d}")

    def next_closing(self, at: datetime) -> datetime | None:
        """The first instant from `at` on that is not opening time: `at` itself while closed.

        None if it stays open throughout `HORIZON`.
        """
        at = _instant(at)
        closing = at
        for span in self._pieces(at, at + HORIZON):
            if span.start != closing:
                return closing
            closing = span.end
        return closing if closing < at + HORIZON else None

    def opening_time_between(self, start: datetime, until: datetime) -> timedelta:
        """The opening time that passes from `start` to `until`; negative if `until` is the earlier."""
        start, until = _instant(start), _instant(until)
        if until < start:
            return -self.opening_time_between(until, start)
        return sum((span.length for span in self._pieces(start, until)), timedelta())

    def opening_time_left(self, now: datetime, due: datetime) -> timedelta:
        """Opening time from `now` to `due`: positive before it, negative by how much it is overdue."""
        return self.opening_time_between(now, due)

    def add_opening_time(self, start: datetime, duration: timedelta) -> datetime:
        """The first instant by which `duration` of opening time has passed since `start`.

        So three hours from 13:00 end at 16:00, although 16:00 is closed, and no time at all ends at `start`,
        open or not: adding twice is always adding the sum.
        """
        if duration < timedelta():
            raise ValueError(f"opening time cannot be added backwards ({duration})")
        start = _instant(start)
        if not duration:
            return start
        left = duration
        for span in self._pieces(start, start + HORIZON):
            if left <= span.length:
                return span.start + left
            left -= span.length
        raise ValueError(f"the helpline is not open for {duration} in the {HORIZON.days} days from {start:%Y-%m-%d}")

    def end_of_opening_day(self, at: datetime, days: int) -> datetime:
        """When the helpline closes on the `days`th day after that of `at` on which it opens."""
        at = _instant(at)
        today = at.astimezone(self.time_zone).date()
        left = days
        for day in self._local_days(at, at + HORIZON):
            spans = self._spans_of(day) if day > today else ()
            left -= bool(spans)
            if spans and not left:
                return spans[-1].end
        raise ValueError(f"the helpline does not open on {days} days within {HORIZON.days} days of {at:%Y-%m-%d}")

    def spans(self, start: datetime, until: datetime) -> Iterator[Span]:
        """The opening time from `start` to `until`, in order; spans that touch are one."""
        return _joined(self._pieces(_instant(start), _instant(until)))

    def closed_days(self, start: datetime, until: datetime) -> list[ClosedDay]:
        """The local days in [`start`, `until`) on which nothing opens, ordinary weekends included."""
        start, until = _instant(start), _instant(until)
        if until <= start:
            return []
        days = self._local_days(start, until - datetime.resolution)
        return [closed for day in days if (closed := self.closed_day(day))]

    def closed_day(self, day: date) -> ClosedDay | None:
        """Why nothing opens on that local day, the most particular reason first; None on an opening day."""
        for closure in self.closures:
            if closure.first <= day <= closure.last:
                return ClosedDay(day, closure.reason, "closure")
        if name := self.bank_holidays(day):
            return ClosedDay(day, name, "bank holiday")
        if not self.weekly[day.weekday()]:
            return ClosedDay(day, WEEKDAYS[day.weekday()], "weekday")
        return None

    def _pieces(self, start: datetime, until: datetime) -> Iterator[Span]:
        """The opening time in [start, until) day by day, cut at both ends."""
        # One day more, because a clock set back over midnight shows a date again that is over.
        for day in self._local_days(start, until + _DAY):
            for span in self._spans_of(day):
                if span.start >= until:
                    return
                if start <= span.start and span.end <= until:
                    yield span
                elif span.end > start:
                    yield Span(max(span.start, start), min(span.end, until))

    def _local_days(self, start: datetime, last: datetime) -> Iterator[date]:
        day, end = start.astimezone(self.time_zone).date(), last.astimezone(self.time_zone).date()
        while day <= end:
            yield day
            day += _DAY

    def _spans_of(self, day: date) -> tuple[Span, ...]:
        spans = self._days.get(day)
        if spans is None:
            if len(self._days) >= _CACHED_DAYS:
                self._days.clear()
            spans = self._days[day] = tuple(self._compute_spans(day))
        return spans

    def _compute_spans(self, day: date) -> Iterator[Span]:
        if self.closed_day(day):
            return
        for window in sorted(self.weekly[day.weekday()], key=lambda window: window.opens):
            midnight = datetime.combine(day + _DAY, time.min)
            closes = midnight if window.closes == END_OF_DAY else datetime.combine(day, window.closes)
            start = _first_shown(datetime.combine(day, window.opens), self.time_zone)
            end = _first_shown(closes, self.time_zone)
            if start < end:  # not where the clock is set forward over the whole window
                yield Span(start, end)


def refuse_never_open(hours: OpeningHours, first: date) -> None:
    """Raise ValueError if `hours` do not open on any local day from `first` to `HORIZON` later."""
    midnight = datetime.combine(first, time.min, hours.time_zone)
    try:
        hours.next_opening(midnight)
    except ValueError:
        raise ValueError(
            f"the helpline would not open on any day from {first} to {first + HORIZON}: "
            "give at least one weekday opening hours that no closure covers"
        ) from None


def _instant(at: datetime) -> datetime:
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone: say which instant is meant, for example {at}+00:00")
    if not 1900 <= at.year < 9000:
        raise ValueError(f"{at} is outside the years 1900 to 9000 that opening hours are computed for")
    return at.astimezone(UTC)


def _first_shown(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant at which the clock of `zone` first shows `wall` or later."""
    early, late = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early <= late:
        return early
    early, late = late, early  # PEP 495: `wall` is never shown, and the change lies between the two readings
    while late - early > datetime.resolution:
        middle = early + (late - early) / 2
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            early = middle
        else:
            late = middle
    return late


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    pending: Span | None = None
    for span in spans:
        if pending and pending.end == span.start:
            pending = Span(pending.start, span.end)
            continue
        if pending:
            yield pending
        pending = span
    if pending:
        yield pending
