"""`simulate` as an operator runs it: made-up years, what a database holds, another configuration, wrong input."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpline_mail.adapters.store.engine import Store
from helpline_mail.adapters.store.revision import require_current
from helpline_mail.service.answer import answer
from tests.acceptance.daemon import answer_of, run_command
from tests.acceptance.test_wrong_input import EXAMPLE, says, write
from tests.integration.desk import BOB, Desk, mail

YEAR = ("simulate", "--synthetic", "300", "--year", "2026")
WEEK = ("simulate", "--from", "2026-11-23", "--until", "2026-11-29")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """An installation with two enquiries of Tuesday 24 November, 10:10, the first of them answered at 10:50."""
    path = write(tmp_path)
    store = Store(f"sqlite:///{tmp_path / 'helpline.db'}")
    require_current(store)
    desk = Desk(store)
    desk.receive(mail(), mail(BOB, message_id="<bob@club.example>"))
    desk.clock.advance(minutes=40)
    answer(store, desk.correspondence.policy, desk.tickets()[0]["reference"], desk.clock(), desk.clock())
    store.close()
    return path


def test_a_made_up_year_is_one_object_whose_sums_come_out(tmp_path: Path) -> None:
    found = answer_of(write(tmp_path), *YEAR, "--advisers", "1", "--advisers", "3")
    assert (found["from"], found["until"], found["synthetic"]) == ("2026-01-01", "2026-12-31", True)
    assert found["recorded"] is None
    assert found["handling"] == {"median_seconds": 1500, "spread": 2, "measured": False}
    one, three = found["results"]
    assert ((one["configuration"], one["advisers"]), three["advisers"]) == (("present", 1), 3)
    for result in (one, three):
        assert result["kept"] + result["breached"] + result["waiting"] == result["arrivals"] == 300
        assert sum(load["arrivals"] for load in result["hours"]) == 300
        assert [load["hour"] for load in result["hours"]] == list(range(24))
        assert [load["hour"] for load in result["hours"] if load["most_waiting"] is not None] == list(range(10, 16))
    assert three["kept"] > one["kept"]
    assert three["median_opening_seconds"] <= one["median_opening_seconds"]


def test_it_is_the_same_whenever_it_is_asked_and_another_with_another_seed(tmp_path: Path) -> None:
    config = write(tmp_path)
    first, second, other = (run_command(config, *YEAR, "--json", "--seed", seed).stdout for seed in ("1", "1", "2"))
    assert first == second != other


def test_the_staff_of_a_configuration_answer_unless_said_otherwise(tmp_path: Path) -> None:
    (result,) = answer_of(write(tmp_path), *YEAR)["results"]
    assert result["advisers"] == EXAMPLE.count("\n[[staff]]")


def test_another_configuration_stands_beside_the_present_one(tmp_path: Path) -> None:
    other = tmp_path / "longer.toml"
    text = EXAMPLE.replace('["10:00-16:00"]', '["09:00-20:00"]').replace(
        'reminders = ["90m", "30m", "10m"]', "reminders = []"
    )
    other.write_text(text.replace('"imap-password"', '"a-secret-that-is-nowhere"'))
    found = answer_of(write(tmp_path), *YEAR, "--advisers", "1", "--against", str(other))["results"]
    assert [(result["configuration"], result["advisers"]) for result in found] == [("present", 1), ("against", 1)]
    present, against = found
    assert against["median_opening_seconds"] < present["median_opening_seconds"]
    assert list(against["reminders"]) == ["opening", "overdue-0m", "overdue-60m"]
    assert against["hours"][19]["most_waiting"] is not None
    assert present["hours"][19]["most_waiting"] is None
    assert [load["arrivals"] for load in present["hours"]] == [load["arrivals"] for load in against["hours"]]


def test_what_a_database_holds_is_replayed_with_the_median_that_was_measured(config: Path) -> None:
    found = answer_of(config, *WEEK, "--advisers", "1", "--spread", "1")
    assert found["handling"] == {"median_seconds": 2400, "spread": 1, "measured": True}
    assert (found["recorded"]["kept"], found["recorded"]["median_opening_seconds"]) == (1, 2400)
    (result,) = found["results"]
    assert (result["arrivals"], result["kept"], result["eighty_percent_opening_seconds"]) == (2, 2, 4800)
    assert result["busiest_day"] == {"date": "2026-11-24", "arrivals": 2}
    said = run_command(config, *WEEK).stdout
    assert "That is the median opening time that answers took" in said
    assert re.search(r"^In truth: 1 kept, .* half of the answers within 40 minutes\.$", said, re.MULTILINE)
    assert "That is" not in run_command(config, *WEEK, "--handling", "10m").stdout


def test_the_last_day_is_part_of_the_period_and_today_is_the_usual_one(config: Path) -> None:
    for until, arrivals in (("2026-11-23", 0), ("2026-11-24", 2)):
        period = ("simulate", "--from", "2026-11-23", "--until", until, "--handling", "10m")
        assert answer_of(config, *period)["results"][0]["arrivals"] == arrivals
    today = datetime.now(UTC).date().isoformat()
    assert answer_of(config, "simulate", "--from", "2020-01-01", "--handling", "0m")["until"] >= today


def test_a_period_without_arrivals_is_said(config: Path) -> None:
    period = ("simulate", "--from", "2026-01-05", "--until", "2026-01-11")
    says(run_command(config, *period), 65, "no answer is recorded", "2026-01-05", "--handling 25m")
    done = run_command(config, *period, "--handling", "25m")
    assert (done.returncode, done.stderr) == (0, "")
    assert "None" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 64, ["--from DATE", "--synthetic N"]),
        (["--synthetic", "5", "--from", "2026-01-01"], 64, ["--from", "--synthetic"]),
        (["--synthetic", "5", "--until", "2026-01-01"], 64, ["--until", "--synthetic"]),
        (["--from", "2026-01-01", "--year", "2026"], 64, ["--year"]),
        (["--until", "2026-01-01"], 64, ["--from DATE"]),
        (["--synthetic", "0"], 64, ["--synthetic"]),
        (["--synthetic", "five"], 64, ["five"]),
        (["--synthetic", "5", "--advisers", "0"], 64, ["--advisers"]),
        (["--synthetic", "5", "--year", "9999"], 64, ["--year"]),
        (["--from", "yesterday"], 65, ['"yesterday" is not a day', "2026-11-24"]),
        (["--from", "0001-01-01"], 65, ["1970"]),
        (["--from", "2026-02-01", "--until", "2026-01-01"], 65, ["exchange"]),
        (["--synthetic", "5", "--handling", "soon"], 65, ['"soon" is not a duration', "90m"]),
        (["--synthetic", "5", "--handling", "9999999h"], 65, ["at most"]),
        (["--synthetic", "50", "--handling", "1000h", "--spread", "10", "--advisers", "50"], 65, ["not open for"]),
        (["--synthetic", "5", "--spread", "nan"], 65, ['"nan" is not a factor', "1.5"]),
        (["--synthetic", "5", "--spread", "0.5"], 65, ["factor"]),
        (["--synthetic", "5", "--against", "nowhere.toml"], 66, ["nowhere.toml"]),
    ],
)
def test_wrong_input_is_one_line(tmp_path: Path, arguments: list[str], code: int, words: list[str]) -> None:
    says(run_command(write(tmp_path), "simulate", *arguments), code, *words)


def test_a_mistake_in_the_other_configuration_names_its_file(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(EXAMPLE.replace('response = "3h"', 'respons = "3h"'))
    says(run_command(write(tmp_path), *YEAR, "--against", str(other)), 78, "other.toml", "promise.respons")
