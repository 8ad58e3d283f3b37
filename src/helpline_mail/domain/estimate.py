"""What is likely, beside the promise: how soon an enquirer will probably be answered, as the helpline's past shows.

An estimate is no promise, so it is said only while it is true: `foresee` computes one for every query that arrives,
`calibration` compares the latest of them with what became of the queries, and while too many were wrong, none is said.
As they are computed in silence too, a helpline that is itself again finds its words again.

Every duration here is opening time.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from helpline_mail.domain.opening_hours import OpeningHours

REMEMBERED = timedelta(days=90)
ENOUGH_ANSWERS = 30
SHARE_PERCENT = 80
"""How many of like queries were answered within the estimate, at least."""
JUDGED = 50
WRONG_PERCENT = 30
"""While more of the last `JUDGED` estimates were wrong, none is said."""
CLEARLY_EARLIER = 4
"""An estimate is worth its words if it is earlier than the promise by this part of it."""

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_UNDER_AN_HOUR = {
    10 * _MINUTE: "10 minutes", 15 * _MINUTE: "15 minutes", 20 * _MINUTE: "20 minutes", 30 * _MINUTE: "half an hour",
    45 * _MINUTE: "three quarters of an hour",
}  # fmt: skip
_BY_HALF_HOURS = 3 * _HOUR
"""Up to here people count in half hours, from here on in hours."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How it was when a query arrived: all that makes it like another one."""

    at: datetime
    hour: int | None
    """The local hour, 0 to 23; None while closed, because all such queries start to count at the opening."""
    waiting: int
    """How many queries waited for an answer already."""

    @property
    def load(self) -> int:
        """The band of `waiting`: none, 1, 2 to 3, 4 to 7 and so on; each is twice as wide as the one before."""
        return self.waiting.bit_length()

    @property
    def load_begins(self) -> int:
        """The least `waiting` of its band."""
        return 1 << self.load - 1 if self.load else 0


@dataclass(frozen=True, slots=True)
class Query:
    """A query of the past, and how long it took or has taken so far."""

    arrival: Arrival
    waited: timedelta
    """Opening time until it was answered; if it still waits, until now."""
    answered: bool
    foreseen: timedelta | None
    """What `foresee` said at its arrival."""

    @property
    def came_true(self) -> bool | None:
        """Whether it was answered as foreseen, False once it waits longer; None while that is open, or nothing was."""
        if self.foreseen is None:
            return None
        if self.waited > self.foreseen:
            return False
        return True if self.answered else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was foreseen for a query at its arrival, and whether it may be said."""

    waiting: int
    """How many others waited then."""
    foreseen: timedelta | None
    silence: str
    """Why nothing is said of what was foreseen, to follow "because"; empty if it may be said, or nothing was."""

    @property
    def is_said(self) -> bool:
        """Whether an acknowledgement may say so."""
        return self.foreseen is not None and not self.silence


@dataclass(frozen=True, slots=True)
class Calibration:
    """What became of the latest estimates: how many are judged, `JUDGED` at most, and how many of those were kept."""

    judged: int
    kept: int

    @property
    def holds(self) -> bool:
        """Whether estimates may be said."""
        return 100 * (self.judged - self.kept) <= WRONG_PERCENT * self.judged


def arrival(hours: OpeningHours, at: datetime, waiting: int) -> Arrival:
    """A query's arrival at the aware instant `at`, when `waiting` others had no answer yet."""
    return Arrival(at, at.astimezone(hours.time_zone).hour if hours.is_open(at) else None, waiting)


def foresee(history: Iterable[Query], now: Arrival, promise: timedelta) -> timedelta | None:
    """The least step that people speak of within which `SHARE_PERCENT` % of like queries were answered.

    None if too few answers were given to like queries in the last `REMEMBERED`, or if it would be later than the
    `promise`. A query that still waits counts against every step that it has outlasted, and neither way for a longer
    one: left out altogether, an overload would be judged by those who were lucky in it.
    """
    like = _like(history, now)
    answers, waits = sorted(query.waited for query in like if query.answered), sorted(query.waited for query in like)
    for step in steps(promise):
        within, longer = bisect_right(answers, step), len(waits) - bisect_right(waits, step)
        if within and 100 * within >= SHARE_PERCENT * (within + longer):
            return step
    return None


def why_silent(foreseen: timedelta, promise: timedelta, calibrated: Calibration) -> str:
    """Why what was foreseen may not be said, to follow "because"; empty if it may."""
    if not calibrated.holds:
        return "too many of the latest estimates were wrong"
    if promise - foreseen < promise / CLEARLY_EARLIER:
        return "it is hardly earlier than the promise"
    return ""


def steps(limit: timedelta) -> Iterator[timedelta]:
    """The durations that people speak of, in order, up to `limit`."""
    step = _MINUTE
    while (step := _after(step)) <= limit:
        yield step


def spoken_estimate(step: timedelta) -> str:
    """`half an hour`, `an hour and a half`, `2 hours`, to follow "about"."""
    if step in _UNDER_AN_HOUR:
        return _UNDER_AN_HOUR[step]
    hours, rest = divmod(step, _HOUR)
    if hours == 1:
        return "an hour and a half" if rest else "an hour"
    return f"{hours} and a half hours" if rest else f"{hours} hours"


def calibration(history: Iterable[Query], now: datetime) -> Calibration:
    """How the latest estimates turned out, said or not.

    Who has waited longer than was foreseen shows at once that it was wrong, and not only when the answer comes.
    """
    outcomes = [
        (query.arrival.at, true) for query in _remembered(history, now) if (true := query.came_true) is not None
    ]
    latest = sorted(outcomes)[-JUDGED:]
    return Calibration(len(latest), sum(true for _, true in latest))


def _after(step: timedelta) -> timedelta:
    for short in _UNDER_AN_HOUR:
        if short > step:
            return short
    if step < _HOUR:
        return _HOUR
    return step + (_HOUR / 2 if step < _BY_HALF_HOURS else _HOUR)


def _remembered(history: Iterable[Query], now: datetime) -> list[Query]:
    since = now - REMEMBERED
    return [query for query in history if since <= query.arrival.at <= now]


def _like(history: Iterable[Query], now: Arrival) -> Sequence[Query]:
    """The queries most like one that arrives now, widened until enough of them were answered; else none.

    First those of the same load and hour, then of the hours beside it, then of any hour; at last all that met this
    load or a heavier one. Load outlasts the hour because it says more: it is the queue that a query stands in. It is
    widened only upwards, as what was learned on quiet days says nothing of a day with a queue never seen before.
    """
    at_least = [query for query in _remembered(history, now.at) if query.arrival.load >= now.load]
    same = [query for query in at_least if query.arrival.load == now.load]
    for like in (
        [query for query in same if query.arrival.hour == now.hour],
        [query for query in same if _neighbours(query.arrival.hour, now.hour)],
        same,
        at_least,
    ):
        if sum(query.answered for query in like) >= ENOUGH_ANSWERS:
            return like
    return ()


def _neighbours(one: int | None, other: int | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) == 1)
