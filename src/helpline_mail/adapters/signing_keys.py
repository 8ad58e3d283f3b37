"""The file of signing keys: one key a line in base64, the one that signs first, each with the day it was made.

The file appears whole or not at all and is never written over in place: a kill at any instant leaves the old keys or
the new ones. Losing a key loses threads, so none is ever taken out.
"""

import base64
import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from helpline_mail.domain.errors import ConfigurationError, CredentialError

KEY_OCTETS = 32


@dataclass(frozen=True, slots=True)
class Key:
    """One signing key."""

    octets: bytes = field(repr=False)
    made: date | None
    """None for a key whose line does not say."""


def parsed(text: str) -> tuple[Key, ...]:
    """The keys in a file's text, the one that signs first. Raises ValueError if these are no signing keys."""
    keys = tuple(_key(*line.split()) for line in text.splitlines() if line.strip())
    if not keys or min(len(key.octets) for key in keys) < KEY_OCTETS:
        raise ValueError("no signing keys")
    return keys


def _key(key: str, made: str = "", *more: str) -> Key:
    if more:
        raise ValueError("a line holds a key and a day")
    return Key(base64.b64decode(key, validate=True), date.fromisoformat(made) if made else None)


def write_first(path: Path, today: date) -> bool:
    """Writes a file with one new key, readable by its owner only; False if there is a file already, which stays."""
    try:
        with _folder(path) as folder:
            try:
                _put(folder, path, [_new(today)], os.link)
            except FileExistsError:
                return False  # another instance was quicker, and its key is the one
            return True
    except OSError as error:
        raise ConfigurationError(f"{path}: the signing keys cannot be written here ({error.strerror})") from None


def rotate(path: Path, today: date, read: Callable[[], tuple[Key, ...]]) -> tuple[Key, ...]:
    """Puts a new key before those in the file, and returns them all.

    `read` gives the keys in the file and is called while nobody else rotates. Raises CredentialError if the file
    cannot be replaced.
    """
    path = path.resolve()  # the file itself, should a link stand for it
    if path.exists() and not os.access(path, os.W_OK):
        raise CredentialError(f"{path}: may not be written to; run this as its owner, who must be able to write")
    try:
        with _folder(path) as folder:
            keys = (_new(today), *read())
            _put(folder, path, keys, os.replace)
            return keys
    except OSError as error:
        raise CredentialError(
            f"{path}: cannot be replaced ({error.strerror}); run this as its owner, who must be able to write to its "
            "folder"
        ) from None


def _new(today: date) -> Key:
    return Key(secrets.token_bytes(KEY_OCTETS), today)


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    """The folder of a file, locked against others who rotate."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # some network file systems lock no folder; two rotations at once are rare enough
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


def _put(folder: int, path: Path, keys: Sequence[Key], name: Callable[[Path, Path], None]) -> None:
    """Writes the keys aside and, once they are on the disk, gives them their name with `os.link` or `os.replace`."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    text = "".join(_line(key) for key in keys)
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            _keep_owner(handle, path)
            file.write(text)
            file.flush()
            os.fsync(handle)
        name(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    os.fsync(folder)


def _line(key: Key) -> str:
    return f"{base64.b64encode(key.octets).decode()}{f' {key.made.isoformat()}' if key.made else ''}\n"


def _keep_owner(handle: int, path: Path) -> None:
    """Root may rotate the keys of the daemon's user, who must still be able to read them."""
    with suppress(FileNotFoundError):
        present = path.stat()
        os.fchmod(handle, stat.S_IRUSR | stat.S_IWUSR)
        if present.st_uid != os.geteuid():
            os.fchown(handle, present.st_uid, present.st_gid)
