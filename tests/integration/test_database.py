"""The database is opened, migrated and locked as both kinds need it."""

import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DataError, IntegrityError, StatementError

from helpline_mail.adapters.store import revision, schema
from helpline_mail.adapters.store.engine import DatabaseUnavailableError, Store
from helpline_mail.domain.errors import ConfigurationError

NOON_IN_SUMMER = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=1)))


def mailbox_row(**changes: Any) -> dict[str, Any]:
    return {
        "name": "INBOX",
        "uidvalidity": 1,
        "last_uid": 0,
        "on_server": 0,
        "last_good_poll": NOON_IN_SUMMER,
        **changes,
    }


def test_the_migrations_build_exactly_the_tables(store: Store) -> None:
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
    assert revision.current(store) == revision.head()


def test_a_database_of_somebody_else_is_refused_and_left_alone(database_url: str) -> None:
    store = Store(database_url)
    with store.write() as connection:
        connection.exec_driver_sql("CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(ConfigurationError, match="holds other tables"):
        revision.require_current(store)
    assert revision.current(store) is None
    store.close()


def test_an_unknown_revision_is_refused_by_start_and_upgrade(database_url: str) -> None:
    store = Store(database_url)
    revision.upgrade(store)
    with store.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'from_the_future'")
    with pytest.raises(ConfigurationError, match="from_the_future"):
        revision.require_current(store)
    with pytest.raises(ConfigurationError, match="from_the_future"):
        revision.upgrade(store)
    store.close()


def test_several_instances_make_a_new_database_together(database_url: str) -> None:
    stores = [Store(database_url) for _ in range(4)]
    assert together([lambda store=store: revision.require_current(store) for store in stores]) == []
    assert {revision.current(store) for store in stores} == {revision.head()}
    for store in stores:
        store.close()


def test_instants_come_back_as_they_were(store: Store) -> None:  # P-64
    with store.write() as connection:
        connection.execute(insert(schema.mailbox).values(mailbox_row()))
    with store.read() as connection:
        back = connection.execute(select(schema.mailbox.c.last_good_poll)).scalar_one()
    assert (back, back.tzinfo) == (datetime(2026, 7, 1, 11, tzinfo=UTC), UTC)


def test_naive_datetimes_are_refused(store: Store) -> None:
    naive = mailbox_row(last_good_poll=NOON_IN_SUMMER.replace(tzinfo=None))
    with pytest.raises(StatementError, match="naive"), store.write() as connection:
        connection.execute(insert(schema.mailbox).values(naive))


def test_read_then_write_never_fails_midway(store: Store) -> None:  # P-62
    with store.write() as connection:
        connection.execute(insert(schema.mailbox).values(mailbox_row()))

    def count_up() -> None:
        for _ in range(150):
            with store.write() as connection:
                lock = select(schema.mailbox.c.last_uid).with_for_update()
                uid = connection.execute(lock).scalar_one()
                connection.execute(update(schema.mailbox).values(last_uid=uid + 1))

    assert together([count_up, count_up]) == []
    with store.read() as connection:
        assert connection.execute(select(schema.mailbox.c.last_uid)).scalar_one() == 300


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    rows = [mailbox_row(), mailbox_row()]
    with pytest.raises(IntegrityError), store.write() as connection:
        [connection.execute(insert(schema.mailbox).values(row)) for row in rows]
    with store.read() as connection:
        assert connection.execute(select(schema.mailbox)).first() is None


def test_a_value_that_the_database_refuses_is_not_an_outage(store: Store) -> None:
    too_large = insert(schema.mailbox).values(mailbox_row(uidvalidity=2**70))
    with pytest.raises((DataError, OverflowError)), store.write() as connection:
        connection.execute(too_large)


def test_a_database_that_is_away_is_one_line_without_its_password() -> None:
    store = Store("postgresql+psycopg://user@127.0.0.1:1/nowhere", "secret")
    with pytest.raises(DatabaseUnavailableError) as caught, store.read():
        pass
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def together(tasks: list[Any]) -> list[BaseException]:
    """Runs every task in a thread of its own; returns what went wrong."""
    errors: list[BaseException] = []

    def run(task: Any) -> None:
        try:
            task()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
