"""When staff are reminded: the most urgent step that a running clock has reached, once, while the helpline is open.

A reminder is neither stored nor scheduled: it is due or it is not. A missed sweep, a restart or a second instance
changes nothing but the lateness that the next reminder truthfully states.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from helpline_mail.domain.clocks import RunningClock
from helpline_mail.domain.opening_hours import OpeningHours
from helpline_mail.domain.policy import Policy, StaffMember


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """A point on the way to a deadline and past it: opening time past the deadline, negative before it."""

    past_due: timedelta

    @property
    def overdue(self) -> bool:
        """True from the deadline on."""
        return self.past_due >= timedelta()

    @property
    def name(self) -> str:
        """`90m` for ninety minutes left, `overdue-60m` for an hour past, `opening`: its half of a unique key."""
        if self == AT_OPENING:
            return "opening"
        minutes, seconds = divmod(int(abs(self.past_due).total_seconds()), 60)
        return f"{'overdue-' if self.overdue else ''}{minutes}m{f'{seconds}s' if seconds else ''}"


AT_OPENING = Step(timedelta.min)
"""The step of what came while the helpline was closed, reached when it opens: before all that are configured."""


def steps(policy: Policy) -> tuple[Step, ...]:
    """All configured steps, the earliest first."""
    return _in_order(policy.reminders, policy.overdue_reminders)


@lru_cache(maxsize=8)
def _in_order(left: tuple[timedelta, ...], past: tuple[timedelta, ...]) -> tuple[Step, ...]:
    return tuple(sorted({Step(-one) for one in left} | {Step(one) for one in past}))


def steps_of(clock: RunningClock, policy: Policy) -> tuple[Step, ...]:
    """The steps of one clock, the earliest first."""
    return steps(policy) if policy.hours.is_open(clock.started_at) else (AT_OPENING, *steps(policy))


def step_due(clock: RunningClock, told: Collection[str], policy: Policy, now: datetime) -> Step | None:
    """The most urgent step reached, unless it or a more urgent one was told already; None while closed.

    `told` are the names of the steps of this clock that staff were reminded of.
    """
    if not policy.hours.is_open(now):
        return None
    past_due = -policy.hours.opening_time_left(now, clock.due_at)
    known = steps_of(clock, policy)
    reached = [step for step in known if step.past_due <= past_due]
    if not reached or any(step.name in told for step in known[len(reached) - 1 :]):
        return None
    return reached[-1]


SINGLES_AT_ONCE = 5
SINGLES_AN_HOUR = 60
LIST_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Reminded:
    """How many steps staff were reminded of in the past hour, and when last in a list, if they were."""

    steps: int
    latest_list: datetime | None

    def in_a_list(self, now: datetime) -> bool:
        """Whether that list was so lately that the next one waits."""
        return self.latest_list is not None and timedelta() <= now - self.latest_list < LIST_EVERY


def form_of(due: int, lately: Reminded, now: datetime) -> Literal["single", "list", "wait"]:
    """How staff are reminded of `due` steps: one mail each while they are few, else a list now and then.

    What has to wait stays due, so the next sweep tells it, and its most urgent step only.
    """
    if due + lately.steps <= SINGLES_AN_HOUR:
        return "single" if due <= SINGLES_AT_ONCE else "list"
    return "wait" if lately.in_a_list(now) else "list"


A_LONG_WAY = timedelta(days=7)


def updates_wanted_by(policy: Policy, now: datetime) -> datetime:
    """Staff are reminded now of next words to enquirers that are due by then: as early as of an answer."""
    try:
        return policy.hours.next_opening(policy.hours.add_opening_time(now, policy.response))
    except ValueError:  # there is too little opening time in sight
        return now + A_LONG_WAY


def update_reminder_instant(started_at: datetime, due_at: datetime, policy: Policy) -> datetime:
    """The instant from which an update is wanted: from then on staff are reminded of it, while open."""
    whole = policy.hours.opening_time_between(started_at, due_at)
    return policy.hours.add_opening_time(started_at, max(whole - policy.response, timedelta()))


def overtaken(clock: RunningClock | None, step: str, policy: Policy, now: datetime) -> str | None:
    """Why a reminder that was written earlier is not sent any more, or None. `clock` is None once it has stopped."""
    if clock is None:
        return "no answer is due any more"
    past_due = -policy.hours.opening_time_left(now, clock.due_at)
    reached = [AT_OPENING.name, *(one.name for one in steps(policy) if one.past_due <= past_due)]
    if step not in reached:
        return "the deadline has moved"
    return "a later reminder says it" if step != reached[-1] else None


def recipients(step: Step, assignee: str | None, policy: Policy) -> tuple[StaffMember, ...]:
    """Who is reminded: the taker, or everybody if nobody took it; from the deadline on leads too. Never nobody."""
    taker = policy.staff_member(assignee) if assignee else None
    if taker is None:
        return policy.staff
    leads = tuple(member for member in policy.staff if member.role == "lead" and member != taker)
    return (taker, *leads) if step.overdue else (taker,)


def step_instant(clock: RunningClock, step: Step, hours: OpeningHours) -> datetime:
    """When a step is reached: the instant with that much opening time left, or past."""
    if step == AT_OPENING:
        return hours.next_opening(clock.started_at)
    if step.overdue:
        return hours.add_opening_time(clock.due_at, step.past_due)
    whole = hours.opening_time_between(clock.started_at, clock.due_at)
    return hours.add_opening_time(clock.started_at, max(whole + step.past_due, timedelta()))
