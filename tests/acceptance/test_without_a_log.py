"""The daemon whose standard error nobody reads: it serves on, and ends as on any other day."""

import signal
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.daemon import COMMAND, ENVIRONMENT, answer_of
from tests.rig.configuration import helpline_config
from tests.rig.daemon import wait_until
from tests.rig.mail_servers import ALICE, HELPLINE, MailServers

pytestmark = pytest.mark.servers


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


def started(config: Path, how: str) -> subprocess.Popen[bytes]:
    """A daemon without anybody at the other end of its standard error."""
    command = [*COMMAND, "-c", str(config), "run"]
    if how == "it never was open":
        return subprocess.Popen(["/bin/sh", "-c", 'exec "$@" 2>&-', "sh", *command], env=ENVIRONMENT)
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process.stderr as log:  # closed at the end: the next line meets a broken pipe
        assert any(b"started" in line for line in log)
    return process


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("how", ["its reader has ended", "it never was open"])
def test_the_daemon_serves_on_and_ends_well(servers: MailServers, tmp_path: Path, how: str, form: str) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}", logging={"format": form})
    process = started(config, how)
    try:
        for number in (1, 2):
            head = f"From: {ALICE}\r\nMessage-ID: <{number}@school.example>\r\nSubject: Question {number}"
            with smtplib.SMTP(servers.host, servers.world_port, timeout=10) as world:
                world.sendmail(ALICE, [HELPLINE], f"{head}\r\n\r\nWhat now?\r\n".encode())
            servers.dovecot.wait_for_mail(ALICE, number)
        servers.dovecot.kill_imap()  # what goes wrong is said as well, in vain
        wait_until(lambda: answer_of(config, "status")["ok"], "all is well", seconds=30)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
