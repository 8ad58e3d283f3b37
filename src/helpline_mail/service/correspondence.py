"""Every mail that leaves us, to enquirers, partners and staff.

Recipients are a closed set: the ticket's requester, configured partners and staff, the configured receivers of alarms;
one a mail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, events, history, messages, outbox, tickets
from helpline_mail.adapters.store.notices import Untold
from helpline_mail.adapters.store.outbox import Claimed
from helpline_mail.domain.acknowledgement import Acknowledgement, Likely, acknowledge
from helpline_mail.domain.clocks import RunningClock
from helpline_mail.domain.message import Address, Message
from helpline_mail.domain.promise import spoken_with_date
from helpline_mail.service.deadlines import Deadlines
from helpline_mail.service.letters import thread_of
from helpline_mail.wire.compose import compose, is_writable
from helpline_mail.wire.parse import parse
from helpline_mail.wire.templates import Rendered


@dataclass(frozen=True, slots=True)
class Correspondence(Deadlines):
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
        clock = clocks.first(connection, ticket["id"])
        likely = _likely(connection, clock)
        facts = acknowledge(self.policy.hours, due_at, now, likely)
        rendered = self._acknowledgement(ticket["reference"], ticket["channel"], facts)
        mail = self._freeze(
            rendered, f"acknowledgement/{ticket['id']}", "acknowledgement", Address(requester.addr_spec), now,
            ticket, "auto-replied", thread=thread_of(message), reply_to=self._reply_address(ticket["reference"]),
        )  # fmt: skip
        outbox_id = outbox.add(connection, mail, now)
        if outbox_id is None:
            return
        if clock is not None:
            clocks.promise(connection, clock.clock_id, due_at)
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
        is_promised = clocks.promised(connection, clock.clock_id) == due_at  # else the calendar has moved it meanwhile
        if is_promised and facts == acknowledge(self.policy.hours, due_at, frozen.date, likely):
            return mail
        channel = "email" if messages.came_by_mail(connection, mail.ticket_id) else ticket["channel"]
        rendered = self._acknowledgement(ticket["reference"], channel, facts)
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

    def hold_out(
        self, connection: Connection, ticket: Mapping[str, Any], clock_id: int, by: datetime, now: datetime, *,
        was_due: datetime | None, with_partner: bool,
    ) -> None:  # fmt: skip
        """A holding mail: the enquirer hears that there is no news yet, and by when they will hear again.

        `was_due` is when an answer was due, if that has passed.
        """
        addressee = ticket["requester"]
        rendered = self.templates.render(
            "update", helpline=self.policy.helpline.name, reference=ticket["reference"],
            by=spoken_with_date(by, now, self.policy.zone), with_partner=with_partner,
            was_due=spoken_with_date(was_due, now, self.policy.zone) if was_due else "",
        )  # fmt: skip
        mail = self._freeze(
            rendered, f"update/{clock_id}", "update", Address(addressee), now, ticket, "auto-generated",
            thread=messages.thread_with_enquirer(connection, ticket["id"], addressee),
            reply_to=self._reply_address(ticket["reference"]), clock_id=clock_id,
        )  # fmt: skip
        outbox_id = outbox.add(connection, mail, now)
        messages.add_outgoing(
            connection, ticket["id"], "update", now, internet_message_id=mail.internet_message_id,
            from_=self.policy.helpline.addr_spec, to=addressee, subject=rendered.subject, text=rendered.text,
        )  # fmt: skip
        text = "the enquirer is told that there is no news yet, and by when they will hear from us"
        events.record(connection, now, "holding_mail_queued", text, ticket_id=ticket["id"], outbox_id=outbox_id,
                      facts={"promised": by.isoformat()})  # fmt: skip

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
