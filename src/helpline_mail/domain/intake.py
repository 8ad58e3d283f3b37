"""The heart: what one message means, decided as data with its reasons. Nothing here acts."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from helpline_mail.domain.message import Bounce, Message, folded
from helpline_mail.domain.notices import is_bounce_notice, is_of_client, says_automatic
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.rations import Sent, Told, notice_reason, ration_reason
from helpline_mail.domain.responder import Reason, Verdict, authentication_reason, automatic_reason
from helpline_mail.domain.returning import Standing, place
from helpline_mail.domain.staff import Grant, prove, prove_answer
from helpline_mail.domain.threads import Candidate, Mediation, ThreadDecision, decide_thread


class Disposition(StrEnum):
    """What became of a message in the mailbox. Each message has exactly one."""

    NEW_TICKET = "new_ticket"
    FOLLOW_UP = "follow_up"
    AUTOMATIC = "automatic"
    BOUNCE = "bounce"
    DUPLICATE = "duplicate"
    OWN = "own"
    STAFF = "staff"
    PARTNER = "partner"
    SENT = "sent"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class SentMail:
    """A mail of ours that a message proves to know: by its signed Message-ID or its signed bounce address."""

    outbox_id: int
    ticket_id: int | None
    recipient: str
    kind: str


NONE_SENT, NONE_TOLD = Sent(0, 0, 0), Told(0, 0)


@dataclass(frozen=True, slots=True)
class Context:
    """What SQL knows that bears on one message."""

    arrived_at: datetime
    """IMAP INTERNALDATE: when the message reached the mailbox."""
    duplicate_of: int | None = None
    """The message that holds the same content already."""
    duplicate_is_of_machine: bool = False
    """That one bore a machine's mark, which a forwarder or a third person may have put on it."""
    same_id_other_content: bool = False
    is_own_mail: bool = False
    """Its Message-ID is one that we signed and really sent."""
    sent: tuple[SentMail, ...] = ()
    """Mails of ours that a bounce may be about."""
    candidates: tuple[Candidate, ...] = ()
    answers: tuple[SentMail, ...] = ()
    """Mails of ours that it answers, whether they were about a ticket or not."""
    mediations: tuple[Mediation, ...] = ()
    """Correspondences with partners whose own addresses or mails it answers."""
    bad_tokens: int = 0
    mentioned: tuple[str, ...] = ()
    acknowledged: Sent = NONE_SENT
    told: Told = NONE_TOLD
    breaker_open: bool = False
    """A flood is on, and stops acknowledgements to senders nobody vouches for."""
    verdict: Verdict | None = None
    grants: tuple[Grant, ...] = ()
    """The mails to staff whose own signed reply addresses it came to."""
    answered: frozenset[int] = frozenset()
    """Of a mail in the name of staff: the tickets that it brings evidence for and whose enquirer gets it as well."""

    @property
    def vouched(self) -> bool:
        """Whether the believed receiver vouches for the sender."""
        return self.verdict is not None and self.verdict.aligned


@dataclass(frozen=True, slots=True)
class Intake:
    """What should be true after one message: the ticket's change, the effects, and the reasons of each."""

    disposition: Disposition
    kind: str
    """The message's kind in its ticket: enquiry, follow_up, automatic, bounce, staff_unverified."""
    ticket_id: int | None
    """The ticket it joins. None with NEW_TICKET: a ticket of its own; None otherwise: it belongs to no ticket."""
    starts_clock: bool
    acknowledge: bool
    notify_staff: bool
    related: tuple[str, ...] = ()
    bounced: tuple[SentMail, ...] = ()
    reasons: tuple[Reason, ...] = ()
    follows: Standing | None = None
    """With NEW_TICKET: the ticket that was closed too long ago to be opened again by this reply."""
    withheld: Reason | None = None
    """Why a new ticket gets no acknowledgement; one of `reasons`."""
    member: StaffMember | None = None
    """With STAFF: who wrote it, if that is proved. Nothing else gives it power."""
    grant: Grant | None = None
    """With STAFF: the mail of ours that it answers."""
    mediation: Mediation | None = None
    """With PARTNER: the correspondence that it belongs to."""
    answers: bool = False
    """With STAFF: the enquirer got it from that member of staff and not from us, so the clock stops."""
    in_list: bool = False
    """Staff are told in the next list and not by a notice of its own."""


def decide(message: Message, context: Context, policy: Policy) -> Intake:
    """What one parsed message means. Every branch says why; whatever is not certain becomes a ticket of its own."""
    intake = _decide(message, context, policy)
    if not intake.notify_staff or intake.member or intake.disposition is Disposition.BOUNCE:
        return intake
    reason = notice_reason(policy.rations, context.told, vouched=context.vouched)
    return replace(intake, in_list=True, reasons=(*intake.reasons, reason)) if reason else intake


def _decide(message: Message, context: Context, policy: Policy) -> Intake:
    if policy.recorded_before is not None and context.arrived_at < policy.recorded_before:
        return _aside(
            Disposition.RECORDED, "recorded", Reason("before_start", "it arrived before the start date", "automatic")
        )
    machine = automatic_reason(message, policy.own)
    is_machines = bool(machine and machine.kind == "automatic")
    if context.duplicate_of is not None and (is_machines or not context.duplicate_is_of_machine):
        return _aside(
            Disposition.DUPLICATE, "duplicate", Reason("duplicate", "the same message is here already", "automatic")
        )
    if context.is_own_mail:
        return _aside(Disposition.OWN, "own", Reason("own_mail", "it is a mail that we sent ourselves", "automatic"))
    thread = _thread(context)
    why_thread = Reason(thread.code, thread.text, "withheld")
    if message.bounces:
        bounce = _bounce(message.bounces, context, why_thread)
        named = {folded(one.recipient) for one in message.bounces}
        is_ours = any(folded(mail.recipient) in named for mail in context.sent)
        if is_ours or is_machines:
            return bounce  # else a person may write what only reads like a bounce
    mediation = _mediation(message, context, policy)
    if machine and is_machines:
        ticket_id = mediation.ticket_id if mediation else thread.ticket_id
        return Intake(
            Disposition.AUTOMATIC, "automatic", ticket_id, starts_clock=False, acknowledge=False,
            notify_staff=False, related=thread.related, reasons=(machine, why_thread),
        )  # fmt: skip
    if (staff := _from_staff(message, thread, context, policy, machine)) is not None:
        return staff
    if mediation is not None:
        reason = Reason("partner", "a partner answers the mail that staff wrote to them: for staff alone", "withheld")
        return Intake(
            Disposition.PARTNER, "partner_in", mediation.ticket_id, starts_clock=False, acknowledge=False,
            notify_staff=True, reasons=(reason,), mediation=mediation,
        )  # fmt: skip
    if thread.ticket_id is not None:
        return _reply(thread, thread.ticket_id, why_thread, machine, context, policy)
    return _new_ticket(thread.related, (why_thread,), machine or _withheld(context, policy), context)


def _thread(context: Context) -> ThreadDecision:
    """The ticket it joins; none for a sender that the believed receiver found to be forged."""
    thread = decide_thread(context.candidates, context.bad_tokens, context.mentioned)
    forged = authentication_reason(context.verdict)
    if forged is None or thread.ticket_id is None:
        return thread
    touched = (*(candidate.reference for candidate in context.candidates), *thread.related)
    return ThreadDecision(None, tuple(dict.fromkeys(touched)), forged.code, forged.text)


def _aside(disposition: Disposition, kind: str, reason: Reason) -> Intake:
    return Intake(disposition, kind, None, starts_clock=False, acknowledge=False, notify_staff=False, reasons=(reason,))


def _withheld(context: Context, policy: Policy) -> Reason | None:
    return authentication_reason(context.verdict) or ration_reason(
        policy.rations, context.acknowledged, vouched=context.vouched, breaker_open=context.breaker_open
    )


def _reply(
    thread: ThreadDecision, ticket_id: int, why_thread: Reason, machine: Reason | None, context: Context, policy: Policy
) -> Intake:
    """A follow-up of its ticket, or of one that followed it; a new ticket if all of them were closed long ago."""
    there = place(thread.line, context.arrived_at, policy.reopen_within, policy.zone)
    where = there or (thread.line[-1] if thread.line else Standing(ticket_id, ""))
    related = tuple(reference for reference in thread.related if reference != where.reference)
    if there is None and thread.line:
        text = f"{where.reference} was closed over {policy.reopen_within} days before: a new ticket follows it"
        why = (why_thread, Reason("closed_long_ago", text, "withheld"))
        return _new_ticket(related, why, machine or _withheld(context, policy), context, where)
    reasons = [why_thread]
    if where.ticket_id != ticket_id:
        text = f"that ticket was closed long ago, and {where.reference} follows it"
        reasons.append(Reason("goes_on", text, "withheld"))
    once = Reason("follow_up", "one acknowledgement per ticket, and this ticket had its own", "withheld")
    return Intake(
        Disposition.FOLLOW_UP, "follow_up", where.ticket_id, starts_clock=True, acknowledge=False, notify_staff=True,
        related=related, reasons=(*reasons, once),
    )  # fmt: skip


def _new_ticket(
    related: tuple[str, ...], why: tuple[Reason, ...], withheld: Reason | None, context: Context,
    follows: Standing | None = None,
) -> Intake:  # fmt: skip
    reasons = [*why]
    if context.same_id_other_content:
        reasons.append(
            Reason("reused_message_id", "another message with other content has the same Message-ID", "withheld")
        )
    reasons.append(
        withheld or Reason("acknowledged", "a person wrote and nothing speaks against an answer", "withheld")
    )
    return Intake(
        Disposition.NEW_TICKET, "enquiry", None, starts_clock=True, acknowledge=withheld is None,
        notify_staff=True, related=related, reasons=tuple(reasons), follows=follows, withheld=withheld,
    )  # fmt: skip


def _bounce(bounces: tuple[Bounce, ...], context: Context, why_thread: Reason) -> Intake:
    """A bounce acts only on a mail that we sent to that very recipient (RFC 3464 section 4.1: forgeries exist)."""
    failed = {folded(bounce.recipient) for bounce in bounces if bounce.action in (None, "failed")}
    hit = tuple(mail for mail in context.sent if folded(mail.recipient) in failed)
    if hit:
        reason = Reason("bounce_matched", "the mail that it reports was sent by us to that recipient", "automatic")
    else:
        reason = Reason(
            "bounce_unmatched", "it reports no failure of a mail that we sent to that recipient", "automatic"
        )
    ticket_id = next((mail.ticket_id for mail in hit if mail.ticket_id is not None), None)
    return Intake(
        Disposition.BOUNCE, "bounce", ticket_id, starts_clock=False, acknowledge=False,
        notify_staff=bool(hit), bounced=hit, reasons=(reason, why_thread),
    )  # fmt: skip


def _mediation(message: Message, context: Context, policy: Policy) -> Mediation | None:
    """The correspondence that a partner's mail belongs to: by our evidence, and from the partner's own domain."""
    address = message.sender.address
    if address is None or len(context.mediations) != 1 or authentication_reason(context.verdict):
        return None
    (mediation,) = context.mediations
    partner = next((partner for partner in policy.partners if partner.name == mediation.partner), None)
    if partner is None or folded(partner.address.rpartition("@")[2]) != folded(address.domain):
        return None
    return mediation


def _from_staff(
    message: Message, thread: ThreadDecision, context: Context, policy: Policy, machine: Reason | None
) -> Intake | None:
    """A mail that names a member of staff as its writer and answers a mail of ours is kept with that ticket.

    From is a claim: without proof it answers nobody, stops no clock and is sent on to nobody.
    """
    address = message.sender.address
    claimed = policy.staff_member(address.addr_spec) if address else None
    holds_own = any(address and folded(grant.member) == folded(address.addr_spec) for grant in context.grants)
    if claimed is None or (thread.ticket_id is not None and not holds_own):
        return None  # staff may be enquirers too
    by_machine = bool(machine) or is_of_client(message.subject) or is_bounce_notice(message.subject)
    if not by_machine and (answer := _answer_in_copy(message, context, policy)) is not None:
        return answer
    proof = prove(address, context.grants, context.verdict, policy, context.arrived_at)
    if proof.member and by_machine:
        reason = Reason("staff_machine", "a machine seems to have written it: kept, sent on to nobody", "withheld")
        proof = replace(proof, member=None, reason=reason)
    tickets = {c.ticket_id for c in context.candidates if c.evidence != "stored_message_id"}
    if proof.grant is not None:
        tickets = {proof.grant.ticket_id} if proof.grant.ticket_id is not None else set()
    if len(tickets) != 1 and proof.grant is None and not context.grants and not context.answers:
        return None
    return Intake(
        Disposition.STAFF, "staff" if proof.member else "staff_unverified",
        next(iter(tickets)) if len(tickets) == 1 else None, starts_clock=False, acknowledge=False, notify_staff=True,
        reasons=(proof.reason,), member=proof.member, grant=proof.grant,
    )  # fmt: skip


def _answer_in_copy(message: Message, context: Context, policy: Policy) -> Intake | None:
    """A proved mail of staff to the enquirer of exactly one ticket that it refers to: that is an answer already."""
    member = prove_answer(message.sender.address, context.verdict, policy)
    if member is None or context.grants or len(context.answered) != 1 or says_automatic(message.subject):
        return None
    reason = Reason("staff_answered", "a member of staff wrote to the enquirer, with us in copy", "withheld")
    return Intake(
        Disposition.STAFF, "answer", next(iter(context.answered)), starts_clock=False, acknowledge=False,
        notify_staff=False, reasons=(reason,), member=member, answers=True,
    )  # fmt: skip
