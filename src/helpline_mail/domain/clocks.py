"""What a clock counts: a promise of ours, and how its deadline follows from the calendar as that is now."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from helpline_mail.domain.opening_hours import OpeningHours


class ClockKind(StrEnum):
    """What a clock waits for."""

    RESPONSE = "response"
    """An answer to a query of the enquirer's."""
    UPDATE = "update"
    """The next word to the enquirer of an open ticket."""
    PARTNER = "partner"
    """A partner's answer."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much opening time from `since` on, or until the helpline closes so many opening days later."""

    since: datetime
    opening_time: timedelta | None = None
    opening_days: int | None = None

    def ends(self, hours: OpeningHours) -> datetime:
        """The deadline by that calendar. Raises ValueError where the calendar gives none."""
        if self.opening_days is not None:
            return hours.end_of_opening_day(self.since, self.opening_days)
        return hours.add_opening_time(self.since, self.opening_time or timedelta())


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a clock is due, and the allowance that it follows from, so that it can be counted again."""

    allowance: Allowance
    due_at: datetime

    def follows_from(self, hours: OpeningHours) -> bool:
        """Whether it is what that calendar gives."""
        try:
            return self.allowance.ends(hours) == self.due_at
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class RunningClock:
    """A clock that runs: what it waits for has not come yet."""

    clock_id: int
    ticket_id: int
    started_at: datetime
    due_at: datetime


def deadline(hours: OpeningHours, allowance: Allowance, now: datetime) -> Deadline:
    """The deadline of an allowance. Where the calendar gives none, opening time ends at once: nobody is to wait for it.

    Opening days are then days of the calendar, so that what comes round again and again does so no oftener.
    """
    try:
        return Deadline(allowance, allowance.ends(hours))
    except ValueError:
        if allowance.opening_days is not None:
            return Deadline(allowance, allowance.since + timedelta(days=allowance.opening_days))
        return Deadline(Allowance(now, timedelta()), now)


def resumed(hours: OpeningHours, stopped_at: datetime, was: Deadline, now: datetime) -> Deadline:
    """The deadline of a clock that goes on from where it stood when it stopped. One that was past stays where it was.

    What is left is cut to the second.
    """
    left = hours.opening_time_between(stopped_at, was.due_at)
    if left <= timedelta():
        return was
    return deadline(hours, Allowance(now, timedelta(seconds=left // timedelta(seconds=1))), now)
