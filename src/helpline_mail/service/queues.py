"""What needs a person: mails in the outbox, messages in quarantine."""

from datetime import datetime
from typing import Any

from helpline_mail.adapters.store import events, ledger, outbox, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.errors import BadInputError


def quarantined(store: Store) -> list[dict[str, Any]]:
    """What stands in quarantine, with the reference of the ticket that stands for it."""
    with store.read() as connection:
        rows = ledger.quarantined(connection)
        names = tickets.references_of(connection, [row["ticket_id"] for row in rows if row["ticket_id"]])
    keys = ("id", "uid", "uidvalidity", "arrived_at", "attempts", "error")
    return [{**{key: row[key] for key in keys}, "reference": names.get(row["ticket_id"])} for row in rows]


def quarantined_octets(store: Store, entry_id: int) -> bytes:
    """The raw bytes of a quarantined message. Raises BadInputError if there are none."""
    with store.read() as connection:
        raw_id = _quarantined(ledger.quarantined(connection), entry_id)["raw_content_id"]
        if raw_id is None:
            raise BadInputError(f"{entry_id}: the mail server never gave this message; look for it in the mailbox")
        return ledger.octets(connection, raw_id)


def release(store: Store, entry_id: int, now: datetime) -> None:
    """Puts a quarantined message back before triage. Raises BadInputError if it is not in quarantine."""
    with store.write() as connection:
        row = _quarantined(ledger.quarantined(connection), entry_id)
        if row["raw_content_id"] is None:
            raise BadInputError(f"{entry_id}: the mail server never gave this message; look for it in the mailbox")
        ledger.release(connection, entry_id)
        text = "an operator asked for it to be filed again"
        events.record(connection, now, "quarantine_retry", text, ticket_id=row["ticket_id"], ledger_id=entry_id)


def _quarantined(rows: list[dict[str, Any]], entry_id: int) -> dict[str, Any]:
    found = next((row for row in rows if row["id"] == entry_id), None)
    if found is None:
        raise BadInputError(f"{entry_id} is not in quarantine; see: helpline-mail quarantine list")
    return found


def outgoing(store: Store, *, ended: bool) -> list[dict[str, Any]]:
    """Mails that wait or want a person; all of them with `ended`."""
    with store.read() as connection:
        return outbox.listed(connection, ended=ended)


def outgoing_shown(store: Store, outbox_id: int) -> dict[str, Any]:
    """One mail with its envelope and its bytes. Raises BadInputError if there is none of that number."""
    with store.read() as connection:
        found = outbox.show(connection, outbox_id)
    if found is None:
        raise BadInputError(f"there is no mail {outbox_id} in the outbox; see: helpline-mail outbox list --all")
    return found


def retry(store: Store, outbox_id: int, now: datetime) -> None:
    """Sends a mail again. Raises BadInputError for one that was delivered or is being sent."""
    with store.write() as connection:
        if not outbox.retry(connection, outbox_id, now):
            raise BadInputError(f"{outbox_id}: no mail that can be sent again; see: helpline-mail outbox list --all")
        events.record(connection, now, "outbox_retry", "an operator asked for it to be sent again", outbox_id=outbox_id)


def cancel(store: Store, outbox_id: int, now: datetime) -> None:
    """Takes a mail out of the queue. Raises BadInputError for one that was delivered or is being sent."""
    with store.write() as connection:
        if not outbox.cancel(connection, outbox_id, now):
            raise BadInputError(f"{outbox_id}: no mail that can be cancelled; see: helpline-mail outbox list --all")
        events.record(connection, now, "outbox_cancelled", "an operator took it out of the queue", outbox_id=outbox_id)
