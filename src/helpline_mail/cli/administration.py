"""init, check, db: setting up and looking after."""

import click

from helpline_mail.cli.common import Context, configured, json_option, now, print_json
from helpline_mail.domain.errors import HelplineError, UsageError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
def init(folder: str) -> None:
    """Write a first config.toml and the signing keys into DIR, and print the next steps.

    Example: helpline-mail init /etc/helpline-mail
    """
    import os
    from pathlib import Path

    from helpline_mail.composition import write_new_key
    from helpline_mail.wire.shipped import shipped

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    path = place / "config.toml"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(
            f"{path}: there is a configuration already; remove it first or choose another folder"
        ) from None
    text = shipped("config.example.toml").read_text("utf-8")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(_starting_today(text))
    write_new_key(place / "signing-keys")
    click.echo(f"wrote {path} and {place / 'signing-keys'} (keep a copy of the keys with your backups)")
    click.echo("Next:")
    click.echo(f"  1. edit {path}: your address, servers, opening hours and staff")
    click.echo(f"  2. write the passwords into {place / 'imap-password'} and {place / 'smtp-password'}, mode 0600")
    click.echo(f"  3. helpline-mail check -c {path}, then: helpline-mail run -c {path}")


def _starting_today(text: str) -> str:
    """The example with today as its start date: mail that is in the mailbox already is never acknowledged."""
    import re

    return re.sub(r"(?m)^start_date = \d{4}-\d\d-\d\d", f"start_date = {now().date().isoformat()}", text)


@click.command()
@click.option("--offline", is_flag=True, help="Look at the configuration only, not at servers and database.")
@json_option
@configured
def check(context: Context, offline: bool, as_json: bool) -> int:
    """Validate the configuration, then look at the servers, the database, the templates and the calendar.

    Example: helpline-mail check --offline
    """
    from helpline_mail.checks import findings

    found, worst = [], 0
    try:
        settings = context.settings()
    except HelplineError as error:
        found, worst = (
            [{"what": "configuration", "ok": False, "text": line} for line in str(error).splitlines()],
            error.exit_code,
        )
    else:
        for what, text, code in findings(settings, offline=offline, now=now()):
            found.append({"what": what, "ok": code == 0, "text": text})
            worst = worst or code
    if as_json:
        print_json(found)
    else:
        for item in found:
            click.echo(f"{'ok  ' if item['ok'] else 'FAIL'}  {item['what']}: {item['text']}", err=not item["ok"])
    return worst


@click.group()
@configured
def db(_context: Context) -> None:
    """The database's revision.

    Example: helpline-mail db current
    """


@db.command()
@configured
def upgrade(context: Context) -> None:
    """Bring the database to the revision that this version needs. Make a backup first.

    Example: helpline-mail db upgrade
    """
    from helpline_mail.adapters.store import revision
    from helpline_mail.composition import open_store

    click.echo(f"at revision {revision.upgrade(open_store(context.settings()))}")


@db.command()
@json_option
@configured
def current(context: Context, as_json: bool) -> None:
    """Show the database's revision and the one that this version needs.

    Example: helpline-mail db current
    """
    from helpline_mail.adapters.store import revision
    from helpline_mail.composition import open_store

    at, wanted = revision.current(open_store(context.settings())), revision.head()
    if as_json:
        print_json({"current": at, "needed": wanted})
    else:
        click.echo(
            f"{at or 'empty'}{'' if at == wanted else f'; this version needs {wanted}: helpline-mail db upgrade'}"
        )


COMMANDS = (init, check, db)
