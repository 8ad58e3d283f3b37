"""simulate: what other hours, staff or reminder steps would have made of the promise. Changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import click

from helpline_mail.cli.common import Context, configured, json_option, now, print_json, print_table, shown
from helpline_mail.domain.errors import BadInputError, UsageError
from helpline_mail.domain.promise import spoken_duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from helpline_mail.domain.load import Figures
    from helpline_mail.domain.policy import Policy
    from helpline_mail.domain.simulation import Chance, Query
    from helpline_mail.service.replay import Recorded

FIRST_YEAR, LAST_YEAR = 1970, 2099
MOST_QUERIES, MOST_ADVISERS, MOST_SPREAD = 1_000_000, 10_000, 10
USUAL_HANDLING, DAY = timedelta(minutes=25), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Case:
    """One column: a configuration and so many advisers."""

    configuration: str
    policy: "Policy"
    advisers: int

    @property
    def name(self) -> str:
        """`present, 2 advisers`."""
        return f"{self.configuration}, {self.advisers} adviser{'s' * (self.advisers != 1)}"


@dataclass(frozen=True, slots=True)
class Period:
    """What is simulated: the arrivals in [`since`, `until`), and what is recorded of them unless they are made up."""

    since: datetime
    until: datetime
    zone: "ZoneInfo"
    arrived: Sequence[datetime]
    recorded: "Recorded | None"

    @property
    def first(self) -> date:
        """Its first local day."""
        return self.since.astimezone(self.zone).date()

    @property
    def last(self) -> date:
        """Its last local day."""
        return (self.until - datetime.resolution).astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Handling:
    """How long an adviser needs for a query, in opening time."""

    median: timedelta
    spread: float
    measured: bool
    """Whether the median is that of the recorded answers."""


def day(text: str) -> date:
    """A day from ISO 8601. Raises BadInputError."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise BadInputError(f'"{shown(text)}" is not a day; write it like 2026-11-24') from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise BadInputError(f'"{shown(text)}" is not in the years {FIRST_YEAR} to {LAST_YEAR}; write the day meant')
    return found


def opening_time(text: str) -> timedelta:
    """A duration as the configuration writes them. Raises BadInputError."""
    from helpline_mail.config.values import duration

    try:
        return duration(text)
    except ValueError as error:
        raise BadInputError(f'"{shown(text)}" is not a duration; {error}') from None


def factor(text: str) -> float:
    """A factor from 1 on. Raises BadInputError."""
    try:
        found = float(text)
    except ValueError:
        found = 0
    if not 1 <= found <= MOST_SPREAD:  # nor is "nan"
        raise BadInputError(f'"{shown(text)}" is not a factor; write a number from 1 to {MOST_SPREAD} such as 1.5')
    return found


@click.command()
@click.option("--from", "first", metavar="DATE", type=day, help="Replay what arrived from this day on.")
@click.option("--until", "last", metavar="DATE", type=day, help="The last day of it [default: today].")
@click.option("--synthetic", metavar="N", type=click.IntRange(1, MOST_QUERIES), help="Or make up N arrivals of a year.")
@click.option("--year", type=click.IntRange(FIRST_YEAR, LAST_YEAR), help="Of which year [default: this one].")
@click.option("--seed", type=int, default=1, show_default=True, help="Other chances: made-up arrivals, handling times.")
@click.option("--against", metavar="FILE", help="Compare with another configuration: its hours, promise, steps, staff.")
@click.option(
    "--advisers", metavar="N", type=click.IntRange(1, MOST_ADVISERS), multiple=True,
    help="How many answer; several times to compare [default: the configured staff].",
)  # fmt: skip
@click.option(
    "--handling", metavar="DURATION", type=opening_time,
    help="Opening time that an adviser needs for half of the enquiries at most "
    "[default: the median that answers took; 25m for made-up ones].",
)  # fmt: skip
@click.option(
    "--spread", metavar="FACTOR", type=factor, default="2", show_default=True,
    help="Two thirds need between the FACTORth part of that and FACTOR times that; 1: all the same.",
)  # fmt: skip
@json_option
@configured
def simulate(
    context: Context, first: date | None, last: date | None, synthetic: int | None, year: int | None, seed: int,
    against: str | None, advisers: tuple[int, ...], handling: timedelta | None, spread: float, as_json: bool,
) -> None:  # fmt: skip
    """Say how many promises would be kept by other hours, staff or steps, and when the load comes.

    Replays what arrived from the database, or a made-up year, on a clock of its own. Changes nothing.

    Example: helpline-mail simulate --synthetic 2000 --year 2026 --advisers 1 --advisers 2
    """
    from random import Random

    from helpline_mail.domain.simulation import Query, handling_times

    chance = Random(seed).random  # noqa: S311  a simulation, no secret
    cases = _cases(context, against, advisers)
    if synthetic is None:
        period = _recorded(context, first, last, year, cases[0].policy.zone)
    else:
        period = _made_up(synthetic, first or last, year, cases[0].policy.zone, chance)
    work = _handling(period, handling, spread)
    queries = list(map(Query, period.arrived, handling_times(chance, work.median, work.spread)))
    results = [(case, _figures(case, queries, period)) for case in cases]
    if as_json:
        print_json(_facts(period, work, results))
        return
    for line in _introduction(period, work):
        click.echo(line)
    names = [case.name for case in cases]
    print_table(("", *names), _rows([found for _, found in results]), "")
    click.echo("\nWaiting for an answer, by the hour of the day:")
    print_table(("hour", "enquiries", *names), _hours(results), "")


def _cases(context: Context, against: str | None, advisers: tuple[int, ...]) -> list[Case]:
    """The present configuration and the other one, each with each number of advisers."""
    from helpline_mail.composition import policy

    configurations = {"present": policy(context.settings())}
    if against is not None:
        configurations["against"] = policy(Context(against).settings())
    return [
        Case(name, decided, number)
        for name, decided in configurations.items()
        for number in advisers or (len(decided.staff),)
    ]


def _recorded(context: Context, first: date | None, last: date | None, year: int | None, zone: "ZoneInfo") -> Period:
    from helpline_mail.service.replay import recorded

    if first is None:
        raise UsageError("say what to simulate: --from DATE or --synthetic N")
    if year is not None:
        raise UsageError("--year belongs to --synthetic; with --from, say --until")
    last = last or now().astimezone(zone).date()
    if last < first:
        raise BadInputError(f"the period ends on {last} but starts on {first}; exchange the two days")
    since, until = _midnight(first, zone), _midnight(last + DAY, zone)
    found = recorded(context.store(), since, until, now())
    return Period(since, until, zone, found.arrived, found)


def _made_up(number: int, day_named: date | None, year: int | None, zone: "ZoneInfo", chance: "Chance") -> Period:
    from helpline_mail.domain.synthetic import synthetic_year

    if day_named is not None:
        raise UsageError("--from and --until replay what arrived, --synthetic makes a year up; leave one of them out")
    year = year or now().astimezone(zone).year
    arrived = synthetic_year(year, number, zone, chance)
    return Period(_midnight(date(year, 1, 1), zone), _midnight(date(year + 1, 1, 1), zone), zone, arrived, None)


def _midnight(day: date, zone: "ZoneInfo") -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _handling(period: Period, given: timedelta | None, spread: float) -> Handling:
    """What was said, else what was measured, else what is usual. Raises BadInputError if nothing was measured."""
    if given is not None or period.recorded is None:
        return Handling(USUAL_HANDLING if given is None else given, spread, measured=False)
    if period.recorded.median is None:
        raise BadInputError(
            f"no answer is recorded to what arrived from {period.first} to {period.last}; "
            "say how long an adviser needs, for example --handling 25m"
        )
    return Handling(period.recorded.median, spread, measured=True)


def _figures(case: Case, queries: "Sequence[Query]", period: Period) -> "Figures":
    from helpline_mail.domain.load import figures
    from helpline_mail.domain.simulation import simulate

    try:
        fates = simulate(queries, case.policy, case.advisers, period.until)
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{case.name}: {error}") from None
    return figures(fates, case.policy, period.since, period.until)


def _facts(period: Period, work: Handling, results: "Sequence[tuple[Case, Figures]]") -> dict[str, Any]:
    """The contract's object."""
    recorded = period.recorded
    return {
        "from": period.first.isoformat(),
        "until": period.last.isoformat(),
        "synthetic": recorded is None,
        "handling": {"median_seconds": _seconds(work.median), "spread": work.spread, "measured": work.measured},
        "recorded": recorded and {
            "kept": recorded.kept,
            "breached": recorded.breached,
            "waiting": recorded.waiting,
            "median_opening_seconds": _seconds(recorded.median),
        },
        "results": [
            {
                "configuration": case.configuration,
                "advisers": case.advisers,
                "arrivals": found.arrivals,
                "kept": found.kept,
                "breached": found.breached,
                "waiting": found.waiting,
                "median_opening_seconds": _seconds(found.median),
                "eighty_percent_opening_seconds": _seconds(found.eighty_percent),
                "reminders": found.reminders,
                "hours": [
                    {
                        "hour": hour,
                        "arrivals": load.arrivals,
                        "mean_waiting": load.mean_waiting,
                        "most_waiting": load.most_waiting,
                    }
                    for hour, load in enumerate(found.hours)
                ],
                "busiest_day": found.busiest_day
                and {"date": found.busiest_day[0].isoformat(), "arrivals": found.busiest_day[1]},
            }
            for case, found in results
        ],
    }  # fmt: skip


def _seconds(duration: timedelta | None) -> int | None:
    return None if duration is None else int(duration.total_seconds())


def _introduction(period: Period, work: Handling) -> Iterator[str]:
    """What is simulated, in sentences."""
    what = "What arrived" if period.recorded else "Made-up arrivals"
    yield f"{what} from {period.first} to {period.last}; each takes an adviser about {spoken_duration(work.median)}."
    if work.measured:
        yield "That is the median opening time that answers took, waiting included; --handling sets another."
    if found := period.recorded:
        median = "" if found.median is None else f"; half of the answers within {spoken_duration(found.median)}"
        yield f"In truth: {found.kept} kept, {found.breached} broken, {found.waiting} waiting{median}."
    yield ""


def _rows(results: "Sequence[Figures]") -> Iterator[Sequence[str]]:
    """One row for each figure, one cell for each result."""
    yield "enquiries", *(str(found.arrivals) for found in results)
    yield "promise kept", *(_share(found.kept, found.arrivals) for found in results)
    yield "promise broken", *(_share(found.breached, found.arrivals) for found in results)
    yield "still waiting", *(_share(found.waiting, found.arrivals) for found in results)
    yield "half answered within", *(_spoken(found.median) for found in results)
    yield "80 % answered within", *(_spoken(found.eighty_percent) for found in results)
    for step in dict.fromkeys(name for found in results for name in found.reminders):
        yield f"reminder {step}", *(str(found.reminders.get(step, "-")) for found in results)
    days = [found.busiest_day for found in results]
    yield "busiest day", *(f"{busiest[0]:%a %d %b}: {busiest[1]}" if busiest else "-" for busiest in days)


def _share(number: int, of: int) -> str:
    return f"{number} ({100 * number / of:.1f} %)" if of else "0"


def _spoken(duration: timedelta | None) -> str:
    return "-" if duration is None else spoken_duration(duration)


def _hours(results: "Sequence[tuple[Case, Figures]]") -> Iterator[Sequence[str]]:
    """One row for each local hour in which something arrives or waits."""
    for hour in range(24):
        loads = [found.hours[hour] for _, found in results]
        if any(load.arrivals or load.most_waiting is not None for load in loads):
            waiting = (
                "closed" if load.mean_waiting is None else f"{load.mean_waiting:.1f} (at most {load.most_waiting})"
                for load in loads
            )
            yield f"{hour:02}:00", str(loads[0].arrivals), *waiting


COMMANDS = (simulate,)
