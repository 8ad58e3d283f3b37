"""Mail servers for the demo, on loopback in our own event loop: pymap holds the mailboxes, aiosmtpd takes the mail."""

import asyncio
import logging
import ssl
from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, Identity, Login
from pymap.concurrent import Subsystem
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.user import UserMetadata
from pysasl.hashing import Cleartext

HOST = "127.0.0.1"
NoteArrival = Callable[[datetime, str, str, bytes], None]
"""Is told of each delivery: when, the envelope's sender, the mailbox's owner, the mail."""


@dataclass(frozen=True, slots=True)
class MailServers:
    """Both servers, as a mail client sees them."""

    imap_port: int
    smtp_port: int
    passwords: Mapping[str, str]
    """Of every account, by its address, which is also the user's name."""


@asynccontextmanager
async def mail_servers(
    passwords: Mapping[str, str], clock: Callable[[], datetime], note_arrival: NoteArrival
) -> AsyncIterator[MailServers]:
    """Servers that run while the context does. What they deliver arrives at the time of the clock, and is noted."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # aiosmtpd warns of its own use of its own old attribute
    login = _accounts(passwords)
    delivery = _Delivery(login, passwords, clock, note_arrival)
    loop = asyncio.get_running_loop()
    imap_callback = ProxyProtocolReader(login.config.proxy_protocol).get_callback(IMAPServer(login, login.config))
    imap = await asyncio.start_server(imap_callback, HOST, 0)
    smtp = await loop.create_server(lambda: _smtp(delivery, loop), HOST, 0)
    async with imap, smtp:
        yield MailServers(_port(imap), _port(smtp), passwords)


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


class _Config(Config):
    @property
    def greeting(self) -> bytes:
        """Without the name of this machine, which takes a slow look-up where the network is down."""
        return b"Server ready"


def _accounts(passwords: Mapping[str, str]) -> Login:
    """Mailboxes in memory. There is no TLS: nothing leaves this machine."""
    config = _Config(
        Namespace(passlib_cfg=None, proxy_protocol=None), host=HOST, port=0, demo_data=False, demo_user="",
        demo_password="", tls_enabled=False, reject_dnsbl=False, hash_context=Cleartext(),
        cpu_subsystem=Subsystem.for_asyncio(), ssl_context=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
    )  # fmt: skip
    login = Login(config)
    for user, password in passwords.items():
        login.users_dict[user] = UserMetadata(config, user, password=password)
    return login


def _smtp(delivery: "_Delivery", loop: asyncio.AbstractEventLoop) -> SMTP:
    return SMTP(
        delivery, hostname="localhost", authenticator=delivery.authenticate, auth_require_tls=False, loop=loop
    )  # fmt: skip


class _Delivery:
    """What the submission server does with mail: it knows every recipient's mailbox, and nobody else."""

    def __init__(
        self, login: Login, passwords: Mapping[str, str], clock: Callable[[], datetime], note_arrival: NoteArrival
    ) -> None:
        self._login, self._passwords, self._clock, self._note_arrival = login, passwords, clock, note_arrival

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, auth_data: Any) -> AuthResult:
        """Lets an account's owner in."""
        known = isinstance(auth_data, LoginPassword) and auth_data.password.decode() == self._passwords.get(
            auth_data.login.decode()
        )
        return AuthResult(success=known, handled=known)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Nobody sends without a login (RFC 6409 section 4.3)."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Accounts with or without a detail after a plus (RFC 5233)."""
        if _owner(address) not in self._passwords:
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Into the mailboxes, with the traces that a final delivery leaves (RFC 5321 section 4.4, RFC 9228)."""
        for address in envelope.rcpt_tos:
            trace = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {address}\r\n".encode()
            mail = AppendMessage(trace + envelope.content, self._clock())
            async with Identity(_owner(address), self._login, None, frozenset()).new_session() as account:
                await account.append_messages("INBOX", [mail])
            self._note_arrival(self._clock(), envelope.mail_from, _owner(address), envelope.content)
        return "250 2.0.0 OK"


def _owner(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}".lower()
