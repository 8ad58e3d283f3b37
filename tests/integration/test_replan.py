"""Deadlines follow the calendar: an announced closure moves them, staff are told, and what was said is remembered."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from helpline_mail.adapters.store import schema
from helpline_mail.domain.opening_hours import Closure
from helpline_mail.service.inquire import explained, ticket_shown
from tests.integration.desk import ALICE, AMY, LEAD, Desk, bounce, follow_up, header, mail, words
from tests.integration.staff import EXAMPLEBOOK, opened, settings, tell, ticket, to, update_due

TRAINING = Closure(date(2026, 11, 24), date(2026, 11, 24), "training")
WEDNESDAY = Closure(date(2026, 11, 25), date(2026, 11, 26), "training")
PROMISED = datetime(2026, 11, 24, 13, 10, tzinfo=UTC)


def close(desk: Desk, *closures: Closure) -> None:
    """The operator configures these closures, and the daemon starts again."""
    hours = replace(desk.correspondence.policy.hours, closures=closures)
    desk.decide_otherwise(**settings(hours=hours))
    desk.replan()
    desk.submit()


def moved(desk: Desk, member: str = AMY) -> list[str]:
    return [words(e) for e in to(desk, member, "notice") if "moved" in header(e.octets, "Subject")]


def response(shown: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(clock for clock in shown["clocks"] if clock["kind"] == "response")
    return found


def test_a_closure_moves_the_deadline_and_both_times_are_reported(desk: Desk) -> None:
    opened(desk)
    close(desk, TRAINING)
    (clock,) = desk.clocks()
    assert (clock.due_at, clock.promised_at) == (datetime(2026, 11, 25, 13, 0, tzinfo=UTC), PROMISED)
    (to_amy,), (to_lena,) = moved(desk), moved(desk, LEAD)
    assert to_amy == to_lena
    for said in ("answer due by 13:00 on Wednesday 25 November", "before: by 13:10 today", "was told: by 13:10 today"):
        assert said in to_amy
    assert ALICE not in to_amy
    shown = response(ticket_shown(desk.store, ticket(desk).reference))
    assert [(change["what"], change["due_at"]) for change in shown["history"]] == [
        ("started", PROMISED), ("moved", clock.due_at),
    ]  # fmt: skip
    assert shown["promised_at"] == PROMISED


def test_what_did_not_move_is_not_spoken_of_and_nothing_is_said_twice(desk: Desk) -> None:
    opened(desk)
    desk.replan()
    assert "deadline_moved" not in desk.codes()
    close(desk, TRAINING)
    close(desk, TRAINING)
    assert (len(moved(desk)), desk.codes().count("deadline_moved")) == (1, 1), "the update falls on Thursday either way"


def test_a_closure_that_is_withdrawn_moves_it_back(desk: Desk) -> None:
    opened(desk)
    close(desk, TRAINING)
    close(desk)
    assert desk.clocks()[0].due_at == PROMISED
    assert "was told:" not in moved(desk)[1]


def test_staff_are_reminded_by_the_new_deadline_of_every_step(desk: Desk) -> None:
    opened(desk)
    desk.sweep(PROMISED - timedelta(minutes=90))
    desk.clock.now = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
    desk.receive(mail(message_id="<two@school.sch.uk>", subject="Another"))
    desk.sweep(datetime(2026, 11, 24, 15, 59, tzinfo=UTC))
    close(desk, WEDNESDAY)  # from Wednesday at 12:00 to Friday at 12:00
    desk.sweep(*(datetime(2026, 11, day, hour, minute, tzinfo=UTC)
                 for day in (25, 26, 27) for hour in range(9, 17) for minute in (0, 30, 50)))  # fmt: skip
    second = desk.clocks()[1]
    told = [row.step for row in desk.rows(schema.reminder) if row.clock_id == second.id]
    assert sorted(told) == sorted(["90m", "30m", "10m", "overdue-0m", "overdue-60m"])
    times = {row.told_at.day for row in desk.rows(schema.reminder) if row.clock_id == second.id}
    assert times == {27}


def test_a_promise_can_be_kept_by_the_new_calendar_and_the_trail_says_what_was_promised(desk: Desk) -> None:
    opened(desk)
    close(desk, TRAINING)
    desk.clock.now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    tell(desk, "Dear Alice, call the police.")
    (clock,) = desk.clocks()
    assert (clock.kept, clock.opening_seconds) == (True, 2 * 3600)
    shown = response(ticket_shown(desk.store, ticket(desk).reference))
    assert (shown["kept"], shown["kept_as_promised"]) == (True, False)


def test_who_was_told_no_time_is_not_said_to_have_been(desk: Desk) -> None:
    opened(desk)
    tell(desk, "Dear Alice, call the police.")
    desk.clock.advance(minutes=10)
    desk.receive(follow_up(desk))  # no further acknowledgement follows it
    assert [row.promised_at for row in desk.clocks()] == [PROMISED, None]
    close(desk, TRAINING)
    (text,) = moved(desk)
    assert "answer due by 13:00 on Wednesday 25 November" in text
    assert "was told" not in text
    assert "were told" not in text


def test_updates_and_partners_move_as_well(desk: Desk) -> None:
    opened(desk)
    tell(desk, "Dear Alice, we have asked the network.")
    tell(desk, "#partner examplebook\nPlease remove video 17.")
    close(desk, WEDNESDAY)
    assert update_due(desk) == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    (partner,) = desk.clocks(kind="partner")
    assert partner.due_at == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    (text,) = moved(desk)
    assert "next word to the enquirer due by 16:00 on Monday 30 November" in text
    assert "answer from Examplebook safety team awaited by 16:00 on Monday 30 November" in text
    assert to(desk, EXAMPLEBOOK)


def test_a_clock_that_a_bounce_restarted_counts_only_what_was_left(desk: Desk) -> None:
    opened(desk)
    desk.clock.advance(minutes=60)
    tell(desk, "Dear Alice, call the police.")
    desk.clock.advance(minutes=30)
    desk.receive(bounce(ALICE, header(to(desk, ALICE, "answer")[0].octets, "Message-ID")))
    (clock,) = desk.clocks()
    assert (clock.due_at, clock.kept, clock.stopped_at) == (datetime(2026, 11, 24, 13, 40, tzinfo=UTC), None, None)
    found = response(explained(desk.store, desk.correspondence.policy, ticket(desk).reference))
    assert sum((span["until"] - span["from"] for span in found["spans"]), timedelta()) == timedelta(hours=3)
    close(desk, WEDNESDAY)
    assert desk.clocks()[0].due_at == clock.due_at
    close(desk, TRAINING)
    assert desk.clocks()[0].due_at == datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    found = response(explained(desk.store, desk.correspondence.policy, ticket(desk).reference))
    assert [change["what"] for change in found["history"]] == ["started", "stopped", "restarted", "moved"]
