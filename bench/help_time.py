"""How long `--help` of each command takes, from the start of the process to its end. The aim is under 0.3 s.

python bench/help_time.py [ROUNDS]     default 5; the best of the rounds counts, the median stands beside it
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from click import Command, Group

from helpline_mail.cli import cli

AIM_SECONDS = 0.3


def paths(command: Command, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words that name each command, groups included."""
    yield before
    if isinstance(command, Group):
        for name, one in sorted(command.commands.items()):
            yield from paths(one, (*before, name))


def seconds(words: tuple[str, ...]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "helpline_mail", *words, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    slow = 0
    for words in paths(cli):
        times = [seconds(words) for _ in range(rounds)]
        slow += min(times) >= AIM_SECONDS
        name = " ".join(("helpline-mail", *words))
        print(f"{min(times):.3f} s, median {statistics.median(times):.3f} s  {name} --help")
    print(f"{slow} of them took {AIM_SECONDS} s or longer")


if __name__ == "__main__":
    main()
