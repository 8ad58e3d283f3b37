"""What the README shows is what the commands print."""

from pathlib import Path

import pytest

from tests.acceptance.daemon import run_command

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text("utf-8")
GOLDEN = "\n".join(path.read_text("utf-8") for path in (PROJECT / "tests" / "golden").glob("acknowledgement*.eml"))


def examples() -> list[tuple[str, str]]:
    """(command, output) of each `$` example."""
    found = []
    for block in README.split("\n    $ ")[1:]:
        command, *lines = block.split("\n")
        output = []
        for line in lines:
            if not line.startswith("    "):
                break
            output.append(line.removeprefix("    "))
        found.append((command, "\n".join(output) + "\n"))
    return found


@pytest.mark.parametrize(("command", "output"), examples())
def test_an_example_prints_what_the_readme_shows(command: str, output: str) -> None:
    done = run_command(PROJECT / "config.example.toml", *command.split()[3:])
    assert (done.returncode, done.stdout) == (0, output), done.stderr


def test_the_readme_has_examples() -> None:
    assert examples()


@pytest.mark.parametrize("line", ["We have received your message", "You will hear from us by"])
def test_what_an_enquirer_receives_is_quoted_truly(line: str) -> None:
    assert line in README
    assert line in GOLDEN
