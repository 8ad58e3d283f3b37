"""Holding mails: what an enquirer hears if staff let the time of our next word pass."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from helpline_mail.domain.policy import Policy
from helpline_mail.domain.rations import Sent

MOST_IN_A_ROW = 3
AT_ONCE = timedelta(hours=1)
"""A holding mail that is later than this waits for the opening, as a person would write it."""


@dataclass(frozen=True, slots=True)
class HoldingFacts:
    """What bears on whether a holding mail leaves."""

    can_be_written_to: bool
    """Whether the enquirer has an address to which every server can safely write."""
    reached: bool
    """Whether the last mail of ours to them was taken by the mail server and did not come back."""
    in_a_row: int
    """Holding mails since a person of ours last wrote to them about this ticket."""
    lately: Sent
    """Holding mails, about any ticket."""
    not_acknowledged: bool
    """Whether the ticket got no acknowledgement because of something that lies in its mail."""
    flood: bool
    """Whether the breaker is open: then no automatic mail leaves but to senders who are vouched for."""


def lapsed(due_at: datetime, policy: Policy, now: datetime) -> bool:
    """Whether our next word is seen as missed now: at its deadline, or, if nobody looked then, while open."""
    return due_at <= now and (now - due_at < AT_ONCE or policy.hours.is_open(now))


def why_no_holding_mail(facts: HoldingFacts, policy: Policy) -> str:
    """Why no holding mail leaves, as a clause; empty if one does."""
    if not policy.holding_mails:
        return "holding mails are switched off"
    if not facts.can_be_written_to:
        return "there is no address to write to"
    if not facts.reached:
        return "nothing of ours is known to have reached the enquirer"
    if facts.in_a_row >= policy.holding_mails:
        return f"{facts.in_a_row} in a row have gone already"
    if facts.flood:
        return "a flood of mail is coming in"
    if facts.not_acknowledged:
        return "they got no acknowledgement, and get no other automatic mail"
    rations = policy.rations
    if 0 < rations.per_address <= facts.lately.to_address_today:
        return "the enquirer had several today"
    if 0 < rations.per_domain <= facts.lately.to_domain or 0 < rations.total <= facts.lately.total:
        return "as many left in the past hour as are allowed"
    return ""
