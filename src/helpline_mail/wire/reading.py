"""What one reading of a message may spend, and what it has to confess."""

import time
from collections.abc import Callable

from helpline_mail.domain.budgets import Budgets

Clock = Callable[[], float]
_MOST_DEFECTS = 20


class Reading:
    """What one reading has spent and what it has to confess."""

    def __init__(self, budgets: Budgets, clock: Clock | None) -> None:
        self.budgets = budgets
        self.defects: dict[str, None] = {}
        self._clock = clock or time.thread_time
        self._until = clock() + budgets.cpu_seconds if clock else None
        # A thread's CPU clock is slow to read on some machines, and never ahead of the wall's: most mail needs none.
        self._wall_until = 0.0 if clock else time.perf_counter() + budgets.cpu_seconds

    def note(self, defect: str) -> None:
        """Keeps a defect once; the list stays short whatever is sent."""
        if len(self.defects) < _MOST_DEFECTS:
            self.defects[defect] = None

    def spent(self) -> bool:
        """Whether the CPU seconds are used up; says so among the defects.

        They are counted once as much time has passed on the wall, and half as many again are allowed then.
        """
        if time.perf_counter() <= self._wall_until:
            return False
        if self._until is None:
            self._until = self._clock() + self.budgets.cpu_seconds / 2
        over = self._clock() > self._until
        if over:
            self.note(f"reading took more than {self.budgets.cpu_seconds:g} s; the rest was not read")
        return over

    def readable(self, raw: bytes, *, truncated: bool) -> bytes:
        """The octets that are read, within the budget and with line ends that can be told apart."""
        if len(raw) > self.budgets.message:
            self.note(f"only the first {self.budgets.message} octets of the message were read")
            raw, truncated = raw[: self.budgets.message], True
        # Lines of the old Macintosh. A line feed anywhere and mail servers end lines there alone: whom they
        # call the sender must be whom we call it, so what was not seen to the end is left as it is.
        if not truncated and b"\r" in raw[:4096] and b"\n" not in raw:
            raw = raw.replace(b"\r", b"\n")
        return raw
