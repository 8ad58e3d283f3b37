"""Both kinds of TLS on both servers, and a certificate that was made out to somebody else."""

import smtplib
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.daemon import answer_of, run_command, running_daemon
from tests.rig.configuration import helpline_config
from tests.rig.daemon import wait_until
from tests.rig.mail_servers import ALICE, HELPLINE, MailServers

pytestmark = pytest.mark.servers
ENQUIRY = f"From: {ALICE}\r\nMessage-ID: <tls@school.example>\r\nSubject: A question\r\n\r\nWhat now?\r\n".encode()


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


@pytest.fixture(scope="module")
def elsewhere(mail_servers: MailServers) -> Iterator[MailServers]:
    """Servers whose certificate is good for another host only."""
    dovecot, postfix = mail_servers.dovecot, mail_servers.postfix
    ours = dovecot.certificate
    dovecot.certificate = mail_servers.certificates.wrong_host
    dovecot.restart()
    postfix.restart()
    try:
        yield mail_servers
    finally:
        dovecot.certificate = ours
        dovecot.restart()
        postfix.restart()


def connection(servers: MailServers, tls: str) -> dict[str, Any]:
    """The sections of a configuration for that kind of TLS; 127.0.0.2 takes no login before it."""
    if tls == "implicit":
        return {}
    return {
        "imap": {"tls": "starttls", "host": servers.dovecot.remote_host, "port": servers.imap_port},
        "smtp": {"tls": "starttls", "port": servers.submission_port},
    }


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_an_enquiry_is_read_and_acknowledged_over_tls(servers: MailServers, tmp_path: Path, tls: str) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}", **connection(servers, tls))
    done = run_command(config, "check")
    assert done.returncode == 0, done.stderr
    with smtplib.SMTP(servers.host, servers.world_port, timeout=10) as world:
        world.sendmail(ALICE, [HELPLINE], ENQUIRY)
    servers.dovecot.wait_for_mail(HELPLINE)
    done = run_command(config, "once", "all")
    assert (done.returncode, done.stderr) == (0, "")
    (raw,) = servers.dovecot.wait_for_mail(ALICE)
    acknowledgement = message_from_bytes(raw, policy=policy.default)
    assert acknowledgement["In-Reply-To"] == "<tls@school.example>"
    assert any("with ESMTPSA" in hop for hop in acknowledgement.get_all("Received")), "with TLS and a login"


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_a_certificate_for_another_host_is_refused_in_one_line(
    elsewhere: MailServers, tmp_path: Path, tls: str
) -> None:
    sections = connection(elsewhere, tls)
    config = helpline_config(elsewhere, tmp_path, f"sqlite:///{tmp_path / 'h.db'}", **sections)
    before = len(elsewhere.dovecot.log()), len(elsewhere.postfix.log())
    done = run_command(config, "check")
    assert done.returncode == 69
    for section in ("imap", "smtp"):
        host = sections.get(section, {}).get("host", elsewhere.host)
        (line,) = (line for line in done.stderr.splitlines() if f"{section}:" in line)
        assert f"the certificate of {host} cannot be trusted" in line
        assert "IP address mismatch" in line
        assert f"check {section}.host and {section}.ca_file" in line
    assert len(done.stderr.splitlines()) == 2
    assert "Login:" not in elsewhere.dovecot.log()[before[0] :]
    wait_until(lambda: "disconnect from" in elsewhere.postfix.log()[before[1] :], "Postfix counts the commands")
    assert " auth=" not in elsewhere.postfix.log()[before[1] :]


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_the_daemon_stays_up_with_alarms_about_such_a_certificate(
    elsewhere: MailServers, tmp_path: Path, tls: str
) -> None:
    """The alarm about the mailbox is itself a mail, so that the submission server is met as well."""
    config = helpline_config(elsewhere, tmp_path, f"sqlite:///{tmp_path / 'h.db'}", **connection(elsewhere, tls))

    def alarms() -> dict[str, str]:
        return {alarm["cause"]: alarm["text"] for alarm in answer_of(config, "alarm", "list")}

    with running_daemon(config) as daemon:
        wait_until(lambda: alarms().keys() >= {"mailbox", "mail_server"}, "both are alarms", seconds=30)
        assert all("certificate" in text for text in alarms().values())
        status = answer_of(config, "status")
        assert not status["ok"]
        assert sum("certificate" in problem for problem in status["problems"]) == 2
        assert daemon.process.poll() is None
        assert daemon.stop() == 0
