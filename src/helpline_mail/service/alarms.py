"""Trouble of the service itself: one alarm a cause while it lasts, and one end message."""

from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import events
from helpline_mail.adapters.store.engine import Store
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock


def raise_alarm(store: Store, correspondence: Correspondence, cause: str, text: str, clock: Clock) -> bool:
    """Opens an alarm and tells its receivers; False if one with that cause is open already."""
    with store.write() as connection:
        now = clock()
        alarm_id = events.raise_alarm(connection, cause, text, now)
        if alarm_id is None:
            return False
        events.record(connection, now, "alarm", text, facts={"cause": cause})
        correspondence.alarm(connection, alarm_id, text, now)
        return True


def end_alarm(store: Store, correspondence: Correspondence, cause: str, clock: Clock) -> bool:
    """Closes the cause's open alarm and says so; False if there is none."""
    with store.read() as connection:
        if _open(connection, cause) is None:
            return False
    with store.write() as connection:
        now, alarm = clock(), _open(connection, cause)
        if alarm is None or events.end_alarm(connection, cause, now) is None:
            return False
        events.record(connection, now, "alarm_over", alarm["text"], facts={"cause": cause})
        correspondence.alarm(connection, alarm["id"], alarm["text"], now, over_since=alarm["raised_at"])
        return True


def _open(connection: Connection, cause: str) -> dict[str, Any] | None:
    return next((alarm for alarm in events.open_alarms(connection) if alarm["cause"] == cause), None)
