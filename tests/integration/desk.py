"""One installation under test: a database, a mailbox in memory, a clock that is set by hand, and its passes."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from email import message_from_bytes
from email import policy as email_policy
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, select

from helpline_mail.adapters.store import schema, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.delivery import Accepted, Envelope, NotSent, Outcome
from helpline_mail.domain.message import Address
from helpline_mail.domain.opening_hours import OpeningHours, Window
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.rations import Rations
from helpline_mail.domain.responder import OwnAddresses
from helpline_mail.domain.threads import Signer
from helpline_mail.service.collect import Collected, CollectLimits, Doubts, collect, collect_all
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.digest import digest
from helpline_mail.service.ports import Submitter
from helpline_mail.service.remind import remind
from helpline_mail.service.submit import Submitted, submit
from helpline_mail.service.triage import Triaged, triage
from helpline_mail.wire.bank_holidays import bank_holidays
from helpline_mail.wire.templates import Templates
from tests.integration.mailbox import MemoryMailbox

LONDON = ZoneInfo("Europe/London")
TUESDAY_TEN_PAST_TEN = datetime(2026, 11, 24, 10, 10, tzinfo=UTC)
HELPLINE, ALICE, MALLORY = "helpline@example.org.uk", "alice@school.sch.uk", "mallory@evil.example"
BOB = "bob@club.example"
AMY, LEAD = "amy@example.org.uk", "lead@example.org.uk"
SIGNER = Signer((b"k" * 32,), HELPLINE)
FOLDER, SENT = "INBOX", "Sent"
TEMPLATES = Templates()


def policy(**changes: Any) -> Policy:
    """The organisation's decisions in these tests."""
    decided: dict[str, Any] = {
        "helpline": Address(HELPLINE, "Professionals Online Safety Helpline"),
        "own": OwnAddresses(HELPLINE),
        "reference_prefix": "POSH",
        "telephone": "0844 381 4772",
        "skype": "professionalshelpline",
        "hours": OpeningHours(
            ((Window(time(10), time(16)),),) * 5 + ((),) * 2, LONDON, bank_holidays=bank_holidays("GB-ENG")
        ),
        "response": timedelta(hours=3),
        "reminders": tuple(timedelta(minutes=m) for m in (90, 30, 10)),
        "overdue_reminders": (timedelta(), timedelta(minutes=60)),
        "staff": (StaffMember("Amy", AMY, "adviser"), StaffMember("Lena", LEAD, "lead")),
        "rations": Rations(3, 30, 300),
        "recorded_before": None,
        "authserv_id": "mx.example.org.uk",
        "alarms_to": ("ops@example.org.uk",),
        "give_up_after": timedelta(days=2),
    }
    return Policy(**{**decided, **changes})


def mail(
    from_: str = ALICE, subject: str = "A pupil and a video", text: str = "What should we do?\n", *,
    message_id: str | None = "<one@school.sch.uk>", **fields: str,
) -> bytes:  # fmt: skip
    """A mail as octets; `in_reply_to=` becomes In-Reply-To. Nothing is encoded or checked."""
    head = {"From": from_, "To": HELPLINE, "Subject": subject, "Date": "Tue, 24 Nov 2026 10:09:00 +0000"}
    if message_id:
        head["Message-ID"] = message_id
    head |= {name.replace("_", "-").title(): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in head.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + text).encode("utf-8", "surrogateescape")


def bounce(recipient: str, original_message_id: str, to: str = HELPLINE) -> bytes:
    """A delivery status notification (RFC 3464)."""
    return (
        f"From: MAILER-DAEMON@mx.example.org.uk\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Return-Path: <>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        f"Message-ID: <dsn-{abs(hash((recipient, original_message_id, to)))}@mx.example.org.uk>\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org.uk\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {original_message_id}\r\n\r\n--b--\r\n"
    ).encode()


@dataclass
class HandClock:
    """A clock that stands until it is moved."""

    now: datetime = TUESDAY_TEN_PAST_TEN

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Letterbox:
    """A `Submitter` that accepts everything and keeps it."""

    taken: list[Envelope] = field(default_factory=list)

    async def send(self, envelope: Envelope) -> Outcome:
        self.taken.append(envelope)
        return Accepted(250)


@dataclass
class Away(Letterbox):
    """Meets every mail with the same outcome; `tried` holds the bytes that it saw."""

    outcome: Outcome = field(default_factory=lambda: NotSent("the server is away"))
    tried: list[bytes] = field(default_factory=list)

    async def send(self, envelope: Envelope) -> Outcome:
        self.tried.append(envelope.octets)
        return self.outcome


@dataclass
class Desk:
    """Everything that one instance has, and one method for each of its passes."""

    store: Store
    correspondence: Correspondence = field(default_factory=lambda: Correspondence(policy(), SIGNER, TEMPLATES))
    clock: HandClock = field(default_factory=HandClock)
    mailbox: MemoryMailbox = field(default_factory=MemoryMailbox)
    limits: CollectLimits = CollectLimits(50, 1_000_000, 500_000, 10_000)  # noqa: RUF009  frozen
    doubts: Doubts = field(default_factory=Doubts)
    sent_folder: MemoryMailbox | None = None
    sent_doubts: Doubts = field(default_factory=Doubts)
    letterbox: Letterbox = field(default_factory=Letterbox)

    def decide_otherwise(self, **changes: Any) -> None:
        self.correspondence = Correspondence(policy(**changes), SIGNER, TEMPLATES)

    def collect(self) -> Collected:
        return collect(self.store, self.mailbox, FOLDER, self.limits, self.doubts, self.clock)

    def open_sent_folder(self) -> MemoryMailbox:
        """From now on staff answer from the shared mailbox, and its Sent folder is read."""
        self.sent_folder = self.mailbox.beside[SENT] = MemoryMailbox()
        self.collect_sent()
        return self.sent_folder

    def collect_sent(self) -> Collected:
        return collect(self.store, self.mailbox, SENT, self.limits, self.sent_doubts, self.clock, is_sent=True)

    def collect_once(self) -> Collected:
        """What `once collect` does, without its pauses."""
        return collect_all(self.store, self.mailbox, FOLDER, self.limits, self.clock, pause=lambda: None)

    def triage(self) -> Triaged:
        return triage(self.store, self.correspondence, Budgets(), self.clock)

    def remind(self) -> int:
        return remind(self.store, self.correspondence, self.clock)

    def digest(self) -> int:
        return digest(self.store, self.correspondence, self.clock)

    def submit(self, submitter: Submitter | None = None) -> Submitted:
        return asyncio.run(submit(self.store, submitter or self.letterbox, self.correspondence, self.clock, 4))

    def receive(self, *mails: bytes) -> None:
        """Mails arrive, are filed in that order, and what follows from them is sent."""
        for octets in mails:
            self.mailbox.append(octets, self.clock())
        self.collect()
        self.triage()
        self.submit()

    def staff_send(self, *mails: bytes) -> None:
        """Staff send from their client as helpline@, which keeps a copy in the Sent folder; it is found and filed."""
        assert self.sent_folder is not None
        for octets in mails:
            self.sent_folder.append(octets, self.clock())
        self.collect_sent()
        self.triage()
        self.submit()

    def rows(self, table: Table, *where: Any) -> list[Any]:
        with self.store.read() as connection:
            return list(connection.execute(select(table).where(*where).order_by(*table.primary_key.columns)))

    def clocks(self, *where: Any, kind: str = "response") -> list[Any]:
        """The clocks of that kind, oldest first."""
        return self.rows(schema.clock, schema.clock.c.kind == kind, *where)

    def received(self) -> list[Any]:
        """The content of the messages from outside, in the order in which they were filed."""
        outgoing = select(schema.message.c.id).where(schema.message.c.direction == "out")
        return self.rows(schema.message_content, schema.message_content.c.message_id.not_in(outgoing))

    def tickets(self) -> list[dict[str, Any]]:
        with self.store.read() as connection:
            return tickets.all_tickets(connection)

    def dispositions(self) -> list[str | None]:
        return [row.disposition for row in self.rows(schema.ledger)]

    def codes(self) -> list[str]:
        """What the trail says, in order."""
        return [row.code for row in self.rows(schema.event)]

    def outbox(self, kind: str | None = None) -> list[Any]:
        return self.rows(schema.outbox, *([schema.outbox.c.kind == kind] if kind else []))

    def sent(self, kind: str) -> list[Envelope]:
        """What left, of that kind."""
        return [e for e in self.letterbox.taken if header(e.octets, "X-Helpline-Kind") == kind]

    def acknowledgement_id(self, nth: int = 0) -> str:
        """The Message-ID of the nth acknowledgement that left."""
        return header(self.sent("acknowledgement")[nth].octets, "Message-ID")


def follow_up(desk: Desk, number: int = 2, from_: str = ALICE, **fields: str) -> bytes:
    """A mail that answers the first acknowledgement, unless `in_reply_to=` says otherwise."""
    fields = {"in_reply_to": desk.acknowledgement_id(), **fields}
    return mail(from_, "Re: your answer", f"And this: {number}\n", message_id=f"<{number}@x.example>", **fields)


def words(envelope: Envelope) -> str:
    """What its reader reads in a mail of ours, on one line."""
    body = message_from_bytes(envelope.octets, policy=email_policy.default).get_body(("plain",))
    assert body is not None
    return " ".join(body.get_content().split())


def header(octets: bytes, name: str) -> str:
    """The one field of that name, unfolded; empty if there is none."""
    head = octets.partition(b"\r\n\r\n")[0].decode("ascii")
    found: Sequence[str] = re.findall(rf"(?im)^{name}:[ ]?((?:.|\r\n[ \t])*)$", head.replace("\r\n ", " ") + "\r\n")
    assert len(found) <= 1
    return found[0].strip() if found else ""
