"""The clock is watched. While it is in doubt, what time alone would send waits; everything else goes on.

The open alarm is the memory of that, for every instance; the trail holds what the doubt is about.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import Connection

from helpline_mail.adapters.store import events, instants
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.promise import spoken_day
from helpline_mail.domain.timekeeping import (
    Doubt,
    Look,
    agreeing,
    doubt_at_start,
    doubt_on_record,
    is_back,
    jump,
    latest_arrival,
)
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.ports import Clock
from helpline_mail.service.trouble import CLOCK

DOUBTED, BELIEVED = "clock_doubted", "clock_believed"
WAITING_KINDS = ("acknowledgement", "reminder", "overdue", "digest", "update")
"""Mails that state how late it is, or that time alone sends."""
PAUSED = "reminders, holding mails and acknowledgements wait, while new mail is filed, and answers leave as ever"


def in_doubt(connection: Connection) -> bool:
    """Whether the clock of some instance is in doubt."""
    return events.open_alarm(connection, CLOCK) is not None


def pauses(store: Store) -> bool:
    """The same, asked by itself."""
    with store.read() as connection:
        return in_doubt(connection)


def kinds_that_wait(connection: Connection) -> tuple[str, ...]:
    """The kinds of mail that are not sent now."""
    return WAITING_KINDS if in_doubt(connection) else ()


def latest_arrival_now(connection: Connection, now: datetime) -> datetime:
    """The latest time of arrival that the mail server may truthfully give: now, but later if our clock is in doubt."""
    doubted = events.latest(connection, DOUBTED) if in_doubt(connection) else None
    return latest_arrival(datetime.fromisoformat(doubted["facts"]["expected"]) if doubted else None, now)


@dataclass(slots=True)
class Timekeeper:
    """A `Clock` that goes on as before when the machine's clock is set, until `look` has put that on record.

    What it remembers is this process's own; forgetting it costs a jump made while nobody looked.
    """

    store: Store
    correspondence: Correspondence
    clock: Clock
    seconds: Callable[[], float]
    """Counts seconds, also while the machine sleeps; nobody sets it."""
    latest: datetime | None
    """The last instant on record when this process began."""
    _last: Look | None = None
    _doubt: Doubt | None = None
    _number: int = 0
    """Of the doubt's line in the trail."""
    _after: int = 0
    """The newest message on record when the doubt began."""
    _began: bool = False
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> datetime:
        """The time. Raises whatever the clock does."""
        now = self._look()
        if self._doubt is None and self._last is not None and jump(self._last, now):
            return self._last.expected(now.seconds)
        self._last = now
        return now.at

    def _look(self) -> Look:
        return Look(self.clock(), self.seconds())

    def look(self) -> str:
        """Raises or ends the alarm of a doubtful clock; returns which, or "". Each loop looks before it works."""
        with self._looking:
            now, before = self._look(), self._doubt
            if before is None:
                self._begin(now)
            if self._doubt is not None and self._is_over(self._doubt, now):
                self._doubt = None
            self._last, self._began = now, True
            if (before is None) == (self._doubt is None):
                return ""
            return DOUBTED if self._doubt else BELIEVED

    def _begin(self, now: Look) -> None:
        """Doubts the clock if it was set; at the start also if it cannot be, or another process doubted it."""
        if not self._began:
            with self.store.read() as connection:
                known = events.latest(connection, DOUBTED) if in_doubt(connection) else None
            if known is not None:
                self._number, self._after = known["id"], known["facts"]["message"]
                expected, shown = (datetime.fromisoformat(known["facts"][name]) for name in ("expected", "shown"))
                self._doubt = doubt_on_record(expected, shown, now)
            elif doubt := doubt_at_start(self.latest, now):
                text = f"the clock of this machine shows {self._said(now.at)}, but the last time on record is"
                self._raise(doubt, f"{text} {self._said(doubt.expected)}", now.at)
        elif self._last is not None and (doubt := jump(self._last, now)):
            text = f"the clock of this machine jumped from {self._said(doubt.expected)} to {self._said(now.at)}"
            self._raise(doubt, text, now.at)

    def _raise(self, doubt: Doubt, seen: str, now: datetime) -> None:
        facts = {"expected": doubt.expected.isoformat(), "shown": doubt.shown.isoformat()}
        with self.store.write() as connection:
            self._after = instants.last_arrival(connection)
            self._number = events.record(connection, now, DOUBTED, seen, facts={**facts, "message": self._after})
            self.correspondence.raise_alarm(connection, CLOCK, f"{seen}; {PAUSED}", now)
        self._doubt = doubt

    def _is_over(self, doubt: Doubt, now: Look) -> bool:
        """Whether the clock is proved, or an operator vouches for it.

        That another instance trusts its own clock says nothing of this one's, which is then doubted again.
        """
        with self.store.read() as connection:
            is_open, believed = in_doubt(connection), events.latest(connection, BELIEVED)
            agrees = instants.came_between(connection, self._after, *agreeing(now.at))
        if not is_open and (believed is None or believed["id"] < self._number):
            return True
        if not (agrees or is_back(doubt, now)):
            if not is_open:
                text = f"the clock of a machine jumped from {self._said(doubt.expected)} to {self._said(doubt.shown)}"
                self._raise(doubt, text, now.at)
            return False
        if not is_open:
            return True
        why = "the mail server's clock agrees with it" if agrees else "it shows the expected time again"
        with self.store.write() as connection:
            events.record(connection, now.at, BELIEVED, f"the clock is believed: {why}")
            self.correspondence.end_alarm(connection, CLOCK, now.at)
            instants.forget_later_than(connection, now.at)
        return True

    def _said(self, at: datetime) -> str:
        there = at.astimezone(self.correspondence.policy.zone)
        return f"{there:%H:%M} on {spoken_day(there.date(), date.min)}"  # always with its year


def timekeeper(store: Store, correspondence: Correspondence, clock: Clock, seconds: Callable[[], float]) -> Timekeeper:
    """The clock of a process that begins now. The database must be at this version's revision."""
    with store.read() as connection:
        latest = instants.latest(connection)
    return Timekeeper(store, correspondence, clock, seconds, latest)
