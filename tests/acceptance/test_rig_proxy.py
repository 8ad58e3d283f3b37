"""Each fault of the rig's proxy, in front of the real servers."""

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.rig.dovecot import Dovecot
from tests.rig.mail_servers import ALICE, HELPLINE, MailServers
from tests.rig.proxy import Encryption, Mode, Proxy

pytestmark = pytest.mark.servers

GREETING = b"* OK"


@pytest.fixture
def proxy(dovecot: Dovecot) -> Iterator[Proxy]:
    dovecot.reset()
    with Proxy(dovecot.imap_port) as proxy:
        yield proxy


def connect(proxy: Proxy, timeout: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout)


def test_pass(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert client.recv(1000).startswith(GREETING)
        client.sendall(b"a NOOP\r\n")
        assert b"a OK" in client.recv(1000)
    assert proxy.connections == 1


def test_reset_ends_old_and_new_connections(proxy: Proxy) -> None:
    with connect(proxy) as client:
        client.recv(1000)
        proxy.set(Mode.RESET)
        with pytest.raises(ConnectionResetError):
            client.recv(1000)
    with pytest.raises(ConnectionResetError), connect(proxy) as client:  # the reset may come before connect returns
        client.recv(1000)


def test_close_ends_with_an_end_of_file(proxy: Proxy) -> None:
    with connect(proxy) as client:
        client.recv(1000)
        proxy.set(Mode.CLOSE)
        assert client.recv(1000) == b""


def test_blackhole_answers_nothing_old_or_new(proxy: Proxy) -> None:
    with connect(proxy, timeout=0.3) as old:
        old.recv(1000)
        proxy.set(Mode.BLACKHOLE)
        old.sendall(b"a NOOP\r\n")
        with pytest.raises(TimeoutError):
            old.recv(1000)
        with connect(proxy, timeout=0.3) as new, pytest.raises(TimeoutError):
            new.recv(1000)
        proxy.set(Mode.PASS)
        with pytest.raises(TimeoutError):  # what was swallowed stays so
            old.recv(1000)


def test_stall_goes_on_later(proxy: Proxy) -> None:
    with connect(proxy, timeout=0.3) as client:
        client.recv(1000)
        proxy.set(Mode.STALL)
        client.sendall(b"a NOOP\r\n")
        with pytest.raises(TimeoutError):
            client.recv(1000)
        proxy.set(Mode.PASS)
        client.settimeout(5)
        assert b"a OK" in client.recv(1000)


def test_delay(proxy: Proxy) -> None:
    proxy.set(Mode.DELAY, seconds=0.2)
    with connect(proxy) as client:
        begin = time.monotonic()
        assert client.recv(1000).startswith(GREETING)
        assert time.monotonic() - begin >= 0.2


def test_truncate(proxy: Proxy) -> None:
    proxy.set(Mode.TRUNCATE, count=3)
    with connect(proxy) as client:
        assert client.recv(1000) == GREETING[:3]
        assert client.recv(1000) == b""


def test_cut_loses_exactly_the_reply_to_an_accepted_message(mail_servers: MailServers) -> None:
    mail_servers.reset()
    ours = mail_servers.certificates.server
    as_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    as_server.load_cert_chain(ours.certificate_file, ours.key_file)
    as_client = ssl.create_default_context(cafile=str(mail_servers.ca_file))
    with Proxy(mail_servers.submissions_port, Encryption(as_server, as_client)) as proxy:
        proxy.set(Mode.CUT, marker=b"queued as")
        client = smtplib.SMTP_SSL("127.0.0.1", proxy.port, context=as_client, timeout=10)
        client.login(HELPLINE, mail_servers.password(HELPLINE))
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.sendmail(HELPLINE, [ALICE], b"Subject: in doubt\r\n\r\nWas it sent?\r\n")
        client.close()
    assert len(mail_servers.dovecot.wait_for_mail(ALICE)) == 1
