"""What is recorded of a promise, and said of it, is true, in whatever order things come."""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from helpline_mail.adapters.store import clocks, schema
from helpline_mail.domain.opening_hours import Closure, Window
from helpline_mail.service import clockwork
from tests.integration.desk import ALICE, AMY, BOB, Desk, bounce, follow_up, header, mail, policy, words
from tests.integration.staff import opened, settings, tell, to
from tests.integration.test_staff_mail import notice_to, reply

TUESDAY = date(2026, 11, 24)


def at(hour: int, minute: int = 0, day: int = 24) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def closed_today() -> dict[str, Any]:
    return settings(hours=replace(policy().hours, closures=(Closure(TUESDAY, TUESDAY, "training"),)))


def open_until(closes: time) -> dict[str, Any]:
    day = (Window(time(10), closes),)
    return settings(hours=replace(policy().hours, weekly=(day,) * 5 + ((),) * 2))


def opening_lists(desk: Desk) -> int:
    return [row.step for row in desk.rows(schema.reminder)].count("opening")


def test_only_what_the_enquirer_was_told_is_a_promise(desk: Desk) -> None:
    opened(desk)
    tell(desk, "Dear Alice, call the police.")
    desk.clock.advance(minutes=5)
    desk.receive(follow_up(desk, 2))
    assert [row.promised_at for row in desk.clocks()] == [at(13, 10), None]
    desk.decide_otherwise(**closed_today())
    desk.replan()
    desk.submit()
    (text,) = [words(e) for e in to(desk, AMY, "notice") if "moved" in header(e.octets, "Subject")]
    assert "the enquirer was told:" not in text


def test_an_acknowledgement_that_came_back_promised_nothing(desk: Desk) -> None:
    opened(desk)
    desk.receive(bounce(ALICE, desk.acknowledgement_id()))
    assert desk.clocks()[0].promised_at is None


def test_an_acknowledgement_that_waits_is_written_anew_when_the_deadline_moves(desk: Desk) -> None:
    desk.decide_otherwise(**settings())
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    desk.decide_otherwise(**open_until(time(12)))
    desk.clock.advance(minutes=1)
    desk.replan()
    desk.submit()
    (sent,) = desk.sent("acknowledgement")
    assert "You will hear from us by 11:10 on Wednesday 25 November" in words(sent)
    assert desk.clocks()[0].promised_at == at(11, 10, day=25)


def test_a_closure_that_is_written_down_afterwards_unmakes_no_breach(desk: Desk) -> None:
    opened(desk)
    desk.sweep(at(14, 30))
    desk.decide_otherwise(**closed_today())
    assert desk.replan() == 0
    desk.clock.now = at(11, day=25)
    tell(desk, "Dear Alice, call the police.")
    assert desk.clocks()[0].kept is False


def test_an_update_that_came_back_was_not_kept(desk: Desk) -> None:
    opened(desk)
    tell(desk, "Dear Alice, we are asking the network.")
    desk.clock.advance(minutes=3)
    desk.receive(bounce(ALICE, header(to(desk, ALICE, "answer")[0].octets, "Message-ID")))
    assert [row.kept for row in desk.clocks(kind="update")] == [None, None]


def test_the_list_at_opening_names_a_query_once_though_a_bounce_moves_its_deadline(desk: Desk) -> None:
    desk.clock.now = at(20, day=23)
    opened(desk)
    desk.sweep(at(10))
    desk.clock.now = at(10, 20)
    tell(desk, "Dear Alice, call the police.")
    desk.clock.now = at(10, 40)
    desk.receive(bounce(ALICE, header(to(desk, ALICE, "answer")[0].octets, "Message-ID")))
    desk.sweep(at(10, 41))
    assert opening_lists(desk) == 1


def test_the_list_at_opening_names_a_query_once_though_the_calendar_moves_its_deadline(desk: Desk) -> None:
    desk.clock.now = at(17, day=23)
    opened(desk)
    desk.sweep(at(10))
    desk.decide_otherwise(**open_until(time(12, 30)))
    assert desk.replan()
    desk.sweep(at(10, 15))
    assert opening_lists(desk) == 1


def test_a_list_that_waited_until_all_in_it_were_answered_is_not_sent(desk: Desk) -> None:
    desk.decide_otherwise(**settings())
    for number in range(8):
        desk.receive(mail(f"a{number}@school{number}.example", message_id=f"<{number}@x.example>"))
    desk.clock.now = at(11, 45)
    desk.remind()
    first, *others = desk.tickets()
    answer(desk, *others)
    desk.clock.advance(minutes=1)
    answer(desk, first)
    desk.sweep()
    assert to(desk, AMY, "reminder") == []
    assert "reminder_overtaken" in desk.codes()


def test_a_list_of_which_one_is_due_is_sent(desk: Desk) -> None:
    desk.decide_otherwise(**settings())
    for number in range(8):
        desk.receive(mail(f"a{number}@school{number}.example", message_id=f"<{number}@x.example>"))
    desk.clock.now = at(11, 45)
    desk.remind()
    answer(desk, *desk.tickets()[1:])
    desk.submit()
    assert len(to(desk, AMY, "reminder")) == 1


def answer(desk: Desk, *tickets: dict[str, Any]) -> None:
    """Somebody answers these by telephone."""
    now, decided = desk.clock(), desk.correspondence.policy
    with desk.store.write() as connection:
        for ticket in tickets:
            running = clocks.running(connection, ticket["id"])
            clockwork.stop(connection, decided, ticket["id"], running, now, now, "it was answered while we spoke")


def test_what_is_split_off_late_has_missed_no_update(desk: Desk) -> None:
    opened(desk)
    desk.clock.advance(minutes=5)
    desk.receive(follow_up(desk, 2, from_=ALICE))
    notice = notice_to(desk, AMY)
    tell(desk, "Dear Alice, here is all.")
    desk.sweep(at(12, day=26))
    tell(desk, "Dear Alice, here is more.")
    desk.clock.now = at(11, day=30)
    desk.receive(reply(notice, "#split"))
    assert len(desk.tickets()) == 2
    desk.sweep(at(11, 1, day=30))
    assert "update_missed" not in desk.codes()


def test_two_who_wrote_at_night_and_one_of_them_again_stand_in_one_list(desk: Desk) -> None:
    desk.clock.now = at(20, day=23)
    desk.decide_otherwise(**settings())
    desk.receive(mail(), mail(BOB, message_id="<b@club.example>"))
    desk.receive(follow_up(desk, 2))
    desk.sweep(at(10), at(10, 1), at(10, 10))
    assert opening_lists(desk) == 2
