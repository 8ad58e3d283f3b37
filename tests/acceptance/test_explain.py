"""`ticket explain` and `schedule` as an operator reads them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from helpline_mail.adapters.store.engine import Store
from helpline_mail.adapters.store.revision import require_current
from helpline_mail.domain.opening_hours import Closure
from tests.acceptance.daemon import answer_of, run_command
from tests.acceptance.test_wrong_input import write
from tests.integration.desk import Desk, follow_up, policy
from tests.integration.staff import opened, settings, tell

CHRISTMAS = Closure(date(2026, 12, 24), date(2027, 1, 1), "Christmas")


def before_christmas(folder: Path) -> tuple[Path, str]:
    """An installation with one ticket: answered in time, a partner asked, and a query just before the closure."""
    config, store = write(folder), Store(f"sqlite:///{folder / 'helpline.db'}")
    require_current(store)
    desk = Desk(store)
    desk.clock.now = datetime(2026, 12, 23, 10, 0, tzinfo=UTC)
    opened(desk)
    desk.decide_otherwise(**settings(hours=replace(policy().hours, closures=(CHRISTMAS,))))
    tell(desk, "#partner examplebook\nPlease remove video 17.")
    desk.clock.advance(hours=1)
    tell(desk, "#answer\nDear Alice, we are asking them.")
    desk.clock.now = datetime(2026, 12, 23, 15, 59, 59, tzinfo=UTC)
    desk.receive(follow_up(desk))
    reference: str = desk.tickets()[0]["reference"]
    store.close()
    return config, reference


def test_each_clock_is_explained_by_the_time_that_counts_and_the_days_that_do_not(tmp_path: Path) -> None:
    config, reference = before_christmas(tmp_path)
    said = run_command(config, "ticket", "explain", reference).stdout
    assert "kept after 1 hour of opening time" in said
    query = said.partition("An answer to the query of Wed 23 Dec 2026 15:59 ")[2]
    assert query.startswith("is due Mon 04 Jan 2027 12:59:")
    assert "counted  Mon 04 Jan 2027 10:00 to Mon 04 Jan 2027 12:59" in query
    skipped = [line.split()[1:] for line in query.splitlines() if line.startswith("  skipped")]
    assert (len(skipped), skipped[0], skipped[-1]) == (11, ["2026-12-24:", "Christmas"], ["2027-01-03:", "Sunday"])
    assert "A partner's answer to our words of Wed 23 Dec 2026 10:00 is due Tue 05 Jan 2027 16:00:" in said


def test_all_that_is_coming_stands_in_order(tmp_path: Path) -> None:
    config, reference = before_christmas(tmp_path)
    coming = answer_of(config, "schedule")
    assert {item["reference"] for item in coming} == {reference}
    assert [f"{item['at'][5:16]} {item['what']}" for item in coming] == [
        "01-04T11:29 reminder, 1 hour 30 minutes left",
        "01-04T12:29 reminder, 30 minutes left",
        "01-04T12:49 reminder, 10 minutes left",
        "01-04T12:59 answer due",
        "01-04T12:59 overdue reminder",
        "01-04T13:59 overdue reminder, 1 hour past",
        "01-05T16:00 update to the enquirer due; a holding mail, if nobody has written",
        "01-06T10:00 reminder, if examplebook has not answered",
    ]
