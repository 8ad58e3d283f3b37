"""A reply to a ticket that was closed: it opens that one again, or a new one follows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Standing:
    """A ticket that a reply may belong to, as it stands."""

    ticket_id: int
    reference: str
    resolved_at: datetime | None = None
    """When it was closed; None while it is open."""
    outcome: str = ""


def place(line: Iterable[Standing], at: datetime, days: int, zone: ZoneInfo) -> Standing | None:
    """The first of a ticket and those that followed it that takes a reply which came at `at`.

    That is one that is open, or was closed at most so many days of the calendar before. None if there is none.
    """
    return next((one for one in line if one.resolved_at is None or _days(one.resolved_at, at, zone) <= days), None)


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    return (end.astimezone(zone).date() - start.astimezone(zone).date()).days
