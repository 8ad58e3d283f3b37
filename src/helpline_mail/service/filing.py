"""A ticket is opened and its clock started: the same for a mail, a call and what staff split off."""

import secrets
from datetime import datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import events, tickets
from helpline_mail.domain import promise
from helpline_mail.domain.message import Address
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.threads import REFERENCE_ALPHABET, REFERENCE_LENGTH, base_subject
from helpline_mail.service.estimate import estimate, explained, facts_of
from helpline_mail.service.trouble import Trouble


def new_reference(policy: Policy) -> str:
    """A reference that nobody can guess; it may be taken."""
    code = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_LENGTH))
    return f"{policy.reference_prefix}-{code}"


def open_ticket(
    connection: Connection, policy: Policy, requester: Address | None, subject: str, at: datetime,
    channel: str = "email",
) -> int:  # fmt: skip
    """A new ticket under a reference of its own."""
    while True:
        ticket_id = tickets.create(
            connection, new_reference(policy), channel, requester, subject, base_subject(subject), at
        )
        if ticket_id is not None:
            return ticket_id


def start_clock(
    connection: Connection, alarms: Trouble, ticket_id: int, message_id: int | None, arrived_at: datetime,
    now: datetime,
) -> datetime:  # fmt: skip
    """Starts the response clock, unless one runs: then that one's deadline counts, as the earlier. Returns it.

    Where the calendar gives no deadline an answer is due at once, and an alarm says so: nobody is to wait for it.
    """
    policy = alarms.policy
    running = tickets.running_clock(connection, ticket_id)
    if running is not None:
        return running.due_at
    try:
        due_at = promise.due(policy.hours, arrived_at, policy.response).due
    except ValueError as error:
        due_at = now
        alarms.raise_alarm(connection, "calendar", f"a deadline cannot be computed: {error}", now)
    likely = estimate(connection, policy, arrived_at, now)
    tickets.start_clock(connection, ticket_id, message_id, arrived_at, due_at, likely)
    facts = {"received": arrived_at.isoformat(), "due": due_at.isoformat(), **facts_of(likely)}
    text = f"an answer is due{explained(likely)}"
    events.record(connection, now, "clock_started", text, ticket_id=ticket_id, facts=facts)
    return due_at
