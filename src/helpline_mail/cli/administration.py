"""init, check, keys, db: setting up and looking after."""

import click

from helpline_mail.cli.common import Context, configured, json_option, now, plain, print_json, print_table
from helpline_mail.domain.errors import HelplineError, UsageError


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
def init(folder: str) -> None:
    """Write a first config.toml and the signing keys into DIR, and print the next steps.

    Example: helpline-mail init /etc/helpline-mail
    """
    import os
    from pathlib import Path

    from helpline_mail.adapters.signing_keys import write_first
    from helpline_mail.wire.shipped import shipped

    place = Path(folder)
    if not place.exists():
        place.mkdir(parents=True)
        place.chmod(0o755)  # the configuration holds no secret, and the service may run as somebody else
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
    keys = place / "signing-keys"
    and_keys = f"and {keys}" if write_first(keys, now().date()) else f"and left {keys} as it was"
    lines = (
        f"wrote {path} {and_keys} (keep a copy of the keys with your backups)",
        "Next:",
        f"  1. edit {path}: your address, servers, opening hours and staff",
        f"  2. write the passwords into {place / 'imap-password'} and {place / 'smtp-password'}, mode 0600",
        f"  3. helpline-mail check -c {path}, then: helpline-mail run -c {path}",
    )
    click.echo(plain("\n".join(lines)))


def _starting_today(text: str) -> str:
    """The example with today as its start date: mail that is in the mailbox already is never acknowledged."""
    import re

    return re.sub(r"(?m)^start_date = \d{4}-\d\d-\d\d", f"start_date = {now().date().isoformat()}", text)


@click.command()
@click.option(
    "--offline",
    is_flag=True,
    help="Ask no server and no database.",
)
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
        worst = error.exit_code
        found = [
            {"what": "configuration", "ok": False, "warning": False, "text": line} for line in str(error).splitlines()
        ]
    else:
        for finding in findings(settings, offline=offline, now=now()):
            ok = finding.exit_code == 0
            found.append({"what": finding.what, "ok": ok, "warning": finding.is_warning, "text": finding.text})
            worst = worst or finding.exit_code
    if as_json:
        print_json(found)
    else:
        for item in found:
            word = "FAIL" if not item["ok"] else "warn" if item["warning"] else "ok"
            click.echo(f"{word:4}  {item['what']}: {item['text']}", err=not item["ok"])
    return worst


@click.group()
@configured
def keys(_context: Context) -> None:
    """The secret keys that sign our Message-IDs and reply addresses.

    Example: helpline-mail keys list
    """


@keys.command("list")
@json_option
@configured
def keys_list(context: Context, as_json: bool) -> None:
    """Show how many keys there are, where, and how old; never the keys themselves.

    Example: helpline-mail keys list
    """
    from helpline_mail.composition import key_file

    found, today = key_file(context.settings()), now().date()
    rows = [
        {
            "number": number,
            "made": key.made.isoformat() if key.made else None,
            "age_days": (today - key.made).days if key.made else None,
            "signs": number == 1,
        }
        for number, key in enumerate(found.keys, 1)
    ]
    if as_json:
        print_json({"file": str(found.path), "count": len(rows), "keys": rows})
        return
    click.echo(plain(f"{found.path}: {len(rows)} {'key' if len(rows) == 1 else 'keys'}"))
    print_table(
        ("key", "made", "age in days", "use"),
        (
            (row["number"], row["made"] or "not known", row["age_days"], "signs" if row["signs"] else "verifies only")
            for row in rows
        ),
        "",
    )


@keys.command("rotate")
@configured
def keys_rotate(context: Context) -> None:
    """Put a new key first in the file. The older ones stay and verify, so that old threads go on.

    To shut a stolen key out, delete its line as well: replies to what it signed then no longer find their tickets.

    Example: helpline-mail keys rotate
    """
    from helpline_mail.composition import rotate_signing_keys

    found = rotate_signing_keys(context.settings())
    lines = (
        f"{found.path}: a new key signs; the older ones ({len(found.keys) - 1}) still verify",
        "Next:",
        "  1. copy the file to your backups: without it, replies no longer find their tickets",
        "  2. restart the daemon, which uses the old keys until then",
    )
    click.echo(plain("\n".join(lines)))


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


COMMANDS = (init, check, keys, db)
