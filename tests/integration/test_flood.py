"""Thousands of mails in an hour, nearly all of them hostile: what is genuine is served as on any other day.

HELPLINE_MAIL_FLOOD=10000 uv run pytest tests/integration/test_flood.py runs ten thousand instead of two.
"""

import os
import random
import resource
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from helpline_mail.adapters.store import revision, schema
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.rations import Rations
from tests.integration.desk import AMY, HELPLINE, LEAD, Desk, bounce, mail

MAILS, GENUINE, STEPS = int(os.environ.get("HELPLINE_MAIL_FLOOD", "2000")), 50, 100
START = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
RATIONS = Rations(3, 30, 300, notices_per_address=10, notices=60, keeps_reserve=True)
MEBIBYTE = 1 << 20
VOUCHED = "mx.example.org.uk; dmarc=pass header.from={}"


def teacher(number: int) -> str:
    return f"teacher{number}@school{number}.sch.uk"


def genuine(number: int) -> bytes:
    domain = teacher(number).rpartition("@")[2]
    return mail(
        teacher(number), f"A worry {number}", f"Please help us with this, number {number}.\n",
        message_id=f"<{number}@{domain}>", authentication_results=VOUCHED.format(domain),
    )  # fmt: skip


def nested(levels: int) -> str:
    return "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(levels))


def hostile(number: int, dice: random.Random) -> bytes:
    """One of what strangers send, no two alike."""
    victim, identity = f"victim{number}@firm{number}.example", f"<h{number}@evil.example>"
    loop = f"desk@loop{number % 3}.example"
    match dice.randrange(12):
        case 0 | 1 | 2:  # forged senders, an advert that is to reach them
            return mail(victim, f"WIN {number}", "http://evil.example\n", message_id=identity)
        case 3:  # another ticket system answers everything
            return mail(loop, f"[#{number}] Received", "Thank you.\n", message_id=identity)
        case 4:
            return mail(victim, "Re: your mail", "Away\n", message_id=identity, auto_submitted="auto-replied")
        case 5:
            return bounce(victim, f"<posh-234567.abcdefghijklmnop.{'a' * 26}@example.org.uk>", HELPLINE)
        case 6:
            return mail(f"{teacher(1)} <m{number}@evil.example>", "From two people", "x\n", message_id=identity)
        case 7:  # what a forged From is worth without the receiver's word
            return mail(AMY, f"#resolve {number}", "Close it.\n", message_id=identity)
        case 8:
            return mail(victim, f"=?utf-8?q?x=0D=0ABcc:_{number}?=", "x\n", message_id=identity, list_id="<l.example>")
        case 9:
            return mail(victim, "nested", "x\n", message_id=identity) + nested(300).encode()
        case 10:
            return mail(victim, "a\x00b", "\udce9" * 500, message_id=identity, to="(" * 5_000)
        case _:
            return dice.randbytes(2_000)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    store = Store(f"sqlite:///{tmp_path / 'helpline.db'}")
    revision.require_current(store)
    desk = Desk(store)
    desk.decide_otherwise(rations=RATIONS)
    desk.clock.now = START
    yield desk
    store.close()


def arrive(desk: Desk) -> dict[str, datetime]:
    """An hour of it, with every pass that the daemon makes; returns when each teacher's mail arrived."""
    dice = random.Random(4711)
    places = dict(zip(dice.sample(range(MAILS), GENUINE), range(GENUINE), strict=True))
    arrived: dict[str, datetime] = {}
    for number in range(MAILS):
        if number in places:
            arrived[teacher(places[number])] = desk.clock()
            desk.mailbox.append(genuine(places[number]), desk.clock())
        else:
            desk.mailbox.append(hostile(number, dice), desk.clock())
        if number % (MAILS // STEPS) == MAILS // STEPS - 1:
            work(desk)
            desk.clock.now += timedelta(hours=1) / STEPS
    return arrived


def work(desk: Desk) -> None:
    desk.collect()
    desk.triage()
    desk.remind()
    desk.digest()
    desk.submit()


def test_p23_a_flood_hides_no_genuine_enquiry(desk: Desk, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    arrived = arrive(desk)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert Counter(row.state for row in desk.rows(schema.ledger)) == {"triaged": MAILS}
    tickets = {ticket["requester"]: ticket for ticket in desk.tickets() if ticket["requester"] in arrived}
    assert len(tickets) == GENUINE
    acknowledged = Counter(envelope.recipient for envelope in desk.sent("acknowledgement"))
    for person, at in arrived.items():
        assert acknowledged[person] == 1
        assert tickets[person]["response_due_at"] == at + timedelta(hours=3)
    assert acknowledged.total() <= RATIONS.total
    assert max(Counter(to.rpartition("@")[2] for to in acknowledged.elements()).values()) <= RATIONS.per_domain

    told = Counter(envelope.recipient for kind in ("notice", "digest", "refusal") for envelope in desk.sent(kind))
    assert told.keys() == {AMY, LEAD}
    assert max(told.values()) <= RATIONS.notices + 3, "sixty notices, and a list each half hour"
    untold = desk.rows(schema.message, schema.message.c.kind == "enquiry", schema.message.c.told_at.is_(None))
    listed = sum(row.facts["messages"] for row in desk.rows(schema.event, schema.event.c.code == "digest"))
    assert 0 < listed <= len(untold)
    others = {envelope.recipient for envelope in desk.letterbox.taken} - acknowledged.keys()
    assert others <= {AMY, LEAD, "ops@example.org.uk"}
    raised = [(row.cause, row.over_at is None) for row in desk.rows(schema.alarm)]
    assert raised == [("flood", True)]

    octets = sum(row.size for row in desk.rows(schema.raw_content))
    assert (tmp_path / "helpline.db").stat().st_size < 4 * octets + 40 * MEBIBYTE
    assert grown < 200 * MEBIBYTE

    desk.clock.now += timedelta(minutes=61)
    desk.mailbox.append(mail("new@school.sch.uk", message_id="<new@school.sch.uk>"), desk.clock())
    work(desk)
    assert [row.over_at is None for row in desk.rows(schema.alarm)] == [False], "it closes by itself"
    assert "new@school.sch.uk" in {e.recipient for e in desk.sent("acknowledgement")}


def test_p23_reminders_of_a_flood_come_in_lists(desk: Desk) -> None:
    for number in range(300):
        desk.mailbox.append(mail(f"v{number}@f{number}.example", message_id=f"<{number}@e.example>"), desk.clock())
    work(desk)
    desk.letterbox.taken.clear()
    for _ in range(60):  # the whole day, a minute and a half at a time around the steps
        desk.clock.now += timedelta(minutes=5)
        work(desk)
    steps = Counter(row.step for row in desk.rows(schema.reminder))
    assert steps == dict.fromkeys(("90m", "30m", "10m", "overdue-0m", "overdue-60m"), 300)
    mails = [envelope for kind in ("reminder", "overdue") for envelope in desk.sent(kind)]
    assert len(mails) <= 2 * 10, "five steps, two people, and a list or two for each"
    assert max(len(envelope.octets) for envelope in mails) < 60_000, "a hundred lines, twice, and twenty links"
