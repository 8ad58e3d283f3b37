"""The scripted day: what people do, on a clock that is moved by hand, and what the service makes of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import make_msgid
from zoneinfo import ZoneInfo

from aiosmtplib import SMTP

from helpline_mail.adapters.store import events, tickets
from helpline_mail.demo.installation import ADVISER, HELPLINE, LEAD, Installation, mailbox_of
from helpline_mail.demo.servers import HOST, MailServers
from helpline_mail.domain.errors import HelplineError

TEACHER, YOUTH_WORKER = "j.hart@school.example", "sam@youthclub.example"
STRANGER, SOCIAL_WORKER = "someone@elsewhere.example", "p.okoro@council.example"
PEOPLE = {
    HELPLINE: "helpline", ADVISER: "adviser", LEAD: "lead", TEACHER: "teacher", YOUTH_WORKER: "youth worker",
    STRANGER: "stranger", SOCIAL_WORKER: "social worker",
}  # fmt: skip
LONDON = ZoneInfo("Europe/London")
STEP, STEP_WHILE_CLOSED = timedelta(minutes=5), timedelta(minutes=30)
Tell = Callable[[datetime, str, str], None]
"""Prints one thing that happened: when, who, what."""


def on_tuesday(hour: int, minute: int) -> datetime:
    """A time of the scripted day."""
    return datetime(2026, 11, 24, hour, minute, tzinfo=LONDON)


def on_wednesday(hour: int, minute: int) -> datetime:
    """A time of the day after."""
    return on_tuesday(hour, minute) + timedelta(days=1)


class MovingClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """The time that it shows."""
        return self._now

    def move(self, by: timedelta) -> None:
        """Time goes on."""
        self._now += by


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail in somebody's mailbox."""

    uid: int
    at: datetime
    """IMAP INTERNALDATE."""
    mail: EmailMessage

    @property
    def kind(self) -> str:
        """What our daemon calls it; empty for anybody else's mail."""
        return str(self.mail["X-Helpline-Kind"] or "")

    @property
    def text(self) -> str:
        """Its words, as if on one line."""
        return " ".join(plain_text(self.mail).split())


def plain_text(mail: EmailMessage) -> str:
    """The words of a mail, line by line."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body is not None else ""


def read_mailbox(address: str, servers: MailServers) -> list[Arrived]:
    """Everything that has arrived for that person, fetched over IMAP."""
    reader = mailbox_of(address, servers)
    try:
        reader.examine()
        uids = reader.uids_after(0)
        if not uids:
            return []
        at, octets = {listed.uid: listed.arrived_at for listed in reader.listed(uids)}, reader.fetch(uids)
    finally:
        reader.close()
    return [
        Arrived(uid, at[uid].astimezone(LONDON), message_from_bytes(octets[uid], policy=policy.default)) for uid in uids
    ]


class Day:
    """People who write, and the service that works between what they do."""

    def __init__(self, servers: MailServers, installation: Installation, clock: MovingClock, tell: Tell) -> None:
        self._servers, self._installation, self._clock, self._tell = servers, installation, clock, tell

    async def until(self, moment: datetime) -> None:
        """Lets time pass in small steps, the service working at each."""
        hours = self._installation.parts.correspondence.policy.hours
        while (left := moment - self._clock()) > timedelta():
            now = self._clock()
            step = STEP if hours.is_open(now) else min(STEP_WHILE_CLOSED, hours.next_opening(now) - now)
            self._clock.move(min(left, step))
            await self._installation.work()

    async def write(self, sender: str, subject: str, text: str, **headers: str) -> None:
        """A mail to the helpline, or to whom `to` says, sent as any mail client does; the service then works once."""
        mail = EmailMessage()
        mail["From"] = f"{PEOPLE[sender].title()} <{sender}>"
        mail["To"] = headers.pop("to", HELPLINE)
        mail["Subject"] = subject
        mail["Date"] = self._clock()
        mail["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        for name, value in headers.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        client = SMTP(
            hostname=HOST, port=self._servers.smtp_port, start_tls=False, username=sender,
            password=self._servers.passwords[sender],
        )  # fmt: skip
        async with client:
            await client.send_message(mail, sender=sender)
        await self._installation.work()
        if reasons := await asyncio.to_thread(self._reasons):
            self._tell(self._clock(), "helpline, because", "; ".join(reasons))

    def _reasons(self) -> list[str]:
        """Why the message that has just arrived went where it did, from the trail."""
        with self._installation.parts.store.read() as connection:
            trail = [e for t in tickets.all_tickets(connection) for e in events.of_ticket(connection, t["id"])]
        return [event["text"] for event in trail if event["at"] == self._clock() and event["ledger_id"] is not None]

    async def acknowledgement_for(self, address: str) -> EmailMessage:
        """The acknowledgement in that person's mailbox. Raises HelplineError if there is none: the day cannot go on."""
        for arrived in await asyncio.to_thread(read_mailbox, address, self._servers):
            if arrived.kind == "acknowledgement":
                return arrived.mail
        raise HelplineError(f"demo: the {PEOPLE[address]} got no acknowledgement; this is a fault of the program")

    async def answer(self, requester: str, text: str) -> None:
        """The adviser replies to the notice of that person's latest mail, from an own mail client."""
        with self._installation.parts.store.read() as connection:
            found = tickets.all_tickets(connection)
        reference = next(ticket["reference"] for ticket in found if ticket["requester"] == requester)
        notice = await self._notice_of(reference)
        quoted = "".join(f"> {line}\n" for line in plain_text(notice).splitlines())
        await self.write(
            ADVISER, f"Re: {notice['Subject']}", f"{text}\n\nOn {notice['Date']}, {notice['From']} wrote:\n{quoted}",
            to=str(notice["Reply-To"]), In_Reply_To=str(notice["Message-ID"]),
        )  # fmt: skip

    async def _notice_of(self, reference: str) -> EmailMessage:
        """The latest notice about a ticket in the adviser's mailbox. Raises HelplineError if there is none."""
        for arrived in reversed(await asyncio.to_thread(read_mailbox, ADVISER, self._servers)):
            if arrived.kind == "notice" and f"[{reference}]" in str(arrived.mail["Subject"]):
                return arrived.mail
        raise HelplineError(f"demo: the adviser got no notice of {reference}; this is a fault of the program")


async def live(day: Day) -> None:
    """Tuesday 24 November 2026, from half past nine, to Wednesday at eleven."""
    await day.until(on_tuesday(9, 40))
    await day.write(
        TEACHER, "Photos of me on a fake profile", "A pupil has made a profile with my name. What can I do?"
    )
    acknowledgement = await day.acknowledgement_for(TEACHER)
    thread = {"In_Reply_To": str(acknowledgement["Message-ID"]), "References": str(acknowledgement["References"])}
    await day.until(on_tuesday(9, 45))
    await day.write(
        TEACHER, f"Automatic reply: {acknowledgement['Subject']}", "I am teaching until noon.",
        to=str(acknowledgement["Return-Path"]), Auto_Submitted="auto-replied", **thread,
    )  # fmt: skip
    await day.until(on_tuesday(10, 20))
    await day.write(YOUTH_WORKER, "Threats in a game chat", "Two of our young people are being threatened in a game.")
    await day.until(on_tuesday(11, 5))
    await day.write(
        TEACHER, f"Re: {acknowledgement['Subject']}", "It has been seen by parents now.",
        to=str(acknowledgement["Reply-To"] or HELPLINE), **thread,
    )  # fmt: skip
    await day.until(on_tuesday(12, 10))
    await day.write(STRANGER, f"Re: {acknowledgement['Subject']}", "I would like to know what was said here, please.")
    await day.until(on_tuesday(12, 40))
    await day.answer(TEACHER, "Please keep screenshots. We are asking the network to take the profile down.")
    await day.until(on_tuesday(14, 30))
    await day.answer(YOUTH_WORKER, "We are sorry that this took longer than we promised. Please do this first.")
    await day.until(on_tuesday(14, 50))
    await day.answer(STRANGER, "We can only speak about an enquiry with the person who made it.")
    await day.until(on_tuesday(15, 20))
    await day.write(SOCIAL_WORKER, "Advice on a family's privacy settings", "Which settings would you recommend?")
    await day.until(on_wednesday(11, 0))
