"""What follows from one attempt to hand over a mail."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.delivery import (
    BACKOFF_FIRST,
    BACKOFF_LAST,
    Accepted,
    Attempted,
    InDoubt,
    NotSent,
    OutboxState,
    Outcome,
    Refused,
    backoff,
    settle,
)

NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
TWO_DAYS = timedelta(days=2)


def after(outcome: Outcome, *, age: timedelta = timedelta(), attempts: int = 1, doubts: int = 0):
    return settle(Attempted(NOW - age, attempts, doubts), outcome, NOW, TWO_DAYS, 0.5)


def test_accepted_is_delivered() -> None:
    settled = after(Accepted(250))
    assert (settled.state, settled.code, settled.next_attempt_at) == (OutboxState.DELIVERED, 250, None)


@pytest.mark.parametrize("code", [421, 450, 451, 452, 499])
def test_a_passing_refusal_is_tried_again(code: int) -> None:
    settled = after(Refused(code, "RCPT"))
    assert (settled.state, settled.code) == (OutboxState.DEFERRED, code)
    assert settled.next_attempt_at == NOW + BACKOFF_FIRST
    assert "RCPT" in settled.reason


@pytest.mark.parametrize("code", [500, 550, 554, 571])
def test_a_lasting_refusal_is_final_at_once(code: int) -> None:
    settled = after(Refused(code, "DATA"))
    assert (settled.state, settled.code, settled.next_attempt_at) == (OutboxState.FAILED, code, None)


@pytest.mark.parametrize("outcome", [NotSent("no connection"), Refused(451, "MAIL")])
def test_trying_ends_after_the_configured_time(outcome: Outcome) -> None:
    assert after(outcome, age=TWO_DAYS - timedelta(seconds=1)).state is OutboxState.DEFERRED
    given_up = after(outcome, age=TWO_DAYS)
    assert given_up.state is OutboxState.FAILED
    assert given_up.reason.startswith("given up: ")


def test_doubt_allows_one_more_attempt_and_never_a_third() -> None:
    first = after(InDoubt("dropped"))
    assert (first.state, first.times_in_doubt) == (OutboxState.DEFERRED, 1)
    assert first.next_attempt_at is not None
    second = after(InDoubt("dropped"), attempts=2, doubts=first.times_in_doubt)
    assert (second.state, second.times_in_doubt, second.next_attempt_at) == (OutboxState.UNKNOWN, 2, None)


@pytest.mark.parametrize("outcome", [Accepted(250), Refused(450, "RCPT"), Refused(550, "RCPT"), NotSent("away")])
def test_an_earlier_doubt_is_not_forgotten(outcome: Outcome) -> None:
    assert after(outcome, doubts=1).times_in_doubt == 1


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_within_their_bounds(attempts: int, jitter: float) -> None:
    wait = backoff(attempts, jitter)
    assert 0.9 * BACKOFF_FIRST <= wait <= 1.1 * BACKOFF_LAST
    assert wait <= backoff(attempts + 1, jitter)
    assert backoff(attempts, 0.0) <= wait
