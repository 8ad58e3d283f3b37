"""Staff are reminded: each step once, while open, while nothing was answered, however often and late it is asked."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.errors import BadInputError
from helpline_mail.domain.opening_hours import Closure
from helpline_mail.service.answer import answer
from tests.integration.desk import ALICE, AMY, LEAD, Away, Desk, header, mail
from tests.integration.test_database import together


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """A desk with one enquiry, due at 13:10."""
    desk.receive(mail())
    desk.letterbox.taken.clear()
    return desk


def answered(desk: Desk, at: datetime) -> bool | None:
    return answer(desk.store, desk.correspondence.policy, desk.tickets()[0]["reference"], at, desk.clock()).kept


def steps(desk: Desk) -> list[str]:
    return [row.step for row in sorted(desk.rows(schema.reminder), key=lambda row: row.told_at)]


def test_each_step_is_told_once_to_each_and_in_time(asked: Desk) -> None:
    told: list[tuple[str, int]] = []
    for _ in range(40):
        asked.clock.advance(minutes=6)
        if queued := asked.remind():
            told.append((f"{asked.clock().time():%H:%M}", queued))
        assert asked.remind() == 0
    assert told == [("11:40", 2), ("12:40", 2), ("13:04", 2), ("13:10", 2), ("14:10", 2)]
    assert steps(asked) == ["90m", "30m", "10m", "overdue-0m", "overdue-60m"]


def test_nothing_is_told_while_closed_and_the_rest_after_the_opening(desk: Desk) -> None:
    desk.clock.now = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # due on Wednesday at 12:00
    desk.receive(mail())
    desk.clock.now = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
    for _ in range(17):
        assert desk.remind() == 0
        desk.clock.advance(hours=1)
    desk.clock.now = datetime(2026, 11, 25, 10, 30, tzinfo=UTC)
    assert (desk.remind(), steps(desk)) == (2, ["90m"])


def test_a_late_sweep_tells_only_the_most_urgent_step(asked: Desk) -> None:
    asked.clock.now += timedelta(hours=3, minutes=20)
    assert (asked.remind(), asked.remind()) == (2, 0)
    asked.submit()
    assert steps(asked) == ["overdue-0m"]
    assert all(b"20 minutes" in e.octets for e in asked.sent("overdue"))
    assert sorted(e.recipient for e in asked.sent("overdue")) == [AMY, LEAD]


def test_a_reminder_holds_nothing_of_the_enquiry(asked: Desk) -> None:
    asked.clock.advance(hours=2)
    asked.remind()
    asked.submit()
    for envelope in asked.sent("reminder"):
        assert asked.tickets()[0]["reference"] in header(envelope.octets, "Subject")
        for word in (b"pupil", b"video", b"alice", b"What should"):
            assert word not in envelope.octets


def test_the_taker_is_reminded_and_leads_only_of_what_is_late(asked: Desk) -> None:
    with asked.store.write() as connection:
        connection.execute(schema.ticket.update().values(assignee=AMY))
    asked.clock.advance(hours=2)
    assert asked.remind() == 1
    asked.clock.advance(hours=1)
    assert asked.remind() == 2


def test_an_answer_ends_the_reminders_and_says_whether_the_promise_was_kept(asked: Desk) -> None:
    asked.clock.advance(hours=2)
    assert answered(asked, asked.clock()) is True
    asked.clock.advance(hours=3)
    assert asked.remind() == 0
    (clock,) = asked.clocks()
    assert (clock.kept, clock.opening_seconds) == (True, 7200)
    assert answered(asked, asked.clock()) is None, "none was due"


def test_a_late_answer_is_recorded_as_late_and_impossible_ones_are_refused(asked: Desk) -> None:
    asked.clock.advance(hours=3, seconds=1)
    for wrong in (asked.clock() + timedelta(minutes=1), asked.clock() - timedelta(days=1)):
        with pytest.raises(BadInputError):
            answered(asked, wrong)
    with pytest.raises(BadInputError, match="POSH-222222"):
        answer(asked.store, asked.correspondence.policy, "POSH-222222", asked.clock(), asked.clock())
    assert answered(asked, asked.clock()) is False


def test_a_follow_up_after_the_answer_starts_a_new_clock_with_its_own_steps(asked: Desk) -> None:
    asked.clock.advance(hours=2)
    asked.remind()
    answered(asked, asked.clock())
    asked.receive(mail(text="More\n", message_id="<2@school.sch.uk>", in_reply_to="<one@school.sch.uk>"))
    asked.clock.advance(minutes=95)
    assert asked.remind() == 2
    first, second = (clock.id for clock in asked.clocks())
    assert [row.clock_id for row in asked.rows(schema.reminder) if row.step == "90m"] == [first, second]


@pytest.mark.parametrize(("answered_after", "restarts"), [(30, True), (49, True), (50, False), (60, False)])
def test_an_answer_from_before_a_follow_up_leaves_the_follow_up_its_own_clock(
    asked: Desk, answered_after: int, restarts: bool
) -> None:
    """Enquiry at 10:10, follow-ups at 11:00 and 11:05, and only at 11:30 the answer is recorded."""
    asked.clock.advance(minutes=50)
    for number in (2, 3):
        asked.receive(
            mail(text=f"{number}\n", message_id=f"<{number}@school.sch.uk>", in_reply_to="<one@school.sch.uk>")
        )
        asked.clock.advance(minutes=5 if restarts else 0)
    asked.clock.now = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
    at = datetime(2026, 11, 24, 10, 10, tzinfo=UTC) + timedelta(minutes=answered_after)
    assert answered(asked, at) is True
    first, *others = asked.clocks()
    assert (first.stopped_at, first.kept, first.opening_seconds) == (at, True, answered_after * 60)
    eleven = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
    follow_ups = asked.rows(schema.message, schema.message.c.kind == "follow_up")
    found = [(c.message_id, c.started_at, c.due_at, c.stopped_at) for c in others]
    assert found == ([(follow_ups[0].id, eleven, eleven + timedelta(hours=3), None)] if restarts else [])
    asked.clock.now = datetime(2026, 11, 24, 13, 35, tzinfo=UTC)
    assert asked.remind() == (2 if restarts else 0)


def test_sweeps_at_once_tell_nothing_twice(asked: Desk) -> None:
    asked.clock.advance(hours=2)
    queued: list[int] = []
    assert together([lambda: queued.append(asked.remind())] * 4) == []
    assert (sum(queued), len(asked.outbox("reminder"))) == (2, 2)


def test_that_it_came_in_at_night_is_told_once_wherever_its_deadline_moves(desk: Desk) -> None:
    desk.clock.now = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
    desk.receive(mail())
    desk.sweep(datetime(2026, 11, 25, 10, 0, tzinfo=UTC))
    assert len(desk.outbox("reminder")) == 2
    hours = replace(desk.correspondence.policy.hours, closures=(Closure(date(2026, 11, 26), date(2026, 11, 26), ""),))
    short = replace(
        hours, weekly=tuple(windows and (replace(windows[0], closes=time(12)),) for windows in hours.weekly)
    )
    desk.decide_otherwise(hours=short)
    assert desk.replan() == 2
    desk.sweep(datetime(2026, 11, 25, 10, 1, tzinfo=UTC), datetime(2026, 11, 25, 11, 0, tzinfo=UTC))
    assert steps(desk) == ["opening"]


def test_what_waits_for_somebody_who_has_left_never_leaves(desk: Desk) -> None:
    """The mail server is away, and meanwhile Amy leaves the staff."""
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    desk.submit(Away())
    desk.clock.advance(hours=2)
    desk.remind()
    desk.decide_otherwise(staff=tuple(m for m in desk.correspondence.policy.staff if m.address != AMY))
    desk.submit()
    assert {envelope.recipient for envelope in desk.letterbox.taken} == {ALICE, LEAD}
    assert desk.codes().count("reader_left") == 2
