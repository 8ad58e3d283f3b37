"""Every mail that leaves us: rendered from a template, frozen as bytes, queued in the caller's transaction.

Recipients are a closed set: the ticket's requester, configured staff, the configured receivers of alarms; one a mail.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row

from helpline_mail.adapters.store import events, messages, notices, outbox, tickets
from helpline_mail.adapters.store.notices import Untold
from helpline_mail.adapters.store.outbox import Claimed, Frozen
from helpline_mail.domain.acknowledgement import Acknowledgement, acknowledge
from helpline_mail.domain.delivery import Envelope, OutboxState, Settlement
from helpline_mail.domain.intake import Disposition, Intake, SentMail
from helpline_mail.domain.message import Address, Message
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.promise import spoken_duration, spoken_end, spoken_moment, spoken_time
from helpline_mail.domain.rations import notice_reason
from helpline_mail.domain.reminders import RunningClock, Step, recipients
from helpline_mail.domain.threads import Signer
from helpline_mail.wire.compose import Draft, compose, is_writable
from helpline_mail.wire.parse import parse
from helpline_mail.wire.templates import Rendered, Templates

NOTICE_TEXT_MAX = 50_000
LIST_LINES = 100
FLOOD = "flood"
"""The cause of the alarm that stands while the breaker is open: the alarm is the breaker's only memory."""
Automatic = Literal["auto-replied", "auto-generated"]
Thread = tuple[str | None, tuple[str, ...]]
"""In-Reply-To and References."""


@dataclass(frozen=True, slots=True)
class Correspondence:
    """What is needed to write mails."""

    policy: Policy
    signer: Signer
    templates: Templates
    plus_addresses: bool = True

    def acknowledge(
        self, connection: Connection, ticket: Mapping[str, Any], message: Message, due_at: datetime, now: datetime
    ) -> None:
        """The one acknowledgement of a ticket (RFC 3834): to the From address, without a word of the enquirer's."""
        requester = message.sender.address
        if requester is None or not is_writable(requester.addr_spec):
            text = "no acknowledgement: the sender's address cannot be written to by every server (RFC 6531)"
            events.record(connection, now, "address_not_writable", text, ticket_id=ticket["id"])
            return
        rendered = self._acknowledgement(ticket["reference"], acknowledge(self.policy.hours, due_at, now))
        mail = self._freeze(
            rendered, f"acknowledgement/{ticket['id']}", "acknowledgement", Address(requester.addr_spec), now,
            ticket, "auto-replied", answers=message, reply_to=self._reply_address(ticket["reference"]),
        )  # fmt: skip
        outbox_id = outbox.add(connection, mail, now)
        if outbox_id is None:
            return
        messages.add_outgoing(
            connection, ticket["id"], "acknowledgement", now, internet_message_id=mail.internet_message_id,
            from_=self.policy.helpline.addr_spec, to=requester.addr_spec, subject=rendered.subject, text=rendered.text,
        )  # fmt: skip
        facts = {"due": due_at.isoformat()}
        events.record(connection, now, "acknowledgement_queued", "the acknowledgement names the promised time",
                      ticket_id=ticket["id"], outbox_id=outbox_id, facts=facts)  # fmt: skip

    def renewed(self, connection: Connection, mail: Claimed, now: datetime) -> Claimed:
        """An acknowledgement that had to wait, in words that are true now; any other mail as it is.

        Only while nothing of it can have left: in doubt the very same bytes go once more.
        """
        if mail.kind != "acknowledgement" or mail.ticket_id is None or mail.mail.times_in_doubt:
            return mail
        frozen, ticket = parse(mail.envelope.octets), tickets.load(connection, mail.ticket_id)
        due_at = tickets.clocks_of(connection, mail.ticket_id)[0]["due_at"]
        facts = acknowledge(self.policy.hours, due_at, now)
        assert frozen.date is not None  # noqa: S101  we wrote it
        assert frozen.message_id is not None  # noqa: S101
        if facts == acknowledge(self.policy.hours, due_at, frozen.date):
            return mail
        rendered = self._acknowledgement(ticket["reference"], facts)
        draft = self._draft(
            rendered, "acknowledgement", Address(mail.envelope.recipient), frozen.message_id, now, "auto-replied",
            self._reply_address(ticket["reference"]), (next(iter(frozen.in_reply_to), None), frozen.references),
        )  # fmt: skip
        octets = compose(draft)
        outbox.rewrite(connection, mail.id, octets)
        messages.rewrite(connection, frozen.message_id, rendered.text)
        return replace(mail, envelope=replace(mail.envelope, octets=octets))

    def _acknowledgement(self, reference: str, facts: Acknowledgement) -> Rendered:
        return self.templates.render(
            "acknowledgement", helpline=self.policy.helpline.name, telephone=self.policy.telephone,
            skype=self.policy.skype, reference=reference, facts=facts,
        )  # fmt: skip

    def notify(
        self, connection: Connection, ticket: Mapping[str, Any], message: Message, message_id: int,
        arrived_at: datetime, due_at: datetime | None, intake: Intake, now: datetime,
    ) -> None:  # fmt: skip
        """A notice of a message to every member of staff, with its words."""
        rendered = self.templates.render(
            "notice", helpline=self.policy.helpline.name, reference=ticket["reference"],
            is_new=intake.disposition is Disposition.NEW_TICKET, sender=message.sender.shown, subject=message.subject,
            received=self._moment(arrived_at, now), due=self._end(due_at, now) if due_at else "",
            is_late=due_at is not None and due_at <= now, text=message.text[:NOTICE_TEXT_MAX],
            attachments=message.attachments, hints=self._hints(message, intake),
        )  # fmt: skip
        self._to_staff(connection, rendered, f"notice/{message_id}", "notice", self.policy.staff, ticket, now)

    def _hints(self, message: Message, intake: Intake) -> list[str]:
        hints = list(message.defects)
        if intake.related:
            hints.append(f"Possibly related to {', '.join(intake.related)}.")
        if intake.withheld:
            hints.append(f"No acknowledgement was sent: {intake.withheld.text}.")
        address = message.sender.address
        if intake.acknowledge and address and not is_writable(address.addr_spec):
            hints.append("No acknowledgement was sent: the sender's address cannot be written to by every server.")
        if address and "@" in address.name and address.addr_spec.casefold() not in address.name.casefold():
            hints.append(f"The sender's name looks like an address; the mail came from {address.addr_spec}.")
        return [_sentence(hint) for hint in hints]

    def remind(
        self, connection: Connection, ticket: Mapping[str, Any], clock: RunningClock, step: Step, now: datetime
    ) -> int:
        """A reminder of an answer that is due, without content; returns how many mails were queued."""
        left = self.policy.hours.opening_time_left(now, clock.due_at)
        waiting = self.policy.hours.opening_time_between(clock.started_at, now)
        common = {
            "helpline": self.policy.helpline.name, "reference": ticket["reference"],
            "taken_by": self._name(ticket["assignee"]),
            "waiting": f"{spoken_duration(waiting)} of opening time",
        }  # fmt: skip
        if step.overdue:
            was_due = self._end(clock.due_at, now)
            rendered = self.templates.render("overdue", **common, was_due=was_due, overdue=spoken_duration(left))
        else:
            by = spoken_time(clock.due_at, now, self.policy.zone)
            rendered = self.templates.render("reminder", **common, by=by, left=spoken_duration(left))
        kind = "overdue" if step.overdue else "reminder"
        to = recipients(step, ticket["assignee"], self.policy)
        return self._to_staff(connection, rendered, f"reminder/{clock.clock_id}/{step.name}", kind, to, ticket, now,
                              clock_id=clock.clock_id, step=step.name)  # fmt: skip

    def remind_in_list(
        self, connection: Connection, due: Sequence[tuple[RunningClock, Step, Row[Any]]], now: datetime
    ) -> int:
        """Reminders of many answers in one list for each member of staff; returns how many mails were queued."""
        lines: dict[StaffMember, list[tuple[RunningClock, Step, Row[Any]]]] = {}
        for clock, step, ticket in sorted(due, key=lambda item: item[0].due_at):
            for member in recipients(step, ticket.assignee, self.policy):
                lines.setdefault(member, []).append((clock, step, ticket))
        first, first_step, _ = due[0]
        queued = 0
        for member, own in lines.items():
            shown = [
                {
                    "reference": ticket.reference,
                    "due": self._end(clock.due_at, now),
                    "is_late": step.overdue,
                    "taken_by": self._name(ticket.assignee),
                }
                for clock, step, ticket in own[:LIST_LINES]
            ]
            late = sum(step.overdue for _, step, _ in own)
            rendered = self.templates.render(
                "reminder_list", helpline=self.policy.helpline.name, lines=shown, count=len(own), late=late
            )
            key = f"reminders/{first.clock_id}/{first_step.name}"
            kind = "overdue" if late else "reminder"
            queued += self._to_staff(connection, rendered, key, kind, (member,), None, now)
        return queued

    def digest(self, connection: Connection, untold: Sequence[Untold], count: int, now: datetime) -> int:
        """A list of messages that staff got no notice of; returns how many mails were queued."""
        shown = [
            {
                "reference": line.reference, "kind": line.kind, "received": self._moment(line.at, now),
                "by": self._answer_by(line.due_at, now),
            }
            for line in untold
        ]  # fmt: skip
        rendered = self.templates.render("digest", helpline=self.policy.helpline.name, lines=shown, count=count)
        key = f"digest/{untold[-1].message_id}"
        return self._to_staff(connection, rendered, key, "digest", self.policy.staff, None, now)

    def tell_bounced(self, connection: Connection, bounced: Iterable[SentMail], now: datetime) -> None:
        """Tells staff, once a mail, that a mail to an outsider came back; a bounce of a mail to staff is an alarm."""
        for mail in bounced:
            if outbox.mark_bounced(connection, mail.outbox_id, now):
                self._tell_unreached(
                    connection, mail.outbox_id, mail.kind, mail.ticket_id, "it came back to us", now, bounced=True
                )

    def tell_undelivered(
        self,
        connection: Connection,
        outbox_id: int,
        kind: str,
        ticket_id: int | None,
        settlement: Settlement,
        now: datetime,
    ) -> None:
        """Tells staff that a mail could not be handed over, or that nobody knows whether it was."""
        code = f" ({settlement.code})" if settlement.code else ""
        in_doubt = settlement.state is OutboxState.UNKNOWN
        self._tell_unreached(
            connection,
            outbox_id,
            kind,
            ticket_id,
            f"{settlement.reason.removeprefix('in doubt: ')}{code}",
            now,
            in_doubt=in_doubt,
        )

    def _tell_unreached(
        self, connection: Connection, outbox_id: int, kind: str, ticket_id: int | None, what: str, now: datetime,
        *, bounced: bool = False, in_doubt: bool = False,
    ) -> None:  # fmt: skip
        if kind != "acknowledgement" or ticket_id is None:
            # A mail about a mail that staff did not get would only fail as well (RFC 5321 section 6.1).
            text = f"a mail of ours ({kind}) did not arrive: {what}; see: helpline-mail outbox show {outbox_id}"
            cause = unreached_cause(outbox.recipient(connection, outbox_id), bounced=bounced)
            self.raise_alarm(connection, cause, text, now, by_mail=kind != "alarm")
            return
        ticket = tickets.load(connection, ticket_id)
        events.record(connection, now, "enquirer_not_reached", f"the {kind} did not arrive: {what}",
                      ticket_id=ticket_id, outbox_id=outbox_id)  # fmt: skip
        message_id = messages.of_outbox(connection, outbox_id)
        if notice_reason(self.policy.rations, notices.told(connection, None, now)):
            notices.await_digest(connection, message_id)
            return
        notices.note_told(connection, message_id, now)
        happened = what if bounced or in_doubt else f"our mail server did not take it: {what}"
        rendered = self.templates.render(
            "undelivered", helpline=self.policy.helpline.name, reference=ticket["reference"], kind=kind, what=happened,
            in_doubt=in_doubt, is_due=tickets.running_clock(connection, ticket_id) is not None,
        )  # fmt: skip
        self._to_staff(connection, rendered, f"undelivered/{outbox_id}", "notice", self.policy.staff, ticket, now)

    def refuse(self, connection: Connection, ticket: Mapping[str, Any], writer: Address, now: datetime) -> None:
        """Tells the member of staff whose address a mail names that it was not sent on; once a ticket and day."""
        member = self.policy.staff_member(writer.addr_spec)
        if member is None:
            return
        is_due = tickets.running_clock(connection, ticket["id"]) is not None
        rendered = self.templates.render(
            "refusal", helpline=self.policy.helpline.name, reference=ticket["reference"], is_due=is_due
        )
        key = f"refusal/{ticket['id']}/{now:%Y-%m-%d}"
        self._to_staff(connection, rendered, key, "refusal", (member,), ticket, now)

    def raise_alarm(
        self, connection: Connection, cause: str, text: str, now: datetime, *, by_mail: bool = True
    ) -> bool:
        """Opens an alarm and tells its receivers; False if one with that cause is open already."""
        alarm_id = events.raise_alarm(connection, cause, text, now)
        if alarm_id is None:
            return False
        events.record(connection, now, "alarm", text, facts={"cause": cause})
        if by_mail:
            self.alarm(connection, alarm_id, cause, text, now)
        return True

    def end_alarm(self, connection: Connection, cause: str, now: datetime) -> bool:
        """Closes the cause's open alarm and says so; False if there is none."""
        alarm = events.end_alarm(connection, cause, now)
        if alarm is None:
            return False
        events.record(connection, now, "alarm_over", alarm.text, facts={"cause": cause})
        self.alarm(connection, alarm.id, cause, alarm.text, now, over_since=alarm.raised_at)
        return True

    def alarm(
        self, connection: Connection, alarm_id: int, cause: str, headline: str, now: datetime,
        *, over_since: datetime | None = None,
    ) -> None:  # fmt: skip
        """Tells the configured receivers that something is wrong, or that it is over."""
        name = self.policy.helpline.name
        since = self._moment(over_since or now, now)
        if over_since is None:
            rendered = self.templates.render(
                "alarm", helpline=name, headline=headline, since=since, advice=_advice(cause)
            )
        else:
            lasted = spoken_duration(now - over_since)
            rendered = self.templates.render("alarm_over", helpline=name, headline=headline, since=since, lasted=lasted)
        phase = "over" if over_since else "raised"
        for address in self.policy.alarms_to:
            key = f"alarm/{alarm_id}/{phase}/{_short(address)}"
            outbox.add(
                connection, self._freeze(rendered, key, "alarm", Address(address), now, None, "auto-generated"), now
            )

    def _to_staff(
        self, connection: Connection, rendered: Rendered, key: str, kind: str, to: Sequence[StaffMember],
        ticket: Mapping[str, Any] | None, now: datetime, clock_id: int | None = None, step: str | None = None,
    ) -> int:  # fmt: skip
        queued = 0
        for member in to:
            mail = self._freeze(
                rendered, f"{key}/{_short(member.address)}", kind, Address(member.address, member.name), now, ticket,
                "auto-generated", clock_id=clock_id, step=step,
            )  # fmt: skip
            queued += outbox.add(connection, mail, now) is not None
        return queued

    def _freeze(
        self, rendered: Rendered, key: str, kind: str, to: Address, now: datetime, ticket: Mapping[str, Any] | None,
        automatic: Automatic, *, answers: Message | None = None, reply_to: str | None = None,
        clock_id: int | None = None, step: str | None = None,
    ) -> Frozen:  # fmt: skip
        """The mail as it will be, byte for byte, whenever and however often it is handed over."""
        nonce = base64.b32encode(secrets.token_bytes(10)).decode().lower()
        message_id = self.signer.message_id(
            ticket["reference"] if ticket else f"{self.policy.reference_prefix}-000000", nonce
        )
        thread = thread_of(answers) if answers else self._staff_thread(ticket)
        draft = self._draft(rendered, kind, to, message_id, now, automatic, reply_to, thread)
        sender = self.signer.bounce_address(nonce) if self.plus_addresses else self.policy.helpline.addr_spec
        envelope = Envelope(sender, to.addr_spec, compose(draft))
        return Frozen(key, kind, nonce, message_id, envelope, ticket["id"] if ticket else None, clock_id, step)

    def _draft(
        self, rendered: Rendered, kind: str, to: Address, message_id: str, now: datetime, automatic: Automatic,
        reply_to: str | None, thread: Thread,
    ) -> Draft:  # fmt: skip
        helpline = self.policy.helpline
        in_reply_to, references = thread
        return Draft(
            kind=kind, from_=helpline, to=to, subject=rendered.subject, text=rendered.text, message_id=message_id,
            date=now.astimezone(self.policy.zone), reply_to=Address(reply_to, helpline.name) if reply_to else None,
            in_reply_to=in_reply_to, references=references, auto_submitted=automatic,
        )  # fmt: skip

    def _reply_address(self, reference: str) -> str | None:
        return self.signer.reply_address(reference) if self.plus_addresses else None

    def _staff_thread(self, ticket: Mapping[str, Any] | None) -> Thread:
        """Mails to staff about one ticket share a thread of their own, so that a mail client groups them."""
        if ticket is None:
            return None, ()
        return None, (f"<{ticket['reference'].lower()}@staff.{self.policy.helpline.domain}>",)

    def _name(self, assignee: str | None) -> str:
        """The name of the member of staff who took a ticket; the address of one who has left."""
        member = self.policy.staff_member(assignee) if assignee else None
        return member.name if member else assignee or ""

    def _answer_by(self, due_at: datetime | None, now: datetime) -> str:
        if due_at is None:
            return ""
        by = spoken_time(due_at, now, self.policy.zone)
        return by if now < due_at else f"was due {by}"

    def _end(self, at: datetime, now: datetime) -> str:
        return spoken_end(at, now, self.policy.zone)

    def _moment(self, at: datetime, now: datetime) -> str:
        return spoken_moment(at, now, self.policy.zone)


def thread_of(answered: Message) -> Thread:
    """In-Reply-To and References of an answer (RFC 5322 section 3.6.4): the parent's, and the parent."""
    if answered.message_id is None:
        return None, ()
    parents = answered.references or answered.in_reply_to[:1]
    return answered.message_id, (*parents, answered.message_id)


def _advice(cause: str) -> str:
    """What to do about an alarm of that cause."""
    match cause.partition("/")[0]:
        case "mailbox":
            return "run helpline-mail check. No mail is lost meanwhile, but new mail is not read."
        case "refused":
            return (
                "see to the address. The alarm ends when a mail to it is accepted; what it refused is not sent again."
            )
        case "bounced":
            return f"see to the address, then run helpline-mail alarm end {cause}. Nothing else ends this alarm."
        case "flood":
            return (
                "run helpline-mail status. If you did not expect so much mail, ask whoever looks after the mail server."
            )
    return "run helpline-mail status, then helpline-mail check."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def unreached_cause(address: str, *, bounced: bool) -> str:
    """The cause of an alarm about one recipient: what is refused may work again, what comes back wants a person."""
    return f"{'bounced' if bounced else 'refused'}/{_short(address)}"


def _short(address: str) -> str:
    """Tells recipients apart in a unique key without being an address."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:16]
