"""The installed daemon as a subprocess, and its commands, as an operator runs them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.rig.daemon import wait_until

COMMAND = (sys.executable, "-m", "helpline_mail")
ENVIRONMENT = {**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C"}


def run_command(config: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A command with that configuration, from another folder and in a foreign time zone."""
    return subprocess.run(
        [*COMMAND, "-c", str(config), *arguments], env=ENVIRONMENT, cwd=cwd or tempfile.gettempdir(),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def answer_of(config: Path, *arguments: str) -> Any:
    """What a command says in JSON."""
    done = run_command(config, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def answers_due(config: Path) -> list[Any]:
    """What `schedule` says of answers: reminders and deadlines, without the updates that an answered ticket plans."""
    return [line for line in answer_of(config, "schedule") if "update to the enquirer" not in line["what"]]


class RunningDaemon:
    """One daemon. Its log goes to a file beside the configuration; `environment` is what it gets beside ours."""

    def __init__(self, config: Path, environment: Mapping[str, str]) -> None:
        self.config = config
        self.environment = {**ENVIRONMENT, **environment}
        self.log = config.parent / "daemon.log"

    def start(self) -> None:
        """Returns when this run says that it has started, whatever earlier ones have left in the log."""
        with self.log.open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen([*COMMAND, "-c", str(self.config), "run"], env=self.environment, stderr=log)
        wait_until(lambda: self._has_started(before), "the daemon starts", seconds=30)

    def _has_started(self, before: int) -> bool:
        said = self.log.read_bytes()[before:]
        assert self.process.poll() is None, f"the daemon has ended:\n{said.decode()}"
        return b"started" in said

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


@contextmanager
def running_daemon(config: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Iterator[RunningDaemon]:
    """A daemon that is killed at the end if the test has not stopped it."""
    daemon = RunningDaemon(config, environment)
    try:
        daemon.start()
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.kill()
