"""The main job on real servers: a mail becomes a ticket, its writer an acknowledgement, staff a notice."""

import random
import re
import smtplib
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.daemon import answer_of, answers_due, run_command, running_daemon
from tests.corpus.mails import corpus_messages
from tests.rig.configuration import helpline_config
from tests.rig.daemon import wait_until
from tests.rig.mail_servers import ADVISER, ALICE, HELPLINE, LEAD, MailServers

pytestmark = pytest.mark.servers
NO_LIMIT = {"per_address": 0, "per_domain": 0, "total": 0}


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


def enquiry(number: int, **headers: str) -> bytes:
    fields = {
        "From": f"Alice <{ALICE}>", "To": HELPLINE, "Subject": f"Question {number}",
        "Message-ID": f"<question-{number}@school.example>", **headers,
    }  # fmt: skip
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"{head}\r\nA pupil shows me a post about a colleague ({number}). What now?\r\n".encode()


def send(servers: MailServers, *mails: bytes) -> None:
    with smtplib.SMTP(servers.host, servers.world_port, timeout=10) as world:
        for mail in mails:
            world.sendmail(ALICE, [HELPLINE], mail)


def acknowledgements(servers: MailServers) -> list[Any]:
    mails = [message_from_bytes(raw, policy=policy.default) for raw in servers.dovecot.fetch_all(ALICE)]
    return [mail for mail in mails if mail["X-Helpline-Kind"] == "acknowledgement"]


def acknowledged_ids(servers: MailServers) -> Counter[str]:
    return Counter(str(mail["In-Reply-To"]) for mail in acknowledgements(servers))


def test_an_enquiry_is_acknowledged_filed_and_told_to_staff(
    servers: MailServers, tmp_path: Path, database_url: str
) -> None:
    config = helpline_config(servers, tmp_path, database_url)
    with running_daemon(config) as daemon:
        send(servers, enquiry(1))
        (mail,) = (message_from_bytes(raw, policy=policy.default) for raw in servers.dovecot.wait_for_mail(ALICE))
        (ticket,) = answer_of(config, "ticket", "list")
        assert ticket["reference"] in mail["Subject"]
        assert ticket["requester"] == ALICE
        assert mail["In-Reply-To"] == "<question-1@school.example>"
        assert mail["Auto-Submitted"] == "auto-replied"
        (deadline,) = [answer_of(config, "deadline", ticket["created_at"])]
        assert deadline["due"] == ticket["response_due_at"]
        assert f"by {deadline['due_local'][11:16]} " in mail.get_content()
        for member in (ADVISER, LEAD):
            (notice,) = servers.dovecot.wait_for_mail(member)
            assert b"X-Helpline-Kind: notice" in notice

        reply = enquiry(2, Subject=f"Re: {mail['Subject']}", In_Reply_To=mail["Message-ID"])
        send(servers, reply)
        wait_until(lambda: answer_of(config, "ticket", "list")[0]["messages"] == 3, "the reply joins its ticket")
        assert len(answer_of(config, "ticket", "list")) == 1
        assert len(acknowledgements(servers)) == 1

        done = run_command(config, "ticket", "answer", ticket["reference"])
        assert done.returncode == 0, done.stderr
        assert answers_due(config) == []
        status = answer_of(config, "status")
        assert status["mailbox"]["in_ledger"] == status["mailbox"]["on_server"] == 2
        assert status["ok"], status["problems"]
        resident = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{daemon.process.pid}/status").read_text())[1])
        print(f"\nresident memory of the idle daemon: {resident / 1024:.0f} MB")
        assert resident < 120 * 1024
        assert daemon.stop() == 0
    log = daemon.log.read_text()
    for secret in ("colleague", ALICE, "Question", "Traceback", servers.password(HELPLINE)):
        assert secret not in log


def test_flags_on_the_server_are_never_touched(servers: MailServers, tmp_path: Path) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    send(servers, enquiry(1))
    servers.dovecot.wait_for_mail(HELPLINE)
    assert run_command(config, "once", "all").returncode == 0
    with servers.dovecot.connect(HELPLINE) as client:
        client.select_folder("INBOX", readonly=True)
        assert {flag for flags in client.get_flags(client.search()).values() for flag in flags} <= {b"\\Recent"}


def test_how_soon_an_enquiry_is_acknowledged(
    servers: MailServers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The figure is printed, not asserted: it belongs to the machine."""
    config = helpline_config(
        servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}", rations=NO_LIMIT, imap={"poll_every": "60s"}
    )
    took = []
    with running_daemon(config):
        time.sleep(1)  # let it go into IDLE
        for number in range(15):
            began = time.monotonic()
            send(servers, enquiry(number))
            servers.dovecot.wait_for_mail(ALICE, number + 1)
            took.append(time.monotonic() - began)
    with capsys.disabled():
        print(
            f"\nfrom hand-over to acknowledgement in the mailbox: median {statistics.median(took):.2f} s, "
            f"longest {max(took):.2f} s, of {len(took)}"
        )
    assert len(acknowledged_ids(servers)) == 15


def test_real_mail_is_in_exactly_one_state_each_and_stays_there(servers: MailServers, tmp_path: Path) -> None:
    mails = corpus_messages(200)
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    for raw in mails:
        servers.dovecot.append(HELPLINE, raw)
    with running_daemon(config) as daemon:
        # Acknowledgements to strangers' addresses come back as bounces, which are filed as well.
        wait_until(lambda: _is_quiet(config, len(mails)), "everything is filed and sent", seconds=90)
        before, status = answer_of(config, "ticket", "list"), answer_of(config, "status")
        assert daemon.stop() == 0
    restarted = datetime.now(UTC)
    with running_daemon(config) as daemon:
        wait_until(lambda: _last_good_poll(config) > restarted, "the mailbox is read again", seconds=30)
        wait_until(lambda: _is_quiet(config, len(mails)), "nothing is left to do", seconds=60)
        assert daemon.stop() == 0
    after = answer_of(config, "status")
    assert after["mailbox"]["in_ledger"] == after["mailbox"]["on_server"] == sum(after["messages"].values())
    assert after["messages"] == status["messages"]
    assert answer_of(config, "ticket", "list") == before


def _last_good_poll(config: Path) -> datetime:
    return datetime.fromisoformat(answer_of(config, "status")["mailbox"]["last_good_poll"])


def _is_quiet(config: Path, at_least: int) -> bool:
    time.sleep(1)
    first, second = (_facts(config), time.sleep(2), _facts(config))[::2]
    return first == second and second["in_ledger"] == second["on_server"] >= at_least and second["waiting"] == 0


def _facts(config: Path) -> dict[str, int]:
    status = answer_of(config, "status")
    waiting = status["messages"]["stored"] + _unsettled(config)
    return {**{key: status["mailbox"][key] for key in ("in_ledger", "on_server")}, "waiting": waiting}


def test_killed_at_random_moments_nothing_is_lost_and_nothing_comes_twice(
    servers: MailServers, tmp_path: Path, database_url: str
) -> None:
    """Two byte-identical acknowledgements are allowed where the kill fell between the data and its reply."""
    config = helpline_config(servers, tmp_path, database_url, rations=NO_LIMIT)
    count, dice = 15, random.Random(42)
    ids = {f"<question-{number}@school.example>" for number in range(count)}
    with running_daemon(config) as daemon:
        for number in range(0, count, 3):
            send(servers, *(enquiry(number + n) for n in range(3)))
            time.sleep(dice.uniform(0.0, 0.4))
            daemon.kill()
            daemon.start()
        wait_until(lambda: set(acknowledged_ids(servers)) == ids, "every enquiry is acknowledged", seconds=60)
        wait_until(lambda: _unsettled(config) == 0, "the outbox drains", seconds=60)
        assert daemon.stop() == 0
    assert len(answer_of(config, "ticket", "list")) == count
    mails = servers.dovecot.fetch_all(ALICE)
    assert len({message_from_bytes(raw)["Message-ID"] for raw in mails}) == count
    assert max(acknowledged_ids(servers).values()) <= 2


def _unsettled(config: Path) -> int:
    outbox = answer_of(config, "status")["outbox"]
    return int(outbox["queued"] + outbox["sending"] + outbox["deferred"])
