"""Bank holidays as people correct them, and whether they are known far enough ahead."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from helpline_mail.domain.opening_hours import BankHolidays, OpeningHours

WARN_AHEAD = timedelta(days=180)
"""Time enough for an upgrade that nobody hurries with."""

REMEDY = "upgrade helpline-mail, or the holidays package that it takes them from"
"""What operators do about a shortage."""


def corrected(predicted: BankHolidays, extra: Mapping[date, str], removed: Collection[date]) -> BankHolidays:
    """The predicted bank holidays less those `removed`, and with the `extra` ones, whose names come first."""

    def name_of(day: date) -> str | None:
        return extra.get(day) or (None if day in removed else predicted(day))

    return name_of


@dataclass(frozen=True, slots=True)
class Shortage:
    """Bank holidays are known for a short time only."""

    last_day: date
    days_left: int
    """From today to the last day that is known; negative once that is over."""
    is_over: bool
    """An answer that is promised now may be due on a bank holiday that nobody knows."""

    @property
    def text(self) -> str:
        """One sentence for operators, which stays true while it stands somewhere."""
        if self.is_over:
            return f"bank holidays after {self.last_day} are not known; an answer may be promised for one of them"
        return f"bank holidays are known only to {self.last_day}"


def shortage(hours: OpeningHours, response: timedelta, now: datetime) -> Shortage | None:
    """None while the bank holidays are known for more than `WARN_AHEAD`, or if there are none to know."""
    last_day = hours.holidays_known_to
    if last_day is None:
        return None
    left = last_day - now.astimezone(hours.time_zone).date()
    if left > WARN_AHEAD:
        return None
    end = datetime.combine(last_day + timedelta(days=1), time.min, hours.time_zone)
    return Shortage(last_day, left.days, hours.opening_time_between(now, end) < response)
