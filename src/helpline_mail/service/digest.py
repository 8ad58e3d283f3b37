"""Messages that came too thick for a notice each -> one list for staff, now and then."""

from datetime import timedelta

from helpline_mail.adapters.store import events, notices, outbox
from helpline_mail.adapters.store.engine import Store
from helpline_mail.service import timekeeping
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.deadlines import LIST_LINES
from helpline_mail.service.ports import Clock

DIGEST_EVERY = timedelta(minutes=30)


def digest(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """Queues the next list if there is something to tell and the last one is old enough; returns how many mails."""
    now = clock()
    with store.read() as connection:
        if not notices.digest_waits(connection) or timekeeping.in_doubt(connection):
            return 0
        latest = outbox.last_created(connection, "digest")
    if latest is not None and timedelta() <= now - latest < DIGEST_EVERY:
        return 0
    with store.write() as connection:
        untold, count = notices.take_for_digest(connection, LIST_LINES)
        if not untold:
            return 0  # another instance was quicker
        events.record(connection, now, "digest", "staff were told in a list", facts={"messages": count})
        return correspondence.digest(connection, untold, count, now)
