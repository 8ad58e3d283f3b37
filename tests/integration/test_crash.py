"""Killed between any two steps and started again: one ticket, one acknowledgement, nothing lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import pytest
from sqlalchemy import Connection

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.delivery import Envelope, Outcome
from tests.integration.desk import ALICE, Desk, Letterbox, header, mail


class Killed(BaseException):
    """The process ends here: nothing that it would still have done is done."""


@dataclass
class Fuse:
    """Counts the moments at which a kill makes a difference and strikes at one of them."""

    strikes_at: int
    passed: int = 0

    def burn(self) -> None:
        self.passed += 1
        if self.passed >= self.strikes_at:
            raise Killed


@dataclass
class FusedStore:
    """A store whose process may be killed just before each commit and just after it."""

    store: Store
    fuse: Fuse

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.store.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        with self.store.write() as connection:
            yield connection
            self.fuse.burn()
        self.fuse.burn()


@dataclass
class FusedLetterbox:
    """A mail server whose client may be killed just before it hands over a mail and just after."""

    letterbox: Letterbox
    fuse: Fuse

    async def send(self, envelope: Envelope) -> Outcome:
        self.fuse.burn()
        outcome = await self.letterbox.send(envelope)
        self.fuse.burn()
        return outcome


def everything(desk: Desk, letterbox: Letterbox | FusedLetterbox) -> None:
    desk.collect()
    desk.triage()
    desk.remind()
    desk.submit(letterbox)


def test_killed_between_any_two_steps(desk: Desk) -> None:
    desk.decide_otherwise(staff=desk.correspondence.policy.staff[:1])
    safe = desk.store
    kills = 0
    while kills < 200:
        kills += 1
        sender = f"writer{kills}@school{kills}.example"
        desk.mailbox.append(mail(sender, f"Enquiry {kills}", message_id=f"<{kills}@x.example>"), desk.clock())
        fuse = Fuse(kills)
        desk.store = cast(Store, FusedStore(safe, fuse))
        try:
            everything(desk, FusedLetterbox(desk.letterbox, fuse))
            break
        except Killed:
            pass
        finally:
            desk.store = safe
        for _ in range(2):
            desk.clock.advance(seconds=40)
            everything(desk, desk.letterbox)
    assert 15 < kills < 200, "every moment had its kill, and the last run had none"
    requesters = [ticket["requester"] for ticket in desk.tickets()]
    assert requesters == [f"writer{n}@school{n}.example" for n in range(1, kills + 1)]
    assert {row.state for row in desk.rows(schema.ledger)} == {"triaged"}
    assert len(desk.clocks()) == len(desk.outbox("acknowledgement")) == kills
    assert {row.state for row in desk.outbox()} == {"delivered"}
    for number in range(1, kills + 1):
        delivered = [e.octets for e in desk.letterbox.taken if e.recipient == f"writer{number}@school{number}.example"]
        assert 1 <= len(delivered) <= 2, "in doubt, it leaves once more"
        assert len(set(delivered)) == 1, "byte for byte the same"


@pytest.mark.parametrize("moment", [1, 2])
def test_killed_around_the_first_commit_of_collect(desk: Desk, moment: int) -> None:
    desk.mailbox.append(mail(), desk.clock())
    safe, desk.store = desk.store, cast(Store, FusedStore(desk.store, Fuse(moment)))
    with pytest.raises(Killed):
        desk.collect()
    desk.store = safe
    assert desk.collect().stored == 1
    desk.receive()
    desk.triage()
    desk.submit()
    assert [header(e.octets, "To") for e in desk.sent("acknowledgement")] == [ALICE]
