"""What arrived in a period, and what became of the promise in truth: the material of a simulation. Read only."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from helpline_mail.adapters.store.arrivals import arrivals
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.load import within


@dataclass(frozen=True, slots=True)
class Recorded:
    """The queries of a period as the database has them."""

    arrived: tuple[datetime, ...]
    """The earliest first."""
    kept: int
    breached: int
    """Answered late, or not answered although the deadline has passed."""
    waiting: int
    median: timedelta | None
    """Opening time within which half of the answers came; None without an answer."""


def recorded(store: Store, since: datetime, until: datetime, now: datetime) -> Recorded:
    """The queries that arrived in [`since`, `until`), as they stand `now`."""
    with store.read() as connection:
        found = arrivals(connection, since, until)
    kept = Counter(one.kept if one.kept is not None or now <= one.due_at else False for one in found)
    return Recorded(
        arrived=tuple(one.arrived_at for one in found),
        kept=kept[True],
        breached=kept[False],
        waiting=kept[None],
        median=within(sorted(one.took for one in found if one.took is not None), 50),
    )
