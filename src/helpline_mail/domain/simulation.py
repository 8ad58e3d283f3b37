"""A period on a virtual clock: what becomes of the promise if so many advisers answer by such hours and steps.

Deadlines and reminders come from the functions that the daemon itself works with. Only the advisers are a model: each
works throughout the opening hours on one query at a time, takes the one with the earliest deadline, and finishes it.
"""

import heapq
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from helpline_mail.domain.clocks import RunningClock
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.promise import due
from helpline_mail.domain.reminders import Step, step_due, step_instant, steps_of

Chance = Callable[[], float]
"""The next of a row of random numbers, each at least 0 and below 1. A seeded row makes a simulation repeatable."""


@dataclass(frozen=True, slots=True)
class Query:
    """Something that is to be answered, and the opening time that one adviser needs for that."""

    arrived_at: datetime
    handling: timedelta


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a query by the end of the period."""

    arrived_at: datetime
    due_at: datetime
    answered_at: datetime | None
    took: timedelta | None
    """Opening time from its arrival to its answer."""
    kept: bool | None
    """False as well if its deadline has passed without an answer; None while it waits in time."""
    told: tuple[Step, ...]
    """The steps of which staff were reminded."""


def handling_times(chance: Chance, median: timedelta, spread: float) -> Iterator[timedelta]:
    """Opening times that queries need, without an end: lognormal, in whole seconds.

    Two thirds of them lie between `median` divided by `spread` and `median` times `spread`; 1 makes all the same.
    """
    sigma = math.log(spread)
    while True:
        normal = math.sqrt(-2 * math.log(1 - chance())) * math.cos(2 * math.pi * chance())  # Box and Muller, 1958
        yield timedelta(seconds=round(median.total_seconds() * math.exp(sigma * normal)))


def simulate(queries: Sequence[Query], policy: Policy, advisers: int, until: datetime) -> tuple[Fate, ...]:
    """The fate of each query by `until`, in their order, which is that of arrival and so of their deadlines.

    Raises ValueError if the opening hours leave no room for a deadline, a reminder or an answer.
    """
    hours, fates = policy.hours, []
    free = [query.arrived_at for query in queries[:1]] * advisers  # a heap: when each adviser is next free
    for number, query in enumerate(queries):
        clock = RunningClock(number, number, query.arrived_at, due(hours, query.arrived_at, policy.response).due)
        answered_at = None
        begun_at = hours.next_opening(max(query.arrived_at, free[0]))
        if begun_at < until:
            done_at = hours.add_opening_time(begun_at, query.handling)
            heapq.heapreplace(free, done_at)
            answered_at = done_at if done_at <= until else None
        fates.append(_fate(clock, answered_at, policy, until))
    return tuple(fates)


def _fate(clock: RunningClock, answered_at: datetime | None, policy: Policy, until: datetime) -> Fate:
    told = tuple(_told(clock, policy, answered_at or until))
    if answered_at is None:
        return Fate(clock.started_at, clock.due_at, None, None, None if until <= clock.due_at else False, told)
    took = policy.hours.opening_time_between(clock.started_at, answered_at)
    return Fate(clock.started_at, clock.due_at, answered_at, took, answered_at <= clock.due_at, told)


def _told(clock: RunningClock, policy: Policy, ends: datetime) -> Iterator[Step]:
    """The steps that sweeps would tell before `ends`, looked for only where a sweep could find a new one."""
    told: set[str] = set()
    for step in steps_of(clock, policy):
        at = policy.hours.next_opening(step_instant(clock, step, policy.hours))
        if at >= ends:
            return
        if found := step_due(clock, told, policy, at):
            told.add(found.name)
            yield found
