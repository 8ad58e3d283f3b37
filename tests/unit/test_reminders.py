"""Which reminder is due, to whom, and when the next one will be."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.clocks import RunningClock
from helpline_mail.domain.message import Address
from helpline_mail.domain.opening_hours import OpeningHours, Window
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.rations import Rations
from helpline_mail.domain.reminders import Step, recipients, step_due, step_instant, steps
from helpline_mail.domain.responder import OwnAddresses

AMY, BEN, LENA = (
    StaffMember("Amy", "amy@example.org.uk", "adviser"),
    StaffMember("Ben", "ben@example.org.uk", "adviser"),
    StaffMember("Lena", "lena@example.org.uk", "lead"),
)
HOURS = OpeningHours(((Window(time(10), time(16)),),) * 5 + ((),) * 2, ZoneInfo("Europe/London"))
POLICY = Policy(
    Address("helpline@example.org.uk"), OwnAddresses("helpline@example.org.uk"), "POSH", "", "", HOURS,
    timedelta(hours=3), tuple(timedelta(minutes=m) for m in (90, 30, 10)), (timedelta(), timedelta(minutes=60)),
    (AMY, BEN, LENA), Rations(3, 30, 300), None, "", (), timedelta(days=2),
)  # fmt: skip
FRIDAY_THREE = datetime(2026, 11, 27, 15, tzinfo=UTC)
CLOCK = RunningClock(1, 1, FRIDAY_THREE, datetime(2026, 11, 30, 12, tzinfo=UTC))


def name_of(step: Step | None) -> str | None:
    return step and step.name


def test_the_steps_stand_in_order_and_have_names() -> None:
    assert [step.name for step in steps(POLICY)] == ["90m", "30m", "10m", "overdue-0m", "overdue-60m"]
    assert Step(timedelta(seconds=-90)).name == "1m30s"


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-27T15:59", None),
        ("2026-11-28T12:00", None),  # Saturday
        ("2026-11-30T09:59", None),
        ("2026-11-30T10:29", None),
        ("2026-11-30T10:30", "90m"),
        ("2026-11-30T11:30", "30m"),
        ("2026-11-30T11:50", "10m"),
        ("2026-11-30T12:00", "overdue-0m"),
        ("2026-11-30T13:00", "overdue-60m"),
        ("2026-11-30T16:00", None),
        ("2026-12-01T10:00", "overdue-60m"),
    ],
)
def test_the_most_urgent_step_reached_while_open(now: str, due: str | None) -> None:
    assert name_of(step_due(CLOCK, (), POLICY, datetime.fromisoformat(now).replace(tzinfo=UTC))) == due


@given(st.integers(0, 6 * 24 * 60), st.sets(st.sampled_from([step.name for step in steps(POLICY)])))
def test_a_step_is_told_once_and_none_after_a_more_urgent_one(minutes: int, told: set[str]) -> None:
    now = FRIDAY_THREE + timedelta(minutes=minutes)
    due = step_due(CLOCK, told, POLICY, now)
    if due is None:
        return
    assert HOURS.is_open(now)
    order = [step.name for step in steps(POLICY)]
    assert all(order.index(name) < order.index(due.name) for name in told)
    assert step_instant(CLOCK, due, HOURS) <= now
    assert step_due(CLOCK, {*told, due.name}, POLICY, now) is None


def test_a_step_that_is_no_longer_configured_is_ignored() -> None:
    assert name_of(step_due(CLOCK, {"45m"}, POLICY, datetime(2026, 11, 30, 11, 30, tzinfo=UTC))) == "30m"


@pytest.mark.parametrize(
    ("minutes", "instant"),
    [(-90, "2026-11-30T10:30"), (-150, "2026-11-27T15:30"), (-500, "2026-11-27T15:00"), (0, "2026-11-30T12:00"),
     (300, "2026-12-01T11:00")],
)  # fmt: skip
def test_when_a_step_is_reached(minutes: int, instant: str) -> None:
    step = Step(timedelta(minutes=minutes))
    assert step_instant(CLOCK, step, HOURS) == datetime.fromisoformat(instant).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("minutes", "assignee", "who"),
    [
        (-30, None, (AMY, BEN, LENA)),
        (-30, "Ben@Example.org.uk", (BEN,)),
        (0, "ben@example.org.uk", (BEN, LENA)),
        (60, "lena@example.org.uk", (LENA,)),
        (-30, "left@example.org.uk", (AMY, BEN, LENA)),
    ],
)
def test_who_is_reminded(minutes: int, assignee: str | None, who: tuple[StaffMember, ...]) -> None:
    assert recipients(Step(timedelta(minutes=minutes)), assignee, POLICY) == who
