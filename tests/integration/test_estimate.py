"""What is likely stands beside the promise: learned from what SQL holds of the last 90 days, said only while true."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from helpline_mail.adapters.store import clocks, history, schema
from helpline_mail.cli import cli
from helpline_mail.domain.clocks import Allowance, ClockKind, deadline
from helpline_mail.domain.estimate import Estimate, arrival
from helpline_mail.service.inquire import estimates
from helpline_mail.wire.shipped import shipped
from tests.integration.desk import ALICE, BOB, TUESDAY_TEN_PAST_TEN, Away, Desk, follow_up, mail, words

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SOONER = (
    "It may well be sooner: most questions that reach us at times like this are answered within about half an hour. "
    "For yours, that would be by about 10:40 today."
)


def answered(
    desk: Desk, count: int, minutes: int, *, days: int = 1, waiting: int = 0, foreseen: int | None = None
) -> None:
    """So many queries that came at this hour, and how long their answers took; all in one old ticket."""
    policy, at = desk.correspondence.policy, desk.clock() - days * DAY
    if not desk.tickets():
        desk.receive(mail("Old <old@x.example>", message_id="<old@x.example>"))
        closed(desk)
    old = desk.tickets()[0]["id"]
    with desk.store.write() as connection:
        for _ in range(count):
            found = deadline(policy.hours, Allowance(at, policy.response), at)
            clock_id = clocks.start(connection, ClockKind.RESPONSE, old, found, at)
            assert clock_id is not None
            expected = None if foreseen is None else foreseen * MINUTE
            history.note(connection, clock_id, Estimate(waiting, expected, "it is a test"))
            took = minutes * MINUTE
            clocks.stop(connection, clock_id, policy.hours.add_opening_time(at, took), kept=True, took=took)


def closed(desk: Desk) -> None:
    """Nobody waits for an answer to the latest ticket any more."""
    with desk.store.write() as connection:
        clocks.drop(connection, desk.tickets()[-1]["id"], ClockKind.RESPONSE, desk.clock())


def acknowledged(desk: Desk) -> str:
    """What the latest acknowledgement says."""
    return words(desk.sent("acknowledgement")[-1])


def clock_rows(desk: Desk) -> list[Any]:
    """The response clocks of every ticket but the old one."""
    ours = (schema.clock.c.kind == ClockKind.RESPONSE) & (schema.clock.c.ticket_id != desk.tickets()[0]["id"])
    return desk.rows(schema.clock, ours)


def started(desk: Desk) -> Any:
    return desk.rows(schema.event, schema.event.c.code == "clock_started")[-1]


def test_an_acknowledgement_says_what_is_likely_once_thirty_like_queries_were_answered(desk: Desk) -> None:
    answered(desk, 29, 25)
    desk.receive(mail())
    assert "sooner" not in acknowledged(desk)
    answered(desk, 1, 25)
    closed(desk)
    desk.receive(mail(BOB, message_id="<bob@x.example>"))
    assert SOONER in acknowledged(desk)
    facts = started(desk).facts
    assert (facts["waiting"], facts["foreseen_seconds"], facts["estimate_said"]) == (0, 1800, True)
    assert started(desk).text == "an answer is due; most like queries were answered within about half an hour"


def test_how_many_others_wait_decides_what_is_alike(desk: Desk) -> None:
    answered(desk, 30, 25)
    answered(desk, 30, 80, waiting=1)
    desk.receive(mail(), mail(BOB, message_id="<bob@x.example>"))
    assert [(row.waiting, row.foreseen_seconds) for row in clock_rows(desk)] == [(0, 1800), (1, 5400)]
    assert "within about an hour and a half" in acknowledged(desk)


def test_only_what_bears_on_the_load_and_the_last_ninety_days_is_read(desk: Desk) -> None:
    answered(desk, 30, 25, waiting=5)
    answered(desk, 1, 25, waiting=3)
    answered(desk, 1, 25, days=91, waiting=5)
    hours, now = desk.correspondence.policy.hours, desk.clock()
    with desk.store.read() as connection:
        assert len(history.of_load(connection, hours, arrival(hours, now, 7), now)) == 30
        assert len(history.of_load(connection, hours, arrival(hours, now, 2), now)) == 31
        assert history.of_load(connection, hours, arrival(hours, now, 8), now) == []


def test_a_load_that_was_never_seen_foresees_nothing(desk: Desk) -> None:
    answered(desk, 300, 25)
    desk.receive(mail(), mail(BOB, message_id="<bob@x.example>"))
    assert [row.foreseen_seconds for row in clock_rows(desk)] == [1800, None]
    assert started(desk).text == "an answer is due"


def test_queries_older_than_ninety_days_are_forgotten(desk: Desk) -> None:
    answered(desk, 30, 25, days=91)
    desk.receive(mail())
    assert "sooner" not in acknowledged(desk)


def test_what_was_closed_without_an_answer_is_no_answer(desk: Desk) -> None:
    answered(desk, 30, 25)
    with desk.store.write() as connection:
        connection.execute(schema.clock.update().values(kept=None, opening_seconds=None))
    desk.receive(mail())
    assert "sooner" not in acknowledged(desk)


def test_other_clocks_are_no_queries(desk: Desk) -> None:
    answered(desk, 30, 25)
    with desk.store.write() as connection:
        connection.execute(schema.clock.update().values(kind=ClockKind.UPDATE))
    desk.receive(mail())
    assert (clock_rows(desk)[0].waiting, clock_rows(desk)[0].foreseen_seconds) == (0, None)


def test_nothing_is_said_while_too_many_of_the_last_fifty_were_wrong_but_it_is_foreseen(desk: Desk) -> None:
    answered(desk, 34, 25, foreseen=30)
    answered(desk, 16, 25, foreseen=20)
    desk.receive(mail())
    assert "sooner" not in acknowledged(desk)
    assert clock_rows(desk)[0].foreseen_seconds == 1800
    assert started(desk).text.endswith("which is not said because too many of the latest estimates were wrong")
    assert estimates(desk.store, desk.correspondence.policy, desk.clock()) == {"said": False, "judged": 50, "kept": 34}


def test_who_still_waits_longer_than_foreseen_silences_it(desk: Desk) -> None:
    answered(desk, 30, 5)
    answered(desk, 30, 5, waiting=1)
    desk.receive(mail())
    assert "within about 10 minutes" in acknowledged(desk)
    desk.clock.advance(minutes=10)
    policy = desk.correspondence.policy
    assert estimates(desk.store, policy, desk.clock()) == {"said": True, "judged": 0, "kept": 0}
    desk.clock.advance(minutes=1)
    assert estimates(desk.store, policy, desk.clock()) == {"said": False, "judged": 1, "kept": 0}
    desk.receive(mail(BOB, message_id="<bob@x.example>"))
    assert "sooner" not in acknowledged(desk)


def test_switched_off_nothing_is_said_and_operators_still_see_how_true_it_would_be(desk: Desk) -> None:
    desk.decide_otherwise(estimate=False)
    answered(desk, 50, 25, foreseen=30)
    desk.receive(mail())
    assert "sooner" not in acknowledged(desk)
    assert clock_rows(desk)[0].foreseen_seconds == 1800
    assert started(desk).text.endswith("which is not said because promise.estimate is off")
    assert estimates(desk.store, desk.correspondence.policy, desk.clock()) == {"said": False, "judged": 50, "kept": 50}


def test_an_acknowledgement_that_had_to_wait_leaves_out_what_is_not_true_any_more(desk: Desk) -> None:
    answered(desk, 30, 25)
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    away = Away()
    desk.submit(away)
    assert any(b"sooner" in octets for octets in away.tried)
    desk.clock.advance(minutes=20)
    desk.submit()
    assert "sooner" not in acknowledged(desk)
    assert "You will hear from us by 13:10 today" in acknowledged(desk)


def test_an_acknowledgement_that_waited_a_moment_stays_as_it_is(desk: Desk) -> None:
    answered(desk, 30, 25)
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    desk.clock.advance(minutes=5)
    desk.submit()
    assert SOONER in acknowledged(desk)


def test_a_mail_that_was_filed_late_is_promised_nothing_sooner(desk: Desk) -> None:
    answered(desk, 30, 25)
    desk.mailbox.append(mail(), TUESDAY_TEN_PAST_TEN)
    desk.clock.advance(minutes=20)
    desk.collect()
    desk.triage()
    desk.submit()
    assert "sooner" not in acknowledged(desk)


def test_for_a_further_query_on_the_same_ticket_it_is_foreseen_as_well(desk: Desk) -> None:
    answered(desk, 30, 25)
    desk.receive(mail())
    closed(desk)
    desk.receive(follow_up_of(desk))
    assert [row.foreseen_seconds for row in clock_rows(desk)] == [1800, 1800]


def test_a_follow_up_while_a_clock_runs_changes_nothing(desk: Desk) -> None:
    answered(desk, 30, 25)
    desk.receive(mail())
    before = clock_rows(desk)
    desk.receive(follow_up_of(desk))
    assert clock_rows(desk) == before


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_status_says_whether_estimates_are_said_and_how_many_came_true(desk: Desk, tmp_path: Path) -> None:
    desk.clock.now = datetime.now(UTC)
    answered(desk, 40, 25, foreseen=30)
    answered(desk, 10, 25, foreseen=20)
    path = tmp_path / "config.toml"
    text = shipped("config.example.toml").read_text("utf-8")
    path.write_text(text.replace("sqlite:///helpline.db", desk.store.shown_url), "utf-8")
    said = [CliRunner().invoke(cli, ["-c", str(path), "status", *form]).output for form in ((), ("--json",))]
    assert "estimate  said; 40 of the last 50 came true" in said[0]
    assert json.loads(said[1])["estimate"] == {"said": True, "judged": 50, "kept": 40}


def follow_up_of(desk: Desk) -> bytes:
    return follow_up(desk, from_=ALICE, in_reply_to=desk.acknowledgement_id(-1))
