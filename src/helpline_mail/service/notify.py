"""Notices: what staff are told of a message, each member in a mail of their own that can be answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from helpline_mail.adapters.store import clocks, messages
from helpline_mail.domain.intake import Intake
from helpline_mail.domain.message import Message
from helpline_mail.domain.policy import StaffMember
from helpline_mail.service.trouble import Trouble
from helpline_mail.wire.compose import is_writable
from helpline_mail.wire.links import command_link
from helpline_mail.wire.templates import Rendered

NOTICE_TEXT_MAX = 50_000
EARLIER, EARLIER_TEXT_MAX = 6, 3_000
SHOWN_EARLIER = ("enquiry", "follow_up", "answer", "partner_out", "partner_in")
COMMANDS = (("Take it", "#take"), ("Close it", "#resolve "), ("Wait two days", "#wait 2d"))
Occasion = Literal["new_ticket", "follow_up", "partner", "call", "split"]


@dataclass(frozen=True, slots=True)
class News:
    """A message that staff are told of, and what there is to say about it."""

    occasion: Occasion
    message: Message
    message_id: int
    arrived_at: datetime
    due_at: datetime | None
    hints: tuple[str, ...] = ()
    partner: str = ""


@dataclass(frozen=True, slots=True)
class Notices(Trouble):
    """Mails that tell staff of a message."""

    def notify(self, connection: Connection, ticket: Mapping[str, Any], news: News, now: datetime) -> None:
        """A notice of a message to every member of staff, with its words and those before it.

        Where notices are minimal, with nothing but when it came, its ticket and what staff should know of it.
        """
        message, minimal = news.message, self.policy.minimal_notices
        running = clocks.running(connection, ticket["id"])
        due_at = news.due_at or (running.due_at if running else None)  # a partner's answer ends nobody's wait
        common = {
            "helpline": self.policy.helpline.name, "reference": ticket["reference"], "occasion": news.occasion,
            "partner": news.partner, "partner_title": self._partner_title(news.partner),
            "can_answer": bool(ticket["requester"]) and is_writable(ticket["requester"]),
            "minimal": minimal, "sender": message.sender.shown, "subject": message.subject,
            "received": self._moment(news.arrived_at, now), "due": self._end(due_at, now) if due_at else "",
            "is_late": due_at is not None and due_at <= now, "text": message.text[:NOTICE_TEXT_MAX],
            "taken_by": self._name(ticket["assignee"]), "attachments": message.attachments,
            "hints": [_sentence(hint) for hint in news.hints],
            "earlier": [] if minimal else self._earlier(connection, ticket["id"], news.message_id, now),
            "write_above": self._write_above(),
        }  # fmt: skip

        def writing(reply_to: str) -> Rendered:
            links = [(words, command_link(reply_to, ticket["reference"], command)) for words, command in COMMANDS]
            return self.templates.render("notice", **common, links=links if common["write_above"] else [])

        self._to_staff(
            connection, writing, f"notice/{news.message_id}/{news.occasion}", "notice", self.policy.staff,
            ticket, now, about=news.message_id,
        )  # fmt: skip

    def _earlier(self, connection: Connection, ticket_id: int, but: int, now: datetime) -> list[dict[str, str]]:
        """What was written before in the ticket, the latest first; notes are not among it."""
        rows = [row for row in messages.of_ticket(connection, ticket_id)
                if row["kind"] in SHOWN_EARLIER and row["id"] != but]  # fmt: skip
        return [
            {
                "who": self._name(row["author"]) if row["author"] else row["from_"],
                "kind": row["kind"], "at": self._moment(row["at"], now), "text": row["text"][:EARLIER_TEXT_MAX],
            }
            for row in reversed(rows[-EARLIER:])
        ]  # fmt: skip

    def hints(self, message: Message, intake: Intake) -> tuple[str, ...]:
        """What staff should know of a message from outside besides its words."""
        hints = list(message.defects)
        if intake.related:
            hints.append(f"Possibly related to {', '.join(intake.related)}.")
        if intake.withheld:
            hints.append(f"No acknowledgement was sent: {intake.withheld.text}.")
        address = message.sender.address
        if intake.acknowledge and address and not is_writable(address.addr_spec):
            hints.append("No acknowledgement was sent: not every server can safely write to the sender's address.")
        if address and "@" in address.name and address.addr_spec.casefold() not in address.name.casefold():
            hints.append(f"The sender's name looks like an address; the mail came from {address.addr_spec}.")
        return tuple(hints)

    def tell_away(self, connection: Connection, ticket: Mapping[str, Any], member: StaffMember, now: datetime) -> None:
        """Tells the others, once a ticket, that a member of staff answers automatically and may be away."""
        others = [other for other in self.policy.staff if other != member] or list(self.policy.staff)
        rendered = self.templates.render(
            "away",
            helpline=self.policy.helpline.name,
            reference=ticket["reference"],
            who=member.name,
            write_above=self._write_above(),
        )
        self._to_staff(
            connection, rendered, f"away/{ticket['id']}/{member.address}"[:90], "notice", others, ticket, now
        )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
