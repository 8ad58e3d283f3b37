"""The command line. Heavy parts are imported inside the commands, so that `--help` stays instant."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from helpline_mail import __version__
from helpline_mail.cli import administration, questions, queues, service, simulate, tickets
from helpline_mail.cli.common import Context
from helpline_mail.domain.errors import HelplineError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="helpline-mail")
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="The configuration [default: ./config.toml, else /etc/helpline-mail/config.toml]",
)
@click.pass_context
def cli(context: click.Context, config: str | None) -> None:
    """An e-mail ticketing daemon that keeps a helpline's promise.

    Example: helpline-mail demo
    """
    context.obj = Context(config)


for module in (service, tickets, questions, simulate, queues, administration):
    for command in module.COMMANDS:
        cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits with its sysexits code; every mistake of the user's is one line on standard error."""
    os.umask(0o077)  # what we write may hold enquirers' words
    try:
        status = cli.main(arguments, prog_name="helpline-mail", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(64)
    except click.ClickException as error:
        _fail(error.format_message(), 64)
    except click.Abort:
        _fail("interrupted", 130)
    except HelplineError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader had enough
        sys.exit(0)
    except OSError as error:
        _fail(
            f"{error.filename or 'input'}: {error.strerror or type(error).__name__}; check the path and its disk",
            74,
        )
    except Exception as error:  # our own fault, and still one line
        if os.environ.get("HELPLINE_MAIL_TRACEBACK"):
            raise
        _fail(f"our own fault: {type(error).__name__}; please report it (HELPLINE_MAIL_TRACEBACK=1 shows where)", 70)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(text: str, code: int) -> NoReturn:
    for line in text.splitlines():
        click.echo(f"helpline-mail: {line}", err=True)
    sys.exit(code)
