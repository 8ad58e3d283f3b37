"""What servers say that the mailbox's reader has to understand, byte for byte, over a real connection."""

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from helpline_mail.adapters.imap import NO_DATE, ImapMailbox
from helpline_mail.domain.errors import MissingFolderError, ServerUnavailableError
from helpline_mail.domain.mailbox import Listed


class Server(socketserver.ThreadingTCPServer):
    """Knows LOGIN, AUTHENTICATE PLAIN, EXAMINE; answers every FETCH with `answer`; keeps what it was told."""

    daemon_threads = True
    answer = b""
    folders = b'* LIST (\\HasNoChildren) "/" INBOX'

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.heard: list[bytes] = []


class Session(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self._say(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready")
        while line := self.rfile.readline().rstrip():
            tag, _, command = line.partition(b" ")
            if not command.startswith(b"CAPABILITY"):
                self.server.heard.append(command)
            if command.startswith(b"AUTHENTICATE"):
                self._say(b"+ ")
                self.server.heard.append(base64.b64decode(self.rfile.readline()))
            elif command.startswith(b"EXAMINE") and b"INBOX" not in command:
                self.wfile.write(tag + b" NO there is no such mailbox\r\n")
                continue
            elif command.startswith(b"LIST") and command.rstrip(b'"').endswith(b"*"):
                self._say(self.server.folders)
            elif command.startswith(b"EXAMINE"):
                self._say(b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] yes\r\n* OK [UIDNEXT 4] yes")
            elif command.startswith(b"UID FETCH"):
                self._say(self.server.answer)
            elif command.startswith(b"CAPABILITY"):
                self._say(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN")
            self._say(tag + b" OK done")

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def reader(server: Server, **changes: Any) -> ImapMailbox:
    login = {"user": "helpline@example.org.uk", "password": "pass word", **changes}
    context = ssl.create_default_context()
    return ImapMailbox(
        "127.0.0.1", server.server_address[1], "none", folder="INBOX", timeout=5, context=context, **login
    )


def listed(server: Server, *answers: bytes) -> list[Listed]:
    server.answer = b"\r\n".join(b"* %d FETCH (%s)" % item for item in enumerate(answers, start=1))
    mailbox = reader(server)
    mailbox.examine()
    found = mailbox.listed([1, 2, 3])
    mailbox.close()
    return found


GOOD = b'UID 1 RFC822.SIZE 1200 INTERNALDATE "24-Nov-2026 10:10:00 +0000"'
WHEN = datetime(2026, 11, 24, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "date",
    [
        b'INTERNALDATE "30-Feb-2026 10:10:00 +0000"',
        b'INTERNALDATE "00-Jan-1900 00:00:00 +0000"',
        b'INTERNALDATE "31-Dec-9999 23:59:59 -1200"',
        b'INTERNALDATE ""',
        b"INTERNALDATE NIL",
        b"FLAGS ()",
    ],
)
def test_a_date_that_cannot_be_read_stops_neither_its_message_nor_the_others(server: Server, date: bytes) -> None:
    assert listed(server, GOOD, b"UID 2 RFC822.SIZE 900 " + date) == [Listed(1, 1200, WHEN), Listed(2, 900, NO_DATE)]


@pytest.mark.parametrize("size", [b"RFC822.SIZE NIL", b"RFC822.SIZE many", b"RFC822.SIZE -1", b"FLAGS ()"])
def test_a_message_without_a_size_is_there_all_the_same(server: Server, size: bytes) -> None:
    answer = b'UID 2 INTERNALDATE "24-Nov-2026 10:10:00 +0000" ' + size
    assert listed(server, GOOD, answer) == [Listed(1, 1200, WHEN), Listed(2, 0, WHEN)]


def test_a_message_that_is_not_in_the_answer_is_not_there(server: Server) -> None:
    assert [m.uid for m in listed(server, GOOD)] == [1]


@pytest.mark.parametrize("login", [{"password": "pässwört £5"}, {"user": "hélpline@example.org.uk"}])
def test_a_login_beyond_ascii_is_sent_in_utf_8(server: Server, login: dict[str, str]) -> None:  # RFC 4616
    mailbox = reader(server, **login)
    mailbox.examine()
    mailbox.close()
    assert server.heard[:2] == [b"AUTHENTICATE PLAIN", f"\0{mailbox.user}\0{mailbox.password}".encode()]


def test_a_login_in_ascii_is_sent_by_login(server: Server) -> None:
    mailbox = reader(server)
    mailbox.examine()
    mailbox.close()
    assert server.heard[0] == b'LOGIN helpline@example.org.uk "pass word"'


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (b'* LIST () "/" INBOX', "the server has no folder Sent$"),
        (b'* LIST () "/" INBOX\r\n* LIST (\\Sent) "/" "Gesendete &AMQ-"', "its folder for sent mail is Gesendete Ä$"),
    ],
)
def test_a_folder_that_is_not_there_is_named_with_the_one_for_sent_mail(
    server: Server, folders: bytes, said: str
) -> None:  # RFC 6154
    server.folders = folders
    mailbox = reader(server)
    mailbox.examine()
    with pytest.raises(MissingFolderError, match=said):
        mailbox.examine("Sent")
    assert mailbox.examine("INBOX").exists == 3, "the connection is kept"
    mailbox.close()


def test_a_folder_that_is_there_and_does_not_open_may_open_later(server: Server) -> None:
    server.folders = b'* LIST () "/" Sent'
    mailbox = reader(server)
    with pytest.raises(ServerUnavailableError):
        mailbox.examine("Sent")
    mailbox.close()
