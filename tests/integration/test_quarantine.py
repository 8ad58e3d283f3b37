"""What stood in quarantine and comes back, and what triage leaves undone when it is stopped."""

import threading
from datetime import datetime, timedelta

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.budgets import Budgets
from helpline_mail.service import queues
from helpline_mail.service import triage as service
from helpline_mail.service.answer import answer
from helpline_mail.service.inquire import status
from tests.integration.desk import ALICE, AMY, FOLDER, Desk, bounce, follow_up, header, mail


def quarantined(desk: Desk, octets: bytes) -> int:
    """A mail that was in hand each time when the process died; returns its number in the ledger."""
    desk.mailbox.append(octets, desk.clock())
    desk.collect()
    for _ in range(service.QUARANTINE_AFTER_UNENDED):
        service._begin(desk.store, desk.clock())
        desk.clock.advance(seconds=6)
    assert desk.triage() == service.Triaged(triaged=0, quarantined=1, failed=0)
    return int(desk.rows(schema.ledger)[-1].id)


def of_kind(desk: Desk, kind: str) -> bytes:
    """A mail that needs no ticket of its own, once Alice's enquiry is here."""
    return {
        "automatic": lambda: follow_up(desk, auto_submitted="auto-replied"),
        "duplicate": lambda: b"Received: by another.route\r\n" + mail(),
        "follow_up": lambda: follow_up(desk),
        "bounce": lambda: bounce(ALICE, desk.acknowledgement_id()),
        "own": lambda: desk.sent("acknowledgement")[0].octets,
        "staff": lambda: follow_up(desk, from_=AMY),
    }[kind]()


@pytest.mark.parametrize("kind", ["automatic", "duplicate", "follow_up", "bounce", "own", "staff"])
def test_what_comes_back_from_quarantine_and_needs_no_ticket_leaves_no_clock_behind(desk: Desk, kind: str) -> None:
    desk.receive(mail())
    entry_id = quarantined(desk, of_kind(desk, kind))
    first, stand_in = desk.tickets()
    assert [row.stopped_at for row in desk.clocks()] == [None, None], "until then an answer is due"
    desk.clock.advance(hours=2)
    assert desk.remind() == 4
    queues.release(desk.store, entry_id, desk.clock())
    assert desk.triage().triaged == 1
    assert desk.dispositions() == ["new_ticket", kind]
    mine, its = desk.clocks()
    assert (mine.ticket_id, mine.stopped_at) == (first["id"], None)
    assert (its.ticket_id, its.stopped_at, its.kept) == (stand_in["id"], desk.clock(), None)
    assert [(ticket["state"], ticket["outcome"]) for ticket in desk.tickets()] == [
        ("open", None), ("resolved", "filed elsewhere"),
    ]  # fmt: skip
    assert "stand_in_ended" in desk.codes()

    desk.submit()
    reminded = [header(e.octets, "Subject") for e in desk.sent("reminder")]
    assert len(reminded) == 2
    assert all(first["reference"] in subject for subject in reminded), "what was queued about the other is taken back"
    desk.clock.advance(hours=2)
    assert desk.remind() == 2
    assert status(desk.store, FOLDER, timedelta(minutes=1), desk.clock())["tickets"]["breached"] == 1


def test_what_comes_back_from_quarantine_as_an_enquiry_keeps_its_ticket_and_its_clock(desk: Desk) -> None:
    entry_id = quarantined(desk, mail())
    (before,), (clock,) = desk.tickets(), desk.clocks()
    desk.clock.advance(minutes=5)
    queues.release(desk.store, entry_id, desk.clock())
    assert desk.triage().triaged == 1
    (after,) = desk.tickets()
    assert (after["reference"], after["requester"]) == (before["reference"], ALICE)
    (same,) = desk.clocks()
    assert (after["state"], same.id, same.due_at, same.stopped_at) == ("open", clock.id, clock.due_at, None)
    assert (clock.promised_at, same.promised_at) == (None, clock.due_at), "nobody was told before"
    assert len(desk.outbox("acknowledgement")) == 1


def stored(desk: Desk, count: int) -> None:
    for number in range(count):
        desk.mailbox.append(mail(f"a{number}@school.sch.uk", message_id=f"<{number}@x.example>"), desk.clock())
    desk.collect()


def attempts(desk: Desk) -> list[tuple[str, int, datetime | None]]:
    return [(row.state, row.attempts, row.retry_at) for row in desk.rows(schema.ledger)]


def test_triage_that_is_asked_to_stop_uncounts_what_it_did_not_do(desk: Desk) -> None:
    stored(desk, 4)
    stop = threading.Event()

    def time_until_the_first_is_filed() -> datetime:
        if len(desk.tickets()) == 1:
            stop.set()
        return desk.clock()

    done = service.triage(desk.store, desk.correspondence, Budgets(), time_until_the_first_is_filed, stop)
    assert stop.is_set()
    assert done == service.Triaged(triaged=2, quarantined=0, failed=0), "the one in hand is finished"
    assert attempts(desk) == [("triaged", 1, None)] * 2 + [("stored", 0, None)] * 2
    assert desk.triage().triaged == 2, "at once, at the next start"


def test_triage_that_is_stopped_again_and_again_quarantines_nothing(desk: Desk) -> None:
    stored(desk, 2)
    stop = threading.Event()
    stop.set()
    for _ in range(service.QUARANTINE_AFTER_UNENDED + 1):
        done = service.triage(desk.store, desk.correspondence, Budgets(), desk.clock, stop)
        assert done == service.Triaged(0, 0, 0)
        assert attempts(desk) == [("stored", 0, None)] * 2
    assert desk.triage() == service.Triaged(triaged=2, quarantined=0, failed=0)


def test_what_was_answered_while_it_stood_in_quarantine_starts_nothing(desk: Desk) -> None:
    entry_id = quarantined(desk, mail())
    reference = desk.tickets()[0]["reference"]
    answer(desk.store, desk.correspondence.policy, reference, desk.clock(), desk.clock())
    desk.clock.advance(days=1)
    queues.release(desk.store, entry_id, desk.clock())
    desk.triage()
    (clock,) = desk.clocks()
    assert clock.kept is True
    assert desk.outbox("acknowledgement") == []
    assert desk.tickets()[0]["requester"] == ALICE, "and yet the ticket knows its enquirer now"
    assert "answered_in_quarantine" in desk.codes()
