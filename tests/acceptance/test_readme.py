"""What the README and the page on simulations show is what the commands print."""

from itertools import takewhile
from pathlib import Path

import pytest

from tests.acceptance.daemon import run_command

PROJECT = Path(__file__).parents[2]
README, SIMULATE = ((PROJECT / name).read_text("utf-8") for name in ("README.md", "docs/simulate.md"))
GOLDEN = "\n".join(path.read_text("utf-8") for path in (PROJECT / "tests" / "golden").glob("acknowledgement*.eml"))


def examples() -> list[tuple[str, str]]:
    """(command, output) of each `$` example, without blanks at the ends of lines."""
    found = []
    for block in (block for page in (README, SIMULATE) for block in page.split("\n    $ ")[1:]):
        command, *lines = block.split("\n")
        output = [line.removeprefix("    ") for line in takewhile(lambda line: line[:4].isspace() or not line, lines)]
        found.append((command, "\n".join(output).rstrip("\n") + "\n"))
    return found


@pytest.mark.parametrize(("command", "output"), examples())
def test_an_example_prints_what_the_readme_shows(command: str, output: str) -> None:
    done = run_command(PROJECT / "config.example.toml", *command.split()[3:])
    printed = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
    assert (done.returncode, printed) == (0, output), done.stderr


def test_both_pages_have_examples() -> None:
    assert {command.split()[3] for command, _ in examples()} == {"deadline", "simulate"}


@pytest.mark.parametrize("line", ["We have received your message", "You will hear from us by"])
def test_what_an_enquirer_receives_is_quoted_truly(line: str) -> None:
    assert line in README
    assert line in GOLDEN
