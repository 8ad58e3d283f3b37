"""The mailbox's reader and a real IMAP server in what only a real one does."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpline_mail.adapters.imap import ImapMailbox, tls_context
from helpline_mail.domain.errors import CredentialError
from tests.acceptance.daemon import answer_of, run_command, running_daemon
from tests.rig.configuration import helpline_config
from tests.rig.daemon import wait_until
from tests.rig.dovecot import Dovecot
from tests.rig.mail_servers import HELPLINE, MailServers

pytestmark = pytest.mark.servers
PASSWORD = "pässwört £5"


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


def reader(dovecot: Dovecot, password: str) -> ImapMailbox:
    return ImapMailbox(
        dovecot.host, dovecot.imaps_port, "implicit", "umlaut@example.org.uk", password, "INBOX", 10,
        tls_context(str(dovecot.ca_file)),
    )  # fmt: skip


def test_a_password_beyond_ascii_opens_the_mailbox(dovecot: Dovecot) -> None:
    dovecot.start()
    dovecot.add_user("umlaut@example.org.uk", PASSWORD)
    mailbox = reader(dovecot, PASSWORD)
    assert mailbox.examine().exists == 0
    mailbox.close()
    with pytest.raises(CredentialError):
        reader(dovecot, PASSWORD + "é").examine()


def test_a_message_whose_size_the_server_has_wrong_does_not_stop_the_others(
    servers: MailServers, tmp_path: Path
) -> None:  # P-43
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    five_of_which_two_break_the_connection(servers.dovecot)
    done = run_command(config, "once", "all")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "collect: 5 stored"), done.stdout + done.stderr
    assert len(answer_of(config, "ticket", "list")) == 5
    assert answer_of(config, "status")["messages"]["quarantined"] == 2


def test_the_daemon_stores_the_others_at_once_and_goes_on(servers: MailServers, tmp_path: Path) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    five_of_which_two_break_the_connection(servers.dovecot)
    with running_daemon(config) as daemon:
        wait_until(lambda: len(answer_of(config, "ticket", "list")) == 5, "all are filed", seconds=20)
        assert answer_of(config, "status")["messages"]["quarantined"] == 2
        assert daemon.stop() == 0
    log = daemon.log.read_text()
    assert "collect failed" not in log
    assert re.findall(r"collected.*messages\W+(\d)", log)[0] == "3"


def five_of_which_two_break_the_connection(dovecot: Dovecot) -> None:
    """Dovecot takes a size from the file's name (`S=`) and ends the connection when the file has another."""
    for number in range(1, 6):
        text = f"From: a{number}@school.example\r\nMessage-ID: <{number}@school.example>\r\n\r\n{'Help. ' * 20}\r\n"
        dovecot.append(HELPLINE, text.encode())
    for number in (2, 4):
        lie_about_size(dovecot, number)


def lie_about_size(dovecot: Dovecot, number: int) -> None:
    """Lengthens a message's file, whose name says the size."""
    (path,) = (p for p in dovecot.folder.glob(f"mail/{HELPLINE}/Maildir/*/*,S=*") if f"<{number}@" in p.read_text())
    path.write_bytes(path.read_bytes() + b"More. " * 2000)
