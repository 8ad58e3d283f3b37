"""Operators are told while there is time that bank holidays will not be known any more."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.service.alarms import end_alarm
from helpline_mail.service.holidays import HOLIDAYS, HOLIDAYS_UNKNOWN, watch_holidays
from helpline_mail.service.inquire import status
from tests.integration.desk import FOLDER, Desk, header

HALF_A_YEAR_BEFORE = datetime(2026, 7, 4, 12, tzinfo=UTC)


@pytest.fixture
def known(desk: Desk) -> Desk:
    """A desk whose bank holidays are known to the end of 2026."""
    return knows(desk, date(2026, 12, 31))


def knows(desk: Desk, last_day: date) -> Desk:
    desk.decide_otherwise(hours=replace(desk.correspondence.policy.hours, holidays_known_to=last_day))
    return desk


def look(desk: Desk, at: datetime) -> list[str]:
    """One look at that time; the alarms that are open after it."""
    desk.clock.now = at
    watch_holidays(desk.store, desk.correspondence, desk.clock)
    desk.submit()
    return [row.cause for row in desk.rows(schema.alarm, schema.alarm.c.over_at.is_(None))]


def subjects(desk: Desk) -> list[str]:
    return [header(envelope.octets, "Subject") for envelope in desk.sent("alarm")]


def test_one_alarm_half_a_year_before_and_one_at_the_end(known: Desk) -> None:
    assert look(known, HALF_A_YEAR_BEFORE - timedelta(days=1)) == []
    for day in range(170):
        assert look(known, HALF_A_YEAR_BEFORE + timedelta(days=day)) == [HOLIDAYS]
    assert subjects(known) == ["Alarm: bank holidays are known only to 2026-12-31"]
    for day in range(3):
        assert look(known, datetime(2027, 1, 1 + day, tzinfo=UTC)) == [HOLIDAYS, HOLIDAYS_UNKNOWN]
    assert len(subjects(known)) == 2


def test_an_upgrade_ends_both(known: Desk) -> None:
    look(known, HALF_A_YEAR_BEFORE)
    look(known, datetime(2027, 1, 1, tzinfo=UTC))
    knows(known, date(2027, 12, 31))
    assert look(known, datetime(2027, 1, 2, tzinfo=UTC)) == []
    assert [subject.partition(":")[0] for subject in subjects(known)] == ["Alarm", "Alarm", "Over", "Over"]


def test_who_looks_only_after_the_end_is_told_once(known: Desk) -> None:
    assert look(known, datetime(2027, 1, 4, 10, tzinfo=UTC)) == [HOLIDAYS_UNKNOWN]
    assert look(known, datetime(2027, 1, 4, 11, tzinfo=UTC)) == [HOLIDAYS_UNKNOWN]
    assert len(subjects(known)) == 1


def test_a_second_instance_tells_nothing_twice(known: Desk) -> None:
    known.clock.now = HALF_A_YEAR_BEFORE
    assert [watch_holidays(known.store, known.correspondence, known.clock) for _ in range(2)] == [1, 0]


def test_an_alarm_that_somebody_ended_comes_back_while_its_cause_lasts(known: Desk) -> None:
    look(known, HALF_A_YEAR_BEFORE)
    end_alarm(known.store, known.correspondence, HOLIDAYS, known.clock)
    assert look(known, HALF_A_YEAR_BEFORE + timedelta(days=1)) == [HOLIDAYS]


def test_status_is_well_with_a_notice_while_there_is_time_and_has_a_problem_at_the_end(known: Desk) -> None:
    def facts() -> tuple[bool, list[str], list[str]]:
        known.collect()
        found = status(known.store, FOLDER, timedelta(minutes=1), known.clock())
        return found["ok"], found["problems"], found["notices"]

    look(known, HALF_A_YEAR_BEFORE)
    soon = "holidays: bank holidays are known only to 2026-12-31"
    assert facts() == (True, [], [soon])
    look(known, datetime(2027, 1, 1, tzinfo=UTC))
    over = "holidays_unknown: bank holidays after 2026-12-31 are not known; an answer may be promised for one of them"
    assert facts() == (False, [over], [soon])
