"""The clock is moved under the running daemon, on real servers: what reaches staff, and when by the clock it does."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import Store
from tests.acceptance.daemon import running_daemon
from tests.acceptance.test_main_job import enquiry, send
from tests.acceptance.test_staff import hand_in
from tests.rig.clock import Clock
from tests.rig.configuration import OFFICE_HOURS, helpline_config
from tests.rig.daemon import wait_until
from tests.rig.mail_servers import (
    ADVISER,
    ALICE,
    LEAD,
    OPERATOR,
    STRANGER,
    MailServers,
    running_dovecot,
    running_mail_servers,
)

pytestmark = pytest.mark.servers
LONDON = ZoneInfo("Europe/London")
STRIDE, MINUTE, SECOND, YEARS = timedelta(minutes=9), timedelta(minutes=1), timedelta(seconds=1), timedelta(days=1095)
OPEN_EVERY_DAY = {
    **dict.fromkeys(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"], OFFICE_HOURS),
    "bank_holidays": "", "closures": None,
}  # fmt: skip

STEPS = (
    ("reminder", timedelta(), "1 hour 29 minutes"), ("reminder", timedelta(hours=1), "29 minutes"),
    ("reminder", timedelta(minutes=80), "9 minutes"), ("overdue", timedelta(minutes=90), "less than a minute"),
    ("overdue", timedelta(minutes=150), "1 hour"),
)  # fmt: skip
"""Kind, time after the opening, and words of each mail to staff."""


@dataclass
class Town:
    """A helpline with its mail servers, and a clock for each."""

    servers: MailServers
    ours: Clock
    theirs: Clock
    config: Path
    store: Store

    def mails(self, member: str, *kinds: str) -> list[Any]:
        """What somebody got of these kinds, in order."""
        found = [message_from_bytes(raw, policy=policy.default) for raw in self.servers.dovecot.fetch_all(member)]
        return [mail for mail in found if mail["X-Helpline-Kind"] in kinds]

    def wait_for(self, member: str, kind: str, count: int) -> Any:
        """The latest of that many mails, as soon as there are as many."""
        what = f"{count} of {kind} for {member}"
        wait_until(lambda: self._delivered(member, kind) >= count, what, seconds=30)
        wait_until(lambda: len(self.mails(member, kind)) >= count, what)
        return self.mails(member, kind)[-1]

    def set(self, at: datetime) -> None:
        """Both clocks jump."""
        by = at - self.ours.now
        self.ours.move(by)
        self.theirs.move(by)

    def walk(self, to: datetime) -> None:
        """Both clocks go on in strides that the daemon notices one by one."""
        while (left := to - self.ours.now) > SECOND:
            self.set(self.ours.now + min(left, STRIDE))
            here = self.ours.now
            wait_until(lambda at=here: self.read(schema.mailbox.c.last_good_poll) >= at, "a look at the mailbox")

    def jump(self, to: datetime, number: int) -> None:
        """Both clocks jump, and a mail that needs no answer shows the daemon that both show the same."""
        self.set(to)
        wait_until(lambda: self.read(schema.alarm.c.over_at, newest=True) is None, "the clock is doubted")
        send(self.servers, enquiry(number, Auto_Submitted="auto-generated"))
        wait_until(lambda: self.read(schema.alarm.c.over_at, newest=True) is not None, "the clock is believed")

    def _delivered(self, member: str, kind: str) -> int:
        """How many mails of a kind to somebody the mail server has taken."""
        where = (schema.outbox.c.kind == kind, schema.outbox.c.state == "delivered")
        query = select(func.count()).select_from(schema.outbox.join(schema.outbox_content)).where(*where)
        with self.store.read() as connection:
            return int(connection.execute(query.where(schema.outbox_content.c.recipient == member)).scalar_one())

    def read(self, column: Any, *, newest: bool = False) -> Any:
        order = column.table.c.id.desc() if newest else column.table.c.id
        with self.store.read() as connection:
            found = connection.execute(select(column.table).order_by(order).limit(1)).first()
        return found._mapping[column.name] if found else datetime.max.replace(tzinfo=LONDON)


@pytest.fixture
def town(clock_library: Path, mail_servers: MailServers, tmp_path: Path) -> Iterator[Town]:
    """Servers of our own, because theirs is a clock that is moved; `mail_servers` says whether any can run."""
    ours, theirs = Clock(clock_library, "ours"), Clock(clock_library, "theirs")
    with running_dovecot(theirs) as dovecot, running_mail_servers(dovecot) as servers:
        url = f"sqlite:///{tmp_path / 'h.db'}"
        config = helpline_config(servers, tmp_path, url, opening_hours=OPEN_EVERY_DAY)
        with closing(Store(url)) as store:
            yield Town(servers, ours, theirs, config, store)


def coming(hour: int, minute: int) -> datetime:
    """The next time that it is so late at the helpline."""
    now = datetime.now(LONDON)
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at > now else at + timedelta(days=1)


def composed(mail: Any) -> datetime:
    return parsedate_to_datetime(mail["Date"]).astimezone(LONDON)


def take(town: Town) -> None:
    """The adviser takes the ticket."""
    notice = town.wait_for(ADVISER, "notice", 1)
    text = f"From: {ADVISER}\r\nTo: {notice['Reply-To']}\r\nSubject: Re: {notice['Subject']}\r\n\r\n#take\r\n"
    hand_in(town.servers, ADVISER, str(notice["Reply-To"].addresses[0].addr_spec), text.encode())
    wait_until(lambda: town.read(schema.ticket.c.assignee) == ADVISER, "the ticket is taken")


def test_each_reminder_arrives_once_at_its_step_and_none_while_closed(town: Town) -> None:
    """A query at half past two; at closing, ninety minutes are left, and staff hear of it at the opening."""
    afternoon, morning = coming(14, 30), coming(14, 30).replace(hour=10, minute=0) + timedelta(days=1)
    town.set(afternoon)
    with running_daemon(town.config, town.ours.environment) as daemon:
        send(town.servers, enquiry(1))
        acknowledgement = town.wait_for(ALICE, "acknowledgement", 1)
        assert "by 11:3" in acknowledgement.get_content()
        take(town)
        late = town.read(schema.ticket.c.created_at) - afternoon
        town.jump(afternoon.replace(hour=15, minute=56), 2)
        town.walk(afternoon.replace(hour=16, minute=6))
        town.jump(morning - 9 * MINUTE, 3)
        for number, (kind, after, said) in enumerate(STEPS, 1):
            at = morning + after + late
            if at - town.ours.now > 3 * STRIDE:
                town.jump(at - 5 * MINUTE, 3 + number)
            town.walk(at + 2 * SECOND)
            for member in (ADVISER, LEAD) if kind == "overdue" else (ADVISER,):
                mail = town.wait_for(member, kind, number - 3 if kind == "overdue" else number)
                assert said in " ".join(mail.get_body(("plain",)).get_content().split())
                assert timedelta() <= composed(mail) - at < MINUTE
        town.walk(morning + timedelta(hours=3))
        assert [mail["X-Helpline-Kind"] for mail in town.mails(ADVISER, "reminder", "overdue")] == [s[0] for s in STEPS]
        assert [mail["X-Helpline-Kind"] for mail in town.mails(LEAD, "reminder", "overdue")] == ["overdue"] * 2
        assert len(town.mails(ALICE, "acknowledgement")) == 1
        assert daemon.stop() == 0
    assert "Traceback" not in daemon.log.read_text()


def test_by_a_clock_that_jumped_nothing_leaves_until_it_is_back(town: Town) -> None:
    """Ours alone jumps: three years ahead, then two hours back."""
    town.set(coming(10, 20))
    with running_daemon(town.config, town.ours.environment) as daemon:
        send(town.servers, enquiry(1))
        town.wait_for(ALICE, "acknowledgement", 1)
        for number, by in enumerate((YEARS, timedelta(hours=-2)), 1):
            town.ours.move(by)
            alarm = town.wait_for(OPERATOR, "alarm", 2 * number - 1)
            assert "the clock of this machine jumped from 10:2" in " ".join(alarm["Subject"].split())
            hand_in(town.servers, STRANGER, "helpline@example.org.uk", enquiry(number + 1, From=STRANGER))
            town.wait_for(ADVISER, "notice", number + 1)
            assert len(town.mails(STRANGER, "acknowledgement")) == number - 1
            town.ours.move(-by)
            assert town.wait_for(OPERATOR, "alarm", 2 * number)["Subject"].startswith("Over:")
            acknowledgement = town.wait_for(STRANGER, "acknowledgement", number)
            assert "You will hear from us by 13:2" in acknowledgement.get_content()
        assert town.mails(ADVISER, "reminder", "overdue") == []
        assert daemon.stop() == 0
    assert "Traceback" not in daemon.log.read_text()
