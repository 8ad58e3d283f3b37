"""Whether the clock can be believed: a step that no correction of a running clock makes is doubted, until it is proved.

A process compares the wall clock with a counter of seconds that nobody sets. Slewing and leap seconds are far below
`JUMP`, and daylight saving time changes nothing in UTC. At its start it has only what is on record to compare with.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

JUMP = timedelta(minutes=10)
"""How far the wall clock may stray at once. No shorter step makes a reminder badly wrong, and mail that has just
arrived agrees with the clock to within this."""
LONGEST_DOWN = timedelta(days=31)
"""Nobody leaves a helpline's daemon off for longer: then the clock is wrong, or the database an old backup."""


@dataclass(frozen=True, slots=True)
class Look:
    """The wall clock, and at the same moment seconds that only count."""

    at: datetime
    seconds: float

    def expected(self, seconds: float) -> datetime:
        """What the wall clock shows when that many seconds are counted, if nobody sets it."""
        return self.at + timedelta(seconds=seconds - self.seconds)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Two times of which the clock can only show one: the one it was expected to, and the one that it showed."""

    expected: datetime
    shown: datetime
    seconds: float
    """The count at which both were so."""
    slack: timedelta
    """How far beyond `expected` the clock may be and still be right: much, if nobody looked for a while."""


def jump(before: Look, now: Look) -> Doubt | None:
    """The doubt that a running process has if the clock was set between two looks."""
    expected = before.expected(now.seconds)
    return None if abs(now.at - expected) <= JUMP else Doubt(expected, now.at, now.seconds, JUMP)


def doubt_at_start(latest: datetime | None, now: Look) -> Doubt | None:
    """The doubt that a process has at its start; `latest` is the last instant on record, None if there is none."""
    if latest is None or latest - JUMP <= now.at <= latest + LONGEST_DOWN:
        return None
    return Doubt(latest, now.at, now.seconds, LONGEST_DOWN)


def doubt_on_record(expected: datetime, shown: datetime, now: Look) -> Doubt:
    """A doubt that another process had, which may have ended long ago."""
    return Doubt(expected, shown, now.seconds, LONGEST_DOWN)


def is_back(doubt: Doubt, now: Look) -> bool:
    """Whether the clock shows the expected time again, and not merely what has become of the doubtful one."""
    passed = timedelta(seconds=now.seconds - doubt.seconds)
    expected, doubtful = doubt.expected + passed, doubt.shown + passed
    latest = expected + doubt.slack if doubtful < expected else min(expected + doubt.slack, doubtful - JUMP)
    return expected - JUMP <= now.at <= latest


def agreeing(now: datetime) -> tuple[datetime, datetime]:
    """From when to when a message that has just arrived may have arrived by the mail server's clock, if ours is right.

    It proves that ours is: two machines are hardly ever wrong by the same.
    """
    return now - JUMP, now + JUMP


def latest_arrival(expected: datetime | None, now: datetime) -> datetime:
    """The latest time of arrival that can be; `expected` is what a doubtful clock was expected to show, if it is."""
    return now if expected is None else max(now, expected + LONGEST_DOWN)
