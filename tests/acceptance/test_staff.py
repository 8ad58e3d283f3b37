"""Staff answer from their own mail clients, on real servers: a real notice, a real reply, the enquirer's mailbox."""

import itertools
import re
import smtplib
from collections.abc import Iterator
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path

import pytest

from tests import clients
from tests.acceptance.daemon import answer_of, answers_due, running_daemon
from tests.acceptance.test_main_job import enquiry, send
from tests.clients import CLIENTS, LANGUAGES, Words
from tests.rig.configuration import helpline_config
from tests.rig.daemon import wait_until
from tests.rig.mail_servers import ADVISER, ALICE, HELPLINE, LEAD, PARTNER, STRANGER, MailServers

pytestmark = pytest.mark.servers

FORMS_AND_PLACINGS = (("both", "top"), ("html", "top"), ("plain", "bottom"), ("both", "inline"))
CASES = [
    (c, *rest, LANGUAGES[(n + n // 4) % 4])
    for n, (c, rest) in enumerate(itertools.product(CLIENTS, FORMS_AND_PLACINGS))
]
NEVER = (ADVISER, "+s-", "above this line", "Answer due", "10.1.2.3", "staff-laptop", "client.example", "X-Mailer")


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


def answers_to(servers: MailServers, address: str, kind: str = "answer") -> list[bytes]:
    found = servers.dovecot.fetch_all(address)
    return [raw for raw in found if message_from_bytes(raw)["X-Helpline-Kind"] == kind]


def words_of(raw: bytes) -> list[str]:
    body = message_from_bytes(raw, policy=email_policy.default).get_body(("plain",))
    assert body is not None
    return re.findall(r"[^\W_]+", body.get_content())


def hand_in(servers: MailServers, from_: str, to: str, raw: bytes) -> None:
    with smtplib.SMTP(servers.host, servers.world_port, timeout=10) as world:
        world.sendmail(from_, [to], raw)


def refusals(servers: MailServers) -> int:
    return len(answers_to(servers, ADVISER, "refusal"))


def test_every_word_of_staff_reaches_the_enquirer_and_no_line_of_ours(
    servers: MailServers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    with running_daemon(config) as daemon:
        send(servers, enquiry(1))
        notice = clients.notice_of(servers.dovecot.wait_for_mail(ADVISER)[0])
        wrote = {}
        for number, (client, form, placing, language) in enumerate(CASES):
            words = Words(("Dear Alice,", f"this is answer number{number}x: call 101.", "Is the pupil – Zoë – safe?"))
            wrote[f"number{number}x"] = words
            raw = clients.reply(notice, words, client, form, placing, language, number)
            hand_in(servers, ADVISER, notice.reply_to, raw)
        wait_until(
            lambda: len(answers_to(servers, ALICE)) + refusals(servers) == len(CASES), "all are dealt with", seconds=90
        )
        answers, held = answers_to(servers, ALICE), refusals(servers)
        assert answers_due(config) == [], "the answer has stopped the clock"
        assert answer_of(config, "status")["ok"]
        assert daemon.stop() == 0
    for raw in answers:
        said = words_of(raw)
        (number,) = (word for word in said if word.startswith("number"))
        assert said == re.findall(r"[^\W_]+", wrote.pop(number).text)
        text = raw.partition(b"X-Helpline-Kind")[0] + raw.partition(b"X-Helpline-Kind")[2]
        decoded = "".join(
            str(part.get_content())
            for part in message_from_bytes(raw, policy=email_policy.default).walk()
            if not part.is_multipart()
        )
        assert [secret for secret in NEVER if secret in text.decode() + decoded] == []
        assert message_from_bytes(raw)["To"] == ALICE
    with capsys.disabled():
        print(f"\n{len(answers)} of {len(CASES)} answers sent, {held} held")
    assert set(wrote) == {f"number{n}x" for n, case in enumerate(CASES)
                                      if case[0].startswith("Outlook") and case[2] != "top"}  # fmt: skip
    assert "number" not in daemon.log.read_text()


def test_a_partner_is_written_to_and_answers_to_staff_alone(servers: MailServers, tmp_path: Path) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    with running_daemon(config) as daemon:
        send(servers, enquiry(1))
        notice = clients.notice_of(servers.dovecot.wait_for_mail(ADVISER)[0])
        words = Words(("#partner examplebook\nPlease remove video 17.",))
        raw = clients.reply(notice, words, "Outlook", "html", "top", "en", 1)
        hand_in(servers, ADVISER, notice.reply_to, raw)
        (request,) = servers.dovecot.wait_for_mail(PARTNER)
        assert words_of(request) == ["Please", "remove", "video", "17"]
        assert not any(secret.encode() in request for secret in (ALICE, ADVISER, notice.subject[1:12], "Question"))
        asked = clients.notice_of(request)
        answer = clients.reply(asked, Words(("It was removed this zebra.",)), "Gmail", "both", "top", "en", 2)
        hand_in(servers, PARTNER, asked.reply_to, answer)
        for member in (ADVISER, LEAD):
            wait_until(
                lambda member=member: any(b"this zebra" in raw for raw in servers.dovecot.fetch_all(member)),
                "staff read the partner's answer",
            )
        assert not any(b"zebra" in raw for raw in servers.dovecot.fetch_all(ALICE))
        assert daemon.stop() == 0


def test_a_stranger_who_knows_the_reply_address_has_no_power(servers: MailServers, tmp_path: Path) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    with running_daemon(config) as daemon:
        send(servers, enquiry(1))
        notice = clients.notice_of(servers.dovecot.wait_for_mail(ADVISER)[0])
        raw = clients.reply(notice, Words(("Dear Alice, send money.",)), "Gmail", "both", "top", "en", 1)
        hand_in(servers, STRANGER, notice.reply_to, raw.replace(ADVISER.encode(), STRANGER.encode(), 1))
        wait_until(lambda: answer_of(config, "status")["mailbox"]["in_ledger"] == 2, "it is filed")
        wait_until(lambda: len(answer_of(config, "ticket", "list")) == 2, "it is a ticket of its own")
        assert answers_to(servers, ALICE) == []
        assert [ticket["responded_at"] for ticket in answer_of(config, "ticket", "list")] == [None, None]
        assert daemon.stop() == 0


def test_a_receivers_verdict_is_asked_for_where_it_is_configured(servers: MailServers, tmp_path: Path) -> None:
    identity = {"authserv_id": "mail.example.org.uk", "require": "token+results"}
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}", staff_identity=identity)
    with running_daemon(config) as daemon:
        send(servers, enquiry(1))
        notice = clients.notice_of(servers.dovecot.wait_for_mail(ADVISER)[0])
        raw = clients.reply(notice, Words(("Dear Alice, call 101.",)), "Apple Mail", "both", "top", "en", 1)
        hand_in(servers, ADVISER, notice.reply_to, raw)
        wait_until(lambda: answer_of(config, "status")["mailbox"]["in_ledger"] == 2, "it is filed")
        wait_until(lambda: refusals(servers) == 1, "its writer is told")
        assert answers_to(servers, ALICE) == []
        # What a receiver such as OpenDMARC would have put on top of it.
        verdict = b"Authentication-Results: mail.example.org.uk; dmarc=pass header.from=example.org.uk\r\n"
        again = raw.replace(b"reply-1@", b"reply-2@").replace(b"call 101", b"call 102")
        servers.dovecot.append(HELPLINE, verdict + again)
        wait_until(lambda: len(answers_to(servers, ALICE)) == 1, "the answer arrives", seconds=20)
        assert words_of(answers_to(servers, ALICE)[0]) == ["Dear", "Alice", "call", "102"]
        assert daemon.stop() == 0
