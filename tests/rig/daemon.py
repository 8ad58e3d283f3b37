"""What the rig's servers have in common: a folder, ports, a process group, and an end in any case."""

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"
SYSTEM_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/usr/local/sbin"

# Ends the server and removes its folder when the process that holds our standard input has died.
WATCH = 'read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2"'

# Below the ephemeral range, so that no outgoing connection takes the port while a server restarts.
PORTS = range(20000, 32000)


class MissingProgramError(Exception):
    """A server cannot run here: a program or a right is missing."""


def program(name: str, folders: str = "") -> str:
    """The full path of a program, also from the system folders that a user's PATH may leave out.

    Raises MissingProgramError.
    """
    path = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), folders, SYSTEM_FOLDERS]))
    if path is None:
        raise MissingProgramError(f"{name} is not installed on this machine")
    return path


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports that nothing listens on, on any loopback address."""
    held: list[tuple[int, socket.socket]] = []
    try:
        while len(held) < count:
            port, probe = random.choice(PORTS), socket.socket()
            try:
                probe.bind(("", port))
            except OSError:
                probe.close()
            else:
                held.append((port, probe))
        return [port for port, _ in held]
    finally:
        for _, probe in held:
            probe.close()


def short_folder() -> Path:
    """A new folder that every user may enter: a socket's path is at most 107 bytes, and tmp_path is 0700."""
    folder = Path(tempfile.mkdtemp(prefix="rig-", dir="/tmp"))
    folder.chmod(0o755)
    return folder


def wait_until(reached: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Returns as soon as `reached()` is true; raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} within {seconds:g} s did not happen")
        time.sleep(0.02)


def greets(port: int, greeting: bytes) -> bool:
    """Whether a server on `port` sends a first line that starts with `greeting`."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            return connection.recv(200).startswith(greeting)
    except OSError:
        return False


class Daemon:
    """One server in the foreground, leader of its own process group. Ports and folder outlive a restart.

    `environment` is what it gets beside our own; it may be changed before a start.
    """

    stop_signal = signal.SIGTERM
    runs_as: int | None = None

    def __init__(self) -> None:
        self.folder = short_folder()
        self.log_file = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}
        atexit.register(self.close)

    @property
    def group(self) -> int | None:
        """The group id to run with; None leaves it as it is."""
        return None if self.runs_as is None else self.folder.stat().st_gid

    def command(self) -> list[str]:
        """The server's command line, in the foreground; called at each start, after `configure()`."""
        raise NotImplementedError

    def configure(self) -> None:
        """Write the configuration files; called before each start."""

    def is_ready(self) -> bool:
        """Whether clients are served; asked again and again while the server starts."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The master's process id, its group's as well. Raises RuntimeError if the server is not running."""
        if self._process is None:
            raise RuntimeError(f"{type(self).__name__} is not running")
        return self._process.pid

    def log(self) -> str:
        """Everything the server has written to its log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self) -> None:
        """Start, and return when clients are served. Does nothing if the server runs already."""
        if self.running:
            return
        self.kill()  # whatever a master that died by itself has left, its watch above all
        self.configure()
        self._spawn()
        try:
            wait_until(lambda: self.is_ready() or not self.running, f"start of {type(self).__name__}")
        except TimeoutError:
            self.kill()
            raise
        if not self.running:
            self.kill()
            output = (self.folder / "output").read_text(errors="replace")
            raise RuntimeError(f"{type(self).__name__} did not start:\n{output[-3000:]}\n{self.log()[-3000:]}")

    def _spawn(self) -> None:
        # To a file, never a pipe: a daemon's children would hold the pipe open.
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self.runs_as,
                group=self.group,
                extra_groups=None if self.runs_as is None else [],
                start_new_session=True,
            )
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "watch", str(self._process.pid), str(self.folder)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stop(self) -> None:
        """An orderly end, forced after ten seconds."""
        if self._process is not None and self.running:
            self._process.send_signal(self.stop_signal)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        self.kill()

    def kill(self) -> None:
        """kill -9 of the server with all its processes."""
        if self._process is None:
            return
        self._end_watch()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _end_watch(self) -> None:
        """Before the server's end, lest the watch should later kill whoever gets the same process id."""
        if self._watch is not None and self._watch.stdin is not None:
            self._watch.kill()
            self._watch.wait()
            self._watch.stdin.close()
            self._watch = None

    def restart(self) -> None:
        """Stop and start on the same ports with the same data; the configuration is written anew."""
        self.stop()
        self.start()

    def close(self) -> None:
        """The end of the server and of its folder. Safe to call twice."""
        atexit.unregister(self.close)
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self, name: str) -> list[int]:
        """Process ids in the server's group whose program is called `name`, such as "imap"."""
        return [int(stat.parent.name) for stat in Path("/proc").glob("[0-9]*/stat") if self._owns(stat, name)]

    def _owns(self, stat: Path, name: str) -> bool:
        try:
            command, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:  # it has ended meanwhile
            return False
        return command == name and int(rest.split()[2]) == self.pid
