"""A ticket is opened and its clock started: the same for a mail, a call and what staff split off."""

import secrets
from datetime import datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, tickets
from helpline_mail.domain.clocks import Allowance
from helpline_mail.domain.message import Address
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.threads import REFERENCE_ALPHABET, REFERENCE_LENGTH, base_subject
from helpline_mail.service import clockwork
from helpline_mail.service.estimate import estimate, explained
from helpline_mail.service.trouble import Trouble


def new_reference(policy: Policy) -> str:
    """A reference that nobody can guess; it may be taken."""
    code = "".join(secrets.choice(REFERENCE_ALPHABET) for _ in range(REFERENCE_LENGTH))
    return f"{policy.reference_prefix}-{code}"


def open_ticket(
    connection: Connection, policy: Policy, requester: Address | None, subject: str, at: datetime, now: datetime,
    channel: str = "email", *, heard_at: datetime | None = None,
) -> int:  # fmt: skip
    """A new ticket under a reference of its own, for what came at `at`.

    Its update clock counts from there, or from `heard_at`.
    """
    while True:
        ticket_id = tickets.create(
            connection, new_reference(policy), channel, requester, subject, base_subject(subject), at
        )
        if ticket_id is not None:
            clockwork.plan_update(connection, policy, ticket_id, heard_at or at, now)
            return ticket_id


def start_clock(
    connection: Connection, alarms: Trouble, ticket_id: int, message_id: int | None, arrived_at: datetime,
    now: datetime,
) -> datetime:  # fmt: skip
    """Starts the response clock, unless one runs: then that one's deadline counts, as the earlier. Returns it.

    Where the calendar gives no deadline an answer is due at once, and an alarm says so.
    """
    policy = alarms.policy
    is_first = clocks.running(connection, ticket_id) is None
    likely = estimate(connection, policy, arrived_at, now) if is_first else None
    text = f"an answer is due{explained(likely)}"
    found = clockwork.start_response(connection, policy, ticket_id, message_id, arrived_at, now, text, likely)
    if found.allowance != Allowance(arrived_at, policy.response):
        text = f"a deadline cannot be computed: the calendar has too little opening time after {arrived_at:%Y-%m-%d}"
        alarms.raise_alarm(connection, "calendar", text, now)
    running = clocks.running(connection, ticket_id)
    return running.due_at if running else found.due_at
