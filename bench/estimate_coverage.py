"""How often the estimate beside the promise comes true, on simulated histories of a helpline.

    python bench/estimate_coverage.py [SEEDS]     default 2

Each history is some fifteen months of one helpline: queries come at any hour, advisers take them one after another
while it is open, and at each arrival the functions of the daemon say what is likely. Counted is what comes after the
first 90 days. Of the queries with an estimate said 75 to 90 % are to be answered within it, in every history; otherwise
it exits 1. Beside it stands the same for the days out of the ordinary, in which silence is the right answer.
"""

import random
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as wall
from itertools import accumulate
from zoneinfo import ZoneInfo

from helpline_mail.domain.estimate import REMEMBERED, Query, arrival, calibration, foresee, why_silent
from helpline_mail.domain.opening_hours import OpeningHours, Window
from helpline_mail.wire.bank_holidays import bank_holidays

LONDON = ZoneInfo("Europe/London")
HOURS = OpeningHours(((Window(wall(10), wall(16)),),) * 5 + ((),) * 2, LONDON, bank_holidays=bank_holidays("GB-ENG"))
START = datetime(2025, 9, 1, tzinfo=UTC)
DAYS = 460
WARM_UP = START + REMEMBERED
PROMISE = timedelta(hours=3)
ADVISERS = 3
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LOWEST, HIGHEST = 75, 90

SHAPE = (1, 1, 0, 0, 0, 0, 2, 4, 8, 10, 10, 9, 7, 8, 9, 9, 8, 7, 4, 3, 3, 3, 2, 1)
"""How many of a day's queries come in each hour, in proportion."""
OVERLOADS = (range(147, 154), range(336, 343))
"""Days of the sudden overloads: something is in the news."""


@dataclass(frozen=True)
class History:
    """A helpline: queries on that day, and how long one takes an adviser, in minutes."""

    name: str
    queries: Callable[[datetime, int], float]
    work_minutes: float
    unusual_days: str

    def is_unusual(self, at: datetime) -> bool:
        """Whether that day is one of `unusual_days`."""
        return is_overload((at - START).days) if self.queries is sudden_overload else at.weekday() == 0


def steady(day: datetime, number: int) -> float:
    return 4.0 if day.weekday() >= 5 else 20.0


def busy_monday(day: datetime, number: int) -> float:
    return (38.0, 18, 15, 15, 15, 6, 8)[day.weekday()]


def sudden_overload(day: datetime, number: int) -> float:
    return steady(day, number) * (2.5 if is_overload(number) else 1)


def is_overload(number: int) -> bool:
    return any(number in days for days in OVERLOADS)


HISTORIES = (
    History("steady", steady, 35, "Mondays"),
    History("busy Monday", busy_monday, 30, "Mondays"),
    History("sudden overload", sudden_overload, 30, "overloaded days"),
)


@dataclass
class Tally:
    queries: int = 0
    said: int = 0
    kept: int = 0

    def __str__(self) -> str:
        said = f"an estimate said to {self.said / max(self.queries, 1):4.0%} of {self.queries:5} queries"
        return f"{said}, true for {self.kept / self.said:.1%}" if self.said else said

    def count(self, said: timedelta | None, took: timedelta) -> None:
        self.queries += 1
        self.said += said is not None
        self.kept += said is not None and took <= said


def arrivals(history: History, chance: random.Random) -> Iterator[datetime]:
    """Instants in order, more of them at the usual hours."""
    for number in range(DAYS):
        day = START + number * DAY
        each = history.queries(day, number) / sum(SHAPE)
        for hour, share in enumerate(SHAPE):
            at = day.replace(hour=hour)
            while (at := at + timedelta(hours=1) * (chance.expovariate(each * share) if share else 1)) < day.replace(
                hour=hour
            ) + timedelta(hours=1):
                yield at


class OpeningClock:
    """Opening time since the start, so that a queue can be simulated as if the helpline never closed."""

    def __init__(self) -> None:
        self.spans = list(HOURS.spans(START, START + (DAYS + 40) * DAY))
        self.starts = [span.start for span in self.spans]
        self.before = [timedelta(), *accumulate(span.length for span in self.spans)]

    def shown(self, at: datetime) -> timedelta:
        index = bisect_right(self.starts, at) - 1
        if index < 0:
            return timedelta()
        return self.before[index] + min(at - self.starts[index], self.spans[index].length)

    def hour(self, shown: timedelta) -> int:
        """The local hour at that opening time."""
        index = min(bisect_right(self.before, shown) - 1, len(self.spans) - 1)
        return (self.starts[index] + shown - self.before[index]).astimezone(LONDON).hour


def answered_at(history: History, came: list[timedelta], clock: OpeningClock, chance: random.Random) -> list[timedelta]:
    """When each query was answered, in opening time: minute by minute whoever is free takes one.

    Mostly the oldest, now and then another. One adviser is away from 12 to 14.
    """
    answered = [timedelta()] * len(came)
    queue: list[int] = []
    busy: list[timedelta] = []
    arriving, now = 0, timedelta()
    while arriving < len(came) or queue:
        while arriving < len(came) and came[arriving] <= now:
            queue.append(arriving)
            arriving += 1
        busy = [until for until in busy if until > now]
        there = ADVISERS - (clock.hour(now) in (12, 13))
        while queue and len(busy) < there:
            taken = queue.pop(chance.randrange(len(queue)) if chance.random() < 0.2 else 0)
            work = history.work_minutes * chance.lognormvariate(-0.18, 0.6) * MINUTE
            answered[taken] = now + work
            busy.append(answered[taken])
        now += MINUTE
    return answered


def tally(history: History, seed: int) -> tuple[Tally, Tally]:
    """The whole history, and the days out of the ordinary."""
    chance, clock = random.Random(f"{history.name} {seed}"), OpeningClock()
    instants = list(arrivals(history, chance))
    came = [clock.shown(at) for at in instants]
    answered = answered_at(history, came, clock, chance)
    whole, unusual = Tally(), Tally()
    settled: deque[Query] = deque()
    waiting: dict[int, Query] = {}
    for index, at in enumerate(instants):
        for one in [one for one in waiting if answered[one] <= came[index]]:
            query = waiting.pop(one)
            settled.append(Query(query.arrival, answered[one] - came[one], True, query.foreseen))
        while settled and settled[0].arrival.at < at - REMEMBERED:
            settled.popleft()
        past = [*settled, *(Query(q.arrival, came[index] - came[one], False, q.foreseen) for one, q in waiting.items())]
        now = arrival(HOURS, at, len(waiting))
        foreseen = foresee(past, now, PROMISE)
        waiting[index] = Query(now, timedelta(), False, foreseen)
        if at >= WARM_UP:
            said = foreseen if foreseen and not why_silent(foreseen, PROMISE, calibration(past, at)) else None
            whole.count(said, answered[index] - came[index])
            if history.is_unusual(at):
                unusual.count(said, answered[index] - came[index])
    return whole, unusual


def main() -> int:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    outside = 0
    for history in HISTORIES:
        for seed in range(seeds):
            whole, unusual = tally(history, seed)
            outside += not LOWEST <= 100 * whole.kept / max(whole.said, 1) <= HIGHEST
            print(f"{history.name}, seed {seed}: {whole}\n    of these on {history.unusual_days}: {unusual}")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main())
