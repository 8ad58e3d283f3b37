"""Trouble of the service itself: one alarm a cause while it lasts, and one end message."""

from typing import Any

from helpline_mail.adapters.store import events, outbox
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.errors import MissingFolderError
from helpline_mail.domain.rations import breaker_closes
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock
from helpline_mail.service.trouble import FLOOD

MAILBOX, SENT_FOLDER = "mailbox", "sent_folder"
"""The cause of the alarm that the folder of sent mail cannot be read."""


def missing_sent_folder(error: MissingFolderError) -> str:
    """What the alarm and `check` say of a Sent folder that is not there."""
    return f"imap.sent_folder: {str(error).removeprefix('imap: ')}; correct the name, or leave it empty to read none"


def raise_alarm(store: Store, correspondence: Correspondence, cause: str, text: str, clock: Clock) -> bool:
    """Opens an alarm and tells its receivers; False if one with that cause is open already."""
    with store.write() as connection:
        return correspondence.raise_alarm(connection, cause, text, clock())


def end_alarm(store: Store, correspondence: Correspondence, cause: str, clock: Clock) -> bool:
    """Closes the cause's open alarm and says so; False if there is none."""
    with store.read() as connection:
        if events.open_alarm(connection, cause) is None:
            return False
    with store.write() as connection:
        return correspondence.end_alarm(connection, cause, clock())


def alarms_open(store: Store) -> list[dict[str, Any]]:
    """What is wrong now, oldest first."""
    with store.read() as connection:
        return [{key: row[key] for key in ("cause", "text", "raised_at")} for row in events.open_alarms(connection)]


def close_breaker(store: Store, correspondence: Correspondence, clock: Clock) -> bool:
    """Ends the alarm of a flood once enough acknowledgements may leave again; False if it goes on or there is none."""
    with store.read() as connection:
        if events.open_alarm(connection, FLOOD) is None:
            return False
        sent = outbox.sent_lately(connection, "acknowledgement", None, clock())
    return breaker_closes(correspondence.policy.rations, sent) and end_alarm(store, correspondence, FLOOD, clock)
