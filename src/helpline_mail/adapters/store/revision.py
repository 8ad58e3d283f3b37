"""The database's revision, kept by alembic."""

import warnings
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect

from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.errors import ConfigurationError
from helpline_mail.wire.shipped import shipped

_LOCK = 0x68656C70  # any number, the same in every instance


def _configuration(**attributes: Any) -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(shipped("migrations")))
    configuration.attributes.update(attributes)
    return configuration


def head() -> str:
    """The revision that this version of the software works with."""
    return str(ScriptDirectory.from_config(_configuration()).get_current_head())


def current(store: Store) -> str | None:
    """The revision that the database is at, or None for one that is empty."""
    with store.read() as connection:
        return _current(connection)


def _current(connection: Connection) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(store: Store) -> str:
    """Brings the database to `head` in one transaction and returns that revision. Two instances take turns.

    Raises ConfigurationError for a database at a revision that this version does not know.
    """
    with store.write() as connection:
        if not store.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        try:
            command.upgrade(_configuration(connection=connection), "head")
        except CommandError:
            raise ConfigurationError(
                f"database: at revision {_current(connection)}, which this version does not know; "
                "install the version that made it, or a later one"
            ) from None
    return head()


def require_current(store: Store) -> None:
    """Makes a new database ready for use; one at another revision is left alone: ConfigurationError."""
    wanted = head()
    with store.read() as connection:
        tables = inspect(connection).get_table_names()
        revision = _current(connection)  # read last: another instance may be making the tables just now
    if revision is None:
        if tables:
            raise ConfigurationError(f"database.url: {store.shown_url} holds other tables; name a database of its own")
        upgrade(store)
    elif revision != wanted:
        raise ConfigurationError(
            f"database: at revision {revision}, this version needs {wanted}; "
            "make a backup, then run: helpline-mail db upgrade"
        )
