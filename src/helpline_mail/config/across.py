"""What must hold between sections, looked at as far as each of them can be read: no mistake hides another."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from helpline_mail.config.sections import (
    CATEGORIES,
    OUTCOMES,
    SECTORS,
    OpeningHoursSection,
    PromiseSection,
    Section,
    opening_hours,
)
from helpline_mail.config.values import time_zone
from helpline_mail.domain.opening_hours import HORIZON, OpeningHours, refuse_never_open
from helpline_mail.domain.policy import CHANNELS
from helpline_mail.domain.responder import OwnAddresses
from helpline_mail.wire.addresses import canonical_address

LOOK_AHEAD = timedelta(days=14)
AnySection = TypeVar("AnySection", bound=Section)


def across(table: Mapping[str, Any], today: date) -> Iterator[str]:
    """One line for each mistake that no section alone can know of: its keys, what is wrong, what to do."""
    yield from _addresses_that_clash(table)
    yield from _outcomes_that_are_none(table)
    yield from _labels_that_clash(table)
    yield from _partners_of_one_name(table)
    yield from _bank_holidays_told_twice(table)
    yield from _time_that_is_not_there(table, today)


def _outcomes_that_are_none(table: Mapping[str, Any]) -> Iterator[str]:
    """Outcomes without an answer that staff cannot choose."""
    tickets = _table(table, "tickets")
    outcomes = _list(tickets.get("outcomes")) or OUTCOMES
    for number, name in enumerate(_list(tickets.get("outcomes_without_answer")), 1):
        if name not in outcomes:
            yield f"tickets.outcomes_without_answer.{number}: it is none of tickets.outcomes; add it there"


def _labels_that_clash(table: Mapping[str, Any]) -> Iterator[str]:
    """Topics, sectors and channels that `#category NAME` could not tell apart."""
    tickets = _table(table, "tickets")
    seen = dict.fromkeys(CHANNELS, "the channels that are always there")
    for key, default in (("categories", CATEGORIES), ("sectors", SECTORS), ("channels", ())):
        written = _list(tickets.get(key))
        for number, name in enumerate(written or default, 1):
            if not isinstance(name, str):
                continue
            folded = " ".join(name.casefold().split())
            if folded in seen and written:
                yield f"tickets.{key}.{number}: the same name stands in {seen[folded]}; give one of them another"
            elif folded in seen:
                yield f"tickets.{key}: the list that counts if you write none has a name of {seen[folded]}; write one"
            seen.setdefault(folded, f"tickets.{key}")


def _partners_of_one_name(table: Mapping[str, Any]) -> Iterator[str]:
    """Partners whom `#partner NAME` could not tell apart."""
    seen: dict[Any, int] = {}
    for number, entry in enumerate(_list(table.get("partners")), 1):
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name in seen:
            yield f"partners.{number}.name: partners.{seen[name]} has the same name; give one of them another"
        elif isinstance(name, str):
            seen[name] = number


def _bank_holidays_told_twice(table: Mapping[str, Any]) -> Iterator[str]:
    """Days that stand twice among the corrections of the bank holidays, or as one and as none."""
    section = _table(table, "opening_hours")
    written = [
        (f"opening_hours.extra_bank_holidays.{number}.date", entry.get("date") if isinstance(entry, dict) else None)
        for number, entry in enumerate(_list(section.get("extra_bank_holidays")), 1)
    ] + [
        (f"opening_hours.not_bank_holidays.{number}", day)
        for number, day in enumerate(_list(section.get("not_bank_holidays")), 1)
    ]
    seen: dict[date, str] = {}
    for key, day in written:
        if isinstance(day, date) and day in seen:
            yield f"{key}: the same day stands at {seen[day]}; keep one of the two"
        elif isinstance(day, date):
            seen[day] = key


def _addresses_that_clash(table: Mapping[str, Any]) -> Iterator[str]:
    own = OwnAddresses(_canonical(_table(table, "helpline").get("address")) or "")
    seen: dict[str, str] = {}
    for key, written in _addresses(table):
        address = (_canonical(written) or "").casefold()
        if not address:
            continue
        if own.address and address in own:
            yield f"{key}: this is an address of the helpline's own, and it cannot write to itself; remove it there"
        elif address in seen and not key.startswith("alarms."):
            yield f"{key}: the same address stands at {seen[address]}; keep one of the two"
        seen.setdefault(address, key)


def _addresses(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """(key, what stands there) of everybody whom the helpline writes to."""
    for name in ("staff", "partners"):
        for number, entry in enumerate(_list(table.get(name)), 1):
            if isinstance(entry, dict):
                yield f"{name}.{number}.address", entry.get("address")
    for number, written in enumerate(_list(_table(table, "alarms").get("to")), 1):
        yield f"alarms.to.{number}", written


def _time_that_is_not_there(table: Mapping[str, Any], today: date) -> Iterator[str]:
    section = _valid(OpeningHoursSection, table.get("opening_hours"))
    if section is None:
        return
    hours = opening_hours(section, _zone(table))
    try:
        refuse_never_open(hours, today)
    except ValueError as error:
        yield f"opening_hours: {error}"
        return
    promise = _valid(PromiseSection, table.get("promise", {}))
    if promise is not None:
        yield from _promises_never_kept(hours, promise, today)


def _promises_never_kept(hours: OpeningHours, promise: PromiseSection, today: date) -> Iterator[str]:
    # The later something starts while the helpline is open, the less opening time lies ahead of it, so the worst
    # start of a day is a closing.
    midnight = datetime.combine(today, time.min, hours.time_zone)
    starts = [midnight, *(span.end for span in hours.spans(midnight, midnight + LOOK_AHEAD))]
    key, longest = "promise.response", promise.response
    try:
        deadlines = [hours.add_opening_time(start, longest) for start in starts]
        key, longest = "promise.overdue_reminders", max(promise.overdue_reminders, default=timedelta())
        for deadline in deadlines:
            hours.add_opening_time(deadline, longest)
    except ValueError:
        yield (
            f"{key}, opening_hours: the helpline does not open for {longest / timedelta(hours=1):g}h within "
            f"{HORIZON.days} days, so this time would never come; write a shorter one or more opening hours"
        )


def _zone(table: Mapping[str, Any]) -> ZoneInfo:
    """The zone of the opening hours; UTC if it cannot be read, which changes little and is reported elsewhere."""
    name = _table(table, "helpline").get("time_zone", "Europe/London")
    try:
        return ZoneInfo(time_zone(name))
    except (ValueError, TypeError):
        return ZoneInfo("UTC")


def _valid(section: type[AnySection], written: Any) -> AnySection | None:
    try:
        return section.model_validate(written)
    except ValidationError:
        return None


def _canonical(written: Any) -> str | None:
    return canonical_address(written) if isinstance(written, str) else None


def _table(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = table.get(name)
    return found if isinstance(found, dict) else {}


def _list(written: Any) -> list[Any]:
    return written if isinstance(written, list) else []
