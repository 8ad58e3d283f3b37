"""What the database knows of the time: when it was last written to, and when mail came by the mail server's clock."""

from datetime import datetime

from sqlalchemy import Connection, func, select, update

from helpline_mail.adapters.store.ledger import LedgerState
from helpline_mail.adapters.store.schema import event, ledger, mailbox

_INBOX = mailbox.c.sent_since.is_(None)
"""What stands in a folder of sent mail has the time of whatever client put it there."""


def latest(connection: Connection) -> datetime | None:
    """The last instant on record: of the newest line of the trail or of a good poll. None in a new database."""
    newest = connection.execute(select(event.c.at).order_by(event.c.id.desc()).limit(1)).scalar_one_or_none()
    polled = connection.execute(select(func.max(mailbox.c.last_good_poll)).where(_INBOX)).scalar_one_or_none()
    return max((at for at in (newest, polled) if at is not None), default=None)


def forget_later_than(connection: Connection, now: datetime) -> None:
    """Takes back polls that a wrong clock has dated in the future."""
    connection.execute(update(mailbox).where(mailbox.c.last_good_poll > now).values(last_good_poll=now))


def last_arrival(connection: Connection) -> int:
    """The number of the newest message on record, 0 if there is none."""
    return int(connection.execute(select(func.coalesce(func.max(ledger.c.id), 0))).scalar_one())


def came_between(connection: Connection, after: int, first: datetime, last: datetime) -> bool:
    """Whether a message newer than number `after` came between these times: by the mail server's clock it reached the
    inbox, and by ours it was fetched."""
    found = (
        select(ledger.c.id)
        .join(mailbox, mailbox.c.id == ledger.c.mailbox_id)
        .where(ledger.c.id > after, _INBOX, ledger.c.state != LedgerState.GONE)
        .where(ledger.c.arrived_at.between(first, last), ledger.c.stored_at.between(first, last))
        .limit(1)
    )
    return connection.execute(found).first() is not None
