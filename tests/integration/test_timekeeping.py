"""A clock that is set under the running service: nothing leaves by a time that may be wrong, and nothing else waits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.delivery import Envelope
from helpline_mail.service.alarms import end_alarm
from helpline_mail.service.answer import answer
from helpline_mail.service.remind import remind
from helpline_mail.service.timekeeping import Timekeeper, timekeeper
from tests.integration.desk import ALICE, AMY, BOB, LEAD, TUESDAY_TEN_PAST_TEN, Desk, HandClock, header, mail, words
from tests.integration.test_database import together
from tests.integration.test_staff_mail import reply

THREE_YEARS = {"days": 1095}
OPS = "ops@example.org.uk"


@dataclass
class Machine(HandClock):
    """A machine whose clock can be set; `advance` lets time pass."""

    seconds: float = 0.0

    def advance(self, **by: float) -> None:
        super().advance(**by)
        self.seconds += timedelta(**by).total_seconds()

    def set(self, **by: float) -> None:
        super().advance(**by)


@dataclass
class Watched(Desk):
    """A desk whose loops look at the clock before they work, as the daemon's do."""

    def __post_init__(self) -> None:
        self.machine = Machine(self.clock.now)
        self.start()

    def start(self) -> None:
        """A new process on the same machine."""
        self.keeper = timekeeper(self.store, self.correspondence, self.machine, lambda: self.machine.seconds)
        self.clock = self.keeper  # type: ignore[assignment]

    def work(self) -> int:
        """One pass of each loop; returns how many mails the sweeps queued."""
        self.collect()
        self.keeper.look()
        self.triage()
        queued = self.remind() + self.digest()
        self.submit()
        return queued

    def arrive(self, at: datetime | None = None, from_: str = BOB, name: str = "bob") -> None:
        """A mail reaches the mailbox at `at` by the mail server's clock, or now."""
        identity = f"<{name}@club.example>"
        self.mailbox.append(mail(from_, f"Other: {name}", message_id=identity), at or self.machine())

    def alarms(self) -> list[tuple[str, bool]]:
        """Each alarm's cause, and whether it stands."""
        return [(row.cause, row.over_at is None) for row in self.rows(schema.alarm)]

    def response_clocks(self) -> list[Any]:
        return self.rows(schema.clock, schema.clock.c.kind == "response")

    def timed(self) -> list[str]:
        """The kinds of what left that time alone sends."""
        kinds = (header(envelope.octets, "X-Helpline-Kind") for envelope in self.letterbox.taken)
        return [kind for kind in kinds if kind in ("reminder", "overdue", "digest", "acknowledgement")]


@pytest.fixture
def desk(store: Store) -> Watched:
    """One enquiry of 10:10, due at 13:10, acknowledged; it is 10:20."""
    desk = Watched(store)
    desk.arrive(TUESDAY_TEN_PAST_TEN, ALICE, "alice")
    desk.work()
    desk.machine.advance(minutes=10)
    desk.work()
    assert desk.timed() == ["acknowledgement"]
    desk.letterbox.taken.clear()
    return desk


def test_nothing_is_reminded_of_by_a_clock_that_jumped_three_years_and_one_alarm_says_so(desk: Watched) -> None:
    desk.machine.set(**THREE_YEARS)
    for _ in range(60):
        assert desk.work() == 0
        desk.machine.advance(minutes=5)
    assert (desk.timed(), desk.alarms()) == ([], [("clock", True)])
    (alarm,) = desk.sent("alarm")
    assert (alarm.recipient, len(desk.letterbox.taken)) == (OPS, 1)
    said = words(alarm)
    assert "jumped from 10:20 on Tuesday 24 November 2026 to 10:20 on Friday 23 November 2029" in said
    assert "reminders, holding mails and acknowledgements wait" in said
    assert "helpline-mail alarm end clock" in said
    assert desk.rows(schema.reminder) == []


def test_until_the_jump_is_on_record_time_goes_on_as_before(desk: Watched) -> None:
    """Between the jump and the next look a sweep begins, and a mail is about to leave."""
    desk.machine.advance(minutes=79)
    desk.machine.set(**THREE_YEARS)
    assert desk.clock() == TUESDAY_TEN_PAST_TEN + timedelta(minutes=89)
    assert (desk.remind(), desk.rows(schema.reminder)) == (0, [])
    desk.machine.advance(minutes=2)
    assert desk.remind() == 2
    desk.submit()
    assert all("1 hour 29 minutes" in words(envelope) for envelope in desk.sent("reminder"))


def test_what_was_queued_before_the_jump_waits_as_well_and_leaves_in_true_words(desk: Watched) -> None:
    desk.machine.advance(minutes=80)
    assert desk.remind() == 2
    desk.arrive()
    desk.collect()
    desk.triage()
    desk.machine.set(**THREE_YEARS)
    desk.machine.advance(minutes=1)
    desk.keeper.look()
    desk.submit()
    assert desk.timed() == []
    assert {row.attempts for row in desk.outbox("reminder") + desk.outbox("acknowledgement")[1:]} == {0}
    desk.machine.set(days=-1095)
    desk.work()
    assert sorted(desk.timed()) == ["acknowledgement", "reminder", "reminder"]


def test_mail_is_filed_under_a_doubtful_clock_by_when_it_arrived_and_acknowledged_afterwards(desk: Watched) -> None:
    desk.machine.set(**THREE_YEARS)
    desk.work()
    arrived = TUESDAY_TEN_PAST_TEN + timedelta(minutes=11)
    desk.arrive(arrived)
    desk.machine.advance(minutes=1)
    desk.work()
    assert [row.started_at for row in desk.response_clocks()] == [TUESDAY_TEN_PAST_TEN, arrived]
    assert sorted(envelope.recipient for envelope in desk.sent("notice")) == [AMY, LEAD]
    assert (desk.timed(), desk.alarms()) == ([], [("clock", True)]), "the server's clock does not agree"
    desk.machine.set(days=-1095)
    desk.work()
    (acknowledgement,) = desk.sent("acknowledgement")
    assert acknowledgement.recipient == BOB
    assert "You will hear from us by 13:21 today, Tuesday 24 November" in words(acknowledgement)
    assert header(acknowledgement.octets, "Date") == "Tue, 24 Nov 2026 10:21:00 +0000"
    assert desk.alarms() == [("clock", False)]


def test_a_new_mail_shows_that_a_clock_which_jumped_is_right_and_what_is_due_is_told_once_as_late_as_it_is(
    desk: Watched,
) -> None:
    """A virtual machine that stood still for four hours."""
    desk.machine.set(hours=4)
    assert desk.work() == 0
    desk.arrive(TUESDAY_TEN_PAST_TEN + timedelta(hours=3, minutes=30), name="waited")
    assert desk.work() == 0, "it arrived while the machine stood still"
    desk.arrive()
    assert desk.work() == 2
    assert desk.work() == 0
    assert desk.alarms() == [("clock", False)]
    assert sorted(envelope.recipient for envelope in desk.sent("overdue")) == [AMY, LEAD]
    assert all("1 hour 10 minutes" in words(envelope) for envelope in desk.sent("overdue"))
    assert [envelope.recipient for envelope in desk.sent("acknowledgement")] == [BOB, BOB]
    over = words(desk.sent("alarm")[-1])
    assert "This is over: the clock of this machine jumped" in over
    assert "Lasted" not in over


def test_mail_of_before_the_jump_proves_nothing(desk: Watched) -> None:
    desk.arrive()
    desk.collect()
    desk.machine.set(minutes=-11)
    desk.machine.advance(minutes=11)
    desk.work()
    assert desk.alarms() == [("clock", True)]


def test_mail_in_a_folder_of_sent_mail_proves_nothing(desk: Watched) -> None:
    sent = desk.open_sent_folder()
    desk.machine.set(hours=4)
    desk.work()
    sent.append(mail(), desk.machine())
    desk.collect_sent()
    desk.work()
    assert desk.alarms() == [("clock", True)]


def test_p68_under_a_clock_set_back_two_hours_mail_is_filed_and_nobody_is_reminded_twice(desk: Watched) -> None:
    desk.machine.advance(minutes=80)
    assert desk.work() == 2
    desk.machine.set(hours=-2)
    assert desk.work() == 0
    arrived = TUESDAY_TEN_PAST_TEN + timedelta(minutes=91)
    desk.arrive(arrived)
    desk.machine.advance(minutes=1)
    desk.work()
    assert [row.started_at for row in desk.response_clocks()] == [TUESDAY_TEN_PAST_TEN, arrived]
    assert len(desk.sent("notice")) == 2
    for _ in range(30):
        desk.machine.advance(minutes=4)
        assert desk.work() == 0
    assert (desk.timed(), desk.alarms()) == (["reminder"] * 2, [("clock", True)])
    desk.machine.set(hours=2)
    assert desk.work() == 4, "one is late by now, and the other nearly"
    steps = [(row.clock_id, row.step) for row in sorted(desk.rows(schema.reminder), key=lambda row: row.told_at)]
    first, second = (row.id for row in desk.response_clocks())
    assert steps == [(first, "90m"), (first, "overdue-0m"), (second, "90m")]


@pytest.mark.parametrize("earlier", [False, True])
def test_an_operator_ends_it(desk: Watched, earlier: bool) -> None:
    """Also if an earlier doubt was ended by a proof."""
    if earlier:
        desk.machine.set(**THREE_YEARS)
        desk.work()
        desk.machine.set(days=-1095)
    desk.work()
    desk.machine.set(hours=4)
    desk.work()
    assert end_alarm(desk.store, desk.correspondence, "clock", desk.machine)
    assert desk.work() == 2
    assert (desk.work(), desk.alarms()[-1]) == (0, ("clock", False))


def test_what_a_wrong_clock_has_dated_makes_no_right_one_doubtful(desk: Watched) -> None:
    desk.machine.set(**THREE_YEARS)
    desk.work()
    desk.work()  # the mailbox is read at a time three years ahead
    desk.machine.set(days=-1095)
    desk.keeper.look()
    desk.start()
    desk.keeper.look()
    assert desk.alarms() == [("clock", False)]


def test_lists_wait_as_well(desk: Watched) -> None:
    with desk.store.write() as connection:
        connection.execute(schema.message.update().where(schema.message.c.kind == "enquiry").values(awaits_digest=True))
    desk.machine.set(**THREE_YEARS)
    assert desk.work() == 0
    desk.machine.set(days=-1095)
    assert desk.work() == 2
    assert desk.timed() == ["digest"] * 2


def test_a_sweep_goes_by_one_time(desk: Watched) -> None:
    """The clock is set after the sweep has begun, and that is on record before it ends."""
    begun = desk.clock() + timedelta(minutes=80)
    times = iter((begun, begun + timedelta(days=1095)))
    assert remind(desk.store, desk.correspondence, lambda: next(times)) == 2
    assert [row.told_at for row in desk.rows(schema.reminder)] == [begun]


def test_small_steps_pause_nothing(desk: Watched) -> None:
    """An hour and a half in steps of nine minutes, forwards and then some backwards."""
    told = 0
    for _ in range(9):
        desk.machine.set(minutes=9)
        told += desk.work()
    for _ in range(3):
        desk.machine.set(minutes=-9)
        told += desk.work()
    assert (told, desk.alarms(), desk.timed()) == (2, [], ["reminder"] * 2)


def test_after_five_days_out_of_service_nothing_pauses(desk: Watched) -> None:
    desk.machine.set(days=6)
    desk.start()
    assert desk.work() == 2
    assert desk.alarms() == []


@pytest.mark.parametrize(("by", "said"), [({"days": 40}, "3 January 2027"), ({"hours": -3}, "07:20 on")])
def test_a_start_at_a_time_that_cannot_be_pauses_until_a_mail_agrees(
    desk: Watched, by: dict[str, float], said: str
) -> None:
    desk.machine.set(**by)
    desk.start()
    desk.collect()
    assert desk.work() == 0
    assert said in words(desk.sent("alarm")[0])
    assert "but the last time on record is 10:20 on Tuesday 24 November 2026" in words(desk.sent("alarm")[0])
    desk.arrive()
    desk.work()
    assert desk.alarms() == [("clock", False)]
    desk.start()
    desk.work()
    assert desk.alarms() == [("clock", False)]


@pytest.mark.parametrize("days", [1, 1095])
def test_a_restart_forgets_no_doubt(desk: Watched, days: int) -> None:
    desk.machine.set(days=days)
    desk.work()
    for _ in range(3):
        desk.machine.advance(minutes=20)
        desk.start()
        assert desk.work() == 0
    assert desk.alarms() == [("clock", True)]
    desk.machine.set(days=-days)
    desk.start()
    assert desk.work() == 0
    assert desk.alarms() == [("clock", False)]
    desk.start()
    desk.machine.advance(minutes=30)
    assert desk.work() == 2, "ninety minutes are left"
    assert desk.alarms() == [("clock", False)]


def test_answers_of_staff_leave_under_a_doubtful_clock(desk: Watched) -> None:
    desk.machine.set(**THREE_YEARS)
    desk.work()
    notice = next(row for row in desk.rows(schema.outbox_content) if row.recipient == AMY)
    server_time = TUESDAY_TEN_PAST_TEN + timedelta(minutes=11)
    desk.mailbox.append(reply(Envelope(notice.envelope_from, AMY, notice.octets), "Please do this."), server_time)
    desk.work()
    assert [envelope.recipient for envelope in desk.sent("answer")] == [ALICE]
    assert desk.alarms() == [("clock", True)]


def instance(desk: Watched, machine: Machine) -> Timekeeper:
    return timekeeper(desk.store, desk.correspondence, machine, lambda: machine.seconds)


def test_of_two_instances_that_see_a_jump_at_once_one_raises_the_alarm(desk: Watched) -> None:
    second = instance(desk, desk.machine)
    second.look()
    desk.machine.set(**THREE_YEARS)
    assert together([desk.keeper.look, second.look]) == []
    desk.submit()
    assert (len(desk.sent("alarm")), desk.alarms()) == (1, [("clock", True)])
    desk.machine.set(days=-1095)
    assert together([desk.keeper.look, second.look]) == []
    assert desk.alarms() == [("clock", False)]


def test_an_instance_whose_clock_is_right_does_not_vouch_for_another(desk: Watched) -> None:
    other = Machine(desk.machine.now)
    instance(desk, other).look()
    desk.machine.set(**THREE_YEARS)
    desk.work()
    other.advance(minutes=1)
    instance(desk, other).look()  # it starts anew, and its own clock is plausible
    assert desk.alarms() == [("clock", False)]
    assert desk.work() == 0
    assert desk.alarms() == [("clock", False), ("clock", True)]
    desk.machine.set(days=-1095)
    desk.machine.advance(minutes=1)
    desk.work()
    assert desk.alarms() == [("clock", False)] * 2


def test_an_answer_that_is_recorded_meanwhile_stops_the_reminders(desk: Watched) -> None:
    desk.machine.set(hours=4)
    desk.work()
    answer(desk.store, desk.correspondence.policy, desk.tickets()[0]["reference"], desk.machine(), desk.machine())
    desk.arrive()
    assert (desk.work(), desk.alarms()) == (0, [("clock", False)])
