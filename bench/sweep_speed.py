"""How long a sweep over ten thousand running clocks takes, against one over a thousand.

    python bench/sweep_speed.py

What a reminder sweep computes for each clock, on deadlines within ten days before and behind; the best of several
rounds. The ratio says whether the cost of one grows with their number.
"""

import time
from datetime import UTC, datetime, timedelta
from datetime import time as wall
from zoneinfo import ZoneInfo

from helpline_mail.domain.opening_hours import OpeningHours, Window
from helpline_mail.wire.bank_holidays import bank_holidays

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOURS = OpeningHours(
    ((Window(wall(10), wall(16)),),) * 5 + ((),) * 2, ZoneInfo("Europe/London"), bank_holidays=bank_holidays("GB-ENG")
)
ROUNDS = 5


def seconds(clocks: int) -> float:
    dues = [NOW + timedelta(minutes=number * 28_800 // clocks - 14_400) for number in range(clocks)]
    started = time.process_time()
    for due in dues:
        HOURS.opening_time_left(NOW, due)
    return time.process_time() - started


def main() -> None:
    many, few = (min(seconds(clocks) for _ in range(ROUNDS)) for clocks in (10_000, 1_000))
    print(f"10,000 clocks: {many:.3f} s of CPU; ratio to 1,000 clocks: {many / few:.1f}")


if __name__ == "__main__":
    main()
