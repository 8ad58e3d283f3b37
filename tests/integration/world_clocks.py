"""What must be true of every clock in the virtual world, and of the verdicts that were recorded."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.integration.world import LOOK_AGAIN
from tests.integration.world_history import REFERENCE, REMINDERS, History
from tests.integration.world_truths import OPENING, due_of, spans_of, steps_of, told_by, told_of


def reached_steps_were_told(history: History) -> None:
    """Each step that a clock reached while the daemon ran, and no later one with it, was told at once."""
    with history.world.store.read() as connection:
        told = told_of(connection)
    for clock in (one for one in history.clocks if one.kind == "response"):
        for since, until, due_at in spans_of(history.changes[clock.id], history.world.clock()):
            known = told_by(told, clock.id, due_at)
            for name, at in _expected_steps(history, clock, since, until, due_at):
                assert name in known, f"{name} of response clock {clock.id} was not told at {at}"
                late = name != OPENING and known[name] - at > LOOK_AGAIN
                assert not late, f"{name} of response clock {clock.id} came at {known[name]} and not at {at}"


def _expected_steps(
    history: History, clock: Any, since: datetime, until: datetime, due_at: datetime
) -> Iterator[tuple[str, datetime]]:
    since = max(since, history.recorded_at(clock))
    policy = history.world.policy_at(since)
    hours, moments = policy.hours, []
    for past, name in steps_of(policy, clock.started_at):
        if name == OPENING:
            at = since
        elif past < timedelta():
            whole = hours.opening_time_between(since, due_at)
            at = hours.add_opening_time(since, max(whole + past, timedelta()))
        else:
            at = hours.add_opening_time(due_at, past)
        moments.append((hours.next_opening(max(at, since)), name))
    for (at, name), later in pairwise([*moments, (None, "")]):
        alone = later[0] is None or later[0] - at > LOOK_AGAIN
        if alone and at + LOOK_AGAIN < until and history.was_quiet(since, at + LOOK_AGAIN):
            yield name, at


def breaches_were_preceded_by_every_reminder(history: History) -> None:
    """Unless the daemon was down or the configuration changed before the deadline; and the mails left."""
    with history.world.store.read() as connection:
        told = told_of(connection)
    reminded = defaultdict(set)
    for mail in history.left(*REMINDERS):
        for reference in REFERENCE.findall(f"{mail.subject} {history.words(mail)}"):
            reminded[history.by_reference[reference]].add(history.outbox[mail.message_id].created_at)
    for clock in (one for one in history.clocks if one.kind == "response"):
        changes = history.changes[clock.id]
        is_broken = clock.kept is False or (clock.stopped_at is None and clock.due_at < history.world.clock())
        plain = [change.what for change in changes] in (["started"], ["started", "stopped"])
        plain = plain and history.recorded_at(clock) == clock.started_at
        if not (is_broken and plain and history.was_quiet(clock.started_at, clock.due_at)):
            continue
        known = told_by(told, clock.id, clock.due_at)
        policy = history.world.policy_at(clock.started_at)
        wanted = {name for past, name in steps_of(policy, clock.started_at) if timedelta.min < past < timedelta()}
        early = {name for name, at in known.items() if at <= clock.due_at}
        assert wanted <= early, f"the promise of clock {clock.id} was broken after {sorted(early)} alone"
        if clock.ticket_id in history.reshaped or history.is_in(
            history.world.absences, clock.started_at, clock.due_at + timedelta(hours=1)
        ):
            continue
        for name in early:
            assert known[name] in reminded[clock.ticket_id], f"{name} of clock {clock.id} was noted, and no mail left"


def verdicts_are_true(history: History) -> None:
    """Kept, broken and the opening time that it took, counted again from the moments at which our words left."""
    accepted: dict[int, set[datetime]] = defaultdict(set)
    for (ticket_id, _), answers in history.answers.items():
        accepted[ticket_id] |= {left_at for left_at, _, _ in answers}
    for clock in history.clocks:
        policy = history.world.policy_at(clock.stopped_at or history.world.ends)
        until_it_was_due = history.world.policy_at(min(clock.stopped_at or history.world.ends, clock.due_at))
        wanted = due_of(clock, until_it_was_due)
        assert clock.due_at == wanted, f"the deadline of {clock.kind} clock {clock.id} is another"
        if clock.stopped_at is None or clock.kept is None:
            assert clock.kept is None, f"clock {clock.id} runs and has a verdict"
            continue
        took = policy.hours.opening_time_between(clock.started_at, clock.stopped_at)
        assert clock.opening_seconds == int(took.total_seconds())
        if clock.kind == "response":
            assert clock.kept == (clock.stopped_at <= clock.due_at), f"the verdict on clock {clock.id} is not true"
            assert clock.stopped_at in accepted[clock.ticket_id] or clock.ticket_id in history.reshaped
        elif clock.kind == "update" and clock.kept:
            assert clock.stopped_at <= clock.due_at
            assert clock.stopped_at in accepted[clock.ticket_id] or clock.ticket_id in history.reshaped
        elif clock.kind == "update":
            assert clock.stopped_at >= clock.due_at


def what_goes_on_has_what_was_left(history: History) -> None:
    """A clock that an answer had stopped goes on, when that comes back, with the opening time that was left."""
    for clock in history.clocks:
        changes = history.changes[clock.id]
        for number, change in enumerate(changes):
            if change.what != "restarted":
                continue
            hours = history.world.policy_at(change.at).hours
            stopped_at, was = changes[number - 1].at, changes[number - 2].due_at
            left = hours.opening_time_between(stopped_at, was) // timedelta(seconds=1)
            expected = hours.add_opening_time(change.at, timedelta(seconds=left)) if left > 0 else was
            assert abs(change.due_at - expected) <= timedelta(seconds=1), f"clock {clock.id} goes on with another rest"


def partners_are_awaited_until_they_answer(history: History) -> None:
    """Not longer, and nobody is reminded of one who has answered."""
    for clock in (one for one in history.clocks if one.kind == "partner"):
        end = clock.stopped_at or history.world.clock()
        came = [
            row.at for row in history.messages if row.kind == "partner_in" and row.mediation_id == clock.mediation_id
        ]
        assert not [at for at in came if clock.started_at < at < end], f"partner clock {clock.id} ran on"
        assert clock.stopped_at is None or clock.kept is None


def clock_histories_are_whole(history: History) -> None:
    """They start once, stop and go on in turn, and end where the clock stands."""
    for clock in history.clocks:
        changes = history.changes[clock.id]
        turned = [change.what for change in changes]
        assert (turned[0], turned.count("started")) == ("started", 1), turned
        turns = [what for what in turned if what != "moved"]
        for before, after in pairwise(turns):
            assert (before in ("stopped", "dropped")) == (after == "restarted"), turned
        for before, after in pairwise(changes):
            assert not (before.due_at is None and after.what == "moved"), "a clock moved that stood"
            assert before.at <= after.at, "the history is not in order"
        assert (turns[-1] in ("stopped", "dropped")) == (clock.stopped_at is not None), turned
        assert [change.due_at for change in changes if change.due_at][-1] == clock.due_at
        if clock.stopped_at is not None:
            last = [change for change in changes if change.what != "moved"][-1]
            assert last.at == clock.stopped_at
        if clock.kind == "response" and turned == ["started"] and clock.ticket_id not in history.reshaped:
            assert clock.started_at in {query.at for query in history.queries[clock.ticket_id]}


def no_query_is_forgotten(history: History) -> None:
    """Each query was answered, or waits under a running clock, or was closed by staff as one that nobody answers."""
    end = history.world.clock() + timedelta(seconds=1)
    waits = {clock.ticket_id for clock in history.clocks if clock.kind == "response" and clock.stopped_at is None}
    silenced = {clock.ticket_id for clock in history.clocks if clock.kind == "response"
                and history.changes[clock.id][-1].what == "dropped"}  # fmt: skip
    for ticket_id, queries in history.queries.items():
        for query in queries:
            answered = history.answered(ticket_id, history.sender(query), query.at, end)
            assert answered or ticket_id in waits | silenced, f"message {query.id} was forgotten"
    for ticket_id in waits:
        assert history.somebody_waits(ticket_id, end), f"ticket {ticket_id} waits for an answer that it had"
