"""quarantine, outbox, alarm: what needs a person."""

import base64
import sys
from collections.abc import Callable

import click

from helpline_mail.cli.common import Context, configured, json_option, local, now, print_json, print_table
from helpline_mail.domain.errors import BadInputError


def id_listed_by(command: str) -> Callable[[str], int]:
    """Reads the number of a row, and says where it is listed if it can be none."""

    def number(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise click.BadParameter(f"{text[:60]!r} is no ID; IDs are the numbers in the first column of: {command}")
        return int(text)

    return number


QUARANTINED = id_listed_by("helpline-mail quarantine list")
OUTGOING = id_listed_by("helpline-mail outbox list --all")


@click.group()
@configured
def quarantine(_context: Context) -> None:
    """Messages that could not be read; a ticket stands for each.

    Example: helpline-mail quarantine list
    """


@quarantine.command("list")
@json_option
@configured
def quarantine_list(context: Context, as_json: bool) -> None:
    """List what stands in quarantine.

    Example: helpline-mail quarantine list --json
    """
    from helpline_mail.service.queues import quarantined

    settings = context.settings()
    found = quarantined(context.store())
    if as_json:
        print_json(found)
        return
    rows = (
        (row["id"], local(row["arrived_at"], settings), row["attempts"], row["error"], row["reference"])
        for row in found
    )
    print_table(("id", "arrived", "attempts", "error", "ticket"), rows, "Nothing is in quarantine.")


@quarantine.command("show")
@click.argument("entry", metavar="ID", type=QUARANTINED)
@json_option
@configured
def quarantine_show(context: Context, entry: int, as_json: bool) -> None:
    """Print the raw bytes of a quarantined message.

    Example: helpline-mail quarantine show 12 > message.eml
    """
    from helpline_mail.service.queues import quarantined_octets

    octets = quarantined_octets(context.store(), entry)
    if as_json:
        print_json({"id": entry, "raw_base64": base64.b64encode(octets).decode()})
        return
    sys.stdout.buffer.write(octets)


@quarantine.command("retry")
@click.argument("entries", metavar="ID...", nargs=-1, type=QUARANTINED, required=True)
@configured
def quarantine_retry(context: Context, entries: tuple[int, ...]) -> None:
    """File quarantined messages again, for example after an upgrade.

    Example: helpline-mail quarantine retry 12
    """
    from helpline_mail.service.queues import release

    store = context.store()
    for entry in entries:
        release(store, entry, now())
        click.echo(f"{entry}: will be filed again by the next triage")


@click.group()
@configured
def outbox(_context: Context) -> None:
    """Mails on their way out.

    Example: helpline-mail outbox list
    """


@outbox.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that were delivered or cancelled.")
@json_option
@configured
def outbox_list(context: Context, everything: bool, as_json: bool) -> None:
    """List mails that wait, or want a person.

    Example: helpline-mail outbox list --all
    """
    from helpline_mail.service.queues import outgoing

    settings = context.settings()
    found = outgoing(context.store(), ended=everything)
    if as_json:
        print_json(found)
        return
    rows = (
        (row["id"], row["kind"], row["state"], row["attempts"], local(row["next_attempt_at"], settings), row["reason"])
        for row in found
    )
    print_table(("id", "kind", "state", "attempts", "next", "reason"), rows, "Nothing waits in the outbox.")


@outbox.command("show")
@click.argument("number", metavar="ID", type=OUTGOING)
@json_option
@configured
def outbox_show(context: Context, number: int, as_json: bool) -> None:
    """Print one mail as it leaves, with its envelope.

    Example: helpline-mail outbox show 7
    """
    from helpline_mail.service.queues import outgoing_shown

    found = outgoing_shown(context.store(), number)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"from {found['envelope_from']} to {found['recipient']}: "
        f"{found['state']}, {found['reason'] or 'not tried yet'}\n"
    )
    sys.stdout.flush()
    sys.stdout.buffer.write(found["octets"])


@outbox.command("retry")
@click.argument("number", metavar="ID", type=OUTGOING)
@configured
def outbox_retry(context: Context, number: int) -> None:
    """Send a mail again that failed, waits or is in doubt.

    Example: helpline-mail outbox retry 7
    """
    from helpline_mail.service.queues import retry

    retry(context.store(), number, now())
    click.echo(f"{number}: will be sent by the next submission")


@outbox.command("cancel")
@click.argument("number", metavar="ID", type=OUTGOING)
@configured
def outbox_cancel(context: Context, number: int) -> None:
    """Take a mail out of the queue.

    Example: helpline-mail outbox cancel 7
    """
    from helpline_mail.service.queues import cancel

    cancel(context.store(), number, now())
    click.echo(f"{number}: will not be sent")


@click.group()
@configured
def alarm(_context: Context) -> None:
    """What is wrong with the service itself.

    Example: helpline-mail alarm list
    """


@alarm.command("list")
@json_option
@configured
def alarm_list(context: Context, as_json: bool) -> None:
    """List the alarms that are not over.

    Example: helpline-mail alarm list --json
    """
    from helpline_mail.service.alarms import alarms_open

    settings = context.settings()
    found = alarms_open(context.store())
    if as_json:
        print_json(found)
        return
    rows = ((row["cause"], local(row["raised_at"], settings), row["text"]) for row in found)
    print_table(("cause", "since", "what"), rows, "No alarm is open.")


@alarm.command("end")
@click.argument("cause")
@configured
def alarm_end(context: Context, cause: str) -> None:
    """Say that an alarm is over which nothing ends by itself, such as one about a mail that came back.

    Example: helpline-mail alarm end bounced/0123456789abcdef
    """
    from helpline_mail.service.alarms import end_alarm

    parts = context.parts()
    if not end_alarm(parts.store, parts.correspondence, cause, now):
        raise BadInputError(f'there is no open alarm "{cause}"; see: helpline-mail alarm list')
    click.echo(f"{cause}: over")


COMMANDS = (quarantine, outbox, alarm)
