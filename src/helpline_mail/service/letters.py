"""How a mail of ours is made: rendered from a template, frozen as bytes, queued in the caller's transaction."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection

from helpline_mail.adapters.store import outbox
from helpline_mail.adapters.store.outbox import Frozen
from helpline_mail.domain.delivery import Envelope
from helpline_mail.domain.message import Address, Enclosure, Message
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.promise import spoken_end, spoken_moment, spoken_time
from helpline_mail.domain.threads import Signer
from helpline_mail.wire import links
from helpline_mail.wire.answers import WRITE_ABOVE
from helpline_mail.wire.compose import Draft, compose
from helpline_mail.wire.templates import Rendered, Templates

Automatic = Literal["auto-replied", "auto-generated"]
Thread = tuple[str | None, tuple[str, ...]]
"""In-Reply-To and References."""
Writing = Callable[[str], Rendered]
"""Writes a mail, given the reply address of its one reader."""


@dataclass(frozen=True, slots=True)
class Letters:
    """What is needed to write mails, and what all of them have in common."""

    policy: Policy
    signer: Signer
    templates: Templates
    plus_addresses: bool = True

    def _to_staff(
        self, connection: Connection, written: Rendered | Writing, key: str, kind: str, to: Sequence[StaffMember],
        ticket: Mapping[str, Any] | None, now: datetime, clock_id: int | None = None, step: str | None = None,
        about: int | None = None, parent: str | None = None, linked: Collection[str] = (),
    ) -> int:  # fmt: skip
        """A mail to each of them, with a reply address of their own, signed for that one mail; how many were queued.

        `linked` are further reply addresses of the reader's to which it holds links.
        """
        queued = 0
        for member in to:
            nonce = _nonce()
            reply_to = self.signer.staff_address(nonce) if self.plus_addresses else None
            rendered = written if isinstance(written, Rendered) else written(reply_to or "")
            mail = self._freeze(
                rendered, f"{key}/{short_of(member.address)}", kind, Address(member.address, member.name), now, ticket,
                "auto-generated", clock_id=clock_id, step=step, about=about, nonce=nonce, reply_to=reply_to,
                html=links.html_of(rendered.text, {reply_to, *linked}) if reply_to else "",
                thread=(parent, (*self._staff_thread(ticket)[1], parent)) if parent else None,
            )  # fmt: skip
            queued += outbox.add(connection, mail, now) is not None
        return queued

    def _freeze(
        self, rendered: Rendered, key: str, kind: str, to: Address, now: datetime, ticket: Mapping[str, Any] | None,
        automatic: Automatic | None, *, thread: Thread | None = None, reply_to: str | None = None,
        clock_id: int | None = None, step: str | None = None, about: int | None = None, nonce: str = "",
        html: str = "", files: tuple[Enclosure, ...] = (), reference: str = "", sender_name: str = "",
        covers_until: datetime | None = None, mediation_id: int | None = None,
    ) -> Frozen:  # fmt: skip
        """The mail as it will be, byte for byte, however often it is handed over.

        `reference` stands in its Message-ID in place of the ticket's; `sender_name` in From in place of ours.
        """
        nonce = nonce or _nonce()
        reference = reference or (ticket["reference"] if ticket else f"{self.policy.reference_prefix}-000000")
        message_id = self.signer.message_id(reference, nonce)
        draft = self._draft(
            rendered, kind, to, message_id, now, automatic, reply_to, thread or self._staff_thread(ticket)
        )
        draft = replace(draft, html=html, files=files)
        if sender_name:
            draft = replace(draft, from_=replace(draft.from_, name=sender_name))
        sender = self.signer.bounce_address(nonce) if self.plus_addresses else self.policy.helpline.addr_spec
        envelope = Envelope(sender, to.addr_spec, compose(draft))
        return Frozen(
            key, kind, nonce, message_id, envelope, ticket["id"] if ticket else None, clock_id, step, about,
            covers_until=covers_until, mediation_id=mediation_id,
        )  # fmt: skip

    def _draft(
        self, rendered: Rendered, kind: str, to: Address, message_id: str, now: datetime, automatic: Automatic | None,
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

    def _write_above(self) -> str:
        """The line that stands in front of all that is ours, in mail that staff can answer."""
        return WRITE_ABOVE if self.plus_addresses and self.policy.staff_can_answer else ""

    def _name(self, assignee: str | None) -> str:
        """The name of the member of staff who took a ticket; the address of one who has left."""
        member = self.policy.staff_member(assignee) if assignee else None
        return member.name if member else assignee or ""

    def _partner_title(self, name: str) -> str:
        """What a partner is called; the short name of one who has left the configuration."""
        return next((partner.title for partner in self.policy.partners if partner.name == name), name)

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


def _nonce() -> str:
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()


def short_of(address: str) -> str:
    """Tells recipients apart in a unique key without being an address."""
    return hashlib.sha256(address.casefold().encode()).hexdigest()[:16]
