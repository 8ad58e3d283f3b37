"""Who gets no holding mail, and what none of them says: nothing untrue, nothing twice, nothing to machines."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from helpline_mail.adapters.store import clocks
from helpline_mail.domain.clocks import Allowance, ClockKind, Deadline
from helpline_mail.domain.delivery import Envelope, Outcome, Refused
from helpline_mail.domain.opening_hours import Closure
from helpline_mail.service import clockwork, updates
from helpline_mail.service.alarms import MAILBOX, end_alarm, raise_alarm
from tests.integration.desk import AMY, BOB, Away, Desk, bounce, follow_up, header, mail, policy
from tests.integration.staff import (
    EXAMPLEBOOK,
    MONDAY,
    THURSDAY,
    held_out,
    lapsed,
    opened,
    settings,
    tell,
    ticket,
    to,
    update_due,
)
from tests.integration.test_database import together
from tests.integration.test_staff_mail import notice_to, reply

FORGED = "mx.example.org.uk; dmarc=fail header.from=school.sch.uk"


def move_update(desk: Desk, due_at: datetime) -> None:
    """Staff set another day for the next word."""
    with desk.store.write() as connection:
        until = Deadline(Allowance(desk.clock(), due_at - desk.clock()), due_at)
        clockwork.wait(connection, ticket(desk).id, until, desk.clock())


def closures(*periods: tuple[date, date]) -> dict[str, object]:
    closed = tuple(Closure(first, last, "training") for first, last in periods)
    return settings(hours=replace(policy().hours, closures=closed))


@pytest.mark.parametrize("field", [{"authentication_results": FORGED}, {"list_id": "<all.school.sch.uk>"}])
def test_who_was_not_to_be_acknowledged_gets_none_after_an_answer_either(desk: Desk, field: dict[str, str]) -> None:
    desk.decide_otherwise(**settings())
    desk.receive(mail(**field))
    tell(desk, "Dear Alice, did you write this?")
    desk.sweep(THURSDAY, THURSDAY + timedelta(hours=18))
    assert (desk.sent("acknowledgement"), held_out(desk)) == ([], [])
    assert "no holding mail: they got no acknowledgement" in lapsed(desk)[0]


def test_one_mailbox_in_many_spellings_gets_as_few_as_one(desk: Desk) -> None:
    desk.decide_otherwise(**settings())
    for number, spelling in enumerate(("alice", "Alice", "ALICE", "aLice", "alice+x")):
        desk.receive(mail(f"{spelling}@school.sch.uk", message_id=f"<{number}@x.example>"))
        desk.clock.advance(minutes=61)
    desk.sweep(THURSDAY)
    assert (len(desk.sent("acknowledgement")), len(desk.sent("update"))) == (5, 3)


def test_they_are_rationed_by_domain_as_acknowledgements_are(desk: Desk) -> None:
    desk.decide_otherwise(**settings())
    for number in range(35):
        desk.receive(mail(f"pupil{number}@school.sch.uk", message_id=f"<{number}@x.example>"))
        desk.clock.advance(minutes=3)
    assert len(desk.sent("acknowledgement")) == 35
    desk.sweep(THURSDAY)
    assert len(desk.sent("update")) == 30
    desk.sweep(THURSDAY + timedelta(hours=18))
    assert "as many left in the past hour as are allowed" in lapsed(desk)[0]


def test_a_late_acknowledgement_is_word_enough(desk: Desk) -> None:
    desk.decide_otherwise(**settings())
    desk.mailbox.append(mail(), desk.clock())
    desk.clock.now = MONDAY - timedelta(hours=6)
    desk.collect()
    desk.triage()
    desk.submit()
    desk.sweep(desk.clock() + timedelta(seconds=15), desk.clock() + timedelta(minutes=1))
    assert (len(desk.sent("acknowledgement")), held_out(desk)) == (1, [])
    assert update_due(desk) == datetime(2026, 12, 2, 16, 0, tzinfo=UTC)
    assert "update_missed" not in desk.codes()


def test_none_leaves_while_the_mailbox_cannot_be_read(waiting: Desk) -> None:
    raise_alarm(waiting.store, waiting.correspondence, MAILBOX, "it does not answer", waiting.clock)
    waiting.sweep(THURSDAY, THURSDAY + timedelta(hours=18))
    assert (held_out(waiting), lapsed(waiting)) == ([], [])
    end_alarm(waiting.store, waiting.correspondence, MAILBOX, waiting.clock)
    waiting.sweep()
    assert len(held_out(waiting)) == 1


def test_none_leaves_while_an_answer_waits_to_be_filed(waiting: Desk) -> None:
    waiting.clock.now = THURSDAY
    waiting.mailbox.append(reply(notice_to(waiting, AMY), "Dear Alice, it is gone."), waiting.clock())
    waiting.collect()
    waiting.sweep()
    waiting.triage()
    waiting.submit()
    waiting.sweep()
    assert held_out(waiting) == []


def test_two_sweeps_at_once_send_one(waiting: Desk) -> None:
    waiting.clock.now = THURSDAY
    assert together([waiting.keep_in_touch] * 4) == []
    waiting.submit()
    assert (len(held_out(waiting)), waiting.codes().count("update_missed")) == (1, 1)


def test_none_leaves_if_staff_set_another_day_at_that_moment(waiting: Desk) -> None:
    with waiting.store.read() as connection:
        (seen,) = clocks.due_by(connection, ClockKind.UPDATE, THURSDAY)
    move_update(waiting, MONDAY)
    with waiting.store.write() as connection:
        assert updates._start_anew(connection, waiting.correspondence, seen, THURSDAY) is None
    assert update_due(waiting) == MONDAY


def test_one_that_waits_is_taken_back_if_staff_set_another_day(waiting: Desk) -> None:
    waiting.clock.now = THURSDAY
    waiting.keep_in_touch()
    waiting.submit(Away())
    waiting.clock.advance(hours=18)
    move_update(waiting, MONDAY + timedelta(days=7))
    waiting.submit()
    assert held_out(waiting) == []
    assert waiting.clocks(kind="update")[-1].promised_at is None


def test_only_those_that_left_count_in_a_row(waiting: Desk) -> None:
    due_at = THURSDAY
    for _ in range(3):
        waiting.clock.now = due_at
        waiting.keep_in_touch()
        due_at += timedelta(days=7)
        move_update(waiting, due_at)
        waiting.submit()
    waiting.sweep(due_at)
    assert len(held_out(waiting)) == 1


def test_who_was_answered_is_not_told_that_somebody_elses_answer_is_late(waiting: Desk) -> None:
    tell(waiting, f"#admit {BOB}")
    waiting.clock.advance(minutes=30)
    waiting.receive(follow_up(waiting, 3, from_=BOB))
    waiting.sweep(THURSDAY)
    (text,) = held_out(waiting)
    assert "You should have had our answer" not in text


def test_a_late_answer_is_late_by_what_the_enquirer_was_told(desk: Desk) -> None:
    opened(desk)
    desk.decide_otherwise(**closures((date(2026, 11, 24), date(2026, 11, 24))))
    desk.replan()
    desk.sweep(THURSDAY)
    (text,) = held_out(desk)
    assert "You should have had our answer by 13:10 on Tuesday 24 November." in text


class Picky(Away):
    """Refuses what is for the partner."""

    async def send(self, envelope: Envelope) -> Outcome:
        return Refused(550, "RCPT") if envelope.recipient == EXAMPLEBOOK else await super(Away, self).send(envelope)


def test_a_partner_whom_our_mail_did_not_reach_is_not_awaited(waiting: Desk) -> None:
    ask = "#partner examplebook\nPlease remove video 17."
    tell(waiting, ask)
    waiting.clock.advance(minutes=3)
    waiting.receive(bounce(EXAMPLEBOOK, header(to(waiting, EXAMPLEBOOK)[0].octets, "Message-ID")))
    assert waiting.clocks(kind="partner")[-1].stopped_at is not None
    waiting.mailbox.append(reply(notice_to(waiting, AMY), ask), waiting.clock())
    waiting.collect()
    waiting.triage()
    waiting.submit(Picky())
    assert [row.stopped_at is None for row in waiting.clocks(kind="partner")] == [False, False]
    waiting.sweep(THURSDAY)
    (text,) = held_out(waiting)
    assert "safety team" not in text


def test_a_late_bounce_of_an_older_mail_to_a_partner_ends_no_later_wait(waiting: Desk) -> None:
    tell(waiting, "#partner examplebook\nPlease remove video 17.")
    waiting.clock.advance(minutes=3)
    tell(waiting, "#partner examplebook\nAnd video 18.")
    waiting.receive(bounce(EXAMPLEBOOK, header(to(waiting, EXAMPLEBOOK)[0].octets, "Message-ID")))
    assert waiting.clocks(kind="partner")[-1].stopped_at is None


def test_in_a_closed_ticket_no_partner_is_awaited(waiting: Desk) -> None:
    tell(waiting, "#partner examplebook\nPlease remove video 17.")
    tell(waiting, "#resolve advice given\nDear Alice, they have removed it.")
    waiting.sweep(*(THURSDAY + timedelta(hours=hours) for hours in (18, 19, 90, 96)))
    assert "partner_silent" not in waiting.codes()


def test_where_no_opening_day_is_in_sight_it_comes_round_by_the_calendar_and_promises_nothing(waiting: Desk) -> None:
    waiting.decide_otherwise(**closures((date(2026, 11, 27), date(2028, 12, 31))))
    waiting.sweep(*(THURSDAY + timedelta(seconds=15) * number for number in range(20)))
    assert (waiting.codes().count("update_missed"), held_out(waiting)) == (1, [])
    assert update_due(waiting) == THURSDAY + timedelta(days=2)
