"""demo, run, once: the service itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from helpline_mail.cli.common import Context, configured
from helpline_mail.domain.errors import HelplineError

if TYPE_CHECKING:
    from helpline_mail.composition import Parts
    from helpline_mail.service.collect import Collected
    from helpline_mail.service.ports import MailboxReader

PAUSE_SECONDS = 2.0
"""Before the server is asked again for a message that it did not give."""


@click.command()
@click.option("--serve", is_flag=True, help="Stay up, to be played with from a mail client.")
def demo(serve: bool) -> int:
    """Run the whole service on this machine with nothing installed, and check its claims.

    Example: helpline-mail demo --serve
    """
    from helpline_mail.demo import run_demo

    return run_demo(serve=serve)


@click.command()
@configured
def run(context: Context) -> None:
    """Run the daemon in the foreground, for systemd or a container.

    Example: helpline-mail -c /etc/helpline-mail/config.toml run
    """
    import asyncio

    from helpline_mail import daemon
    from helpline_mail.composition import assemble
    from helpline_mail.logs import configure

    settings = context.settings()
    configure(settings.logging.format, settings.logging.level)
    asyncio.run(daemon.run(assemble(settings)))


@click.command()
@click.argument("loop", type=click.Choice(["collect", "triage", "remind", "submit", "all"]))
@configured
def once(context: Context, loop: str) -> int:
    """Run one pass of a loop, then exit.

    Example: helpline-mail once all
    """
    parts = context.parts()
    passes = ("collect", "triage", "remind", "submit") if loop == "all" else (loop,)
    status = 0
    for name in passes:
        try:
            parts.clock.look()
            for done in _PASSES[name](parts):
                click.echo(f"{name}: {done}")
        except HelplineError as error:  # what cannot be collected now must not keep back what is due
            click.echo(f"helpline-mail: {name}: {error}", err=True)
            status = status or error.exit_code
    return status


def _collect(parts: "Parts") -> Iterator[str]:
    from helpline_mail.composition import mailbox
    from helpline_mail.domain.errors import MissingFolderError
    from helpline_mail.service.alarms import missing_sent_folder

    reader, imap = mailbox(parts.settings), parts.settings.imap
    try:
        yield _said(_collect_from(parts, reader, imap.folder))
        if imap.sent_folder:
            done = _collect_from(parts, reader, imap.sent_folder, is_sent=True)
            if done.stored or done.in_doubt:
                yield f"{_said(done)}, from the sent folder"
    except MissingFolderError as error:
        raise MissingFolderError(missing_sent_folder(error)) from None
    finally:
        reader.close()


def _collect_from(parts: "Parts", reader: "MailboxReader", folder: str, *, is_sent: bool = False) -> "Collected":
    import time

    from helpline_mail.service.collect import collect_all

    return collect_all(
        parts.store, reader, folder, parts.limits, parts.clock, pause=lambda: time.sleep(PAUSE_SECONDS),
        is_sent=is_sent,
    )  # fmt: skip


def _said(done: "Collected") -> str:
    return f"{done.stored} stored" + (f", {done.in_doubt} that the server would not give" if done.in_doubt else "")


def _triage(parts: "Parts") -> Iterator[str]:
    from helpline_mail.service.triage import triage

    done = triage(parts.store, parts.correspondence, parts.budgets, parts.clock)
    yield f"{done.triaged} filed, {done.quarantined} quarantined, {done.failed} to be tried again"


def _remind(parts: "Parts") -> Iterator[str]:
    from helpline_mail.service.holidays import watch_holidays
    from helpline_mail.service.replan import replan
    from helpline_mail.service.sweep import SWEEP

    replan(parts.store, parts.correspondence, parts.clock)
    yield f"{sum(work(parts.store, parts.correspondence, parts.clock) for work in SWEEP)} queued"
    watch_holidays(parts.store, parts.correspondence, parts.clock)


def _submit(parts: "Parts") -> Iterator[str]:
    import asyncio

    from helpline_mail.composition import submission_server
    from helpline_mail.domain.errors import CredentialError, ServerUnavailableError
    from helpline_mail.service.submit import submit_once

    done = asyncio.run(
        submit_once(
            parts.store, submission_server(parts.settings), parts.correspondence, parts.clock,
            parts.settings.smtp.connections,
        )
    )  # fmt: skip
    if done.unreachable is not None:
        refused = done.unreachable.exit_code == CredentialError.exit_code
        raise (CredentialError if refused else ServerUnavailableError)(done.unreachable.reason)
    yield f"{done.tried} tried"


_PASSES = {"collect": _collect, "triage": _triage, "remind": _remind, "submit": _submit}
COMMANDS = (demo, run, once)
