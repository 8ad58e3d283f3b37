"""The database: how it is opened, and the only two ways to talk to it, `read` and `write`."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry

from helpline_mail.domain.errors import InputOutputError

BUSY_TIMEOUT_SECONDS = 15
FURTHEST_AHEAD = timedelta(hours=1)
"""No next attempt and no lease is set further ahead than this."""


class DatabaseUnavailableError(InputOutputError):
    """The database could not do what was asked; nothing was changed and the same call may succeed later."""


class Store:
    """A database with transactions. Every transaction is short, and no network call is made inside one."""

    def __init__(self, url: str, password: str | None = None) -> None:
        location = make_url(url)
        if password is not None:
            location = location.set(password=password)
        self.is_sqlite = location.get_backend_name() == "sqlite"
        self.shown_url = location.render_as_string(hide_password=True)
        self._engine = _sqlite_engine(location) if self.is_sqlite else _postgresql_engine(location)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that changes nothing."""
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits whole or leaves nothing. SQLite locks at its start, so it never fails midway."""
        with self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        try:
            with self._engine.connect().execution_options(helpline_writes=writes) as connection, connection.begin():
                yield connection
        except (IntegrityError, DataError):
            raise  # the fault of what was to be written, which trying again would not mend
        except PoolTimeoutError:
            raise DatabaseUnavailableError(f"{self.shown_url}: every connection is in use; it is tried again") from None
        except DBAPIError as error:
            raise DatabaseUnavailableError(
                f"{self.shown_url}: {_cause(error)}; check database.url and that the database is up and has room"
            ) from None

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()


def _cause(error: DBAPIError) -> str:
    """The database's own words without the statement and its values, which may hold content."""
    original = error.orig
    if isinstance(original, sqlite3.Error):
        return str(original)
    return f"{type(original).__name__} {getattr(original, 'sqlstate', None) or ''}".strip()


def _sqlite_engine(location: Any) -> Engine:
    # isolation_level=None leaves BEGIN to us: the driver's own deferred one fails at once with BUSY_SNAPSHOT.
    engine = create_engine(
        location, connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_SECONDS}, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("helpline_writes", True)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql_engine(location: Any) -> Engine:
    # prepare_threshold=None: prepared statements do not survive a transaction-pooling proxy.
    engine = create_engine(
        location,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": 10, "prepare_threshold": None},
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # SET LOCAL, because settings of a session do not survive such a proxy either.
        connection.exec_driver_sql("SET LOCAL lock_timeout = '15s'; SET LOCAL statement_timeout = '60s'")

    return engine


def reached(column: Any, now: datetime) -> Any:
    """Whether a time that was set a little ahead has come.

    One that lies further ahead than any that we set comes from a clock that was wrong, and counts as reached.
    """
    return (column <= now) | (column > now + FURTHEST_AHEAD)


def insert_or_nothing(connection: Connection, table: Table, values: dict[str, Any]) -> int | None:
    """Inserts a row and returns its id, or None if a row with one of its unique keys is there already."""
    statement = insert_ignoring(connection, table).values(values).returning(table.c.id)
    row = connection.execute(statement).first()
    return None if row is None else int(row.id)


def insert_ignoring(connection: Connection, table: Table) -> Any:
    """An INSERT that leaves things as they are where a row with one of the unique keys is there already."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    return insert(table).on_conflict_do_nothing()
