"""How long `--help` of each command takes, from the start of the process to its end. The aim is under 0.3 s.

python bench/help_time.py [ROUNDS]     default 5; the best of the rounds counts, the median stands beside it
"""

import resource
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


def seconds(words: tuple[str, ...]) -> tuple[float, float]:
    """By the clock on the wall, and of processor time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "helpline_mail", *words, "--help"], check=True, stdout=subprocess.DEVNULL)
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    slow = 0
    for words in paths(cli):
        took, busy = (min(figures) for figures in zip(*(seconds(words) for _ in range(rounds)), strict=True))
        slow += took >= AIM_SECONDS
        print(f"{took:.3f} s, {busy:.3f} s of processor time  {' '.join(('helpline-mail', *words))} --help")
    print(f"{slow} of them took {AIM_SECONDS} s or longer")


if __name__ == "__main__":
    main()
