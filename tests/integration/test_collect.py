"""Mailbox -> ledger: every message is kept once before anything is parsed, whatever the server does."""

import random
from datetime import timedelta

import pytest

from helpline_mail.adapters.store import ledger, schema
from helpline_mail.domain.errors import ServerUnavailableError
from helpline_mail.service.collect import (
    GIVE_UP_IN_ANY_CASE_AFTER,
    GIVE_UP_ON_A_MESSAGE_AFTER,
    CollectLimits,
    Doubts,
)
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


def tries(desk: Desk, uid: int) -> int:
    """How often that whole message was asked for, in a batch or alone."""
    return sum(how == "whole" and uid in uids for how, uids in desk.mailbox.asked)


def held(desk: Desk) -> dict[int, bool]:
    """UID -> whether its octets are there, of every row, none of them twice."""
    rows = desk.rows(schema.ledger)
    assert len({row.uid for row in rows}) == len(rows)
    return {row.uid: row.raw_content_id is not None for row in rows}


@pytest.mark.parametrize("poisonous", [1, 2, 3])
def test_p43_a_message_that_breaks_the_connection_does_not_stop_the_others(desk: Desk, poisonous: int) -> None:
    fill(desk, 3)
    desk.mailbox.poisonous.add(poisonous)
    done = desk.collect()
    assert (done.stored, done.in_doubt, last_uid(desk)) == (2, 1, poisonous - 1)
    assert [desk.collect().in_doubt, desk.collect().in_doubt] == [1, 0]
    assert tries(desk, poisonous) == GIVE_UP_ON_A_MESSAGE_AFTER + 1, "once in the batch"
    assert [tries(desk, uid) for uid in {1, 2, 3} - {poisonous}] == [2, 2]
    assert last_uid(desk) == 3
    desk.triage()
    states = {row.uid: row.state for row in desk.rows(schema.ledger)}
    assert states == {uid: "quarantined" if uid == poisonous else "triaged" for uid in (1, 2, 3)}
    assert len(desk.tickets()) == len(desk.clocks()) == 3, "the quarantined one has its clock as well"


def test_the_position_stays_before_the_doubt_while_the_others_are_kept(desk: Desk) -> None:
    fill(desk, 4)
    desk.mailbox.poisonous.add(3)
    desk.limits = CollectLimits(1, 1_000_000, 500_000)
    assert (desk.collect().in_doubt, last_uid(desk), held(desk)) == (1, 2, {1: True, 2: True, 4: True})
    fill(desk, 1)
    assert desk.collect().in_doubt == 1
    desk.collect()
    assert (last_uid(desk), held(desk)) == (5, {1: True, 2: True, 3: False, 4: True, 5: True})


def test_a_message_in_doubt_that_comes_after_all_is_kept_whole(desk: Desk) -> None:
    fill(desk, 3)
    desk.mailbox.poisonous.add(2)
    assert [desk.collect().in_doubt, desk.collect().in_doubt] == [1, 1]
    desk.mailbox.poisonous.clear()
    assert (desk.collect().in_doubt, last_uid(desk), held(desk)) == (0, 3, {1: True, 2: True, 3: True})


def test_a_message_in_doubt_that_leaves_the_mailbox_is_no_longer_waited_for(desk: Desk) -> None:
    fill(desk, 3)
    desk.mailbox.poisonous.add(1)
    desk.collect()
    desk.mailbox.expunge(1)
    assert (desk.collect().in_doubt, last_uid(desk), held(desk)) == (0, 3, {2: True, 3: True})


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_a_server_that_fails_every_fetch_is_to_blame_and_not_its_mail(desk: Desk, count: int) -> None:
    fill(desk, count)
    desk.mailbox.down = True
    desk.limits = CollectLimits(2, 1_000_000, 500_000)
    raised = 0
    for _ in range(GIVE_UP_IN_ANY_CASE_AFTER - 1):
        try:
            assert desk.collect().in_doubt == count
        except ServerUnavailableError:
            raised += 1
        assert (held(desk), last_uid(desk)) == ({}, 0)
    assert raised == {1: 0, 2: 1}.get(count, raised)
    assert raised >= 9 or count < 3
    desk.mailbox.down = False
    assert (desk.collect().in_doubt, last_uid(desk)) == (0, count)
    assert held(desk) == dict.fromkeys(range(1, count + 1), True)


def test_a_message_alone_in_the_mailbox_is_given_up_after_ten_failures(desk: Desk) -> None:
    fill(desk, 1)
    desk.mailbox.poisonous.add(1)
    done = [desk.collect() for _ in range(GIVE_UP_IN_ANY_CASE_AFTER)]
    assert [d.in_doubt for d in done] == [1] * 9 + [0]
    assert (last_uid(desk), held(desk)) == (1, {1: False})


@pytest.mark.parametrize("forgets", [True, False])
def test_a_server_that_does_not_give_what_it_gave_before_is_to_blame_however_long(desk: Desk, forgets: bool) -> None:
    fill(desk, 1)
    desk.collect()
    fill(desk, 1)
    desk.mailbox.down = True
    for _ in range(2 * GIVE_UP_IN_ANY_CASE_AFTER):
        if forgets:
            desk.doubts = Doubts()
        with pytest.raises(ServerUnavailableError):
            desk.collect()
    with pytest.raises(ServerUnavailableError):
        desk.collect_once()
    desk.mailbox.down = False
    assert (desk.collect().in_doubt, held(desk), last_uid(desk)) == (0, {1: True, 2: True}, 2)


def test_what_came_before_the_first_failure_says_nothing_of_it(desk: Desk) -> None:
    fill(desk, 1)
    desk.collect()
    desk.mailbox.expunge(1)
    fill(desk, 1)
    desk.mailbox.poisonous.add(2)
    for _ in range(GIVE_UP_IN_ANY_CASE_AFTER - 1):
        assert desk.collect().in_doubt == 1, "nothing is there to compare"
    assert held(desk) == {1: True}


def test_a_poisonous_message_alone_is_told_from_a_bad_server_by_what_came_before(desk: Desk) -> None:
    fill(desk, 1)
    desk.collect()
    fill(desk, 1)
    desk.mailbox.poisonous.add(2)
    assert [desk.collect().in_doubt for _ in range(3)] == [1, 1, 0]
    assert (last_uid(desk), held(desk)) == (2, {1: True, 2: False})


def test_many_poisonous_messages_do_not_keep_new_mail_waiting(desk: Desk) -> None:
    fill(desk, 61)
    desk.mailbox.poisonous.update(range(2, 62))
    for _ in range(3):
        assert desk.collect().in_doubt > 0
        assert len(desk.mailbox.asked) < 100
        desk.mailbox.asked.clear()
    fill(desk, 1)
    desk.collect()
    assert held(desk)[62]
    assert desk.collect_once().in_doubt == 0
    assert (last_uid(desk), sum(held(desk).values()), len(held(desk))) == (62, 2, 62)


def test_a_withheld_message_is_asked_for_again_and_then_given_up(desk: Desk) -> None:
    fill(desk, 3)
    desk.mailbox.withheld.add(2)
    assert [desk.collect().in_doubt for _ in range(3)] == [1, 1, 0]
    assert (last_uid(desk), held(desk)) == (3, {1: True, 2: False, 3: True})


@pytest.mark.parametrize("seed", range(25))
def test_whatever_is_poisonous_nothing_is_lost_and_nothing_is_kept_twice(desk: Desk, seed: int) -> None:
    dice = random.Random(seed)
    count = dice.randrange(2, 30)
    fill(desk, count)
    desk.mailbox.poisonous.update(dice.sample(range(1, count + 1), dice.randrange(count)))
    desk.mailbox.withheld.update(dice.sample(range(1, count + 1), dice.randrange(3)))
    desk.mailbox.vanishing.update(dice.sample(range(1, count + 1), dice.randrange(2)))
    desk.limits = CollectLimits(dice.choice([1, 3, 50]), 1_000_000, 500_000)
    passes = 0
    while last_uid(desk) < count:
        passes += 1
        assert passes < 150, "it never ends"
        if dice.random() < 0.1:
            desk.doubts = Doubts()
        desk.mailbox.down = dice.random() < 0.1
        rows = held(desk)
        assert last_uid(desk) == 0 or set(range(1, last_uid(desk) + 1)) <= set(rows)
        try:
            desk.collect()
        except ServerUnavailableError:
            continue
    never = desk.mailbox.poisonous | desk.mailbox.withheld
    gone = {row.uid for row in desk.rows(schema.ledger) if row.state == "gone"}
    assert gone <= desk.mailbox.vanishing
    assert held(desk) == {uid: uid not in never | gone for uid in range(1, count + 1)}


def test_poisonous_messages_do_not_stop_a_process_that_forgets_everything_between_passes(desk: Desk) -> None:
    fill(desk, 6)
    desk.mailbox.poisonous.update({2, 5})
    for _ in range(3):
        desk.doubts = Doubts()
        desk.collect()
    assert (last_uid(desk), held(desk)) == (1, {1: True, 3: True, 4: True, 6: True})


@pytest.mark.parametrize("poisonous", [{1}, {3}, {1, 2}, {1, 2, 3, 4}, {2, 4, 6}, {4, 5, 6, 7}])
def test_one_command_settles_every_doubt(desk: Desk, poisonous: set[int]) -> None:
    fill(desk, 7)
    desk.mailbox.poisonous = poisonous
    done = desk.collect_once()
    assert (done.stored, done.in_doubt, last_uid(desk)) == (7, 0, 7)
    assert held(desk) == {uid: uid not in poisonous for uid in range(1, 8)}


def test_one_command_gives_up_the_only_message(desk: Desk) -> None:
    fill(desk, 1)
    desk.mailbox.poisonous.add(1)
    assert (desk.collect_once().in_doubt, held(desk)) == (0, {1: False})


def test_one_command_blames_a_server_that_fails_every_fetch(desk: Desk) -> None:
    fill(desk, 120)
    desk.mailbox.down = True
    with pytest.raises(ServerUnavailableError):
        desk.collect_once()
    assert (held(desk), last_uid(desk)) == ({}, 0)
    assert len(desk.mailbox.asked) < 10


def test_a_mailbox_renumbered_while_it_is_read_is_read_again(desk: Desk) -> None:
    fill(desk, 4)
    desk.collect()
    desk.mailbox.expunge(1)
    fill(desk, 2)
    desk.mailbox.poisonous.add(5)
    desk.mailbox.renumbers_when_it_breaks = True
    with pytest.raises(ServerUnavailableError, match="renumbered"):
        desk.collect()
    desk.mailbox.poisonous.clear()
    assert (desk.collect().stored, last_uid(desk)) == (5, 5)
    rows = desk.rows(schema.ledger, schema.ledger.c.uidvalidity == 2)
    assert [row.uid for row in rows if row.raw_content_id] == [1, 2, 3, 4, 5]


def test_a_new_uidvalidity_clears_the_old_suspects(desk: Desk) -> None:
    fill(desk, 2)
    desk.mailbox.poisonous.add(1)
    assert [desk.collect().in_doubt, desk.collect().in_doubt] == [1, 1]
    desk.mailbox.renumber()
    assert [desk.collect().in_doubt for _ in range(3)] == [1, 1, 0]


def test_a_message_of_unknown_size_is_fetched_whole(desk: Desk) -> None:
    fill(desk, 1)
    desk.mailbox.announced_sizes[1] = 0
    desk.collect()
    (raw,) = desk.rows(schema.raw_content)
    assert (bytes(raw.octets), raw.size, raw.complete) == (numbered(1), len(numbered(1)), True)
