"""The queries of a period and how long their answers took, read from the response clocks. Nothing here writes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from helpline_mail.adapters.store.schema import clock
from helpline_mail.domain.clocks import ClockKind


@dataclass(frozen=True, slots=True)
class Arrival:
    """A query that an answer was or is due to, as it was recorded."""

    arrived_at: datetime
    due_at: datetime
    kept: bool | None
    """None while no answer is recorded."""
    took: timedelta | None
    """Opening time from the query to its answer; None while no answer is recorded."""


def arrivals(connection: Connection, since: datetime, until: datetime) -> list[Arrival]:
    """The queries that arrived in [`since`, `until`), the earliest first.

    Left out are clocks that stopped without an answer: their query counts elsewhere, or turned out to be none.
    """
    rows = connection.execute(
        select(clock.c.started_at, clock.c.due_at, clock.c.kept, clock.c.opening_seconds)
        .where(
            clock.c.kind == ClockKind.RESPONSE, clock.c.started_at >= since, clock.c.started_at < until,
            clock.c.stopped_at.is_(None) | clock.c.kept.is_not(None),
        )
        .order_by(clock.c.started_at, clock.c.id)
    )  # fmt: skip
    return [
        Arrival(
            row.started_at,
            row.due_at,
            row.kept,
            None if row.opening_seconds is None else timedelta(seconds=row.opening_seconds),
        )
        for row in rows
    ]
