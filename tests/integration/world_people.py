"""The people of the virtual world: enquirers and machines that write, staff and partners who reply."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import select

from helpline_mail.adapters.store import schema
from tests.integration.desk import bounce, mail
from tests.integration.test_partners import from_partner
from tests.integration.test_staff_mail import reply
from tests.integration.world import Left, World

WORDS, SUBJECT, NAME = "heronword", "magpieword", "Kestrelname"
"""What enquirers write holds these, so that it is found wherever it goes."""
ADVICE, NOTE, TO_PARTNER = "otterword", "badgerword", "wombatword"
"""The same for what staff write to enquirers, to each other, and to partners."""
DEEDS = {
    "answer": 40, "close": 24, "take and answer": 8, "take": 5, "wait and answer": 6, "wait": 3, "note": 4,
    "partner": 6, "silent": 3, "silent with advice": 2, "join": 2, "admit": 1, "assign": 2, "release": 1,
    "mistake": 2, "held": 2, "split": 1, "status": 1,
}  # fmt: skip
FOR_THE_ENQUIRER = ("answer", "close", "take and answer", "wait and answer")
ENDING = {"close": 85, "silent with advice": 15}
MOST_WORKS = 3


@dataclass
class Person:
    """Somebody who asks, under the address under which they do."""

    number: int
    address: str
    asked_as: str
    """The Message-ID of their first enquiry."""
    works: int = 0

    @property
    def sender(self) -> str:
        """From of their mails."""
        return f'"{NAME}{self.number} Smith" <{self.address}>'


class People:
    """Everybody who writes to the helpline or works for it."""

    def __init__(self, world: World, enquiries: int) -> None:
        self.world, self.chance = world, world.chance
        self.people: dict[str, Person] = {}
        self._number = count(1)
        world.server.heard = self.got
        self._plan(enquiries)

    def _plan(self, enquiries: int) -> None:
        world, chance, left = self.world, self.chance, enquiries
        while left > 0:
            moment = world.some_moment()
            at_once = min(left, chance.randint(7, 14) if chance.random() < 0.03 else 1)  # something is in the news
            for _ in range(at_once):
                world.at(moment + timedelta(seconds=chance.randint(0, 600)), self.enquire)
            left -= at_once
        for moment, *_ in sorted(world.agenda):
            if chance.random() < 0.03:
                world.at(moment, self.enquire)  # with something else, such as the end of the daemon
        for _ in range(enquiries // 10):
            world.at(world.some_moment(), self.robot)

    # Enquirers, and machines

    def enquire(self) -> None:
        """Somebody new writes."""
        number = next(self._number)
        where = self.chance.choice(("school.sch.uk", f"school{number}.sch.uk", f"club{number}.example"))
        person = Person(number, f"person{number}@{where}", f"<{number}@{where}>")
        self.people[person.address] = person
        if self.chance.random() < 0.02:
            self.world.server.gone.add(person.address)
        self._write(person, "new_ticket", person.asked_as, f"{SUBJECT}{number} in our class")
        if self.chance.random() < 0.02:
            self.world.tell(f"and the mail of person {number} comes twice")
            self.world.deliver(self.world.written[-1].octets, "duplicate")
        self._will_be_worked_on(person)

    def robot(self) -> None:
        """A machine writes."""
        number = next(self._number)
        self.world.tell("a machine writes")
        octets = mail(f"robot@machine{number}.example", f"News {number}", message_id=f"<{number}@machine.example>",
                      auto_submitted="auto-generated")  # fmt: skip
        self.world.deliver(octets, "automatic")

    def _write(self, person: Person, expected: str, message_id: str = "", subject: str = "", replies_to: str = "",
               from_: str = "", **fields: str) -> None:  # fmt: skip
        number = next(self._number)
        self.world.tell(f"person {person.number} writes: {expected}")
        if replies_to:
            fields["in_reply_to"] = replies_to
        octets = mail(from_ or person.sender, subject or f"Re: {SUBJECT}{person.number} in our class",
                      f"Hello, {WORDS}{number} is in trouble.\n",
                      message_id=message_id or f"<{number}@person.example>", **fields)  # fmt: skip
        self.world.deliver(octets, expected, replies_to=replies_to)

    def come_back(self, person: Person, replies_to: str, times: int = 1) -> None:
        """An enquirer replies to a mail of ours, now and then from elsewhere."""
        chance = self.chance
        if chance.random() < 0.05:
            number = next(self._number)
            second = Person(number, f"person{person.number}at{number}@home.example", f"<{number}@home.example>")
            self.people[second.address] = second
            self._write(person, "new_ticket", second.asked_as, replies_to=replies_to, from_=second.address)
            self._will_be_worked_on(second)
            return
        self._write(person, "reply", replies_to=replies_to)
        for _ in range(times - 1):
            self._write(person, "reply", replies_to=replies_to)
        self._will_be_worked_on(person)

    def got(self, left: Left) -> None:
        """Somebody outside gets a mail of ours."""
        chance, later, address = self.chance, self.world.later, left.envelope.recipient
        if left.kind not in ("acknowledgement", "answer", "update", "partner"):
            return
        if chance.random() < 0.03:
            later(partial(self.come_back_undelivered, left), hours=chance.choice((0.02, 0.5, 3, 70)))
            return
        if left.kind == "partner":
            if chance.random() < 0.7:
                later(partial(self.partner_writes, left), hours=chance.uniform(1, 150))
            return
        person = self.people.get(address)
        if person is None:
            return  # who has left the staff, and wrote all the same
        if chance.random() < 0.03:
            later(partial(self._absent, person, left), minutes=1)
        likely, days = {"acknowledgement": (0.08, 0.3), "answer": (0.3, 8), "update": (0.1, 1)}[left.kind]
        if chance.random() < likely:
            times = chance.choice((1, 1, 1, 2))
            later(partial(self.come_back, person, left.message_id, times), days=chance.uniform(0.01, days))
        elif left.kind == "answer" and chance.random() < 0.15:
            later(partial(self.come_back, person, left.message_id), days=chance.uniform(8, 75))

    def _absent(self, person: Person, left: Left) -> None:
        self._write(person, "automatic", subject="Automatic reply", replies_to=left.message_id,
                    auto_submitted="auto-replied")  # fmt: skip

    def come_back_undelivered(self, left: Left) -> None:
        """A mail of ours bounces."""
        self.world.tell(f"an {left.kind} bounces")
        octets = bounce(left.envelope.recipient, left.message_id, left.envelope.sender)
        self.world.deliver(octets, "bounce", replies_to=left.message_id)

    def partner_writes(self, left: Left) -> None:
        """A partner answers a mail of ours."""
        self.world.tell("a partner answers")
        automatic = {"auto_submitted": "auto-replied"} if self.chance.random() < 0.1 else {}
        octets = from_partner(left.envelope, f"Done, {WORDS}.", next(self._number), **automatic)
        self.world.deliver(octets, "automatic" if automatic else "partner", replies_to=left.message_id)

    # Staff

    def _will_be_worked_on(self, person: Person) -> None:
        """Somebody looks into it: mostly soon, at times late, at times never."""
        chance = self.chance
        hours = chance.choices((0.3, 1, 2.5, 5, 20, 80, 0), (30, 25, 20, 10, 8, 4, 3))[0]
        if hours:
            now = self.world.clock()
            opens = self.world.policy.hours.next_opening(now) if chance.random() < 0.9 else now
            self.world.at(opens + timedelta(hours=hours * chance.uniform(0.3, 1)), partial(self.work_on, person))

    def work_on(self, person: Person) -> None:
        """A member of staff replies to a mail that they got about a person's ticket: mostly to the latest."""
        chance, world = self.chance, self.world
        person.works += 1
        member = chance.choice(world.policy.staff)
        ticket = self._ticket_of(person)
        since = world.clock() - world.policy.grants_last
        got = world.server.mails_to(member.address, ticket.reference, since) if ticket else []
        ending = person.works % MOST_WORKS == 0 and chance.random() < 0.95
        deeds = ENDING if ending else DEEDS
        deed = chance.choices(list(deeds), list(deeds.values()))[0]
        if ticket and ticket.state == "resolved" and chance.random() < 0.7:
            return
        if got:
            notice = chance.choice(got) if chance.random() < 0.2 else got[-1]
            self._reply(notice, deed, reopens=ticket.state == "resolved")
        if not ending and chance.random() < 0.85:
            world.later(partial(self.work_on, person), days=chance.choice((0.02, 0.2, 0.8, 1.5, 3, 6)))

    def _reply(self, notice: Left, deed: str, *, reopens: bool) -> None:
        world, member = self.world, notice.envelope.recipient
        number = next(self._number)
        text, words = self._text(deed, number)
        if reopens:
            text = f"#reopen\n{text if text.startswith('#') else f'#answer{chr(10)}{text}'}"
        world.tell(f"{member.partition('@')[0]}: {' | '.join(text.splitlines())}")
        octets = reply(notice.envelope, text, number=f"staff{number}")
        world.deliver(octets, "staff", words=words, replies_to=notice.message_id)

    def _text(self, deed: str, number: int) -> tuple[str, str]:
        """What is written, and the words by which it is known again if it goes to the enquirer."""
        chance, words = self.chance, f"{ADVICE}{number}x"
        advice, days = f"Hello,\n\nwe advise you to {words} at once.", chance.choice((1, 2, 5, 9))
        texts = {
            "answer": advice, "close": f"#resolve advice given\n\n{advice}", "take": "#take",
            "take and answer": f"#take\n#answer\n\n{advice}", "wait": f"#wait {days}d",
            "wait and answer": f"#wait {days}d\n#answer\n\n{advice}", "note": f"#note\n\n{NOTE}{number} it is.",
            "partner": f"#partner examplebook\n\nPlease remove {TO_PARTNER}{number}.", "silent": "#resolve advertising",
            "silent with advice": "#resolve advice given", "join": f"#join {self._some_reference()}",
            "admit": f"#admit person{number}@second.example", "assign": "#assign Lena", "release": "#release",
            "mistake": "#resolv advice given\n\nWe advise you.", "split": "#split", "status": "#status",
            "held": f"#take\n\n{NOTE}{number} for you all.",
        }  # fmt: skip
        return texts[deed], words if deed in FOR_THE_ENQUIRER else ""

    def _some_reference(self) -> str:
        ticket = schema.ticket.c
        with self.world.store.read() as connection:
            found = connection.execute(select(ticket.reference).order_by(ticket.id.desc()).limit(12)).scalars().all()
        return str(self.chance.choice(found))

    def _ticket_of(self, person: Person) -> Any:
        """The ticket where the latest of a person's mails is now."""
        ticket, message, content = schema.ticket.c, schema.message.c, schema.message_content.c
        statement = (
            select(schema.ticket)
            .join(schema.message, message.ticket_id == ticket.id)
            .join(schema.message_content, content.message_id == message.id)
            .where(content.from_.contains(person.address), message.kind.in_(("enquiry", "follow_up")))
            .order_by(message.id.desc())
        )
        with self.world.store.read() as connection:
            return connection.execute(statement.limit(1)).first()
