"""How long a simulated year of ten thousand enquiries takes, against one of a thousand with a tenth of the advisers.

    python bench/simulate_speed.py

All that `simulate` computes, with half an hour an enquiry; the best of several rounds. The ratio says whether the cost
of one enquiry grows with their number. With far too few advisers there are more reminders and longer waits to count.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from helpline_mail.composition import policy
from helpline_mail.config import load
from helpline_mail.config.values import duration
from helpline_mail.domain.load import figures
from helpline_mail.domain.simulation import Query, handling_times, simulate
from helpline_mail.domain.synthetic import synthetic_year

PROJECT = Path(__file__).resolve().parent.parent
SINCE, UNTIL = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
POLICY = policy(load(PROJECT / "config.example.toml", SINCE.date()))
ROUNDS = 3


def seconds(enquiries: int, advisers: int) -> float:
    decided = replace(POLICY, hours=replace(POLICY.hours))  # a calendar that has computed no day yet
    started = time.process_time()
    chance = Random(1).random
    arrived = synthetic_year(SINCE.year, enquiries, decided.zone, chance)
    queries = list(map(Query, arrived, handling_times(chance, duration("30m"), 2)))
    figures(simulate(queries, decided, advisers, UNTIL), decided, SINCE, UNTIL)
    return time.process_time() - started


def main() -> None:
    many, few, overloaded = (
        min(seconds(enquiries, advisers) for _ in range(ROUNDS))
        for enquiries, advisers in ((10_000, 10), (1_000, 1), (10_000, 4))
    )
    print(f"10,000 enquiries, 10 advisers: {many:.2f} s of CPU; ratio to 1,000 enquiries, 1 adviser: {many / few:.1f}")
    print(f"10,000 enquiries, 4 advisers: {overloaded:.2f} s of CPU")


if __name__ == "__main__":
    main()
