"""The queries of the last months and how long their answers took: what an estimate is learned from.

Only response clocks that were started by the arrival of a query. What was closed without an answer is none.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from helpline_mail.adapters.store.schema import clock
from helpline_mail.domain.clocks import ClockKind
from helpline_mail.domain.estimate import ENOUGH_ANSWERS, JUDGED, REMEMBERED, Arrival, Estimate, Query, arrival
from helpline_mail.domain.opening_hours import OpeningHours

NEWEST = 1000
"""So many queries of one load or a heavier one are looked at; more would only say the same."""

_ANSWERED = clock.c.opening_seconds.is_not(None)
_RUNNING = clock.c.stopped_at.is_(None)
_QUERIES = select(
    clock.c.started_at, clock.c.waiting, clock.c.opening_seconds, clock.c.foreseen_seconds
).where(clock.c.kind == ClockKind.RESPONSE, clock.c.waiting.is_not(None))  # fmt: skip


def waiting(connection: Connection) -> int:
    """How many queries wait for an answer."""
    found = connection.execute(select(func.count()).where(clock.c.kind == ClockKind.RESPONSE, _RUNNING))
    return int(found.scalar_one())


def note(connection: Connection, clock_id: int, estimate: Estimate) -> None:
    """Notes with a clock what was foreseen when its query arrived."""
    foreseen = estimate.foreseen
    connection.execute(
        update(clock).where(clock.c.id == clock_id).values(
            waiting=estimate.waiting, estimate_is_said=estimate.is_said,
            foreseen_seconds=None if foreseen is None else int(foreseen.total_seconds()),
        )
    )  # fmt: skip


def to_say(connection: Connection, clock_id: int) -> timedelta | None:
    """What an acknowledgement of that clock may say is likely; None if nothing."""
    row = connection.execute(select(clock.c.foreseen_seconds, clock.c.estimate_is_said).where(clock.c.id == clock_id))
    found = row.first()
    return _seconds(found.foreseen_seconds) if found and found.estimate_is_said else None


def of_load(connection: Connection, hours: OpeningHours, like: Arrival, now: datetime) -> list[Query]:
    """The newest queries of the last `REMEMBERED` before `like` that met its load or a heavier one.

    None at all where fewer than `ENOUGH_ANSWERS` ever were answered: a flood is not to be read through for each mail.
    """
    met_load = clock.c.waiting >= like.load_begins
    ever = connection.execute(select(clock.c.id).where(met_load, _ANSWERED).limit(ENOUGH_ANSWERS))
    if len(ever.all()) < ENOUGH_ANSWERS:
        return []
    found = _QUERIES.where(met_load, clock.c.started_at >= like.at - REMEMBERED, _ANSWERED | _RUNNING)
    newest = found.order_by(clock.c.started_at.desc(), clock.c.id.desc()).limit(NEWEST)
    return _queries(connection.execute(newest), hours, now)


def foreseen(connection: Connection, hours: OpeningHours, now: datetime) -> list[Query]:
    """The latest queries with something foreseen: the newest `JUDGED` that were answered, and all that wait."""
    known = _QUERIES.where(clock.c.started_at >= now - REMEMBERED, clock.c.foreseen_seconds.is_not(None))
    newest = known.where(_ANSWERED).order_by(clock.c.started_at.desc(), clock.c.id.desc()).limit(JUDGED)
    return [
        *_queries(connection.execute(newest), hours, now),
        *_queries(connection.execute(known.where(_RUNNING)), hours, now),
    ]


def _queries(rows: Iterable[Row[Any]], hours: OpeningHours, now: datetime) -> list[Query]:
    return [
        Query(
            arrival(hours, row.started_at, row.waiting),
            hours.opening_time_between(row.started_at, now)
            if (took := _seconds(row.opening_seconds)) is None
            else took,
            took is not None,
            _seconds(row.foreseen_seconds),
        )
        for row in rows
    ]


def _seconds(number: int | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)
