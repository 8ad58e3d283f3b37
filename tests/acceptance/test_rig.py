"""The rig keeps its own promises, so that a failing acceptance test speaks of the daemon."""

import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import psycopg
import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from helpline_mail.config import load, read_secret
from tests.rig.configuration import helpline_config
from tests.rig.daemon import greets, wait_until
from tests.rig.dovecot import Dovecot
from tests.rig.mail_servers import ADVISER, ALICE, HELPLINE, LEAD, OVER_QUOTA, STRANGER, MailServers
from tests.rig.postgres import Postgres

pytestmark = pytest.mark.servers

PROJECT = Path(__file__).parents[2]
EXTENSION = "helpline+b-xyz@example.org.uk"


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


@pytest.fixture
def imap(dovecot: Dovecot) -> Iterator[Dovecot]:
    dovecot.reset()
    yield dovecot
    dovecot.start()


@pytest.fixture
def tls(dovecot: Dovecot) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(dovecot.ca_file))


def mail(sender: str = HELPLINE, recipient: str = ALICE, subject: str = "A question") -> bytes:
    lines = [f"From: {sender}", f"To: {recipient}", f"Subject: {subject}", "", "How do I report a post?", ""]
    return "\r\n".join(lines).encode()


def world(servers: MailServers) -> smtplib.SMTP:
    return smtplib.SMTP(servers.host, servers.world_port, timeout=10)


def submission(servers: MailServers, tls: ssl.SSLContext, user: str = HELPLINE) -> smtplib.SMTP:
    client = smtplib.SMTP_SSL(servers.host, servers.submissions_port, context=tls, timeout=10)
    client.login(user, servers.password(user))
    return client


def test_appended_message_comes_back_byte_for_byte_with_its_date(imap: Dovecot) -> None:
    received = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
    imap.append(HELPLINE, mail(), internal_date=received)
    assert imap.fetch_all(HELPLINE) == [mail()]
    with imap.connect(HELPLINE) as client:
        client.normalise_times = False
        client.select_folder("INBOX", readonly=True)
        assert client.fetch([*client.search()], ["INTERNALDATE"]).popitem()[1][b"INTERNALDATE"] == received


def test_wrong_password_is_refused(imap: Dovecot, tls: ssl.SSLContext) -> None:
    with (
        IMAPClient(imap.host, imap.imaps_port, ssl_context=tls, timeout=10) as client,
        pytest.raises(LoginError),
    ):
        client.login(HELPLINE, "wrong")


def test_imap_starttls(imap: Dovecot, tls: ssl.SSLContext) -> None:
    with IMAPClient(imap.remote_host, imap.imap_port, ssl=False, timeout=10) as client:
        assert b"LOGINDISABLED" in client.capabilities()
        client.starttls(tls)
        client.login(HELPLINE, imap.users[HELPLINE].password)
        assert client.find_special_folder(b"\\Sent") == "Sent"


def test_a_certificate_for_another_host_is_noticed(imap: Dovecot) -> None:
    ours, elsewhere = imap.certificates.server, imap.certificates.wrong_host
    imap.certificate = elsewhere
    imap.restart()
    try:
        with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
            imap.connect(HELPLINE)
    finally:
        imap.certificate = ours
        imap.restart()
    assert imap.fetch_all(HELPLINE) == []


def test_added_user_can_log_in_at_once(imap: Dovecot) -> None:
    imap.add_user("new@school.example")
    assert imap.fetch_all("new@school.example") == []


def test_submission_with_starttls_reaches_the_recipient(servers: MailServers, tls: ssl.SSLContext) -> None:
    with smtplib.SMTP(servers.host, servers.submission_port, timeout=10) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        client.starttls(context=tls)
        client.login(HELPLINE, servers.password(HELPLINE))
        client.sendmail(EXTENSION, [ALICE], mail())
    [delivered] = servers.dovecot.wait_for_mail(ALICE)
    assert delivered.startswith(f"Return-Path: <{EXTENSION}>".encode())
    assert delivered.endswith(b"\r\n\r\nHow do I report a post?\r\n")


def test_submission_with_implicit_tls_and_no_reverse_path(servers: MailServers, tls: ssl.SSLContext) -> None:
    with submission(servers, tls) as client:
        client.sendmail("", [ALICE], mail())
    [delivered] = servers.dovecot.wait_for_mail(ALICE)
    assert delivered.startswith(b"Return-Path: <>")


def test_submission_without_login_is_refused(servers: MailServers, tls: ssl.SSLContext) -> None:
    with (
        smtplib.SMTP_SSL(servers.host, servers.submissions_port, context=tls, timeout=10) as client,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        client.sendmail(HELPLINE, [ALICE], mail())


def test_submission_as_somebody_else_is_refused(servers: MailServers, tls: ssl.SSLContext) -> None:
    with submission(servers, tls) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        client.sendmail(LEAD, [ALICE], mail())
    assert refusal.value.recipients[ALICE][0] == 553


def test_world_reaches_an_extension_and_headers_stay_as_they_were(servers: MailServers) -> None:
    with world(servers) as client:
        client.sendmail(STRANGER, ["helpline+x@example.org.uk"], b"From: mallory\r\nSubject: hi\r\n\r\nhi\r\n")
    message = message_from_bytes(servers.dovecot.wait_for_mail(HELPLINE)[0])
    assert message["Delivered-To"] == "helpline+x@example.org.uk"
    assert message["From"] == "mallory"
    assert message["Message-ID"] is None


def test_world_may_not_relay(servers: MailServers) -> None:
    with world(servers) as client, pytest.raises(smtplib.SMTPRecipientsRefused, match="Relay access denied"):
        client.sendmail(STRANGER, ["somebody@nowhere.example"], mail())


@pytest.mark.parametrize(("local_part", "code"), [("tempfail", 450), ("tempfail+x", 450), ("refused", 550)])
def test_magic_recipients_are_refused_at_rcpt(
    servers: MailServers, tls: ssl.SSLContext, local_part: str, code: int
) -> None:
    recipient = f"{local_part}@school.example"
    with submission(servers, tls) as client, pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        client.sendmail(HELPLINE, [recipient], mail())
    assert refusal.value.recipients[recipient][0] == code


@pytest.mark.parametrize(("recipient", "status"), [("bounces@school.example", b"5.1.1"), (OVER_QUOTA, b"5.2.2")])
def test_bounce_comes_back(servers: MailServers, tls: ssl.SSLContext, recipient: str, status: bytes) -> None:
    with submission(servers, tls) as client:
        client.sendmail(EXTENSION, [recipient], mail())
    [bounce] = servers.dovecot.wait_for_mail(HELPLINE)
    message = message_from_bytes(bounce)
    assert message.get_content_type() == "multipart/report"
    assert message["To"] == EXTENSION
    assert b"Status: " + status in bounce


def test_mail_waits_while_dovecot_is_down(servers: MailServers) -> None:
    servers.dovecot.kill()
    with world(servers) as client:
        client.sendmail(ALICE, [HELPLINE], mail())
    # A message that moves from one queue to another meanwhile is listed twice.
    assert {entry["sender"] for entry in servers.postfix.queue()} == {ALICE}
    servers.dovecot.start()
    servers.postfix.flush()
    assert len(servers.dovecot.wait_for_mail(HELPLINE)) == 1


def test_delayed_mail_is_reported_to_its_sender(servers: MailServers) -> None:
    servers.postfix.parameters["delay_warning_time"] = "1s"
    servers.postfix.restart()
    servers.dovecot.stop()
    try:
        with world(servers) as client:
            client.sendmail(EXTENSION, [ALICE], mail())
        servers.postfix.wait_for_log("sender delay notification")
    finally:
        servers.postfix.parameters.clear()
        servers.postfix.restart()
    servers.dovecot.start()
    servers.postfix.flush()
    [notice] = servers.dovecot.wait_for_mail(HELPLINE)
    assert b"Action: delayed" in notice


def test_uidvalidity_changes(imap: Dovecot) -> None:
    imap.set_uidvalidity(HELPLINE, 77)
    with imap.connect(HELPLINE) as client:
        assert client.select_folder("INBOX")[b"UIDVALIDITY"] == 77


def test_server_whose_master_died_can_be_started_again(imap: Dovecot) -> None:
    imap.append(HELPLINE, mail())
    os.kill(imap.pid, signal.SIGKILL)
    wait_until(lambda: not imap.running, "end of the master")
    imap.start()
    assert imap.fetch_all(HELPLINE) == [mail()]


def test_rig_that_is_killed_leaves_nothing_behind() -> None:
    script = "from tests.rig.dovecot import Dovecot; d = Dovecot(); d.start(); print(d.folder, d.imap_port)"
    command = [sys.executable, "-u", "-c", f"{script}; input()"]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as rig:
        assert rig.stdout is not None
        folder, port = rig.stdout.readline().split()
        assert greets(int(port), b"* OK")
        rig.kill()
    wait_until(lambda: not Path(folder).exists(), "removal of the folder")
    assert not greets(int(port), b"* OK")


def test_killed_imap_session_ends_its_connection_only(imap: Dovecot) -> None:
    with imap.connect(HELPLINE) as client:
        assert imap.kill_imap() >= 1
        with pytest.raises((IMAPClient.AbortError, OSError)):
            client.noop()
    assert imap.fetch_all(HELPLINE) == []


def test_servers_come_back_on_the_same_ports_with_their_mail(servers: MailServers) -> None:
    servers.dovecot.append(ADVISER, mail())
    servers.dovecot.kill()
    servers.postfix.kill()
    assert not greets(servers.world_port, b"220")
    servers.start()
    assert greets(servers.world_port, b"220")
    assert servers.dovecot.fetch_all(ADVISER) == [mail()]


def test_postgres_makes_and_drops_databases(postgres: Postgres) -> None:
    url = postgres.create_database("rig_test")
    with pytest.raises(psycopg.errors.DuplicateDatabase):
        postgres.create_database("rig_test")
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_database()")).scalar_one() == "rig_test"
        postgres.drop_database("rig_test")
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
    engine.dispose()


def test_postgres_keeps_its_data_over_a_kill(postgres: Postgres) -> None:
    url = postgres.create_database("rig_test")
    postgres.kill()
    postgres.start()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()
    postgres.drop_database("rig_test")


@pytest.mark.parametrize("_", ["one test", "the next"])
def test_each_test_has_an_empty_database(database_url: str, _: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE enquiry (id INTEGER)"))
    engine.dispose()


def test_configuration_is_one_the_daemon_accepts(servers: MailServers, database_url: str, tmp_path: Path) -> None:
    changes = {"promise": {"response": "1h"}, "partners": None}
    settings = load(helpline_config(servers, tmp_path, database_url, **changes), today=date(2026, 11, 2))
    assert settings.promise.response == timedelta(hours=1)
    assert not settings.partners
    assert settings.imap.port == servers.imaps_port
    assert settings.smtp.port == servers.submissions_port
    for password_file in (settings.imap.password_file, settings.smtp.password_file):
        assert read_secret(settings, password_file, credentials=None) == servers.password(HELPLINE)


def test_the_network_is_out_of_reach() -> None:
    with socket.socket() as client, pytest.raises(pytest.fail.Exception, match="beyond loopback"):
        client.connect(("192.0.2.1", 25))
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.org", 25)
