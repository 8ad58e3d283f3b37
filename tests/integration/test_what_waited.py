"""Mails that could not leave when they were written: what still leaves, when, and in which words."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import FURTHEST_AHEAD
from helpline_mail.adapters.store.tickets import categorise
from helpline_mail.domain.delivery import Envelope, InDoubt, Outcome
from helpline_mail.service.answer import answer
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.inquire import ticket_shown
from helpline_mail.service.submit import submit
from helpline_mail.wire.templates import Templates
from tests.integration.desk import ALICE, AMY, LEAD, SIGNER, Away, Desk, Letterbox, header, mail, policy, words

WRITTEN_LINES = "Our lines are open now, until 16:00 today."


def london_winter(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def reminded_in_vain(desk: Desk) -> None:
    """Staff are to be reminded, and the mail server is away."""
    assert desk.remind() == 2
    desk.submit(Away())
    assert {row.state for row in desk.outbox("reminder")} == {"deferred"}


@pytest.fixture
def waiting(desk: Desk) -> Desk:
    """An enquiry that is due at 13:10, and at 12:10 a reminder that cannot leave."""
    desk.receive(mail())
    desk.letterbox.taken.clear()
    desk.clock.advance(hours=2)
    reminded_in_vain(desk)
    return desk


def test_a_reminder_that_could_not_leave_is_taken_back_once_there_was_an_answer(waiting: Desk) -> None:
    desk = waiting
    desk.clock.advance(minutes=5)
    answer(desk.store, desk.correspondence.policy, desk.tickets()[0]["reference"], desk.clock(), desk.clock())
    desk.submit()
    assert [(row.state, row.reason, row.attempts) for row in desk.outbox("reminder")] == [
        ("cancelled", "no answer is due any more", 2)
    ] * 2
    assert desk.codes().count("reminder_overtaken") == 2
    assert desk.letterbox.taken == []


def test_a_reminder_that_could_not_leave_gives_way_to_a_later_one(waiting: Desk) -> None:
    desk = waiting
    desk.clock.advance(minutes=40)  # twenty minutes are left: the step of thirty is reached, and not yet told
    desk.submit()
    assert [(row.state, row.reason) for row in desk.outbox()[-2:]] == [("cancelled", "a later reminder says it")] * 2
    assert desk.remind() == 2
    desk.submit()
    assert sorted(e.recipient for e in desk.sent("reminder")) == [AMY, LEAD]
    assert all("20 minutes" in words(e) for e in desk.sent("reminder"))


def test_a_reminder_that_is_still_true_leaves_late(waiting: Desk) -> None:
    waiting.clock.advance(minutes=10)
    waiting.submit()
    assert len(waiting.sent("reminder")) == 2


def test_a_reminder_that_could_not_leave_before_the_closing_leaves_after_the_opening(desk: Desk) -> None:
    desk.clock.now = london_winter(24, 14)  # due on Wednesday at 11:00
    desk.receive(mail())
    desk.clock.now = london_winter(24, 15, 40)
    reminded_in_vain(desk)
    desk.clock.now = london_winter(24, 16)
    while desk.clock() < london_winter(25, 10):
        desk.submit()
        assert desk.sent("reminder") == []
        assert {(row.state, row.attempts) for row in desk.outbox("reminder")} == {("queued", 1)}, "held, not tried"
        until = [row.next_attempt_at - desk.clock() for row in desk.outbox("reminder")]
        assert timedelta() < min(until) <= max(until) <= FURTHEST_AHEAD
        desk.clock.advance(minutes=15)
    desk.submit()
    assert sorted(e.recipient for e in desk.sent("reminder")) == [AMY, LEAD]


def acknowledgement(desk: Desk) -> Any:
    (content,) = desk.rows(schema.outbox_content, schema.outbox_content.c.recipient == ALICE)
    return content


def shown_text(desk: Desk) -> str:
    """The acknowledgement as staff see it."""
    shown = ticket_shown(desk.store, desk.tickets()[0]["reference"])
    (message,) = (message for message in shown["messages"] if message["kind"] == "acknowledgement")
    return " ".join(message["text"].split())


@pytest.fixture
def unsent(desk: Desk) -> tuple[Desk, bytes]:
    """An acknowledgement of 10:10 that promises an answer by 13:10, and its bytes; nothing has left."""
    desk.mailbox.append(mail(references="<zero@school.sch.uk>"), desk.clock())
    desk.collect()
    desk.triage()
    return desk, bytes(acknowledgement(desk).octets)


def test_an_acknowledgement_that_waited_says_what_is_true_when_it_leaves(unsent: tuple[Desk, bytes]) -> None:
    desk, before = unsent
    assert WRITTEN_LINES in shown_text(desk)
    desk.submit(Away())
    desk.clock.now = london_winter(24, 17)
    desk.submit()
    (sent,) = desk.sent("acknowledgement")
    assert "You should have heard from us by 13:10 today, Tuesday 24 November, and that time has passed" in words(sent)
    assert "Our lines are closed at the moment and open again at 10:00 on Wednesday 25 November." in words(sent)
    assert "You will hear from us" not in words(sent)
    assert WRITTEN_LINES not in words(sent)
    kept = ("Message-ID", "In-Reply-To", "References", "Reply-To", "From", "To", "Subject", "Auto-Submitted")
    assert [header(sent.octets, name) for name in kept] == [header(before, name) for name in kept]
    assert header(sent.octets, "In-Reply-To") == "<one@school.sch.uk>"
    assert header(sent.octets, "Date") == "Tue, 24 Nov 2026 17:00:00 +0000"
    assert bytes(acknowledgement(desk).octets) == sent.octets
    assert shown_text(desk) == words(sent)


def test_an_acknowledgement_that_is_written_anew_thanks_for_a_mail_whatever_staff_call_its_channel(
    unsent: tuple[Desk, bytes],
) -> None:
    desk, _ = unsent
    desk.submit(Away())
    with desk.store.write() as connection:
        categorise(connection, desk.tickets()[0]["id"], "channel", "telephone")
    desk.clock.now = london_winter(24, 17)
    desk.submit()
    (sent,) = desk.sent("acknowledgement")
    assert "Thank you for writing to the Professionals Online Safety Helpline." in words(sent)


def test_an_acknowledgement_whose_words_are_still_true_leaves_as_it_was_written(unsent: tuple[Desk, bytes]) -> None:
    desk, before = unsent
    desk.submit(Away())
    desk.clock.advance(minutes=30)
    desk.submit()
    assert [e.octets for e in desk.sent("acknowledgement")] == [before]


def test_an_acknowledgement_in_doubt_leaves_again_byte_for_byte_the_same(unsent: tuple[Desk, bytes]) -> None:
    desk, before = unsent
    lost = Away(outcome=InDoubt("the connection broke during the data"))
    desk.submit(lost)
    desk.clock.now = london_winter(24, 17)
    desk.submit()
    assert before in lost.tried
    assert [e.octets for e in desk.sent("acknowledgement")] == [before]


class OneSlow(Letterbox):
    """Keeps its first mail until it has taken `others` more; gives up waiting for them after a while."""

    def __init__(self, others: int) -> None:
        super().__init__()
        self.others, self.all_here, self.first = others, asyncio.Event(), b""

    async def send(self, envelope: Envelope) -> Outcome:
        if not self.first:
            self.first = envelope.octets
            await asyncio.wait_for(self.all_here.wait(), 20)
        outcome = await super().send(envelope)
        if len(self.taken) == self.others:
            self.all_here.set()
        return outcome


def test_one_slow_mail_holds_up_none_of_the_others(desk: Desk) -> None:
    for number in range(3):
        desk.mailbox.append(mail(f"a{number}@school{number}.sch.uk", message_id=f"<{number}@x.example>"), desk.clock())
    desk.collect()
    desk.triage()

    async def send_all() -> OneSlow:
        box = OneSlow(others=8)
        await submit(desk.store, box, desk.correspondence, desk.clock, 2)
        return box

    box = asyncio.run(send_all())
    assert {row.state for row in desk.outbox()} == {"delivered"}
    assert (len(box.taken), box.taken[-1].octets) == (9, box.first), "the slow one came last"


def test_an_acknowledgement_that_cannot_be_written_anew_leaves_as_it_was_and_stops_no_other(
    desk: Desk, tmp_path: Path
) -> None:
    """Somebody has changed a template meanwhile, and it fails for a late answer."""
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    (frozen,) = [row.octets for row in desk.rows(schema.outbox_content) if row.recipient == ALICE]
    (tmp_path / "acknowledgement.txt.j2").write_text("Subject: x\n\n{{ facts.nothing }}\n")
    desk.correspondence = Correspondence(policy(), SIGNER, Templates(tmp_path))
    desk.clock.advance(hours=4)
    desk.submit()
    assert [envelope.octets for envelope in desk.sent("acknowledgement")] == [frozen]
    assert {row.state for row in desk.outbox()} == {"delivered"}
    assert "not_renewed" in desk.codes()
