"""The mailbox, over IMAP (RFC 3501) by imapclient. Read-only: EXAMINE and BODY.PEEK, never a flag, never a STORE."""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from imapclient.imapclient import SENT

from helpline_mail.domain.errors import CredentialError, HelplineError, MissingFolderError, ServerUnavailableError
from helpline_mail.domain.mailbox import Listed, MailboxStatus
from helpline_mail.wire.printable import line

FIRST_IDLE_SECONDS, LONGEST_IDLE_SECONDS = 0.25, 15.0
"""IDLE is re-issued, soon at first: an EXISTS that comes together with the server's "+ idling" is only read at DONE.
RFC 2177 allows 29 minutes; far less finds a dead connection sooner."""
STOP_LATENCY_SECONDS = 1.0
NO_DATE = datetime(2999, 1, 1, tzinfo=UTC)
"""For an INTERNALDATE that is missing or that no calendar has: triage takes no arrival later than its own now."""


@dataclass(slots=True)
class ImapMailbox:
    """One account on one connection, and the folder of it that is waited for. Not for two threads at once."""

    host: str
    port: int
    tls: str
    user: str
    password: str
    folder: str
    timeout: float
    context: ssl.SSLContext
    _client: Any = field(default=None, repr=False)
    _seen: tuple[MailboxStatus, int | None] | None = field(default=None, repr=False)

    def examine(self, folder: str | None = None) -> MailboxStatus:
        """Opens a folder read-only, so that not even \\Recent changes (RFC 3501 section 6.3.2).

        Without a name: the one that is waited for. Raises MissingFolderError if the server does not list another.
        """
        name = self.folder if folder is None else folder
        with self._border("open the mailbox"):
            if self._client is None:
                self._connect()
            try:
                seen = self._select(name)
            except IMAPClientAbortError:
                raise
            except IMAPClientError:
                if name != self.folder:
                    self._refuse_missing(name)
                raise
            if name == self.folder:
                self._seen = seen
            return seen[0]

    def _refuse_missing(self, name: str) -> None:
        """Raises MissingFolderError for a folder that the server does not list; one that is there may open later."""
        if any(found == name for _, _, found in self._client.list_folders()):
            return
        sent = self._client.find_special_folder(SENT)  # RFC 6154, or one of the usual names
        hint = f"; its folder for sent mail is {line(sent, 100)}" if sent else ""
        raise MissingFolderError(f"imap: the server has no folder {line(name, 100)}{hint}")

    def _select(self, folder: str) -> tuple[MailboxStatus, int | None]:
        """What a folder holds now, and its UIDNEXT if the server says it."""
        answer = self._client.select_folder(folder, readonly=True)
        return MailboxStatus(int(answer[b"UIDVALIDITY"]), int(answer[b"EXISTS"])), answer.get(b"UIDNEXT")

    def uids_after(self, uid: int) -> list[int]:
        """The UIDs above that one. `n:*` always names a message (RFC 3501 section 6.4.8), hence the filter."""
        with self._border("search"):
            return sorted(found for found in self._client.search(["UID", f"{uid + 1}:*"]) if found > uid)

    def listed(self, uids: Iterable[int]) -> list[Listed]:
        """Sizes and dates of those that are still there; a size that the server does not say is 0."""
        with self._border("list"):
            answer = self._client.fetch(list(uids), ["RFC822.SIZE", "INTERNALDATE"])
            return [
                Listed(uid, _size(item.get(b"RFC822.SIZE")), _aware(item.get(b"INTERNALDATE")))
                for uid, item in sorted(answer.items())
            ]

    def fetch(self, uids: Iterable[int]) -> dict[int, bytes]:
        """The whole messages that are still there."""
        wanted = list(uids)
        with self._border("fetch"):
            answer = self._client.fetch(wanted, ["BODY.PEEK[]"])
        return {
            uid: item[b"BODY[]"] for uid, item in answer.items() if uid in wanted and item.get(b"BODY[]") is not None
        }

    def fetch_beginning(self, uid: int, octets: int) -> bytes | None:
        """The first octets of a message (RFC 3501 section 6.4.5, partial)."""
        with self._border("fetch"):
            answer = self._client.fetch([uid], [f"BODY.PEEK[]<0.{octets}>"])
        found: bytes | None = answer.get(uid, {}).get(b"BODY[]<0>")
        return found

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """Returns when the mailbox may have changed, after `seconds` at the latest, or soon after `stop` is set.

        IDLE (RFC 2177) only wakes us sooner: whoever calls this searches afterwards, whatever it heard.
        """
        with self._border("wait for mail"):
            if self._select(self.folder) != self._seen:
                return  # it came since `examine`; told within a search's answer, IDLE would not tell of it again
            if not self._client.has_capability("IDLE"):
                stop.wait(seconds)
                return
            end, slice_ = time.monotonic() + seconds, FIRST_IDLE_SECONDS
            while not stop.is_set() and (left := end - time.monotonic()) > 0:
                if self._idle(min(left, slice_), stop):
                    return
                slice_ = min(2 * slice_, LONGEST_IDLE_SECONDS)

    def _idle(self, seconds: float, stop: threading.Event) -> bool:
        """One slice of IDLE; True if anything was heard or the connection behaves oddly."""
        self._client.idle()
        heard: list[Any] = []
        end = time.monotonic() + seconds
        odd = False
        while not (heard or odd or stop.is_set()) and (left := end - time.monotonic()) > 0:
            slice_ = min(left, STOP_LATENCY_SECONDS)
            began = time.monotonic()
            heard = self._client.idle_check(timeout=slice_)
            # After the end of the stream idle_check returns [] at once, for ever: leave, and let DONE find out.
            odd = not heard and time.monotonic() - began < slice_ / 2
        _, more = self._client.idle_done()
        # Untagged OK ("still here") is a server's small talk, not news.
        return odd or any(len(line) < 2 or line[0] != b"OK" for line in [*heard, *more])

    def close(self) -> None:
        """Leaves the server; whatever it says to that does not matter."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.logout()

    def _connect(self) -> None:
        client = self._client = IMAPClient(
            self.host, self.port, ssl=self.tls == "implicit", ssl_context=self.context,
            timeout=SocketTimeout(connect=min(self.timeout, 15.0), read=self.timeout),
        )  # fmt: skip
        client.normalise_times = False
        # The library sends a command in pieces: without this, the second waits 40 ms for the first one's delayed ACK.
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls == "starttls":
            client.starttls(self.context)
        if (self.user + self.password).isascii():
            client.login(self.user, self.password)
        else:
            client.plain_login(self.user, self.password)  # LOGIN has no UTF-8 (RFC 3501); PLAIN has (RFC 4616)

    @contextmanager
    def _border(self, doing: str) -> Iterator[None]:
        """Every exception of the library, the network and TLS becomes one of ours; the connection is given up."""
        try:
            yield
        except HelplineError:
            raise
        except LoginError:
            self._abandon()
            raise CredentialError(
                "imap: the server refused the login; check imap.user and imap.password_file"
            ) from None
        except ssl.SSLCertVerificationError as error:
            self._abandon()
            raise ServerUnavailableError(
                f"imap: the certificate of {self.host} cannot be trusted ({error.verify_message}); "
                "check imap.host and imap.ca_file"
            ) from None
        except Exception as error:  # a server may answer anything, and the library raises whatever that leads to
            self._abandon()
            raise ServerUnavailableError(
                f"imap: cannot {doing} on {self.host}:{self.port} ({type(error).__name__}); "
                "check the server, imap.host, imap.port and imap.tls"
            ) from None

    def _abandon(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.shutdown()


def _aware(when: datetime | None) -> datetime:
    try:
        return NO_DATE if when is None else when.astimezone(UTC)
    except (OverflowError, ValueError):
        return NO_DATE


def _size(said: Any) -> int:
    return said if isinstance(said, int) else 0


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Verified TLS of version 1.2 or later, always (RFC 8314 section 5.3)."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
