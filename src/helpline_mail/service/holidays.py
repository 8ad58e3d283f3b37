"""Operators learn months before that bank holidays will not be known any more: one alarm, and another at the end."""

from helpline_mail.adapters.store import events
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.bank_holidays import shortage
from helpline_mail.service.alarms import end_alarm, raise_alarm
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock

HOLIDAYS, HOLIDAYS_UNKNOWN = "holidays", "holidays_unknown"
"""The causes of the two alarms: time is left to see to it, and none is left."""


def watch_holidays(store: Store, correspondence: Correspondence, clock: Clock) -> int:
    """Raises or ends the alarms as it follows from what is known; returns how many it changed."""
    policy = correspondence.policy
    found = shortage(policy.hours, policy.response, clock())
    with store.read() as connection:
        is_open = {cause: events.open_alarm(connection, cause) is not None for cause in (HOLIDAYS, HOLIDAYS_UNKNOWN)}
    is_over = found is not None and found.is_over
    # The first alarm is no longer raised when the second is due, but stays if it is open: nothing is well yet.
    wanted = {HOLIDAYS: found is not None and (is_open[HOLIDAYS] or not is_over), HOLIDAYS_UNKNOWN: is_over}
    changed = 0
    for cause in (cause for cause in wanted if wanted[cause] != is_open[cause]):
        if found is not None and wanted[cause]:
            changed += raise_alarm(store, correspondence, cause, found.text, clock)
        else:
            changed += end_alarm(store, correspondence, cause, clock)
    return changed
