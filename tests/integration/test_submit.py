"""Outbox -> mail server, over real sockets: every way a delivery can fail, and what is written down of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from helpline_mail.adapters.imap import tls_context
from helpline_mail.adapters.smtp import SubmissionServer
from helpline_mail.adapters.store import outbox, schema
from helpline_mail.adapters.store.engine import DatabaseUnavailableError
from helpline_mail.domain.delivery import Envelope, Outcome
from helpline_mail.service import submit as service
from tests.integration.desk import ALICE, AMY, LEAD, Desk, Letterbox, mail
from tests.integration.smtp_server import DROP, SmtpServer, running

Pass = Callable[[], Awaitable[service.Submitted]]


def against(
    desk: Desk, *script: tuple[str, str | None], at_once: int = 1, timeout: float = 5.0, reply_after: float = 0.0
) -> Callable[[Any], SmtpServer]:
    """Runs a scene against a server with that script; the scene gets a coroutine that is one pass."""

    def play(scene: Callable[[Pass, SmtpServer], Awaitable[None]]) -> SmtpServer:
        async def stage() -> SmtpServer:
            async with running(*script, reply_after=reply_after) as server:
                client = SubmissionServer(
                    "127.0.0.1", server.port, "none", "", "", timeout, tls_context(None), "example.org.uk"
                )

                async def one_pass() -> service.Submitted:
                    return await service.submit(desk.store, client, desk.correspondence, desk.clock, at_once)

                try:
                    await scene(one_pass, server)
                finally:
                    await client.close()
                return server

        return asyncio.run(stage())

    return play


async def once(one_pass: Pass, server: SmtpServer) -> None:
    await one_pass()


@pytest.fixture
def acknowledged(desk: Desk) -> Desk:
    """A desk whose only waiting mail is one acknowledgement."""
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    with desk.store.write() as connection:
        for row in connection.execute(schema.outbox.select().where(schema.outbox.c.kind == "notice")).all():
            outbox.cancel(connection, row.id, desk.clock())
    return desk


def the_row(desk: Desk) -> Any:
    (row,) = desk.outbox("acknowledgement")
    return row


def frozen(desk: Desk) -> bytes:
    (row,) = desk.rows(schema.outbox_content, schema.outbox_content.c.recipient == ALICE)
    return bytes(row.octets)


def notices(desk: Desk) -> list[str]:
    return [row.unique_key.split("/")[0] for row in desk.outbox("notice") if row.state == "queued"]


def test_p07_p47_accepted_mails_go_one_recipient_at_a_time(desk: Desk) -> None:
    desk.mailbox.append(mail(cc="mallory@evil.example"), desk.clock())
    desk.collect()
    desk.triage()
    server = against(desk, at_once=2)(once)
    assert sorted(recipients for _, recipients, _ in server.taken) == [[ALICE], [AMY], [LEAD]]
    assert {(row.state, row.code, row.attempts) for row in desk.outbox()} == {("delivered", 250, 1)}
    assert server.connections == 2
    expected = {bytes(row.octets) for row in desk.rows(schema.outbox_content)}
    assert {octets for _, _, octets in server.taken} == expected


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_p47_a_recipient_that_is_refused_takes_no_other_along(desk: Desk, nth: int) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    server = against(desk, *[("none", "")] * nth, ("RCPT", "550 no such mailbox"))(once)
    became = [(row.state, row.attempts, row.reason) for row in desk.outbox()[:3]]
    assert became.pop(nth) == ("failed", 1, "refused at RCPT")
    assert became == [("delivered", 1, "accepted by the mail server")] * 2
    others = [ALICE, AMY, LEAD]
    others.pop(nth)
    assert [to for _, to, _ in server.taken][:2] == [[other] for other in others]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
def test_put_off_then_accepted(acknowledged: Desk, stage: str) -> None:
    async def scene(one_pass: Pass, server: SmtpServer) -> None:
        await one_pass()
        assert (the_row(acknowledged).state, the_row(acknowledged).code) == ("deferred", 451)
        await one_pass()
        assert the_row(acknowledged).attempts == 1, "not before its time"
        acknowledged.clock.now = the_row(acknowledged).next_attempt_at
        await one_pass()

    server = against(acknowledged, (stage, "451 not now"))(scene)
    assert (the_row(acknowledged).state, the_row(acknowledged).attempts) == ("delivered", 2)
    assert [octets for _, _, octets in server.taken] == [frozen(acknowledged)]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "."])
def test_refused_for_good_is_told_to_staff(acknowledged: Desk, stage: str) -> None:
    against(acknowledged, (stage, "550 no"), at_once=4)(once)
    assert (the_row(acknowledged).state, the_row(acknowledged).code) == ("failed", 550)
    told = [row for row in acknowledged.outbox("notice") if row.unique_key.startswith("undelivered/")]
    assert [row.state for row in told] == ["delivered", "delivered"]


def test_the_reply_to_the_data_is_waited_for_beyond_the_general_timeout(acknowledged: Desk) -> None:
    server = against(acknowledged, timeout=0.5, reply_after=1.5)(once)
    assert (the_row(acknowledged).state, the_row(acknowledged).attempts) == ("delivered", 1)
    assert [octets for _, _, octets in server.taken] == [frozen(acknowledged)]


def test_a_drop_after_the_data_means_at_most_one_more_of_the_very_same_bytes(acknowledged: Desk) -> None:
    async def scene(one_pass: Pass, server: SmtpServer) -> None:
        for _ in range(6):
            await one_pass()
            acknowledged.clock.advance(hours=1)

    server = against(acknowledged, (".", DROP), (".", DROP))(scene)
    assert (the_row(acknowledged).state, the_row(acknowledged).attempts) == ("unknown", 2)
    to_alice = [octets for _, recipients, octets in server.taken if recipients == [ALICE]]
    assert to_alice == [frozen(acknowledged)] * 2
    assert acknowledged.codes().count("enquirer_not_reached") == 1


@pytest.mark.parametrize("farewell", [DROP, "421 timeout"])
def test_a_kept_connection_that_died_is_replaced_at_once(desk: Desk, farewell: str | None) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    script = [("none", ""), ("MAIL", farewell)]
    server = against(desk, *script)(once)
    assert [row.state for row in desk.outbox()] == ["delivered"] * 3
    assert server.connections == 2
    assert {row.attempts for row in desk.outbox()} == {1}


def test_a_server_that_is_away_is_said_once_and_nothing_is_lost(acknowledged: Desk) -> None:
    async def scene(one_pass: Pass, server: SmtpServer) -> None:
        assert (await one_pass()).unreachable
        assert the_row(acknowledged).state == "deferred"

    against(acknowledged, *[("MAIL", DROP)] * 3)(scene)


def test_what_never_succeeds_is_given_up(acknowledged: Desk) -> None:
    async def scene(one_pass: Pass, server: SmtpServer) -> None:
        for _ in range(5):
            await one_pass()
            acknowledged.clock.advance(hours=13)

    against(acknowledged, *[("RCPT", "450 mailbox busy")] * 5)(scene)
    assert (the_row(acknowledged).state, the_row(acknowledged).code) == ("failed", 450)
    assert "undelivered" in notices(acknowledged) or acknowledged.codes().count("enquirer_not_reached") == 1


def claimed_and_abandoned(desk: Desk) -> None:
    with desk.store.write() as connection:
        assert len(outbox.claim(connection, desk.clock(), desk.clock() + service.LEASE, 10)) == 1


def test_an_abandoned_mail_is_in_doubt_after_its_lease(acknowledged: Desk) -> None:
    desk = acknowledged
    claimed_and_abandoned(desk)
    desk.submit()
    assert the_row(desk).state == "sending", "its sender may be at work"
    desk.clock.advance(seconds=21)
    desk.submit()
    assert (the_row(desk).state, the_row(desk).times_in_doubt, desk.letterbox.taken) == ("deferred", 1, [])
    desk.clock.advance(minutes=1)
    claimed_and_abandoned(desk)
    desk.clock.advance(seconds=21)
    desk.submit()
    assert the_row(desk).state == "unknown"
    desk.clock.advance(hours=5)
    desk.submit()
    assert [e for e in desk.letterbox.taken if e.recipient == ALICE] == []


def test_an_old_attempt_cannot_settle_a_newer_one(acknowledged: Desk) -> None:
    desk = acknowledged
    with desk.store.write() as connection:
        (old,) = outbox.claim(connection, desk.clock(), desk.clock(), 10)
    desk.clock.advance(seconds=1)
    desk.submit()
    desk.clock.advance(minutes=1)
    claimed_and_abandoned(desk)
    settlement = service.settle(old.mail, service.NotSent("late"), desk.clock(), timedelta(days=1), 0.0)
    with desk.store.write() as connection:
        assert not outbox.settle(connection, old.id, old.mail.attempts, settlement, desk.clock())
    assert the_row(desk).state == "sending"


def test_a_settle_that_fails_takes_no_other_send_with_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    settle, failures, refused = service._settle, [], []

    def fail_for_one_mail(*arguments: Any) -> None:
        refused.append(arguments[3].id) if not refused else None
        if arguments[3].id == refused[0] and len(failures) < 4:
            failures.append(1)
            raise DatabaseUnavailableError("the disk is full")
        settle(*arguments)

    monkeypatch.setattr(service, "SETTLE_WAITS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(service, "_settle", fail_for_one_mail)
    with pytest.raises(DatabaseUnavailableError):
        desk.submit(Slow())
    assert sorted(row.state for row in desk.outbox()) == ["delivered", "delivered", "sending"]


def test_what_is_known_does_not_become_doubt_while_the_database_is_busy(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    settle, failures = service._settle, [DatabaseUnavailableError("locked")]

    def fail_once(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        settle(*arguments)

    monkeypatch.setattr(service, "SETTLE_WAITS", (0.0,))
    monkeypatch.setattr(service, "_settle", fail_once)
    desk.submit(Slow())
    assert [row.state for row in desk.outbox()] == ["delivered", "delivered", "delivered"]


class Slow(Letterbox):
    """Takes its time with every mail but the first."""

    asked = 0

    async def send(self, envelope: Envelope) -> Outcome:
        self.asked += 1
        await asyncio.sleep(0.1 * (self.asked > 1))
        return await super().send(envelope)


def test_two_instances_send_each_mail_once(desk: Desk) -> None:
    desk.decide_otherwise(rations=desk.correspondence.policy.rations.__class__(0, 0, 0))
    for number in range(4):
        desk.mailbox.append(mail(f"a{number}@school.sch.uk", message_id=f"<{number}@x.example>"), desk.clock())
    desk.collect()
    desk.triage()
    box = Letterbox()

    async def both() -> None:
        passes = (service.submit(desk.store, box, desk.correspondence, desk.clock, 3) for _ in range(2))
        await asyncio.gather(*passes)

    asyncio.run(both())
    assert len(box.taken) == len(set(map(Envelope.__hash__, box.taken))) == 12
