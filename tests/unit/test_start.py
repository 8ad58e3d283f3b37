"""What the command line loads before it knows what it is asked."""

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "alembic", "pydantic", "jinja2", "holidays", "imapclient", "aiosmtplib", "apscheduler", "rich")
COMMANDS = """
import sys
import helpline_mail.cli
{then}
print([name for name in {heavy!r} if name in sys.modules])
"""
SHOW_HELP = """
from click import Context, Group
def show(command, context):
    command.get_help(context)
    for name, one in (command.commands if isinstance(command, Group) else {}).items():
        show(one, Context(one, context, name))
show(helpline_mail.cli.cli, Context(helpline_mail.cli.cli))
"""


@pytest.mark.parametrize("then", ["", SHOW_HELP], ids=["import", "the help of every command"])
def test_the_command_line_needs_no_heavy_library_for_its_help(then: str) -> None:
    script = COMMANDS.format(then=then, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
