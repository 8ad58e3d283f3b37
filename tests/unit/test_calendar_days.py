"""Odd days of the calendar: when an answer is due, and when staff are reminded of it. Never in closed time.

What is expected was counted by hand: three hours of opening time; reminders with 90, 30 and 10 minutes of it left, at
the deadline and an hour past it. What is reached as the helpline closes is told when it opens.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from helpline_mail.domain.clocks import Allowance, RunningClock
from helpline_mail.domain.message import Address
from helpline_mail.domain.opening_hours import Closure, OpeningHours, Window
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.promise import due
from helpline_mail.domain.rations import Rations
from helpline_mail.domain.reminders import AT_OPENING, step_due, step_instant, steps
from helpline_mail.domain.responder import OwnAddresses
from helpline_mail.wire.bank_holidays import bank_holidays

LONDON = ZoneInfo("Europe/London")
RESPONSE = timedelta(hours=3)


def window(written: str) -> Window:
    opens, closes = written.split("-")
    return Window(time.fromisoformat(opens), time.fromisoformat(closes))


def weekdays(*windows: str, division: str = "GB-ENG", zone: str = "Europe/London") -> OpeningHours:
    """Open at these times from Monday to Friday."""
    day = tuple(window(written) for written in windows)
    return OpeningHours((day,) * 5 + ((),) * 2, ZoneInfo(zone), bank_holidays=bank_holidays(division))


HELPLINE = weekdays("10:00-16:00")
SPLIT = weekdays("10:00-12:00", "13:00-16:00")
SUNDAY_NIGHT = OpeningHours(((),) * 6 + ((window("00:30-04:00"),),), LONDON)
NEW_YORK = weekdays("10:00-16:00", division="US-NY", zone="America/New_York")
KOLKATA = weekdays("10:00-16:00", division="IN", zone="Asia/Kolkata")
LORD_HOWE = weekdays("10:00-16:00", division="AU-NSW", zone="Australia/Lord_Howe")


def policy(hours: OpeningHours) -> Policy:
    return Policy(
        Address("helpline@example.org.uk"), OwnAddresses("helpline@example.org.uk"), "POSH", "", "", hours, RESPONSE,
        tuple(timedelta(minutes=m) for m in (90, 30, 10)), (timedelta(), timedelta(minutes=60)),
        (StaffMember("Amy", "amy@example.org.uk", "adviser"),), Rations(3, 30, 300), None, "", (), timedelta(days=2),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Times are the helpline's own, `told` those of the year in which the answer is due."""

    name: str
    hours: OpeningHours
    received: str
    due: str
    told: str
    """With 90, 30 and 10 minutes left, at the deadline, an hour past it."""


CASES = [
    Case("an ordinary day", HELPLINE, "2026-11-24T10:00", "2026-11-24T13:00",
         "11-24T11:30 11-24T12:30 11-24T12:50 11-24T13:00 11-24T14:00"),
    Case("a deadline at closing time, and the hour past it is tomorrow's", HELPLINE,
         "2026-11-24T13:00", "2026-11-24T16:00", "11-24T14:30 11-24T15:30 11-24T15:50 11-25T10:00 11-25T11:00"),
    Case("the last second of a Friday", HELPLINE, "2026-11-27T15:59:59", "2026-11-30T12:59:59",
         "11-30T11:29:59 11-30T12:29:59 11-30T12:49:59 11-30T12:59:59 11-30T13:59:59"),
    Case("a Friday, and the clock is set forward on Sunday", HELPLINE, "2026-03-27T15:00+00:00",
         "2026-03-30T12:00+01:00", "03-30T10:30 03-30T11:30 03-30T11:50 03-30T12:00 03-30T13:00"),
    Case("a Friday, and the clock is set back on Sunday", HELPLINE, "2026-10-23T15:30+01:00",
         "2026-10-26T12:30+00:00", "10-26T11:00 10-26T12:00 10-26T12:20 10-26T12:30 10-26T13:30"),
    # Opened at 00:30; 01:00 to 02:00 is never shown, so 2 hours 30 minutes until 04:00, and the rest a week later.
    Case("open while the clock is set forward", SUNDAY_NIGHT, "2026-03-28T23:00+00:00", "2026-04-05T01:00+01:00",
         "03-29T03:00 04-05T00:30 04-05T00:50 04-05T01:00 04-05T02:00"),
    # Opened at 00:30; 01:00 to 02:00 is shown twice.
    Case("open while the clock is set back", SUNDAY_NIGHT, "2026-10-24T23:00+01:00", "2026-10-25T02:30+00:00",
         "10-25T01:00+00:00 10-25T02:00 10-25T02:20 10-25T02:30 10-25T03:30"),
    # 90 minutes are left just as it closes on Thursday.
    Case("the Thursday before Easter", HELPLINE, "2026-04-02T14:30", "2026-04-07T11:30",
         "04-07T10:00 04-07T11:00 04-07T11:20 04-07T11:30 04-07T12:30"),
    Case("Good Friday", HELPLINE, "2026-04-03T12:00", "2026-04-07T13:00",
         "04-07T11:30 04-07T12:30 04-07T12:50 04-07T13:00 04-07T14:00"),
    Case("Easter Monday", HELPLINE, "2026-04-06T23:59:59", "2026-04-07T13:00",
         "04-07T11:30 04-07T12:30 04-07T12:50 04-07T13:00 04-07T14:00"),
    # Boxing Day is a Saturday: Monday 28 December stands in for it.
    Case("Christmas Eve 2026", HELPLINE, "2026-12-24T15:00", "2026-12-29T12:00",
         "12-29T10:30 12-29T11:30 12-29T11:50 12-29T12:00 12-29T13:00"),
    # Both are on the weekend: Monday 27 and Tuesday 28 December stand in for them.
    Case("Christmas Eve 2027", HELPLINE, "2027-12-24T14:00", "2027-12-29T11:00",
         "12-24T15:30 12-29T10:30 12-29T10:50 12-29T11:00 12-29T12:00"),
    # New Year's Day is a Friday: the first opening of the year is on Monday 4 January.
    Case("New Year's Eve 2026", HELPLINE, "2026-12-31T15:50", "2027-01-04T12:50",
         "01-04T11:20 01-04T12:20 01-04T12:40 01-04T12:50 01-04T13:50"),
    # 90 minutes are left as it closes for lunch.
    Case("a split day", SPLIT, "2026-11-24T10:30", "2026-11-24T14:30",
         "11-24T13:00 11-24T14:00 11-24T14:20 11-24T14:30 11-24T15:30"),
    Case("a split day, in its break", SPLIT, "2026-11-24T12:30", "2026-11-24T16:00",
         "11-24T14:30 11-24T15:30 11-24T15:50 11-25T10:00 11-25T11:00"),
    Case("New York, where the clock is set forward three weeks before London's", NEW_YORK,
         "2026-03-06T15:30-05:00", "2026-03-09T12:30-04:00",
         "03-09T11:00 03-09T12:00 03-09T12:20 03-09T12:30 03-09T13:30"),
    Case("Kolkata before Republic Day, a Monday", KOLKATA, "2026-01-23T15:00+05:30", "2026-01-27T12:00+05:30",
         "01-27T10:30 01-27T11:30 01-27T11:50 01-27T12:00 01-27T13:00"),
    # Half an hour forward on Sunday 4 October, and Labour Day on Monday.
    Case("Lord Howe", LORD_HOWE, "2026-10-02T15:00+10:30", "2026-10-06T12:00+11:00",
         "10-06T10:30 10-06T11:30 10-06T11:50 10-06T12:00 10-06T13:00"),
]  # fmt: skip


def instant(written: str, zone: ZoneInfo) -> datetime:
    """A written time with or without an offset."""
    found = datetime.fromisoformat(written)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def told_at(clock: RunningClock, hours: OpeningHours) -> list[datetime]:
    """When staff are reminded by a sweep that never sleeps, of one step after the other."""
    return [hours.next_opening(step_instant(clock, step, hours)) for step in steps(policy(hours))]


def assert_a_sweep_tells_them_then(clock: RunningClock, hours: OpeningHours, instants: list[datetime]) -> None:
    told = [AT_OPENING.name]
    for step, at in zip(steps(policy(hours)), instants, strict=True):
        assert hours.is_open(at), f"{step.name} would be told while the helpline is closed, at {at}"
        assert step_due(clock, told, policy(hours), at - datetime.resolution) is None
        assert step_due(clock, told, policy(hours), at) == step
        told.append(step.name)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_deadline_and_every_reminder(case: Case) -> None:
    zone = case.hours.time_zone
    received, expected = instant(case.received, zone), instant(case.due, zone)
    promise = due(case.hours, received, RESPONSE)
    assert promise.due == expected
    assert sum((span.length for span in promise.spans), timedelta()) == RESPONSE
    clock = RunningClock(1, 1, received, promise.due)
    instants = told_at(clock, case.hours)
    assert instants == [instant(f"{expected.year}-{at}", zone) for at in case.told.split()]
    assert_a_sweep_tells_them_then(clock, case.hours, instants)


WEDNESDAY_OFF = replace(HELPLINE, closures=(Closure(date(2026, 11, 25), date(2026, 11, 25), "training"),))


def test_a_deadline_follows_a_closure_that_is_announced_and_its_reminders_lie_in_opening_time() -> None:
    received = instant("2026-11-24T14:00", LONDON)
    allowance = Allowance(received, RESPONSE)
    before = "11-24T15:30 11-25T10:30 11-25T10:50 11-25T11:00 11-25T12:00"
    after = "11-24T15:30 11-26T10:30 11-26T10:50 11-26T11:00 11-26T12:00"
    for hours, expected in ((HELPLINE, before), (WEDNESDAY_OFF, after)):
        clock = RunningClock(1, 1, received, allowance.ends(hours))
        instants = told_at(clock, hours)
        assert instants == [instant(f"2026-{at}", LONDON) for at in expected.split()]
        assert_a_sweep_tells_them_then(clock, hours, instants)


def test_a_closure_that_is_announced_too_late_to_remind_in_time_reminds_of_the_most_urgent_at_once() -> None:
    received, now = instant("2026-11-24T14:00", LONDON), instant("2026-11-24T15:55", LONDON)
    clock = RunningClock(1, 1, received, due(HELPLINE, received, RESPONSE).due)
    step = step_due(clock, ["90m"], policy(WEDNESDAY_OFF), now)
    assert step is not None
    assert step.name == "10m"
