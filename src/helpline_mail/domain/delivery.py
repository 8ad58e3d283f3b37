"""What becomes of a mail that was handed to the mail server: failure is a value, with a code and a reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BACKOFF_FIRST = timedelta(seconds=30)
BACKOFF_LAST = timedelta(minutes=30)
WAIT_IN_DOUBT = timedelta(seconds=5)
RESENDS_IN_DOUBT = 1
"""A mail of unknown fate may be sent once more, byte for byte the same; never a third time (RFC 1047)."""


class OutboxState(StrEnum):
    """Where a mail stands. `delivered`: our server accepted it. `unknown`: nobody can tell."""

    QUEUED = "queued"
    SENDING = "sending"
    DEFERRED = "deferred"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"


WAITING = (OutboxState.QUEUED, OutboxState.DEFERRED)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail for one recipient (RFC 5321 section 3.3), its bytes frozen while they may have left."""

    sender: str
    recipient: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took responsibility (RFC 5321 section 4.2.5)."""

    code: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The server said no. Only the code decides (RFC 5321 section 4.2): 4yz may pass later, 5yz never."""

    code: int
    stage: str

    @property
    def for_good(self) -> bool:
        """Trying again would not help."""
        return self.code >= 500


@dataclass(frozen=True, slots=True)
class NotSent:
    """Nothing was handed over: no connection, no TLS, no login, or it broke before the data."""

    reason: str
    exit_code: int = 69
    """What a command that could send nothing ends with: 77 for a refused login."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """The connection broke after the data left and before the reply came (RFC 1047)."""

    reason: str


Outcome = Accepted | Refused | NotSent | InDoubt


@dataclass(frozen=True, slots=True)
class Attempted:
    """A mail as it stands when an attempt ends."""

    created_at: datetime
    attempts: int
    times_in_doubt: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """The row after an attempt."""

    state: OutboxState
    next_attempt_at: datetime | None
    times_in_doubt: int
    code: int | None
    reason: str


def settle(mail: Attempted, outcome: Outcome, now: datetime, give_up_after: timedelta, jitter: float) -> Settlement:
    """What follows from one attempt (RFC 5321 section 4.5.4.1). `jitter` is in [0, 1)."""
    doubts = mail.times_in_doubt
    match outcome:
        case Accepted(code):
            return Settlement(OutboxState.DELIVERED, None, doubts, code, "accepted by the mail server")
        case InDoubt(reason):
            if doubts < RESENDS_IN_DOUBT:
                return Settlement(
                    OutboxState.DEFERRED, now + WAIT_IN_DOUBT, doubts + 1, None, f"in doubt, once more: {reason}"
                )
            return Settlement(OutboxState.UNKNOWN, None, doubts + 1, None, f"in doubt: {reason}")
        case Refused(code, stage) if outcome.for_good:
            return Settlement(OutboxState.FAILED, None, doubts, code, f"refused at {stage}")
        case Refused(code, stage):
            return _defer(mail, now, give_up_after, jitter, code, f"put off at {stage}")
        case NotSent(reason):
            return _defer(mail, now, give_up_after, jitter, None, reason)


def _defer(
    mail: Attempted, now: datetime, give_up_after: timedelta, jitter: float, code: int | None, reason: str
) -> Settlement:
    if now - mail.created_at >= give_up_after:
        return Settlement(OutboxState.FAILED, None, mail.times_in_doubt, code, f"given up: {reason}")
    return Settlement(OutboxState.DEFERRED, now + backoff(mail.attempts, jitter), mail.times_in_doubt, code, reason)


def backoff(attempts: int, jitter: float) -> timedelta:
    """How long to wait after that many attempts: from half a minute to half an hour, spread by up to a fifth."""
    doubled: timedelta = BACKOFF_FIRST * 2 ** min(attempts - 1, 10)
    return min(doubled, BACKOFF_LAST) * (0.9 + 0.2 * jitter)
