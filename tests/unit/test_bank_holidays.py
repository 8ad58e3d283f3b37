"""How far ahead bank holidays are known, and what `check` makes of it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from helpline_mail.checks import Finding, findings
from helpline_mail.cli import cli
from helpline_mail.config import load
from helpline_mail.domain.bank_holidays import WARN_AHEAD, shortage
from helpline_mail.domain.opening_hours import OpeningHours, Window
from helpline_mail.wire.bank_holidays import known_until
from helpline_mail.wire.shipped import shipped

EXAMPLE = shipped("config.example.toml").read_text("utf-8")
LAST_DAY = date(2026, 12, 31)  # a Thursday
HOURS = OpeningHours(
    ((Window(time(10), time(16)),),) * 5 + ((),) * 2, ZoneInfo("Europe/London"), holidays_known_to=LAST_DAY
)
RESPONSE = timedelta(hours=3)


@pytest.mark.parametrize(
    ("now", "days_left", "is_over"),
    [
        ("2026-07-04T23:59:59+01:00", 180, False),
        ("2026-12-31T13:00:00+00:00", 0, False),  # due at 16:00
        ("2026-12-31T13:00:01+00:00", 0, True),  # due in January
        ("2027-01-01T00:00:00+00:00", -1, True),
        ("2027-06-01T12:00:00+01:00", -152, True),
    ],
)
def test_the_end_of_what_is_known_is_told_in_time_and_as_over_once_a_deadline_lies_behind_it(
    now: str, days_left: int, is_over: bool
) -> None:
    found = shortage(HOURS, RESPONSE, datetime.fromisoformat(now))
    assert found is not None
    assert (found.days_left, found.is_over) == (days_left, is_over)
    assert ("not known" in found.text) == is_over


def test_nothing_is_told_earlier_nor_where_there_is_nothing_to_know() -> None:
    assert shortage(HOURS, RESPONSE, datetime.fromisoformat("2026-07-03T23:59:59+01:00")) is None
    endless = replace(HOURS, holidays_known_to=None)
    assert shortage(endless, RESPONSE, datetime(2090, 1, 1, tzinfo=UTC)) is None


def test_days_are_counted_where_the_helpline_is() -> None:
    """The last hour of 3 July in London is 4 July in Auckland."""
    auckland = replace(HOURS, time_zone=ZoneInfo("Pacific/Auckland"))
    assert shortage(auckland, RESPONSE, datetime.fromisoformat("2026-07-03T23:00+01:00")) is not None


@pytest.mark.parametrize("division", ["GB-ENG", "GB-SCT", "DE-BY", "LK", "JP"])
def test_every_calendar_has_an_end(division: str) -> None:
    last = known_until(division)
    assert last is not None
    assert (last.month, last.day) == (12, 31)


def found_at(folder: Path, now: datetime, division: str = "GB-ENG") -> Finding:
    """What `check` finds about holidays at that time."""
    path = folder / "config.toml"
    path.write_text(EXAMPLE.replace('"GB-ENG"', f'"{division}"'), "utf-8")
    settings = load(path, date(2026, 11, 23))
    return next(finding for finding in findings(settings, offline=True, now=now) if finding.what == "holidays")


def test_check_warns_at_first_and_fails_at_the_end(tmp_path: Path) -> None:
    last = known_until("GB-ENG")
    assert last is not None
    end = datetime.combine(last, time(12), UTC)
    early, soon = found_at(tmp_path, end - WARN_AHEAD - timedelta(days=1)), found_at(tmp_path, end - WARN_AHEAD)
    over = found_at(tmp_path, end + timedelta(days=1))
    assert [(f.exit_code, f.is_warning) for f in (early, soon, over)] == [(0, False), (0, True), (78, False)]
    assert early.text == f"those of GB-ENG are known to {last}"
    assert soon.text.startswith(f"opening_hours.bank_holidays: GB-ENG: bank holidays are known only to {last}; up")
    assert over.text.startswith(f"opening_hours.bank_holidays: GB-ENG: bank holidays after {last} are not known; ")
    assert found_at(tmp_path, end, "").exit_code == 0


def test_check_prints_a_warning_and_is_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = known_until("GB-ENG")
    assert last is not None
    config = tmp_path / "config.toml"
    config.write_text(EXAMPLE, "utf-8")
    monkeypatch.setattr("helpline_mail.composition.utc_now", lambda: datetime(last.year, 9, 1, 12, tzinfo=UTC))
    command = ["-c", str(config), "check", "--offline"]
    shown, as_json = (CliRunner().invoke(cli, [*command, *more]) for more in ([], ["--json"]))
    assert (shown.exit_code, as_json.exit_code) == (0, 0)
    assert "warn  holidays: opening_hours.bank_holidays: GB-ENG: bank holidays are known only to" in shown.output
    (item,) = (item for item in json.loads(as_json.output) if item["what"] == "holidays")
    assert (item["ok"], item["warning"]) == (True, True)
