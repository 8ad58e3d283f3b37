"""How much mail may leave by itself within an hour, so that a loop or a flood ends (RFC 3834 section 2).

Nothing here keeps a mail from being stored, filed and answered in time: it limits what we send without being asked.
Senders whom the configured receiver vouches for cannot be forged, so answering them hurts no third party; a third
of each limit on all senders together is kept for them, lest a flood of forged mail silences genuine enquiries.
"""

from dataclasses import dataclass
from datetime import timedelta

from helpline_mail.domain.responder import Reason

WINDOW = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rations:
    """Upper limits within an hour; 0 means no limit."""

    per_address: int
    """Acknowledgements to one address."""
    per_domain: int
    """Acknowledgements to one domain."""
    total: int
    """Acknowledgements in all."""
    per_address_a_day: int = 12
    """Acknowledgements to one address within a day."""
    notices_per_address: int = 10
    """Messages of one sender that staff get a notice each of."""
    notices: int = 60
    """Messages that staff get a notice each of, in all."""
    keeps_reserve: bool = False
    """Whether a third of the limits on all senders is kept for those that the receiver vouches for."""

    def in_all(self, limit: int, *, vouched: bool) -> int:
        """How much of a limit on all senders is open to a sender."""
        return limit if vouched or not self.keeps_reserve else limit - limit // 3


@dataclass(frozen=True, slots=True)
class Sent:
    """How many acknowledgements left: in the past hour, and to the address in a day."""

    to_address: int
    to_domain: int
    total: int
    to_address_today: int = 0


@dataclass(frozen=True, slots=True)
class Told:
    """How many messages staff got a notice of in the past hour: of that sender's, and in all."""

    from_address: int
    total: int


def ration_reason(rations: Rations, sent: Sent, *, vouched: bool = False, breaker_open: bool = False) -> Reason | None:
    """Why one more acknowledgement would be too many, or None."""
    in_all = rations.in_all(rations.total, vouched=vouched)
    table = (
        (rations.per_address, sent.to_address, "ration_address", "its sender had as many in an hour as are allowed"),
        (rations.per_address_a_day, sent.to_address_today, "ration_day", "its sender had as many today as are allowed"),
        (
            rations.per_domain,
            sent.to_domain,
            "ration_domain",
            "its domain had as many in an hour as are allowed",
        ),
        (in_all, sent.total, "ration_total", "as many left in the past hour as are allowed in all"),
    )
    if reason := _spent(table):
        return reason
    if breaker_open and not vouched:
        return Reason("breaker", "a flood has stopped acknowledgements to senders nobody vouches for", "withheld")
    return None


def notice_reason(rations: Rations, told: Told, *, vouched: bool = False) -> Reason | None:
    """Why staff are told of a message in a list and not by a notice of its own, or None."""
    in_all = rations.in_all(rations.notices, vouched=vouched)
    why = "staff are told in a list: they had as many notices in the past hour as are allowed"
    table = (
        (rations.notices_per_address, told.from_address, "notice_ration_address", f"{why} of one sender's mail"),
        (in_all, told.total, "notice_ration_total", why),
    )
    return _spent(table)


def _spent(table: tuple[tuple[int, int, str, str], ...]) -> Reason | None:
    return next((Reason(code, text, "withheld") for limit, count, code, text in table if 0 < limit <= count), None)


def trips_breaker(reason: Reason | None) -> bool:
    """Whether an acknowledgement withheld for that reason means that a flood is on: the limit on all was reached."""
    return reason is not None and reason.code == "ration_total"


def breaker_closes(rations: Rations, sent: Sent) -> bool:
    """Whether the flood is over: half of what may leave in an hour is free again.

    Not at once when the limit is free by one, or a steady flood would open and close it, and alarm, all day.
    """
    return sent.total * 2 <= rations.total or rations.total == 0
