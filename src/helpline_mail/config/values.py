"""How single values are written: durations, windows, addresses, paths; each refusal says what to write instead."""

import re
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from helpline_mail.domain.opening_hours import Window
from helpline_mail.wire.addresses import canonical_address

LONGEST_HOURS = 1000
POSTGRESQL_URL = '"postgresql+psycopg://USER@HOST:PORT/NAME"'
FIRST_YEAR, LAST_YEAR = 1970, 9000
"""No helpline's day lies beyond these years, and with a day's room around them every instant can be computed."""


def duration(value: object) -> timedelta:
    """`"3h"`, `"90m"`, `"1h30m"`, `"45s"` as a duration. Raises ValueError."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", value) if isinstance(value, str) and value else None
    if not found:
        raise ValueError('write a duration such as "3h", "90m" or "45s"')
    hours, minutes, seconds = (int(group or 0) for group in found.groups())
    if hours + minutes / 60 + seconds / 3600 > LONGEST_HOURS:
        raise ValueError(f"write at most {LONGEST_HOURS}h")
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _days(value: object) -> int:
    """`"2d"` as a number of days."""
    if not (isinstance(value, str) and re.fullmatch(r"[1-9]\d*d", value)):
        raise ValueError('write a number of days such as "2d"')
    return int(value[:-1])


def _day(value: date) -> date:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"write a day of the years {FIRST_YEAR} to {LAST_YEAR}, such as 2026-11-01")
    return value


def _window(value: object) -> Window:
    """`"10:00-16:00"` as an opening window; `24:00` is the end of the day."""
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", value) if isinstance(value, str) else None
    if not found:
        raise ValueError('write an opening window such as "10:00-16:00"')
    opens, closes = found.group(1, 2), found.group(3, 4)
    try:
        return Window(_time_of_day(*opens), time.max if closes == ("24", "00") else _time_of_day(*closes))
    except ValueError as error:
        raise ValueError(f"{value}: {error}") from None


def _time_of_day(hour: str, minute: str) -> time:
    return time(int(hour), int(minute))


def time_zone(name: str) -> str:
    """The name, if there is a time zone of that name. Raises ValueError."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f'there is no time zone "{name}"; write a name such as "Europe/London"') from None
    return name


def _address(value: str) -> str:
    address = canonical_address(value)
    if address is None:
        raise ValueError('write an e-mail address such as "helpline@example.org.uk"')
    return address


def _file(value: str) -> str:
    if not value.isprintable():
        raise ValueError("write the path of a file on one line")
    try:
        Path(value).expanduser()
    except RuntimeError:
        raise ValueError(
            f'nobody here has a home folder by the name of "{value.partition("/")[0]}"; write the whole path'
        ) from None
    return value


def _database_url(value: str) -> str:
    if value.startswith("sqlite:///") and "?" not in value and value != "sqlite:///":
        return "sqlite:///" + _file(value.removeprefix("sqlite:///"))
    if not value.startswith("postgresql+psycopg://"):
        raise ValueError(f'write "sqlite:///FILE" or {POSTGRESQL_URL}')
    from sqlalchemy import make_url  # heavy, and `--help` must stay instant
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError(f"cannot be read; write {POSTGRESQL_URL}, the port a number") from None
    if url.password is not None or any("password" in option for option in url.query):
        raise ValueError("holds a password; write it into a file and name that as database.password_file")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise ValueError("the port must be a number from 1 to 65535")
    return value


Duration = Annotated[timedelta, BeforeValidator(duration)]
PositiveDuration = Annotated[timedelta, Field(gt=timedelta()), BeforeValidator(duration)]
OpeningDays = Annotated[int, BeforeValidator(_days)]
Days = Annotated[int, BeforeValidator(_days)]
Day = Annotated[date, AfterValidator(_day)]
Windows = Annotated[tuple[Annotated[Window, BeforeValidator(_window)], ...], Field(strict=False)]
TimeZone = Annotated[str, AfterValidator(time_zone)]
EmailAddress = Annotated[str, AfterValidator(_address)]
OneLine = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Port = Annotated[int, Field(ge=1, le=65535)]
File = Annotated[str, AfterValidator(_file)]
RequiredFile = Annotated[str, Field(min_length=1), AfterValidator(_file)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
