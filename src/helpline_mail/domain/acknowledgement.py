"""What an acknowledgement says to the enquirer: facts and their words, never anything the enquirer wrote."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Literal

from helpline_mail.domain.estimate import spoken_estimate
from helpline_mail.domain.opening_hours import WEEKDAYS, ClosedDay, OpeningHours
from helpline_mail.domain.promise import dated, spoken_day, spoken_end, spoken_moment, spoken_with_date

DAY = timedelta(days=1)
MOST_NAMED = 5
SPOKEN_MINUTES = timedelta(minutes=5)
FRESH_PART = 4
"""An estimate is fresh until this part of it has passed: later, who still waits is not like the others any more."""

Situation = Literal["in_hours", "out_of_hours", "weekend", "bank_holiday", "closure", "late"]


@dataclass(frozen=True, slots=True)
class Likely:
    """What may be said to the enquirer besides the promise: an answer `within` so much opening time of the arrival."""

    arrived_at: datetime
    within: timedelta


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Facts in words that fit into a sentence; times are local."""

    situation: Situation
    by: str
    """`by 12:40 today, Tuesday 24 November`: when an answer is due, or with "late" when it was."""
    lines_open: bool
    lines_until: str | None
    """`16:00 today`: when the open lines close; None while they are closed, or if that is over a day away."""
    lines_from: str | None
    """`10:00 on Monday 30 November`: when the closed lines open; None while they are open."""
    closed: str
    """`at the weekend`, `from Friday 3 April to Monday 6 April`: closed days before the answer, or empty."""
    reason: str
    """`Good Friday and Easter Monday`: why they are closed, if it is not an ordinary week; or empty."""
    likely: str = ""
    """`11:20 today`: when most are answered that arrive as this one did; empty if that is not known, or not sooner."""
    likely_within: str = ""
    """`an hour`, `an hour of opening time`: how long that is; empty without `likely`."""


def acknowledge(hours: OpeningHours, due: datetime, now: datetime, likely: Likely | None = None) -> Acknowledgement:
    """The facts for an acknowledgement composed at `now` to a query whose answer is due at `due`."""
    is_open = hours.is_open(now)
    closing = hours.next_closing(now) if is_open else None
    closed_days = hours.closed_days(now, max(due, hours.next_opening(now)))
    today = now.astimezone(hours.time_zone).date()
    likely_at, likely_within = _likely(hours, likely, due, now) if likely else ("", "")
    return Acknowledgement(
        situation="late" if due <= now else _situation(is_open, closed_days),
        by=spoken_with_date(due, now, hours.time_zone),
        lines_open=is_open,
        lines_until=spoken_end(closing, now, hours.time_zone) if closing and closing - now < DAY else None,
        lines_from=None if is_open else spoken_moment(hours.next_opening(now), now, hours.time_zone),
        closed=_listed(_few([_spoken_run(run, today) for run in _runs(closed_days)], "on other days")),
        reason=_listed(_few(_reasons(closed_days), "other reasons")),
        likely=likely_at,
        likely_within=likely_within,
    )


def _likely(hours: OpeningHours, likely: Likely, due: datetime, now: datetime) -> tuple[str, str]:
    """The words for an estimate while it is fresh and earlier than the promise, rounded up to five minutes."""
    if due <= now or hours.opening_time_between(likely.arrived_at, now) * FRESH_PART > likely.within:
        return "", ""
    at = hours.add_opening_time(likely.arrived_at, likely.within)
    through = "" if at - likely.arrived_at == likely.within else " of opening time"
    at += (datetime.min.replace(tzinfo=at.tzinfo) - at) % SPOKEN_MINUTES
    if at >= due:
        return "", ""
    said, zone = spoken_end(at, now, hours.time_zone), hours.time_zone
    same_day = due.astimezone(zone).date() == now.astimezone(zone).date()
    return said if same_day else dated(said, now.astimezone(zone).date()), spoken_estimate(likely.within) + through


def _situation(is_open: bool, closed_days: list[ClosedDay]) -> Situation:
    kinds = {closed.kind for closed in closed_days}
    if "closure" in kinds:
        return "closure"
    if "bank holiday" in kinds:
        return "bank_holiday"
    if "weekday" in kinds:
        return "weekend"
    return "in_hours" if is_open else "out_of_hours"


def _reasons(closed_days: list[ClosedDay]) -> list[str]:
    """Each reason without its small print: `Boxing Day (substitute day)` is said `Boxing Day`."""
    return [closed.reason.partition(" (")[0] for closed in closed_days if closed.kind != "weekday"]


def _few(said: list[str], others: str) -> list[str]:
    """Each of them once; of many only the first, and that there are others."""
    once = list(dict.fromkeys(said))
    return once if len(once) <= MOST_NAMED else [*once[: MOST_NAMED - 1], others]


def _runs(closed_days: list[ClosedDay]) -> list[list[ClosedDay]]:
    """Days that follow each other belong together."""
    by_start = groupby(enumerate(closed_days), lambda item: item[1].day - item[0] * DAY)
    return [[closed for _, closed in run] for _, run in by_start]


def _spoken_run(run: list[ClosedDay], today: date) -> str:
    first, last = run[0].day, run[-1].day
    if {closed.reason for closed in run} <= set(WEEKDAYS[5:]):
        return "at the weekend"
    if first == last:
        return "today" if first == today else f"on {spoken_day(first, today)}"
    start = "from today" if first == today else f"from {spoken_day(first, today)}"
    return f"{start} to {spoken_day(last, today)}"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))
