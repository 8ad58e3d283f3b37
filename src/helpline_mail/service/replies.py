"""What staff write, on its way to the enquirer or a partner in the helpline's name; and what they are told of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, events, mediations, messages, outbox, tickets
from helpline_mail.domain.discretion import telling_file
from helpline_mail.domain.message import Address, Enclosure
from helpline_mail.domain.policy import Partner, StaffMember
from helpline_mail.domain.signposts import listing
from helpline_mail.domain.threads import Mediation, subject_of_answer
from helpline_mail.service import clockwork
from helpline_mail.service.filing import new_reference
from helpline_mail.service.letters import short_of
from helpline_mail.service.notify import Notices
from helpline_mail.wire.formatting import formatted, paragraphs


@dataclass(frozen=True, slots=True)
class Words:
    """What a member of staff wrote, cut free: the text, the HTML that it may stand in, and the files."""

    text: str
    html: str = ""
    files: tuple[Enclosure, ...] = ()


@dataclass(frozen=True, slots=True)
class Replies(Notices):
    """Mails in the helpline's name, and mails to those who wrote them."""

    def signposts(self) -> dict[str, str]:
        """The approved signposting texts by name."""
        return {
            post.name: self.templates.signpost(
                post.name, helpline=self.policy.helpline.name, telephone=self.policy.telephone, skype=self.policy.skype
            )
            for post in self.templates.signposts()
        }

    def signpost_list(self) -> list[str]:
        """The signposting texts, one a line."""
        return (listing(self.templates.signposts()) or "There are none.").split("\n")

    def answer(
        self, connection: Connection, ticket: Mapping[str, Any], addressee: str, subject: str, words: Words,
        message_id: int, writer: StaffMember, covers_until: datetime, now: datetime, *, closing: bool = False,
    ) -> None:  # fmt: skip
        """An answer of a member of staff on its way to the enquirer, in the helpline's name and in their thread.

        `covers_until` is when the mail was written that it replies to: a later query is not answered by it. With
        `closing` it says how to come back.
        """
        rendered = self.templates.render(
            "answer", helpline=self.policy.helpline.name, reference=ticket["reference"],
            subject=subject_of_answer(subject), text=words.text, closing=closing, signature=self.policy.signature,
        )  # fmt: skip
        mail = self._freeze(
            rendered, f"answer/{message_id}", "answer", Address(addressee), now, ticket, None,
            thread=messages.thread_with_enquirer(connection, ticket["id"], addressee),
            reply_to=self._reply_address(ticket["reference"]), files=words.files,
            html=self._formatted(words, rendered.text), sender_name=self._sender_name(writer),
            covers_until=covers_until,
        )  # fmt: skip
        outbox_id = outbox.add(connection, mail, now)
        messages.add_outgoing(
            connection, ticket["id"], "answer", now, author=writer.address,
            internet_message_id=mail.internet_message_id, from_=self.policy.helpline.addr_spec,
            to=addressee, subject=rendered.subject, text=words.text,
        )  # fmt: skip
        events.record(connection, now, "answer_queued", "an answer is on its way to the enquirer",
                      ticket_id=ticket["id"], outbox_id=outbox_id)  # fmt: skip

    def write_partner(
        self, connection: Connection, ticket: Mapping[str, Any], partner: Partner, words: Words, message_id: int,
        writer: StaffMember, now: datetime,
    ) -> None:  # fmt: skip
        """Words to a partner, under a reference that is theirs alone: nothing in it tells of the enquirer."""
        thread = self._mediation(connection, ticket["id"], partner, now)
        rendered = self.templates.render(
            "partner", helpline=self.policy.helpline.name, reference=thread.reference, text=self._signed(words.text)
        )
        mail = self._freeze(
            rendered, f"partner/{message_id}", "partner", Address(partner.address, partner.title), now, ticket, None,
            thread=messages.thread_with_partner(connection, thread.id), reply_to=self._reply_address(thread.reference),
            files=words.files, reference=thread.reference, sender_name=self._sender_name(writer),
            mediation_id=thread.id,
        )  # fmt: skip
        outbox_id = outbox.add(connection, mail, now)
        messages.add_outgoing(
            connection, ticket["id"], "partner_out", now, author=writer.address, mediation_id=thread.id,
            internet_message_id=mail.internet_message_id, from_=self.policy.helpline.addr_spec, to=partner.address,
            subject=rendered.subject, text=words.text,
        )  # fmt: skip
        clockwork.await_partner(connection, self.policy, thread, now)
        events.record(connection, now, "partner_written", f"a mail to {partner.name} is on its way",
                      ticket_id=ticket["id"], outbox_id=outbox_id)  # fmt: skip

    def _mediation(self, connection: Connection, ticket_id: int, partner: Partner, now: datetime) -> Mediation:
        """The correspondence with a partner about a ticket, opened if need be."""
        while (found := mediations.find(connection, ticket_id, partner.name)) is None:
            reference = new_reference(self.policy)
            if not tickets.ids_of(connection, [reference]):
                mediations.start(connection, ticket_id, partner.name, reference, now)
        return found

    def _signed(self, text: str) -> str:
        return f"{text}\n\n-- \n{self.policy.signature}" if self.policy.signature else text

    def _formatted(self, words: Words, whole: str) -> str:
        """The HTML of an answer: its words as they were formatted, and what the template puts around them."""
        html = formatted(words.html, words.text) if words.html else ""
        as_file = (Enclosure("", "text/html", unquote(html).encode()),)
        if telling_file(as_file, [member.address for member in self.policy.staff], self.policy.reference_prefix, ""):
            return ""  # a link tells more than the words do
        if not html:
            return ""
        before, found, after = whole.partition(words.text.strip("\n"))
        return f"{paragraphs(before)}{html}{paragraphs(after)}" if found else ""

    def _sender_name(self, writer: StaffMember) -> str:
        """The helpline's name, with the member's first name before it if that is configured."""
        if not self.policy.first_names:
            return ""
        return f"{writer.name.split()[0]}, {self.policy.helpline.name}"

    def confirm(
        self, connection: Connection, ticket: Mapping[str, Any] | None, writer: StaffMember, done: Sequence[str],
        held: str, message_id: int, now: datetime,
    ) -> None:  # fmt: skip
        """Tells a member of staff what their mail did, and which of their words are held."""
        rendered = self.templates.render(
            "confirmation", helpline=self.policy.helpline.name, reference=_reference(ticket), done=done, held=held,
            write_above=self._write_above(),
        )  # fmt: skip
        parent = messages.internet_message_id(connection, message_id)
        key = f"confirmation/{message_id}"
        self._to_staff(connection, rendered, key, "notice", (writer,), ticket, now, about=message_id, parent=parent)

    def refuse_why(
        self, connection: Connection, ticket: Mapping[str, Any] | None, writer: StaffMember, why: Sequence[str],
        colleagues_words: str, message_id: int, now: datetime,
    ) -> None:  # fmt: skip
        """Tells a member of staff why their mail did nothing."""
        rendered = self.templates.render(
            "refused", helpline=self.policy.helpline.name, reference=_reference(ticket), why=why,
            colleagues_words="" if self.policy.minimal_notices else colleagues_words,
            due=self._due(connection, ticket, now), write_above=self._write_above(),
        )  # fmt: skip
        parent = messages.internet_message_id(connection, message_id)
        key = f"refused/{message_id}"
        self._to_staff(connection, rendered, key, "refusal", (writer,), ticket, now, about=message_id, parent=parent)

    def tell_assigned(
        self, connection: Connection, ticket: Mapping[str, Any], to: StaffMember, by: StaffMember, now: datetime
    ) -> None:
        """Tells a member of staff that a colleague has given them a ticket."""
        rendered = self.templates.render(
            "assigned", helpline=self.policy.helpline.name, reference=ticket["reference"], who=by.name,
            due=self._due(connection, ticket, now), write_above=self._write_above(),
        )  # fmt: skip
        self._to_staff(
            connection, rendered, f"assigned/{ticket['id']}/{int(now.timestamp())}", "notice", (to,), ticket, now
        )

    def tell(
        self, connection: Connection, ticket: Mapping[str, Any] | None, writer: StaffMember, what: str,
        lines: Sequence[str], message_id: int, now: datetime,
    ) -> None:  # fmt: skip
        """Sends a member of staff what they asked to read."""
        update_due_at = ticket["update_due_at"] if ticket else None
        rendered = self.templates.render(
            what, helpline=self.policy.helpline.name, reference=_reference(ticket), lines=lines,
            state=ticket["state"] if ticket else "", taken_by=self._name(ticket["assignee"]) if ticket else "",
            outcome=(ticket["outcome"] or "") if ticket else "",
            topic=(ticket["category"] or "") if ticket else "", sector=(ticket["sector"] or "") if ticket else "",
            channel=ticket["channel"] if ticket else "", due=self._due(connection, ticket, now),
            update=self._end(update_due_at, now) if update_due_at else "", write_above=self._write_above(),
        )  # fmt: skip
        parent = messages.internet_message_id(connection, message_id)
        self._to_staff(connection, rendered, f"{what}/{message_id}", "report", (writer,), ticket, now, parent=parent)

    def _due(self, connection: Connection, ticket: Mapping[str, Any] | None, now: datetime) -> str:
        """`by 13:10 today` or `was due by 13:10 today`; empty if no answer is due."""
        running = clocks.running(connection, ticket["id"]) if ticket else None
        return self._answer_by(running.due_at if running else None, now)

    def refuse(
        self, connection: Connection, ticket: Mapping[str, Any] | None, addr_spec: str, why: str, now: datetime
    ) -> None:
        """Tells the member of staff whose address a mail names, and the leads, that it was not believed; once a day."""
        member = self.policy.staff_member(addr_spec)
        if member is None:
            return
        is_due = ticket is not None and clocks.running(connection, ticket["id"]) is not None
        leads = [lead for lead in self.policy.staff if lead.role == "lead" and lead != member]
        key = f"refusal/{ticket['id'] if ticket else 0}/{short_of(member.address)}/{now:%Y-%m-%d}"
        for to, is_theirs in (((member,), True), (tuple(leads), False)):
            rendered = self.templates.render(
                "refusal", helpline=self.policy.helpline.name, reference=_reference(ticket), is_due=is_due, why=why,
                who=member.name, is_theirs=is_theirs, can_answer=self.policy.staff_can_answer,
                write_above=self._write_above(),
            )  # fmt: skip
            self._to_staff(connection, rendered, key, "refusal", to, ticket, now)


def _reference(ticket: Mapping[str, Any] | None) -> str:
    return ticket["reference"] if ticket else ""
