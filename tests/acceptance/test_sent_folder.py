"""The Sent folder on a real server: what staff send from the shared mailbox stops the clock, untouched."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.acceptance.daemon import answer_of, answers_due, run_command, running_daemon
from tests.acceptance.test_main_job import enquiry, send
from tests.rig.configuration import helpline_config
from tests.rig.daemon import wait_until
from tests.rig.mail_servers import ALICE, HELPLINE, MailServers

pytestmark = pytest.mark.servers


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


def sent(number: int, **headers: str) -> bytes:
    fields = {
        "From": f"Helpline <{HELPLINE}>", "To": f"Alice <{ALICE}>", "Subject": "Re: Question",
        "Message-ID": f"<sent-{number}@mail-client.example>", "Date": format_datetime(datetime.now(UTC)), **headers,
    }  # fmt: skip
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"{head}\r\nPlease call the police.\r\n\r\n> A pupil shows me a post.\r\n".encode()


def test_an_answer_in_the_sent_folder_stops_the_clock_and_keeps_its_flags(
    servers: MailServers, tmp_path: Path, database_url: str
) -> None:
    config = helpline_config(servers, tmp_path, database_url)
    servers.dovecot.append(HELPLINE, sent(1, In_Reply_To="<question-1@school.example>"), "Sent")
    with running_daemon(config) as daemon:
        send(servers, enquiry(1))
        wait_until(lambda: len(answer_of(config, "ticket", "list")) == 1, "it is filed")
        assert len(answers_due(config)) > 0, "an answer is due: what stood there before is no answer"
        servers.dovecot.append(HELPLINE, sent(2, In_Reply_To="<question-1@school.example>"), "Sent")
        wait_until(lambda: answers_due(config) == [], "the clock stops", seconds=20)
        (listed,) = answer_of(config, "ticket", "list")
        ticket = answer_of(config, "ticket", "show", listed["reference"])
        answer = ticket["messages"][-1]
        assert (answer["direction"], answer["kind"], answer["text"].strip()) == (
            "out", "answer", "Please call the police.",
        )  # fmt: skip
        assert listed["responded_at"] == ticket["clocks"][0]["stopped_at"] == answer["at"]
        status = answer_of(config, "status")
        assert status["mailbox"]["in_ledger"] == status["mailbox"]["on_server"] == 1
        assert status["ok"], status["problems"]
        assert len(answer_of(config, "ticket", "list")) == 1
        assert daemon.stop() == 0
    assert "folder failed" not in daemon.log.read_text()
    with servers.dovecot.connect(HELPLINE) as client:
        client.select_folder("Sent", readonly=True)
        assert {flag for flags in client.get_flags(client.search()).values() for flag in flags} <= {b"\\Recent"}


def test_a_sent_folder_that_is_not_there_is_an_alarm_and_the_inbox_is_read(
    servers: MailServers, tmp_path: Path
) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}", imap={"sent_folder": "Sent Items"})
    checked = run_command(config, "check")
    assert checked.returncode == 78
    assert re.search(r"imap\.sent_folder: .*no folder Sent Items; its folder for sent mail is Sent;", checked.stderr)
    with running_daemon(config) as daemon:
        wait_until(lambda: not answer_of(config, "status")["ok"], "the alarm is raised")
        send(servers, enquiry(1), enquiry(2))
        wait_until(lambda: len(answer_of(config, "ticket", "list")) == 2, "the inbox is read")
        (problem,) = answer_of(config, "status")["problems"]
        assert problem.startswith("sent_folder: imap.sent_folder: the server has no folder Sent Items")
        assert daemon.stop() == 0
    collected = run_command(config, "once", "collect")
    assert (collected.returncode, collected.stdout) == (78, "collect: 0 stored\n")
    assert "imap.sent_folder" in collected.stderr

    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    assert "Sent 0" in run_command(config, "check").stdout
    with running_daemon(config) as daemon:
        wait_until(lambda: answer_of(config, "status")["ok"], "the alarm ends")
        assert daemon.stop() == 0
