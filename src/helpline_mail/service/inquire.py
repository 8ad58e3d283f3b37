"""What is known: read-only answers for operators, as plain values that become JSON or tables."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from helpline_mail import __version__
from helpline_mail.adapters.store import clocks, events, ledger, mediations, messages, outbox, revision, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.clocks import ClockKind
from helpline_mail.domain.delivery import OutboxState
from helpline_mail.domain.errors import BadInputError
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.promise import spoken_duration
from helpline_mail.domain.reminders import AT_OPENING, Step, step_instant, steps_of, update_reminder_instant
from helpline_mail.service.estimate import calibrated
from helpline_mail.service.holidays import HOLIDAYS

NEVER = datetime.max.replace(tzinfo=UTC)
STALE_POLLS = 5
STALE_AT_LEAST = timedelta(minutes=2)
_TICKET_KEYS = (
    *("reference", "state", "channel", "requester", "subject", "created_at", "response_due_at", "responded_at"),
    *("update_due_at", "assignee", "category", "sector", "outcome", "resolved_at", "messages"),
)
_MESSAGE_KEYS = ("at", "direction", "kind", "delivery")
_CLOCK_KEYS = (
    *("kind", "started_at", "due_at", "promised_at", "stopped_at", "kept", "kept_as_promised", "opening_seconds"),
    "history",
)
_EVENT_KEYS = ("at", "code", "text", "facts")


def _chosen(row: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    return {key: row[key] for key in keys}


def tickets_listed(store: Store, state: str | None) -> list[dict[str, Any]]:
    """The contract's facts of each ticket, oldest first."""
    with store.read() as connection:
        return [_chosen(row, _TICKET_KEYS) for row in tickets.all_tickets(connection, state)]


def ticket_shown(store: Store, reference: str) -> dict[str, Any]:
    """One ticket whole. Raises BadInputError if there is none of that reference."""
    with store.read() as connection:
        row = tickets.find(connection, reference)
        if row is None:
            raise BadInputError(f"there is no ticket {reference}; see: helpline-mail ticket list")
        return {
            **_chosen(row, _TICKET_KEYS),
            "follows": tickets.references_of(connection, [row["follows"]]).get(row["follows"]),
            "messages": [_message(message) for message in messages.of_ticket(connection, row["id"])],
            "clocks": [_clock(clock) for clock in clocks.of_ticket(connection, row["id"])],
            "events": [_chosen(event, _EVENT_KEYS) for event in events.of_ticket(connection, row["id"])],
        }


def _clock(row: dict[str, Any]) -> dict[str, Any]:
    """`kept` is by the deadline as the calendar has it now, `kept_as_promised` by what the enquirer was told."""
    judged = row["kept"] is not None and row["promised_at"] is not None
    return _chosen(
        {**row, "kept_as_promised": row["stopped_at"] <= row["promised_at"] if judged else None}, _CLOCK_KEYS
    )


def _message(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **_chosen(row, _MESSAGE_KEYS), "from": row["from_"], "to": row["to"], "subject": row["subject"],
        "message_id": row["internet_message_id"], "text": row["text"], "attachments": row["attachments"],
        "defects": row["defects"],
    }  # fmt: skip


def explained(store: Store, policy: Policy, reference: str | None, limit: int | None = None) -> dict[str, Any]:
    """The reasons behind a ticket and how its deadlines were counted; without a reference, of what has no ticket.

    Of the latter the newest `limit` lines, or all.
    """
    if reference is None:
        with store.read() as connection:
            rows = events.without_ticket(connection, limit)
        keys = (*_EVENT_KEYS, "disposition", "uid")
        return {"clocks": [], "events": [_chosen(row, keys) for row in rows]}
    ticket = ticket_shown(store, reference)
    shown = [{**clock, **_counting(clock, policy)} for clock in ticket["clocks"]]
    return {"reference": ticket["reference"], "clocks": shown, "events": ticket["events"]}


def _counting(clock: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """The opening time that was counted towards a deadline, and the days passed over; while it stood nothing counts."""
    ran, since, stopped = [], clock["started_at"], clock["started_at"]
    for change in clock["history"]:
        if change["what"] == "restarted":
            ran.append((since, stopped))
            since = change["at"]
        elif change["what"] != "moved":
            stopped = change["at"]
    ran.append((since, max(since, clock["due_at"])))
    hours = policy.hours
    return {
        "spans": [{"from": s.start, "until": s.end} for start, end in ran for s in hours.spans(start, end)],
        "closed": [
            {"date": day.day.isoformat(), "reason": day.reason}
            for start, end in ran for day in hours.closed_days(start, end)
        ],
    }  # fmt: skip


def coming(store: Store, policy: Policy, now: datetime) -> list[dict[str, Any]]:
    """Reminders and deadlines of every running clock that lie ahead, in order; without what no opening time reaches."""
    with store.read() as connection:
        running, told = clocks.all_running(connection), clocks.told_steps(connection)
        awaited = [row for row in clocks.due_by(connection, ClockKind.PARTNER, NEVER) if not row.told]
        partners = {row.id: mediations.load(connection, row.mediation_id).partner for row in awaited}
        planned = clocks.due_by(connection, ClockKind.UPDATE, NEVER)
        names = tickets.references_of(connection, [clock.ticket_id for clock in running])
    found: list[dict[str, Any]] = []
    holding = "; a holding mail, if nobody has written" if policy.holding_mails else ""
    opening = policy.hours.next_opening  # what is reached while closed is told then

    def add(at: datetime, reference: str, what: str) -> None:
        if at >= now:
            found.append({"at": at, "reference": reference, "what": what})

    for row in awaited:
        with suppress(ValueError):
            add(opening(row.due_at), row.reference, f"reminder, if {partners[row.id]} has not answered")
    for row in planned:
        add(row.due_at, row.reference, "update to the enquirer due" + holding)
        with suppress(ValueError):
            if not (row.told or row.waits):
                reached_at = update_reminder_instant(row.started_at, row.due_at, policy)
                add(opening(reached_at), row.reference, "reminder of the update to the enquirer")
    for clock in running:
        add(clock.due_at, names[clock.ticket_id], "answer due")
        for step in steps_of(clock, policy):
            with suppress(ValueError):
                if step.name not in told.get(clock.clock_id, ()):
                    add(opening(step_instant(clock, step, policy.hours)), names[clock.ticket_id], _reminder(step))
    return sorted(found, key=lambda item: (item["at"], item["reference"], item["what"]))


def _reminder(step: Step) -> str:
    if step == AT_OPENING:
        return "reminder, in the list at opening"
    if step.overdue:
        return f"overdue reminder, {spoken_duration(step.past_due)} past" if step.past_due else "overdue reminder"
    return f"reminder, {spoken_duration(step.past_due)} left"


def status(store: Store, folder: str, poll_every: timedelta, now: datetime) -> dict[str, Any]:
    """The contract's facts of the whole service; `ok` is False with one sentence for each problem.

    `notices` are sentences about what is well and will not be for ever.
    """
    with store.read() as connection:
        mailbox = ledger.mailbox_facts(connection, folder)
        by_ledger, by_outbox = ledger.counts(connection), outbox.counts(connection)
        by_ticket = tickets.counts(connection, now)
        alarms = [(alarm["cause"], f"{alarm['cause']}: {alarm['text']}") for alarm in events.open_alarms(connection)]
    notices = [text for cause, text in alarms if cause == HOLIDAYS]
    problems = [text for cause, text in alarms if cause != HOLIDAYS]
    stale = max(STALE_POLLS * poll_every, STALE_AT_LEAST)
    if mailbox is None:
        problems.append("the mailbox has not been read yet; see: helpline-mail check")
    elif now - mailbox["last_good_poll"] > stale:
        problems.append("the mailbox was not read lately; is the daemon running? see: helpline-mail check")
    for state, word in (
        (OutboxState.FAILED, "could not be sent"),
        (OutboxState.UNKNOWN, "may or may not have been sent"),
    ):
        if by_outbox.get(state):
            problems.append(f"{_counted(by_outbox[state], 'mail')} {word}; see: helpline-mail outbox list")
    if by_ledger.get("quarantined"):
        problems.append(
            f"{_counted(by_ledger['quarantined'], 'message')} could not be read; see: helpline-mail quarantine list"
        )
    return {
        "mailbox": mailbox or dict.fromkeys(("last_good_poll", "uidvalidity", "last_uid", "on_server", "in_ledger")),
        "messages": {state: by_ledger.get(state, 0) for state in ("stored", "triaged", "quarantined", "gone")},
        "outbox": {state.value: by_outbox.get(state, 0) for state in OutboxState},
        "tickets": by_ticket,
        "version": __version__,
        "database_revision": revision.current(store),
        "ok": not problems,
        "problems": problems,
        "notices": notices,
    }


def estimates(store: Store, policy: Policy, now: datetime) -> dict[str, Any]:
    """Whether estimates are said at present, how many of the latest are judged, and how many of those came true."""
    with store.read() as connection:
        found = calibrated(connection, policy, now)
    return {"said": policy.estimate and found.holds, "judged": found.judged, "kept": found.kept}


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
