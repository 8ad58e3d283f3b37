"""Helplines elsewhere: from their configuration to the words of an acknowledgement.

Everywhere 10:00 to 16:00 from Monday to Friday, and three hours. What is expected was counted by hand from what the law
of each place says about the day.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from helpline_mail.composition import policy
from helpline_mail.config import load
from helpline_mail.domain.acknowledgement import acknowledge
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.promise import due
from helpline_mail.wire.shipped import shipped

TODAY = date(2026, 1, 5)


@dataclass(frozen=True)
class Place:
    """Times are local, with their offset from UTC."""

    zone: str
    division: str
    received: str
    due: str
    by: str
    closed: str
    reason: str


PLACES = [
    # Banking and Financial Dealings Act 1971, schedule 1: Easter Monday is none in Scotland, the first Monday of August
    # and St Andrew's Day are, the latter by an Act of 2007; 2 January moves to the Monday if it is on a weekend.
    Place("Europe/London", "GB-SCT", "2026-04-02T15:00+01:00", "2026-04-06T12:00+01:00",
          "by 12:00 on Monday 6 April", "from Friday 3 April to Sunday 5 April", "Good Friday"),
    Place("Europe/London", "GB-SCT", "2026-11-27T15:30+00:00", "2026-12-01T12:30+00:00",
          "by 12:30 on Tuesday 1 December", "from Saturday 28 November to Monday 30 November", "Saint Andrew's Day"),
    Place("Europe/London", "GB-SCT", "2026-12-31T14:00+00:00", "2027-01-05T11:00+00:00",
          "by 11:00 on Tuesday 5 January 2027", "from Friday 1 January 2027 to Monday 4 January 2027",
          "New Year's Day and New Year Holiday"),
    # By royal proclamation on the Monday, as 12 July is a Sunday.
    Place("Europe/London", "GB-NIR", "2026-07-10T15:00+01:00", "2026-07-14T12:00+01:00",
          "by 12:00 on Tuesday 14 July", "from Saturday 11 July to Monday 13 July", "Battle of the Boyne"),
    # Feiertagsgesetz (Bavaria), article 1: Corpus Christi, a Thursday, which Berlin does not keep.
    Place("Europe/Berlin", "DE-BY", "2026-06-03T14:30+02:00", "2026-06-05T11:30+02:00",
          "by 11:30 on Friday 5 June", "on Thursday 4 June", "Corpus Christi"),
    Place("Europe/Berlin", "DE-BE", "2026-06-03T14:30+02:00", "2026-06-04T11:30+02:00",
          "by 11:30 on Thursday 4 June", "", ""),
    # Code du travail, article L3133-1: 14 July is one, and of Easter the Monday alone.
    Place("Europe/Paris", "FR", "2026-07-13T15:00+02:00", "2026-07-15T12:00+02:00",
          "by 12:00 on Wednesday 15 July", "on Tuesday 14 July", "National Day"),
    Place("Europe/Paris", "FR", "2026-04-03T15:00+02:00", "2026-04-07T12:00+02:00",
          "by 12:00 on Tuesday 7 April", "from Saturday 4 April to Monday 6 April", "Easter Monday"),
    # Organisation of Working Time Act 1997, schedule 2: the last Monday of October, the day after the clock change.
    Place("Europe/Dublin", "IE", "2026-10-23T15:00+01:00", "2026-10-27T12:00+00:00",
          "by 12:00 on Tuesday 27 October", "from Saturday 24 October to Monday 26 October", "October Bank Holiday"),
    # California Government Code, section 6700: Thanksgiving and the day after it.
    Place("America/Los_Angeles", "US-CA", "2026-11-25T15:00-08:00", "2026-11-30T12:00-08:00",
          "by 12:00 on Monday 30 November", "from Thursday 26 November to Sunday 29 November",
          "Thanksgiving Day and Day After Thanksgiving"),
    # Act on National Holidays (Japan), article 3: 3 May is a Sunday, and the next day that is none is 6 May.
    Place("Asia/Tokyo", "JP", "2026-05-01T14:00+09:00", "2026-05-07T11:00+09:00",
          "by 11:00 on Thursday 7 May", "from Saturday 2 May to Wednesday 6 May",
          "Constitution Day, Greenery Day, Children's Day and Substitute Holiday"),
    # The day between two holidays is one as well.
    Place("Asia/Tokyo", "JP", "2026-09-18T15:00+09:00", "2026-09-24T12:00+09:00",
          "by 12:00 on Thursday 24 September", "from Saturday 19 September to Wednesday 23 September",
          "Respect for the Aged Day, National Holiday and Autumnal Equinox Day"),
    # The clock is set forward on 8 March, in London on 29 March.
    Place("America/New_York", "US-NY", "2026-03-06T15:30-05:00", "2026-03-09T12:30-04:00",
          "by 12:30 on Monday 9 March", "at the weekend", ""),
    # 4 July is a Saturday: 5 U.S. Code, section 6103 (b), gives the Friday.
    Place("America/New_York", "US", "2026-07-02T15:00-04:00", "2026-07-06T12:00-04:00",
          "by 12:00 on Monday 6 July", "from Friday 3 July to Sunday 5 July", "Independence Day"),
    # Republic Day, a Monday. Half past nine in the morning by UTC.
    Place("Asia/Kolkata", "IN", "2026-01-23T15:00+05:30", "2026-01-27T12:00+05:30",
          "by 12:00 on Tuesday 27 January", "from Saturday 24 January to Monday 26 January", "Republic Day"),
    # Easter, with the clock set back on Sunday 5 April. What is Friday in Auckland begins on Thursday by UTC.
    Place("Pacific/Auckland", "NZ", "2026-04-02T15:00+13:00", "2026-04-07T12:00+12:00",
          "by 12:00 on Tuesday 7 April", "from Friday 3 April to Monday 6 April", "Good Friday and Easter Monday"),
    # Matariki Public Holiday Act 2022 (New Zealand), schedule 1: Friday 10 July.
    Place("Pacific/Auckland", "NZ", "2026-07-09T15:00+12:00", "2026-07-13T12:00+12:00",
          "by 12:00 on Monday 13 July", "from Friday 10 July to Sunday 12 July", "Matariki"),
    # Public Holidays Act 2010 (New South Wales): the first Monday of October; half an hour forward the day before.
    Place("Australia/Lord_Howe", "AU-NSW", "2026-10-02T15:00+10:30", "2026-10-06T12:00+11:00",
          "by 12:00 on Tuesday 6 October", "from Saturday 3 October to Monday 5 October", "Labour Day"),
    # Half an hour back on Sunday 5 April, in the middle of Easter.
    Place("Australia/Lord_Howe", "AU-NSW", "2026-04-02T15:30+11:00", "2026-04-07T12:30+10:30",
          "by 12:30 on Tuesday 7 April", "from Friday 3 April to Monday 6 April",
          "Good Friday, Easter Saturday, Easter Sunday and Easter Monday"),
    # No division at all.
    Place("Asia/Kolkata", "", "2026-12-24T15:30+05:30", "2026-12-25T12:30+05:30", "by 12:30 on Friday 25 December", "",
          ""),
]  # fmt: skip


def configured(folder: Path, opening_hours: str, zone: str = "Europe/London") -> Policy:
    """The example configuration with other opening hours."""
    text = shipped("config.example.toml").read_text("utf-8")
    text, replaced = re.subn(r"(?ms)^\[opening_hours\].*?(?=^\[promise\])", lambda _: opening_hours, text)
    assert replaced == 1
    path = folder / "config.toml"
    path.write_text(text.replace("Europe/London", zone), "utf-8")
    return policy(load(path, TODAY))


def week(keys: str) -> str:
    """Opening hours as they are written, with further keys."""
    days = "\n".join(f'{day} = ["10:00-16:00"]' for day in ("monday", "tuesday", "wednesday", "thursday", "friday"))
    return f"[opening_hours]\n{days}\n{keys}\n"


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place.division} {place.received[:10]}")
def test_a_helpline_elsewhere_promises_by_its_own_calendar_and_clock(tmp_path: Path, place: Place) -> None:
    decided = configured(tmp_path, week(f'bank_holidays = "{place.division}"'), place.zone)
    received = datetime.fromisoformat(place.received).astimezone(UTC)
    promise = due(decided.hours, received, decided.response)
    assert promise.due == datetime.fromisoformat(place.due)
    there = promise.due.astimezone(decided.hours.time_zone)
    assert there.isoformat(timespec="minutes") == place.due
    said = acknowledge(decided.hours, promise.due, received)
    assert (said.by, said.closed, said.reason) == (place.by, place.closed, place.reason)
    assert (said.lines_open, said.lines_until) == (True, "16:00 today")


def words(decided: Policy, received: str) -> tuple[str, str, str]:
    """Situation, time and reason as the acknowledgement has them."""
    at = datetime.fromisoformat(received)
    said = acknowledge(decided.hours, due(decided.hours, at, decided.response).due, at)
    return said.situation, said.by, said.reason


PROCLAIMED = week(
    'not_bank_holidays = [2027-05-31]\nextra_bank_holidays = [{ date = 2027-06-01, name = "Jubilee" }]\n'
    "closures = [{ from = 2020-03-23, until = 2020-05-10, reason = \"moved\" }]"
)  # fmt: skip


def test_a_bank_holiday_that_was_proclaimed_reads_like_any_other(tmp_path: Path) -> None:
    decided = configured(tmp_path, PROCLAIMED)
    assert words(decided, "2027-05-31T15:00+01:00") == ("bank_holiday", "by 12:00 on Wednesday 2 June", "Jubilee")
    assert words(decided, "2027-06-01T12:00+01:00") == ("bank_holiday", "by 13:00 on Wednesday 2 June", "Jubilee")


def test_a_predicted_bank_holiday_that_is_none_is_an_ordinary_day(tmp_path: Path) -> None:
    monday = "2027-05-31T10:00+01:00"
    assert words(configured(tmp_path, week("")), monday)[0] == "bank_holiday"
    assert words(configured(tmp_path, PROCLAIMED), monday) == ("in_hours", "by 13:00 today, Monday 31 May", "")


def test_an_extra_bank_holiday_that_the_calendar_learns_later_is_one_holiday_under_the_name_given(
    tmp_path: Path,
) -> None:
    decided = configured(tmp_path, week('extra_bank_holidays = [{ date = 2026-12-25, name = "Christmas" }]'))
    assert words(decided, "2026-12-24T15:00+00:00")[2] == "Christmas and Boxing Day"


def test_bank_holidays_can_all_be_written_down(tmp_path: Path) -> None:
    own = week('bank_holidays = ""\nextra_bank_holidays = [{ date = 2026-11-24, name = "Founding Day" }]')
    decided = configured(tmp_path, own)
    assert decided.hours.holidays_known_to is None
    assert words(decided, "2026-11-23T15:00+00:00")[1:] == ("by 12:00 on Wednesday 25 November", "Founding Day")
    assert words(decided, "2026-12-25T10:00+00:00")[0] == "in_hours"
