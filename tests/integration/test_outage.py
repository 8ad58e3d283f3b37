"""A database that fails while a message is filed: that is never the message's fault."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import DatabaseUnavailableError, Store
from helpline_mail.service import triage as service
from tests.integration.desk import ALICE, BOB, Desk, mail

FULL, REFUSED = "as on a full disk", "as a value that breaks a rule"
SQLITE = {FULL: "abs(-9223372036854775807 - 1)", REFUSED: "RAISE(ABORT, 'refused')"}
"""A trigger of SQLite can break a rule; for any other error it needs a function that fails."""
POSTGRESQL = {FULL: "disk_full", REFUSED: "check_violation"}


@contextmanager
def failing(store: Store, event: str, when: str = "TRUE", how: str = FULL) -> Iterator[None]:
    """While it lasts, every such statement of the database's fails."""
    trigger = f"CREATE TRIGGER out_of_order BEFORE {event} FOR EACH ROW WHEN ({when})"
    create = [f"{trigger} BEGIN SELECT {SQLITE[how]}; END"]
    drop = "DROP TRIGGER out_of_order"
    if not store.is_sqlite:
        body = f"BEGIN RAISE EXCEPTION 'out of order' USING ERRCODE = '{POSTGRESQL[how]}'; END"
        function = f"CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$"
        create = [function, f"{trigger} EXECUTE FUNCTION fail()"]
        drop += f" ON {event.rpartition(' ')[2]}; DROP FUNCTION fail"
    _execute(store, *create)
    try:
        yield
    finally:
        _execute(store, drop)


def _execute(store: Store, *statements: str) -> None:
    with store.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.fixture
def waiting(desk: Desk) -> Desk:
    """A desk with two stored mails."""
    desk.mailbox.append(mail(), desk.clock())
    desk.mailbox.append(mail(BOB, "Other", message_id="<bob@club.example>"), desk.clock())
    desk.collect()
    return desk


def in_vain(desk: Desk, times: int) -> None:
    for _ in range(times):
        with pytest.raises(DatabaseUnavailableError):
            desk.triage()
        desk.clock.advance(seconds=6)


def attempts(desk: Desk) -> list[tuple[str, int, str | None]]:
    return [(row.state, row.attempts, row.error) for row in desk.rows(schema.ledger)]


def filed_normally(desk: Desk) -> None:
    assert desk.triage() == service.Triaged(triaged=2, quarantined=0, failed=0)
    desk.submit()
    assert desk.dispositions() == ["new_ticket"] * 2
    assert [ticket["requester"] for ticket in desk.tickets()] == [ALICE, BOB]
    assert sorted(e.recipient for e in desk.sent("acknowledgement")) == [ALICE, BOB]
    assert "quarantined" not in desk.codes()


def test_what_could_not_be_filed_while_the_database_failed_is_filed_afterwards(waiting: Desk) -> None:
    desk = waiting
    with failing(desk.store, "INSERT ON ticket"):
        for _ in range(service.QUARANTINE_AFTER_UNENDED + 1):
            in_vain(desk, 1)
            assert attempts(desk) == [("stored", 0, None)] * 2
    filed_normally(desk)


def test_nor_does_it_count_when_not_even_that_could_be_written_down(waiting: Desk) -> None:
    """Three attempts that nothing ended look like a message that kills the process, and still are too few."""
    desk = waiting
    with failing(desk.store, "UPDATE ON ledger", "NEW.state <> OLD.state OR NEW.attempts < OLD.attempts"):
        in_vain(desk, service.QUARANTINE_AFTER)
    assert desk.rows(schema.ledger)[0].attempts == service.QUARANTINE_AFTER
    desk.clock.advance(seconds=6)
    while desk.triage() != service.Triaged(0, 0, 0):
        pass
    desk.submit()
    assert [row.state for row in desk.rows(schema.ledger)] == ["triaged"] * 2
    assert len(desk.sent("acknowledgement")) == 2


def test_a_value_that_the_database_refuses_is_the_messages_fault(waiting: Desk) -> None:
    """The counterpart: what no trying again would mend leads to quarantine, and takes no other mail along."""
    desk = waiting
    with failing(desk.store, "UPDATE ON ticket_content", f"NEW.requester = '{BOB}'", REFUSED):
        for _ in range(service.QUARANTINE_AFTER + 1):
            desk.triage()
            desk.clock.advance(seconds=6)
    assert [row.state for row in desk.rows(schema.ledger)] == ["triaged", "quarantined"]
    assert len(desk.clocks()) == 2
