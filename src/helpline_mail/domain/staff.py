"""Whether a mail really is from a member of staff. From is a claim: power needs three proofs together.

The mail names a configured address as its writer, it came to the address that we signed for that very member and
ticket and really sent, and the configured receiver vouches for the sender.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from helpline_mail.domain.message import Address, folded
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.responder import Reason, Verdict


@dataclass(frozen=True, slots=True)
class Grant:
    """A mail of ours whose signed reply address a mail came to: for whom it was, about what, and since when."""

    outbox_id: int
    ticket_id: int | None
    """None for a list, which is about many."""
    member: str
    sent_at: datetime
    kind: str = "notice"
    about: int | None = None
    """The message that it told of."""


@dataclass(frozen=True, slots=True)
class Proof:
    """Who wrote a mail and to which of their addresses, if that is proved, and why it is or is not."""

    member: StaffMember | None
    grant: Grant | None
    reason: Reason


def prove(
    writer: Address | None, grants: Sequence[Grant], verdict: Verdict | None, policy: Policy, now: datetime
) -> Proof:
    """Whether the writer is the member whom the addresses were signed for. In doubt nobody is.

    Addresses of several tickets prove nothing: nobody could tell which of them the words are for.
    """
    if len({grant.ticket_id for grant in grants}) > 1:
        return _unproved("staff_several", "it came to reply addresses of several tickets", None)
    own = [grant for grant in grants if writer and folded(grant.member) == folded(writer.addr_spec)]
    grant = max(own or grants, key=lambda grant: grant.outbox_id, default=None)
    if grant is None:
        return _unproved("staff_unverified", "it came to no reply address of a member of staff", None)
    if not own or writer is None:
        return _unproved("staff_other_writer", "it came to a colleague's reply address from somebody else", grant)
    member = policy.staff_member(writer.addr_spec)
    if member is None:
        return _unproved("staff_removed", "its writer is no longer staff", grant)
    if now - grant.sent_at > policy.grants_last:
        return _unproved("staff_expired", "the notice that it answers is too old", grant)
    if verdict is not None and verdict.failed:
        return _unproved("staff_forged", "our mail server says that it did not come from that address", grant)
    if policy.staff_proof == "token+results" and not (verdict is not None and verdict.aligned):
        return _unproved("staff_unverified", "nothing proves that it came from that address", grant)
    reason = Reason("staff_proved", "it came from a member of staff to their own reply address", "withheld")
    return Proof(member, grant, reason)


def prove_answer(writer: Address | None, verdict: Verdict | None, policy: Policy) -> StaffMember | None:
    """Who wrote a mail that came to no reply address of ours: a member whom the receiver vouches for, or nobody.

    There is no token here, so `token` alone as the policy leaves nothing that could prove it.
    """
    vouched = verdict is not None and verdict.aligned and not verdict.failed
    return policy.staff_member(writer.addr_spec) if writer is not None and vouched else None


def _unproved(code: str, text: str, grant: Grant | None) -> Proof:
    return Proof(None, grant, Reason(code, f"{text}: kept, sent on to nobody", "withheld"))
