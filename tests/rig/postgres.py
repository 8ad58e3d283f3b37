"""PostgreSQL in a folder of its own, on loopback, trusting everybody and never waiting for the disk."""

import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tests.rig.daemon import LOOPBACK, Daemon, MissingProgramError, free_ports, program

SETTINGS = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 32MB
max_wal_size = 256MB
autovacuum = off
timezone = 'UTC'
"""


class Postgres(Daemon):
    """A cluster with the superuser `rig`. It refuses to run as root, so there it runs as `postgres`."""

    stop_signal = signal.SIGINT  # "fast": sessions are ended, not waited for

    def __init__(self) -> None:
        versions = os.pathsep.join(str(path) for path in Path("/usr/lib/postgresql").glob("*/bin"))
        # Both are taken from the folder of the server itself, lest two versions should mix.
        self._postgres = Path(program("initdb", versions)).resolve().with_name("postgres")
        owner = _owner() if os.getuid() == 0 else None
        super().__init__()
        self.port = free_ports(1)[0]
        self.log_file = self.folder / "output"  # it writes to standard error
        self.runs_as = owner and owner.pw_uid
        self._data = self.folder / "data"
        if owner is not None:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def configure(self) -> None:
        if not self._data.exists():
            self._initialise()

    def _initialise(self) -> None:
        options = ["--no-sync", "--auth=trust", "--username=rig", "--encoding=UTF8", "--locale=C"]
        subprocess.run(
            [self._postgres.with_name("initdb"), *options, "-D", self._data],
            check=True,
            capture_output=True,
            cwd=self.folder,
            user=self.runs_as,
            group=self.group,
            extra_groups=None if self.runs_as is None else [],
        )
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(port=self.port, folder=self.folder))

    def command(self) -> list[str]:
        return [str(self._postgres), "-D", str(self._data)]

    def is_ready(self) -> bool:
        try:
            self._administer(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str) -> str:
        """A new empty database. Returns its SQLAlchemy URL. Raises psycopg.errors.DuplicateDatabase."""
        self._administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://rig@{LOOPBACK}:{self.port}/{name}"

    def drop_database(self, name: str) -> None:
        """Remove it, ending whatever sessions it still has."""
        self._administer(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administer(self, statement: sql.SQL | sql.Composed) -> None:
        address = f"postgresql://rig@{LOOPBACK}:{self.port}/postgres?connect_timeout=5"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)


def _owner() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise MissingProgramError("PostgreSQL refuses to run as root, and there is no user postgres or nobody")


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A cluster, running. Raises MissingProgramError where it cannot."""
    cluster = Postgres()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()
