"""Fixtures for every test: real servers started when first asked for, both databases, and no network."""

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest
from hypothesis import settings

from tests.rig import clock
from tests.rig.daemon import MissingProgramError
from tests.rig.dovecot import Dovecot
from tests.rig.mail_servers import MailServers, running_dovecot, running_mail_servers
from tests.rig.postgres import Postgres, running_postgres

Server = TypeVar("Server")

_database_numbers = count(1)

# HELPLINE_MAIL_FUZZ=20000 uv run pytest tests/unit: that many examples of every property, instead of two dozen.
settings.register_profile("helpline-mail", deadline=None, max_examples=int(os.environ.get("HELPLINE_MAIL_FUZZ", "20")))
settings.load_profile("helpline-mail")


def _refuse_the_network(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo" and not _is_local(arguments[0]):
        raise socket.gaierror(socket.EAI_AGAIN, f"tests do not look up names: {arguments[0]!r}")
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_local(address[0]):
            pytest.fail(f"a test reached out beyond loopback, to {address!r}")


def _is_local(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


# An audit hook sees every socket of the process, asyncio's and those of libraries as well.
sys.addaudithook(_refuse_the_network)


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get("HELPLINE_MAIL_REQUIRE_SERVERS") == "1":
        pytest.fail(f"HELPLINE_MAIL_REQUIRE_SERVERS=1, but {reason}")
    pytest.skip(f"needs a real server: {reason}")


def _running(server: Callable[[], AbstractContextManager[Server]]) -> Iterator[Server]:
    try:
        with server() as running:
            yield running
    except MissingProgramError as error:
        _unavailable(str(error))


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """An IMAP server, which an ordinary user can run as well. It is shared: a test calls `reset()` first."""
    yield from _running(running_dovecot)


@pytest.fixture(scope="session")
def mail_servers(dovecot: Dovecot) -> Iterator[MailServers]:
    """The same Dovecot, with Postfix. They are shared: a test calls `reset()` first."""
    yield from _running(lambda: running_mail_servers(dovecot))


@pytest.fixture(scope="session")
def clock_library() -> Iterator[Path]:
    """What moves the clock of the programs that a test starts."""
    yield from _running(clock.clock_library)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL cluster."""
    yield from _running(running_postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The SQLAlchemy URL of a new empty database; a test that asks for it runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'helpline.db'}"
        return
    cluster: Postgres = request.getfixturevalue("postgres")
    name = f"helpline_{next(_database_numbers)}"
    yield cluster.create_database(name)
    cluster.drop_database(name)
