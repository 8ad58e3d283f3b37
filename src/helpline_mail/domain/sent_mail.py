"""What staff sent from the shared mailbox: an answer to which ticket, and whether it stops the clock.

Nobody but the account's own users can put a mail into its Sent folder, so From needs no proof here. What needs
care is the clock: it stops only for a mail that went to the enquirer, after the query, about exactly one ticket.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from helpline_mail.domain.intake import Disposition
from helpline_mail.domain.message import Message
from helpline_mail.domain.notices import says_automatic
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.responder import Reason, automatic_reason

CLIENTS_CLOCK_WRONG_BY = timedelta(hours=1)
"""A Date further before the query than this says that an old mail was only copied to where it was found."""

Kind = Literal["answer", "sent_elsewhere", "recorded"]
Way = Literal["in_reply_to", "references", "recipient"]


@dataclass(frozen=True, slots=True)
class Touched:
    """A ticket that a mail from the shared mailbox may be about."""

    ticket_id: int
    by: Way
    """How it came to mind, the strongest way only."""
    to_enquirer: bool
    """The enquirer, by any address that takes part in the ticket, is among its recipients."""
    asked_at: datetime | None
    """When the query came whose response clock runs; None if no answer is due."""

    def awaits(self, sent_at: datetime) -> bool:
        """Whether an answer that was sent then was due."""
        return self.asked_at is not None and self.asked_at <= sent_at


@dataclass(frozen=True, slots=True)
class SentContext:
    """What SQL knows that bears on one mail from the Sent folder."""

    sent_at: datetime
    """IMAP INTERNALDATE of the copy, never later than now."""
    sent_since: datetime
    """What was sent earlier is recorded only."""
    has_words: bool
    """Something is left of it without what it quotes."""
    is_ours: bool = False
    """Its Message-ID is one that we signed and really sent."""
    duplicate_of: int | None = None
    touched: tuple[Touched, ...] = ()


@dataclass(frozen=True, slots=True)
class Filing:
    """What should be true after one mail from the Sent folder."""

    disposition: Disposition
    reasons: tuple[Reason, ...]
    kind: Kind | None = None
    """The message's kind; None if no message is kept beside the raw mail."""
    ticket_id: int | None = None
    stops: bool = False
    """The ticket's response clock stops at the time it was sent."""
    possible: tuple[int, ...] = ()
    """Tickets that it may answer, if that cannot be told."""


def file(message: Message, context: SentContext, policy: Policy) -> Filing:
    """Where a mail from the Sent folder belongs. It never makes a ticket, and nothing is sent because of it."""
    if (aside := _aside(message, context, policy)) is not None:
        return aside
    chosen, why = _ticket(context)
    if chosen is None:
        if why.code != "sent_ambiguous":
            return Filing(Disposition.RECORDED, (why,))
        return Filing(Disposition.RECORDED, (why,), "recorded", possible=tuple(t.ticket_id for t in context.touched))
    if not context.has_words and not message.attachments:
        empty = _reason("sent_empty", "nothing stands in it but what it quotes, so it answers nothing")
        return Filing(Disposition.SENT, (why, empty), "recorded", chosen.ticket_id)
    if not chosen.to_enquirer:
        elsewhere = _reason("sent_elsewhere", "it went to somebody else than the enquirer, so no clock stops")
        return Filing(Disposition.SENT, (why, elsewhere), "sent_elsewhere", chosen.ticket_id)
    stops, effect = effect_of(message.date, context.sent_at, chosen.asked_at)
    return Filing(Disposition.SENT, (why, effect), "answer", chosen.ticket_id, stops)


def effect_of(date: datetime | None, sent_at: datetime, asked_at: datetime | None) -> tuple[bool, Reason]:
    """Whether a mail to the enquirer stops the clock of the query that came at `asked_at`, and why.

    `date` is the mail's own Date: never the time of an answer, but one long before the query betrays an old mail.
    """
    if asked_at is None:
        return False, _reason("answer_not_due", "it answers the enquirer; no answer was due")
    if sent_at < asked_at:
        return False, _reason("answer_before_query", "it was sent before the query came that waits for an answer")
    if date is not None and date < asked_at - CLIENTS_CLOCK_WRONG_BY:
        text = "its Date is long before the query that waits for an answer, so an old mail may have been copied"
        return False, _reason("answer_dated_before", text)
    return True, _reason("answers", "it went to the enquirer after the query, so the response clock stops")


def _aside(message: Message, context: SentContext, policy: Policy) -> Filing | None:
    """What is no mail of staff from the shared mailbox, or was filed before."""
    before = policy.recorded_before is not None and context.sent_at < policy.recorded_before
    if before or context.sent_at < context.sent_since:
        return _recorded("sent_before", "it was sent before this folder was read")
    if context.duplicate_of is not None:
        reason = _reason("duplicate", "the same message is here already")
        return Filing(Disposition.DUPLICATE, (reason,))
    # A provider that gives mail a Message-ID of its own leaves our header.
    if context.is_ours or "x-helpline-kind" in message.fields:
        return Filing(Disposition.OWN, (_reason("own_mail", "it is the copy of a mail that we sent ourselves"),))
    address = message.sender.address
    if address is None or address.addr_spec not in policy.own:
        return _recorded("sent_by_other", "it was not sent from the helpline's address")
    machine = automatic_reason(message, policy.own)
    if machine is not None and machine.kind == "automatic":
        return Filing(Disposition.RECORDED, (_reason(machine.code, machine.text),))
    if says_automatic(message.subject):
        return _recorded("automatic_subject", "its subject begins as an automatic reply's does")
    return None


def _ticket(context: SentContext) -> tuple[Touched | None, Reason]:
    """The one ticket that it is about: what it replies to, else what it refers to, else whom it is for."""
    named = [t for t in context.touched if t.by != "recipient"]
    for found, why in (
        ([t for t in named if t.by == "in_reply_to"], "it replies to a message of this ticket"),
        (named, "it refers to messages of this ticket"),
        ([t for t in named if t.to_enquirer], "of the tickets that it refers to, only this one's enquirer gets it"),
    ):
        if len(found) == 1:
            return _unless_for_another(found[0], context, _reason("sent_reply", why))
    if named:
        return None, _ambiguous("it refers to several tickets")
    waiting = [t for t in context.touched if t.to_enquirer and t.awaits(context.sent_at)]
    if len(waiting) == 1:
        return waiting[0], _reason("sent_to_enquirer", "only this ticket's enquirer waited for an answer from us")
    if waiting:
        return None, _ambiguous("several tickets of its recipients wait for an answer")
    return None, _reason("sent_unrelated", "it replies to nothing of a ticket, and none of its recipients waits for us")


def _unless_for_another(chosen: Touched, context: SentContext, why: Reason) -> tuple[Touched | None, Reason]:
    """A reply on an old thread to another person: nobody can tell which of the two tickets it is about."""
    if chosen.to_enquirer or not any(t.to_enquirer for t in context.touched):
        return chosen, why
    return None, _ambiguous("it replies within one ticket and went to the enquirer of another")


def strongest(touched: Iterable[Touched]) -> tuple[Touched, ...]:
    """Each ticket once, by the way that comes first."""
    return tuple({t.ticket_id: t for t in reversed(list(touched))}.values())


def _ambiguous(text: str) -> Reason:
    remedy = "if it was the answer, say so: helpline-mail ticket answer REFERENCE"
    return _reason("sent_ambiguous", f"{text}, so no clock stops; {remedy}")


def _recorded(code: str, text: str) -> Filing:
    return Filing(Disposition.RECORDED, (_reason(code, text),))


def _reason(code: str, text: str) -> Reason:
    return Reason(code, text, "withheld")
