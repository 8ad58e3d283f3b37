"""An installation on each kind of database. Migrating and connecting happen once; each test starts without rows."""

import socket
from collections.abc import Iterator

import pytest

from helpline_mail.adapters.store import revision, schema
from helpline_mail.adapters.store.engine import Store
from tests.integration.desk import Desk
from tests.integration.staff import opened, tell


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A migrated SQLite database."""
    yield from _migrated(f"sqlite:///{tmp_path_factory.mktemp('migrated') / 'helpline.db'}")


@pytest.fixture(scope="session")
def postgresql_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """A migrated PostgreSQL database."""
    yield from _migrated(request.getfixturevalue("postgres").create_database("helpline_migrated"))


def _migrated(url: str) -> Iterator[Store]:
    store = Store(url)
    revision.require_current(store)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """A migrated database without rows; a test that asks for it runs once on each kind."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    with found.write() as connection:
        for table in reversed(schema.metadata.sorted_tables):  # far quicker than TRUNCATE on tables this small
            connection.execute(table.delete())
    return found


@pytest.fixture
def desk(store: Store) -> Desk:
    """An installation without mail."""
    return Desk(store)


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """A desk with one enquiry of Alice's, and two partners."""
    return opened(desk)


@pytest.fixture
def waiting(desk: Desk) -> Desk:
    """Alice was answered on Tuesday, and is to hear from us again by Thursday at four."""
    opened(desk)
    tell(desk, "Dear Alice, we are asking the network.")
    return desk


@pytest.fixture
def url_that_nobody_calls() -> Iterator[str]:
    """An address on loopback that answers; the test fails if anything has connected to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield f"http://127.0.0.1:{server.getsockname()[1]}/p"
        with pytest.raises(BlockingIOError):
            server.accept()
