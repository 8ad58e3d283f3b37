"""Whether a mail really is from a member of staff. From is a claim: power needs three proofs together.

The mail names a configured address as its writer, it came to the address that we signed for that very member and
ticket and really sent, and the configured receiver vouches for the sender.
"""

from dataclasses import dataclass
from datetime import datetime

from helpline_mail.domain.message import Address, folded
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.responder import Reason, Verdict


@dataclass(frozen=True, slots=True)
class Grant:
    """A notice of ours whose signed reply address a mail came to: for whom it was, about what, and since when."""

    outbox_id: int
    ticket_id: int
    member: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Proof:
    """Who wrote a mail, if that is proved, and why it is or is not."""

    member: StaffMember | None
    reason: Reason


def prove(writer: Address | None, grant: Grant, verdict: Verdict | None, policy: Policy, now: datetime) -> Proof:
    """Whether the writer is the member whom the grant was made for. In doubt nobody is."""
    member = policy.staff_member(grant.member)
    if member is None:
        return _unproved("staff_removed", "it came to the address of somebody who is no longer staff")
    if writer is None or folded(writer.addr_spec) != folded(member.address):
        return _unproved("staff_other_writer", "it came to a colleague's reply address from somebody else")
    if now - grant.sent_at > policy.grants_last:
        return _unproved("staff_expired", "the notice that it answers is too old")
    if verdict is not None and verdict.failed:
        return _unproved("staff_forged", "the receiver found that the sender's domain disowns it")
    if policy.staff_proof == "token+results" and not (verdict is not None and verdict.aligned):
        return _unproved("staff_unverified", "no configured receiver vouches for its sender")
    return Proof(
        member, Reason("staff_proved", "it came from a member of staff to their own reply address", "withheld")
    )


def prove_answer(writer: Address | None, verdict: Verdict | None, policy: Policy) -> StaffMember | None:
    """Who wrote a mail that came to no reply address of ours: a member whom the receiver vouches for, or nobody.

    There is no token here, so `token` alone as the policy leaves nothing that could prove it.
    """
    vouched = verdict is not None and verdict.aligned and not verdict.failed
    return policy.staff_member(writer.addr_spec) if writer is not None and vouched else None


def _unproved(code: str, text: str) -> Proof:
    return Proof(None, Reason(code, f"{text}: kept, sent on to nobody", "withheld"))
