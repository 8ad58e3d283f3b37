"""Mailbox -> ledger: every message is kept once before anything is parsed, whatever the server does."""

from datetime import timedelta

import pytest

from helpline_mail.adapters.store import ledger, schema
from helpline_mail.domain.errors import ServerUnavailableError
from helpline_mail.service.collect import GIVE_UP_ON_A_MESSAGE_AFTER, CollectLimits
from tests.integration.desk import FOLDER, Desk, mail


def numbered(number: int) -> bytes:
    return mail(message_id=f"<{number}@school.sch.uk>", text=f"Question {number}\n")


def fill(desk: Desk, count: int) -> None:
    for number in range(1, count + 1):
        desk.mailbox.append(numbered(number), desk.clock() - timedelta(minutes=count - number))


def last_uid(desk: Desk) -> int:
    with desk.store.read() as connection:
        at = ledger.position(connection, FOLDER)
        return at.last_uid if at else 0


def test_bytes_are_kept_before_anything_is_parsed(desk: Desk) -> None:
    octets = b"Content-Type: text/plain; name*\r\nFrom: \xff\x00\r\n\r\n\x00"
    desk.mailbox.append(octets, desk.clock() - timedelta(minutes=5))
    assert desk.collect().stored == 1
    (row,), (raw,) = desk.rows(schema.ledger), desk.rows(schema.raw_content)
    assert (row.state, row.attempts, row.arrived_at) == ("stored", 0, desk.clock() - timedelta(minutes=5))
    assert (bytes(raw.octets), raw.complete) == (octets, True)
    assert desk.rows(schema.message) == desk.rows(schema.ticket) == []
    assert last_uid(desk) == 1


def test_a_second_pass_finds_nothing_new(desk: Desk) -> None:
    fill(desk, 3)
    assert [desk.collect().stored, desk.collect().stored] == [3, 0]
    fill(desk, 1)
    assert desk.collect().stored == 1
    assert len(desk.rows(schema.ledger)) == 4
    assert len(desk.rows(schema.raw_content)) == 3, "the fourth has the bytes of the first"


def test_batches_stay_within_both_limits(desk: Desk) -> None:
    size = len(numbered(1))
    fill(desk, 7)
    desk.limits = CollectLimits(3, 1_000_000, 500_000)
    desk.collect()
    assert desk.mailbox.asked == [("whole", (1, 2, 3)), ("whole", (4, 5, 6)), ("whole", (7,))]
    desk.mailbox.asked.clear()
    fill(desk, 3)
    desk.limits = CollectLimits(50, size * 2, 500_000)
    desk.collect()
    assert desk.mailbox.asked == [("whole", (8, 9)), ("whole", (10,))]


def test_p34_an_oversize_message_is_fetched_in_part(desk: Desk) -> None:
    fill(desk, 3)
    desk.mailbox.announced_sizes[2] = 500_000_000
    desk.limits = CollectLimits(50, 1_000_000, 500_000, beginning_octets=300)
    desk.collect()
    assert ("beginning", (2,)) in desk.mailbox.asked
    assert all(2 not in uids for how, uids in desk.mailbox.asked if how == "whole")
    kept = {row.size: (len(row.octets), row.complete) for row in desk.rows(schema.raw_content)}
    assert kept[500_000_000] == (min(300, len(numbered(2))), False)
    desk.triage()
    assert len(desk.tickets()) == 3
    flagged = [any("were fetched" in defect for defect in row.defects) for row in desk.received()]
    assert flagged == [False, True, False]


def test_a_new_uidvalidity_is_read_again_without_new_tickets(desk: Desk) -> None:  # P-52
    fill(desk, 5)
    desk.collect()
    desk.triage()
    desk.mailbox.renumber()
    desk.mailbox.append(numbered(6), desk.clock())
    assert (desk.collect().renumbered, desk.collect().renumbered) == (True, False)
    desk.triage()
    assert desk.dispositions() == ["new_ticket"] * 5 + ["duplicate"] * 5 + ["new_ticket"]
    assert len(desk.tickets()) == 6
    assert len(desk.outbox("acknowledgement")) == 3, "the ration of one address"
    assert desk.codes().count("uidvalidity_changed") == 1


def test_a_message_that_vanishes_is_noted_as_gone(desk: Desk) -> None:  # P-74
    fill(desk, 3)
    desk.mailbox.vanishing.add(2)
    desk.collect()
    assert [row.state for row in desk.rows(schema.ledger, schema.ledger.c.uid == 2)] == ["gone"]
    assert desk.triage().triaged == 2
    assert (last_uid(desk), len(desk.tickets())) == (3, 2)


@pytest.mark.parametrize("poisonous", [1, 2, 3])
def test_p43_a_message_that_breaks_the_connection_does_not_stop_the_others(desk: Desk, poisonous: int) -> None:
    fill(desk, 3)
    desk.mailbox.poisonous.add(poisonous)
    passes = 0
    while last_uid(desk) < 3:
        passes += 1
        assert passes < 10, "it never ends"
        try:
            desk.collect()
        except ServerUnavailableError:
            continue
    assert sum(poisonous in uids for _, uids in desk.mailbox.asked) == GIVE_UP_ON_A_MESSAGE_AFTER + 1
    desk.triage()
    states = {row.uid: row.state for row in desk.rows(schema.ledger)}
    assert states == {uid: "quarantined" if uid == poisonous else "triaged" for uid in (1, 2, 3)}
    assert len(desk.tickets()) == len(desk.rows(schema.clock)) == 3, "the quarantined one has its clock as well"


def test_what_came_before_a_break_is_kept(desk: Desk) -> None:
    fill(desk, 4)
    desk.mailbox.poisonous.add(3)
    desk.limits = CollectLimits(1, 1_000_000, 500_000)
    with pytest.raises(ServerUnavailableError):
        desk.collect()
    assert (last_uid(desk), len(desk.rows(schema.ledger))) == (2, 2)
