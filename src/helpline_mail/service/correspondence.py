"""Every mail that leaves us, to enquirers, partners and staff.

Recipients are a closed set: the ticket's requester, configured partners and staff, the configured receivers of alarms;
one a mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row

from helpline_mail.adapters.store import clocks, events, history, messages, outbox, tickets
from helpline_mail.adapters.store.notices import Untold
from helpline_mail.adapters.store.outbox import Claimed
from helpline_mail.domain.acknowledgement import Acknowledgement, Likely, acknowledge
from helpline_mail.domain.message import Address, Message
from helpline_mail.domain.policy import StaffMember
from helpline_mail.domain.promise import spoken_duration, spoken_time
from helpline_mail.domain.reminders import RunningClock, Step, recipients
from helpline_mail.service.letters import thread_of
from helpline_mail.service.replies import Replies
from helpline_mail.wire.compose import compose, is_writable
from helpline_mail.wire.links import command_link
from helpline_mail.wire.parse import parse
from helpline_mail.wire.templates import Rendered

LIST_LINES = 100


@dataclass(frozen=True, slots=True)
class Correspondence(Replies):
    """Every mail that leaves."""

    def acknowledge(
        self, connection: Connection, ticket: Mapping[str, Any], message: Message, due_at: datetime, now: datetime
    ) -> None:
        """The one acknowledgement of a ticket (RFC 3834): to the From address, without a word of the enquirer's."""
        requester = message.sender.address
        if requester is None or not is_writable(requester.addr_spec):
            text = "no acknowledgement: not every server can safely write to the sender's address"
            events.record(connection, now, "address_not_writable", text, ticket_id=ticket["id"])
            return
        likely = _likely(connection, clocks.first(connection, ticket["id"]))
        facts = acknowledge(self.policy.hours, due_at, now, likely)
        rendered = self._acknowledgement(ticket["reference"], ticket["channel"], facts)
        mail = self._freeze(
            rendered, f"acknowledgement/{ticket['id']}", "acknowledgement", Address(requester.addr_spec), now,
            ticket, "auto-replied", thread=thread_of(message), reply_to=self._reply_address(ticket["reference"]),
        )  # fmt: skip
        outbox_id = outbox.add(connection, mail, now)
        if outbox_id is None:
            return
        messages.add_outgoing(
            connection, ticket["id"], "acknowledgement", now, internet_message_id=mail.internet_message_id,
            from_=self.policy.helpline.addr_spec, to=requester.addr_spec, subject=rendered.subject, text=rendered.text,
        )  # fmt: skip
        events.record(connection, now, "acknowledgement_queued", "the acknowledgement names the promised time",
                      ticket_id=ticket["id"], outbox_id=outbox_id, facts={"due": due_at.isoformat()})  # fmt: skip

    def renewed(self, connection: Connection, mail: Claimed, now: datetime) -> Claimed:
        """An acknowledgement that had to wait, in words that are true now; any other mail as it is.

        Only while nothing of it can have left: in doubt the very same bytes go once more.
        """
        if mail.kind != "acknowledgement" or mail.ticket_id is None or mail.mail.times_in_doubt:
            return mail
        frozen, ticket = parse(mail.envelope.octets), tickets.load(connection, mail.ticket_id)
        if (clock := clocks.first(connection, mail.ticket_id)) is None:
            return mail
        due_at, likely = clock.due_at, _likely(connection, clock)
        facts = acknowledge(self.policy.hours, due_at, now, likely)
        assert frozen.date is not None  # noqa: S101  we wrote it
        assert frozen.message_id is not None  # noqa: S101
        if facts == acknowledge(self.policy.hours, due_at, frozen.date, likely):
            return mail
        rendered = self._acknowledgement(ticket["reference"], ticket["channel"], facts)
        draft = self._draft(
            rendered, "acknowledgement", Address(mail.envelope.recipient), frozen.message_id, now, "auto-replied",
            self._reply_address(ticket["reference"]), (next(iter(frozen.in_reply_to), None), frozen.references),
        )  # fmt: skip
        octets = compose(draft)
        outbox.rewrite(connection, mail.id, octets)
        clocks.promise(connection, clock.clock_id, due_at)
        messages.rewrite(connection, frozen.message_id, rendered.text)
        return replace(mail, envelope=replace(mail.envelope, octets=octets))

    def _acknowledgement(self, reference: str, channel: str, facts: Acknowledgement) -> Rendered:
        return self.templates.render(
            "acknowledgement", helpline=self.policy.helpline.name, telephone=self.policy.telephone,
            skype=self.policy.skype, reference=reference, channel=channel, facts=facts,
        )  # fmt: skip

    def remind(
        self, connection: Connection, ticket: Mapping[str, Any], clock: RunningClock, step: Step, now: datetime
    ) -> int:
        """A reminder of an answer that is due, without content; returns how many mails were queued."""
        left = self.policy.hours.opening_time_left(now, clock.due_at)
        waiting = self.policy.hours.opening_time_between(clock.started_at, now)
        common = {
            "helpline": self.policy.helpline.name, "reference": ticket["reference"],
            "taken_by": self._name(ticket["assignee"]), "write_above": self._write_above(),
            "waiting": f"{spoken_duration(waiting)} of opening time",
        }  # fmt: skip
        if step.overdue:
            common |= {"was_due": self._end(clock.due_at, now), "overdue": spoken_duration(left)}
        else:
            common |= {"by": spoken_time(clock.due_at, now, self.policy.zone), "left": spoken_duration(left)}
        kind = "overdue" if step.overdue else "reminder"
        to = recipients(step, ticket["assignee"], self.policy)

        def writing(reply_to: str) -> Rendered:
            return self.templates.render(kind, **common, take=command_link(reply_to, ticket["reference"], "#take"))

        key = f"reminder/{clock.clock_id}/{int(clock.due_at.timestamp())}/{step.name}"
        return self._to_staff(
            connection, writing, key, kind, to, ticket, now, clock_id=clock.clock_id, step=step.name
        )  # fmt: skip

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
            key = f"reminders/{first.clock_id}/{int(first.due_at.timestamp())}/{first_step.name}"
            kind = "overdue" if late else "reminder"
            queued += self._to_staff(connection, rendered, key, kind, (member,), None, now)
        return queued

    def remind_of_updates(self, connection: Connection, due: Sequence[Row[Any]], now: datetime) -> int:
        """A list for each member of staff of enquirers who are to hear from us again; how many mails were queued."""
        lines: dict[StaffMember, list[Row[Any]]] = {}
        for ticket in due:
            taker = self.policy.staff_member(ticket.assignee) if ticket.assignee else None
            for member in (taker,) if taker else self.policy.staff:
                lines.setdefault(member, []).append(ticket)
        queued = 0
        for member, own in lines.items():
            shown = [
                {
                    "reference": ticket.reference, "due": self._end(ticket.due_at, now),
                    "is_late": ticket.due_at <= now, "taken_by": self._name(ticket.assignee),
                }
                for ticket in own[:LIST_LINES]
            ]  # fmt: skip
            rendered = self.templates.render(
                "updates", helpline=self.policy.helpline.name, lines=shown, count=len(own),
                write_above=self._write_above(),
            )  # fmt: skip
            key = f"updates/{own[0].ticket_id}/{int(now.timestamp())}"
            one = tickets.load(connection, own[0].ticket_id) if len(own) == 1 else None  # a reply is about that one
            queued += self._to_staff(connection, rendered, key, "reminder", (member,), one, now)
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
        key = f"digest/{untold[-1].message_id}/{int(now.timestamp())}"
        return self._to_staff(connection, rendered, key, "digest", self.policy.staff, None, now)


def _likely(connection: Connection, clock: RunningClock | None) -> Likely | None:
    """What an acknowledgement may say of the query of that clock besides the promise."""
    within = history.to_say(connection, clock.clock_id) if clock else None
    return Likely(clock.started_at, within) if clock and within else None
