"""deadline, inspect: questions to the pure functions that the daemon works with. They change nothing."""

import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from helpline_mail.cli.common import Context, configured, json_option, plain, print_json, shown
from helpline_mail.domain.errors import BadInputError, HelplineError, MissingFileError

FIRST_YEAR, YEARS_END = 1900, 9000

if TYPE_CHECKING:
    from helpline_mail.domain.budgets import Budgets
    from helpline_mail.domain.opening_hours import OpeningHours
    from helpline_mail.domain.responder import OwnAddresses


def instant(text: str) -> datetime:
    """An aware instant from ISO 8601. Raises BadInputError for anything else, a time without an offset above all.

    Of the years that opening hours are computed for, so that it is an instant in every time zone.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(f'"{shown(text)}" is not a time; write it like 2026-11-24T13:00:00+00:00') from None
    if not FIRST_YEAR <= found.year < YEARS_END:
        raise BadInputError(f'"{shown(text)}" is not in the years {FIRST_YEAR} to {YEARS_END}; write the time meant')
    if found.tzinfo is None:
        written = found.isoformat()  # the text itself may be a day, to which no offset can be added
        raise BadInputError(
            f'"{shown(text)}" has no offset, so nobody can tell which instant it is; '
            f"write {written}+00:00 or {written}Z"
        )
    return found


@click.command()
@click.argument("times", metavar="TIME...", nargs=-1, required=True)
@json_option
@configured
def deadline(context: Context, times: tuple[str, ...], as_json: bool) -> None:
    """Say when an answer to a query received at TIME is due, and how that is counted.

    TIME is ISO 8601 with an offset.

    Example: helpline-mail deadline 2026-11-24T13:00:01+00:00
    """
    from helpline_mail.domain.promise import due

    hours, response = _promise(context)
    received = [instant(text) for text in times]
    for at in received:
        try:
            promise = due(hours, at, response)
        except (ValueError, OverflowError) as error:
            raise BadInputError(str(error)) from None
        facts = {
            "received": promise.received,
            "due": promise.due,
            "due_local": promise.due.astimezone(hours.time_zone).isoformat(),
            "spans": [{"from": span.start, "until": span.end} for span in promise.spans],
            "closed": [{"date": day.day.isoformat(), "reason": day.reason} for day in promise.closed],
        }
        if as_json:
            print_json(facts, indent=None)
            continue
        click.echo(f"received {at.astimezone(hours.time_zone):%a %d %b %Y %H:%M:%S}")
        for span in promise.spans:
            start, end = (moment.astimezone(hours.time_zone) for moment in (span.start, span.end))
            click.echo(f"counted  {start:%a %d %b %H:%M:%S} to {end:%H:%M:%S}")
        for day in promise.closed:
            click.echo(f"skipped  {day.day:%a %d %b}: {day.reason}")
        click.echo(f"due      {promise.due.astimezone(hours.time_zone):%a %d %b %Y %H:%M:%S}")


def _promise(context: Context) -> tuple["OpeningHours", timedelta]:
    """The configured calendar and promise."""
    from helpline_mail.config import opening_hours

    settings = context.settings()
    return opening_hours(settings.opening_hours, settings.zone), settings.promise.response


@click.command()
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@json_option
@configured
def inspect(context: Context, paths: tuple[str, ...], as_json: bool) -> int:
    """Say what the daemon would make of messages. Changes nothing.

    PATH is an .eml file, an mbox file, a Maildir folder, a folder of .eml files, or - for standard input.

    Example: helpline-mail inspect enquiry.eml --json
    """
    from helpline_mail.service.inspect import inspected, messages_at

    own, budgets = _as_configured(context)
    status = 0
    for path in paths:
        try:
            for source, octets in messages_at(path, sys.stdin.buffer):
                facts = inspected(source, octets, own, budgets)
                if as_json:
                    print_json(facts, indent=None)
                else:
                    click.echo("\n".join(_readable(facts)))
        except HelplineError as error:
            click.echo(f"helpline-mail: {error}", err=True)
            status = status or error.exit_code
    return status


def _as_configured(context: Context) -> tuple["OwnAddresses", "Budgets"]:
    """The own address and the budgets; without any configuration, `inspect` reads mail as nobody's, as is usual."""
    from helpline_mail.composition import budgets
    from helpline_mail.domain.budgets import Budgets
    from helpline_mail.domain.responder import OwnAddresses

    try:
        settings = context.settings()
    except MissingFileError:
        if context.config:
            raise
        return OwnAddresses(""), Budgets()
    return OwnAddresses(settings.helpline.address), budgets(settings)


def _readable(facts: dict[str, object]) -> Iterator[str]:
    for key in ("source", "from", "from_name", "subject", "date", "message_id", "sender", "automatic", "bounce"):
        yield f"{key + ':':13}{plain(facts[key]) if facts[key] else '-'}"
    for defect in facts["defects"]:  # type: ignore[attr-defined]
        yield f"defect:      {defect}"
    yield f"\n{str(facts['new_text']).rstrip()}\n"


COMMANDS = (deadline, inspect)
