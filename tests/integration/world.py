"""A helpline in virtual time: people write, staff work, servers and the daemon fail, and operators change their minds.

Everything follows from one seed. The world knows what it did; what must be true of it stands in `world_truths`.
"""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Any

from sqlalchemy import select

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.delivery import Accepted, Envelope, InDoubt, NotSent, Outcome, Refused
from helpline_mail.domain.opening_hours import Closure, Window
from helpline_mail.domain.policy import Policy, StaffMember
from helpline_mail.domain.rations import Rations
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.inquire import coming
from tests.integration.desk import AMY, LEAD, SIGNER, TEMPLATES, Desk, HandClock, Letterbox, header, policy
from tests.integration.mailbox import MemoryMailbox
from tests.integration.staff import settings

BEGINS = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
AMY_HERSELF, LENA = StaffMember("Amy", AMY, "adviser"), StaffMember("Lena", LEAD, "lead")
BEA = StaffMember("Bea", "bea@example.org.uk", "adviser")
WEEKDAY = (Window(time(10), time(16)),)
WEEKS = (
    (WEEKDAY,) * 5 + ((),) * 2,
    ((Window(time(9), time(17)),),) * 5 + ((),) * 2,
    (WEEKDAY, WEEKDAY, (Window(time(13), time(16)),), WEEKDAY, (), (Window(time(11), time(13)),), ()),
    ((Window(time(10), time(12)), Window(time(13), time(16))),) * 5 + ((),) * 2,
    (WEEKDAY, (Window(time(12), time(19)),), WEEKDAY, (Window(time(12), time(19)),), WEEKDAY, (), ()),
)
MINUTES = {"reminders": ((90, 30, 10), (60, 15), (120, 30)), "overdue_reminders": ((0, 60), (0, 30, 120), (0,))}
FIELDS = ("X-Helpline-Kind", "Subject", "Message-ID")
LAST_LOOKS = 4
LOOK_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True)
class Left:
    """A mail that the mail server took. `known` is False if the daemon never heard so."""

    at: datetime
    envelope: Envelope
    kind: str
    subject: str
    message_id: str
    known: bool = True


@dataclass
class MailServer(Letterbox):
    """Takes mails, unless it is away or knows the recipient no more; now and then its reply is lost."""

    clock: HandClock = field(default_factory=HandClock)
    chance: Random = field(default_factory=Random)
    heard: Callable[[Left], None] = lambda mail: None
    left: list[Left] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    is_away: bool = False

    async def send(self, envelope: Envelope) -> Outcome:
        if self.is_away:
            return NotSent("the server is away")
        if envelope.recipient in self.gone:
            return Refused(550, "RCPT")
        known = self.chance.random() > 0.005
        kind, subject, message_id = (header(envelope.octets, name) for name in FIELDS)
        left = Left(self.clock(), envelope, kind, subject, message_id, known)
        self.left.append(left)
        self.heard(left)
        return Accepted(250) if known else InDoubt("the reply was lost")

    def mails_to(self, recipient: str, reference: str, since: datetime) -> list[Left]:
        """The mails that somebody got about a ticket, oldest first."""
        wanted = f"[{reference}]"
        return [one for one in self.left
                if one.envelope.recipient == recipient and wanted in one.subject and one.at > since]  # fmt: skip


@dataclass(frozen=True)
class Written:
    """A mail that the world sent, and what is to become of it."""

    at: datetime
    octets: bytes
    expected: str
    words: str = ""
    """By which an answer of staff is known again."""
    replies_to: str = ""
    """The Message-ID of the mail of ours that it replies to."""


def decided(**changes: Any) -> Policy:
    """The organisation's decisions in this world."""
    return policy(**settings(staff=(AMY_HERSELF, LENA), rations=Rations(3, 30, 300, notices=12), **changes))


class World:
    """One helpline and everybody around it, from `BEGINS` on for so many days; `troubles`: so many times as usual."""

    def __init__(self, store: Store, seed: int, days: int, troubles: int = 1) -> None:
        self.store, self.seed, self.chance = store, seed, Random(seed)
        self.clock = HandClock(BEGINS)
        self.ends = BEGINS + timedelta(days=days)
        self.quiet = self.ends - timedelta(days=7)
        self.mailbox = MemoryMailbox()
        self.server = MailServer(clock=self.clock, chance=Random(seed + 1_000_000))
        self.policies: list[tuple[datetime, Policy]] = [(BEGINS, decided())]
        self.downtimes: list[tuple[datetime, datetime]] = []
        self.absences: list[tuple[datetime, datetime]] = []
        self.written: list[Written] = []
        self.story: deque[str] = deque(maxlen=25)
        self.is_up, self.post_waits = True, False
        self.agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self.desk = self._started()
        self._plan(days * troubles)

    @property
    def policy(self) -> Policy:
        """What is decided now."""
        return self.policies[-1][1]

    def policy_at(self, at: datetime) -> Policy:
        """What was decided then."""
        return next(one for since, one in reversed(self.policies) if since <= at)

    def run(self, check: Callable[["World"], None]) -> None:
        """Lets everything happen, and checks after each step that the daemon makes."""
        while (at := self._next_instant()) <= self.ends:
            self.clock.now = at
            while self.agenda and self.agenda[0][0] <= at:
                heapq.heappop(self.agenda)[2]()
            if self.is_up:
                self._work()
                check(self)
        for _ in range(LAST_LOOKS):  # all is well now, and what is left goes out
            self.clock.now = self.policy.hours.next_opening(self.clock() + LOOK_AGAIN)
            self._work()
            check(self)

    def tell(self, what: str) -> None:
        """Notes what happens, for whoever looks for the reason of a failure."""
        self.story.append(f"{self.clock():%a %d %b %Y %H:%M:%S} {what}")

    def later(self, what: Callable[[], None], **by: float) -> None:
        """Puts something on the agenda."""
        self.at(self.clock() + timedelta(**by), what)

    def at(self, moment: datetime, what: Callable[[], None]) -> None:
        """Puts something on the agenda of that moment."""
        heapq.heappush(self.agenda, (moment, next(self._order), what))

    def _work(self) -> None:
        if self.post_waits:
            self.post_waits = False
            self.desk.collect()
            self.desk.triage()
            self.desk.submit()
        self.desk.sweep()

    def _next_instant(self) -> datetime:
        """When something happens next, or falls due."""
        now, found = self.clock(), [self.ends + timedelta(days=1)]
        if self.agenda:
            found.append(self.agenda[0][0])
        if self.is_up:
            found += self._falls_due(now)
        return max(now, min(found))

    def _falls_due(self, now: datetime) -> list[datetime]:
        hours, found = self.policy.hours, []
        found += [item["at"] for item in coming(self.store, self.policy, now) if item["at"] > now][:1]
        is_open = hours.is_open(now)
        if not is_open:
            found.append(hours.next_opening(now))
        with self.store.read() as connection:
            box, clock, told = schema.outbox.c, schema.clock.c, schema.reminder.c
            waiting = connection.execute(
                select(box.next_attempt_at, box.state).where(box.state.in_(("queued", "deferred")))
            ).all()
            update = connection.execute(
                select(clock.due_at).where(
                    clock.kind == "update", clock.stopped_at.is_(None), clock.due_at > now,
                    ~select(told.clock_id).where(told.clock_id == clock.id, told.due_at == clock.due_at).exists(),
                ).order_by(clock.due_at)
            ).scalars().all()  # fmt: skip
            digest = connection.execute(select(schema.message.c.id).where(schema.message.c.awaits_digest)).first()
        for due_at in update:
            left = hours.opening_time_between(now, due_at) - self.policy.response
            if left > timedelta():  # staff are reminded when the rest of it begins
                found.append(hours.next_opening(hours.add_opening_time(now, left)))
                break
        soonest = now + (timedelta(minutes=20) if self.server.is_away else timedelta(seconds=5))
        found += [max(row.next_attempt_at, soonest) for row in waiting if is_open or row.state == "deferred"]
        if is_open and (digest or self._in_lists_lately(now)):
            found.append(now + LOOK_AGAIN)
        return found

    def _in_lists_lately(self, now: datetime) -> bool:
        told = schema.reminder.c
        lately = select(told.clock_id).where(told.in_list, told.told_at > now - LOOK_AGAIN, told.step != "update")
        with self.store.read() as connection:
            return connection.execute(lately.limit(1)).first() is not None

    def _plan(self, days: int) -> None:
        chance = self.chance
        for _ in range(max(1, days // 15)):
            hours = chance.choice((0.2, 2, 5, 10, 20, 80)) * chance.uniform(0.5, 1)
            end = partial(self.go_down, hours)
            self.at(self.some_moment(), partial(self.later, end))  # after whatever comes in at that moment
        for _ in range(max(1, days // 36)):
            hours = chance.choice((0.5, 3, 7, 14, 60)) * chance.uniform(0.5, 1)
            self.at(self.some_moment(), partial(self.server_leaves, hours))

    def some_moment(self) -> datetime:
        """A moment of some day before the quiet at the end: often by day, at times at night or at weekends."""
        chance = self.chance
        day = BEGINS + chance.random() * (self.quiet - BEGINS)
        if chance.random() < 0.7:
            while day.weekday() > 4:
                day += timedelta(days=1)
            day = day.replace(hour=chance.randint(8, 17), minute=chance.randint(0, 59), second=chance.randint(0, 59))
        return min(max(day, BEGINS), self.quiet)

    def go_down(self, hours: float) -> None:
        """The daemon ends, now and then in the middle of its work, and is started again some time later."""
        if not self.is_up:
            return
        if self.post_waits and self.chance.random() < 0.5:
            self.desk.collect()
            if self.chance.random() < 0.5:
                self.desk.triage()
        self.is_up = False
        began = self.clock()
        self.tell(f"the daemon goes down for {hours:.1f} h")
        self.later(partial(self.come_up, began), hours=hours)

    def come_up(self, since: datetime) -> None:
        """A new process with what is configured now: nothing in memory has survived."""
        now = self.clock()
        self.downtimes.append((since, now))
        for _ in range(self.chance.choice((0, 1, 1, 2, 3))):
            self.policies.append((now, self._changed(self.policy)))
        self.desk = self._started()
        self.is_up = self.post_waits = True
        moved = self.desk.replan()
        self.tell(f"the daemon is up again, and {moved} deadlines have moved")

    def _started(self) -> Desk:
        correspondence = Correspondence(self.policy, SIGNER, TEMPLATES)
        return Desk(self.store, correspondence, self.clock, self.mailbox, letterbox=self.server)

    def _changed(self, was: Policy) -> Policy:
        chance = self.chance
        match what := chance.choice(("closure", "closure", "withdrawn", "week", "steps", "staff", "holding", "update")):
            case "closure":
                first = (self.clock() + timedelta(days=chance.choice((0, 0, 1, 1, 2, 5, 12)))).date()
                closure = Closure(first, first + timedelta(days=chance.choice((0, 0, 1, 3, 6))), "training")
                change: dict[str, Any] = {"hours": replace(was.hours, closures=(*was.hours.closures, closure))}
            case "withdrawn":
                kept = tuple(one for one in was.hours.closures if chance.random() < 0.5)
                change = {"hours": replace(was.hours, closures=kept)}
            case "week":
                change = {"hours": replace(was.hours, weekly=chance.choice(WEEKS))}
            case "steps":
                change = {
                    name: tuple(timedelta(minutes=m) for m in chance.choice(choices))
                    for name, choices in MINUTES.items()
                }
            case "staff":
                change = {"staff": chance.choice(((AMY_HERSELF, LENA), (LENA, BEA), (AMY_HERSELF, LENA, BEA), (LENA,)))}
            case "holding":
                change = {"holding_mails": chance.choice((0, 3, 3, 1))}
            case _:
                change = {"update_every": chance.choice((1, 2, 3))}
        self.tell(f"configured otherwise: {what}")
        return replace(was, **change)

    def server_leaves(self, hours: float) -> None:
        """The mail server takes nothing for a while."""
        if self.server.is_away:
            return
        began, self.server.is_away = self.clock(), True
        self.tell(f"the mail server is away for {hours:.1f} h")
        self.later(partial(self.server_returns, began), hours=hours)
        if self.chance.random() < 0.4:  # somebody restarts everything
            self.later(partial(self.go_down, 0.1), hours=hours * self.chance.uniform(0.2, 0.9))

    def server_returns(self, since: datetime) -> None:
        self.absences.append((since, self.clock()))
        self.server.is_away = False
        self.tell("the mail server is back")

    def deliver(self, octets: bytes, expected: str, *, words: str = "", replies_to: str = "") -> None:
        """A mail comes into the mailbox."""
        self.mailbox.append(octets, self.clock())
        self.written.append(Written(self.clock(), octets, expected, words, replies_to))
        self.post_waits = True
