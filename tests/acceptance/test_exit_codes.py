"""What `once` ends with when a server refuses the password or is down, and what it does all the same."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.daemon import answer_of, run_command
from tests.rig.configuration import helpline_config
from tests.rig.daemon import free_ports
from tests.rig.mail_servers import ALICE, HELPLINE, MailServers

pytestmark = pytest.mark.servers
ENQUIRY = f"From: {ALICE}\r\nMessage-ID: <code@school.example>\r\nSubject: A question\r\n\r\nWhat now?\r\n".encode()
WRONG_PASSWORD, DOWN = "a wrong password", "a server that is down"
CODES = {WRONG_PASSWORD: 77, DOWN: 69}


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


@pytest.fixture
def config(servers: MailServers, tmp_path: Path) -> Path:
    """An installation with one enquiry filed, of which nothing has been sent yet, and one still in the mailbox."""
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    servers.dovecot.append(HELPLINE, ENQUIRY)
    for loop in ("collect", "triage"):
        assert run_command(config, "once", loop).returncode == 0
    servers.dovecot.append(HELPLINE, ENQUIRY.replace(b"code@", b"second@").replace(b"What now", b"And now"))
    assert answer_of(config, "status")["outbox"]["queued"] == 3
    return config


def spoil(servers: MailServers, config: Path, section: str, trouble: str) -> None:
    if trouble == DOWN:
        (free,) = free_ports(1)
        helpline_config(servers, config.parent, f"sqlite:///{config.parent / 'h.db'}", **{section: {"port": free}})
    else:
        (config.parent / f"{section}-password").write_text("not-the-word\n")


def says(done: subprocess.CompletedProcess[str], trouble: str, section: str, loop: str) -> None:
    assert done.returncode == CODES[trouble], done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"helpline-mail: {loop}: {section}: ")
    assert (f"{section}.password_file" if trouble == WRONG_PASSWORD else f"{section}.port") in line
    assert "not-the-word" not in line


@pytest.mark.parametrize("trouble", [WRONG_PASSWORD, DOWN])
def test_once_collect(servers: MailServers, config: Path, trouble: str) -> None:
    spoil(servers, config, "imap", trouble)
    says(run_command(config, "once", "collect"), trouble, "imap", "collect")
    assert answer_of(config, "status")["mailbox"]["in_ledger"] == 1


@pytest.mark.parametrize("trouble", [WRONG_PASSWORD, DOWN])
def test_once_submit(servers: MailServers, config: Path, trouble: str) -> None:
    spoil(servers, config, "smtp", trouble)
    says(run_command(config, "once", "submit"), trouble, "smtp", "submit")
    assert answer_of(config, "status")["outbox"]["deferred"] == 3, "nothing is lost or given up"


@pytest.mark.parametrize("trouble", [WRONG_PASSWORD, DOWN])
def test_once_all_sends_what_is_due_although_nothing_can_be_collected(
    servers: MailServers, config: Path, trouble: str
) -> None:
    spoil(servers, config, "imap", trouble)
    done = run_command(config, "once", "all")
    says(done, trouble, "imap", "collect")
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["triage", "remind", "submit"]
    servers.dovecot.wait_for_mail(ALICE)
    assert answer_of(config, "status")["outbox"]["delivered"] == 3


@pytest.mark.parametrize("trouble", [WRONG_PASSWORD, DOWN])
def test_once_all_files_what_came_although_nothing_can_be_sent(
    servers: MailServers, config: Path, trouble: str
) -> None:
    spoil(servers, config, "smtp", trouble)
    says(run_command(config, "once", "all"), trouble, "smtp", "submit")
    status = answer_of(config, "status")
    assert (status["mailbox"]["in_ledger"], status["messages"]["triaged"]) == (2, 2)
    assert status["outbox"]["delivered"] == 0


def test_of_two_troubles_the_first_is_the_exit_code_and_both_are_said(servers: MailServers, config: Path) -> None:
    spoil(servers, config, "smtp", DOWN)
    spoil(servers, config, "imap", WRONG_PASSWORD)
    done = run_command(config, "once", "all")
    assert done.returncode == 77
    assert [line.split(": ")[1] for line in done.stderr.splitlines()] == ["collect", "submit"]
