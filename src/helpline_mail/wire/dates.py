"""The Date field (RFC 5322 sections 3.3 and 4.3): what the sender's clock claimed, for display only."""

import re
from datetime import UTC, datetime, timedelta, timezone

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    r"\s*(?:[a-z]{3,9}\.?,?\s+)?(\d{1,2})[\s-]([a-z]{3})[a-z]{0,6}[\s-](\d{2,4})\s+"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([+-]\d{4})|\s+([a-z]{1,5}))?",
    re.IGNORECASE | re.ASCII,
)
# RFC 5322 section 4.3, and our own summer time; every other name says nothing, which is -0000.
_ZONES = {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "BST": 1}


def date_of(value: str) -> datetime | None:
    """The moment in UTC, or None for what is no date. A missing or unknown zone is read as UTC. Never raises."""
    match = _DATE.match(value[:200])
    if not match or match[2].lower() not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[group] or 0) for group in (1, 3, 4, 5, 6))
    if len(match[3]) < 4:
        year += 2000 if year < 50 else 1900
    month = _MONTHS.index(match[2].lower()) + 1
    try:
        zone = timezone(_offset(match[7], match[8]))
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(digits: str | None, name: str | None) -> timedelta:
    if digits:
        offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
        return -offset if digits[0] == "-" else offset
    return timedelta(hours=_ZONES.get((name or "").upper(), 0))
