"""A clock that is moved under running programs: a library of our own, preloaded into them, shifts their wall clock.

Only the wall clock: what counts seconds since the machine's start goes on. (libfaketime breaks Python's sleep.)
"""

import mmap
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.rig.daemon import program, short_folder

SOURCE = Path(__file__).with_name("clock.c")
SECONDS = struct.Struct("=q")


class Clock:
    """Shows the true time until it is moved. Programs that are started with `environment` go by it."""

    def __init__(self, library: Path, name: str) -> None:
        file = library.with_name(name)
        file.write_bytes(SECONDS.pack(0))
        with file.open("r+b") as opened:
            self._shift = mmap.mmap(opened.fileno(), SECONDS.size)
        self.environment = {"LD_PRELOAD": str(library), "RIG_CLOCK": str(file)}

    @property
    def now(self) -> datetime:
        """What it shows."""
        return datetime.now(UTC) + timedelta(seconds=SECONDS.unpack(self._shift[:])[0])

    def move(self, by: timedelta) -> None:
        """Sets it forwards or backwards by whole seconds."""
        self._shift[:] = SECONDS.pack(SECONDS.unpack(self._shift[:])[0] + round(by.total_seconds()))

    def set(self, to: datetime) -> None:
        """Sets it to a time, to within a second."""
        self.move(to - self.now)


@contextmanager
def clock_library() -> Iterator[Path]:
    """The library, in a folder that every user may enter. Raises MissingProgramError without a C compiler."""
    compiler, folder = program("cc"), short_folder()
    try:
        library = folder / "clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True, capture_output=True)
        yield library
    finally:
        shutil.rmtree(folder, ignore_errors=True)
