"""What the daemon would make of a message: files in, plain values out. Changes nothing."""

import mailbox
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.errors import InputOutputError, MissingFileError
from helpline_mail.domain.responder import OwnAddresses, automatic_reason
from helpline_mail.wire.parse import parse


@dataclass(frozen=True, slots=True)
class Unread:
    """A message of a folder whose file cannot be read, and why."""

    reason: str


def messages_at(path: str, standard_input: BinaryIO) -> Iterator[tuple[str, bytes | Unread]]:
    """(source, octets) of each message: an .eml or mbox file, a Maildir, a folder of files, or `-`.

    A file of a folder that cannot be read does not keep the others from being read. Otherwise raises MissingFileError
    or InputOutputError.
    """
    if path == "-":
        yield from _of_standard_input(standard_input.read())
        return
    place = Path(path)
    if not place.exists():
        raise MissingFileError(f"{path}: no such file or folder; name an .eml or mbox file or a Maildir folder")
    try:
        if place.is_dir():
            for file in _files(place):
                yield str(file), _octets(file)
        elif _is_mbox(place):
            yield from _of_mbox(place)
        else:
            yield path, place.read_bytes()
    except OSError as error:
        raise InputOutputError(
            f"{error.filename or path}: {error.strerror}; check the path and its permissions"
        ) from None


def _of_standard_input(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """One message, or those of an mbox."""
    if not octets.startswith(b"From "):
        yield "-", octets
        return
    with tempfile.NamedTemporaryFile() as spool:
        spool.write(octets)
        spool.flush()
        for number, (_, message) in enumerate(_of_mbox(Path(spool.name)), 1):
            yield f"-:{number}", message


def _files(folder: Path) -> list[Path]:
    """A Maildir's messages, new and read, even if one of the two folders is missing; of any other folder its files."""
    maildir = [part for part in (folder / "new", folder / "cur") if part.is_dir()]
    found = (file for part in maildir or [folder] for file in part.iterdir() if _is_message(file))
    return sorted(found, key=lambda file: file.name)


def _is_message(file: Path) -> bool:
    """Regular files that are not hidden. What cannot be looked at counts, so that it is told rather than left out."""
    if file.name.startswith("."):
        return False
    try:
        return stat.S_ISREG(file.stat().st_mode)
    except OSError:
        return True


def _octets(file: Path) -> bytes | Unread:
    try:
        return file.read_bytes()
    except OSError as error:
        return Unread(error.strerror or type(error).__name__)


def _is_mbox(file: Path) -> bool:
    with file.open("rb") as opened:
        return file.suffix != ".eml" and opened.read(5) == b"From "


def _of_mbox(file: Path) -> Iterator[tuple[str, bytes]]:
    box = mailbox.mbox(os.fspath(file), create=False)
    try:
        for number, key in enumerate(box.keys(), 1):
            yield f"{file}:{number}", box.get_bytes(key)
    finally:
        box.close()


def inspected(source: str, octets: bytes | Unread, own: OwnAddresses, budgets: Budgets) -> dict[str, Any]:
    """The contract's facts of one message. One that cannot be read has a defect, and is otherwise empty."""
    if isinstance(octets, Unread):
        unread = f"The file cannot be read ({octets.reason}); check the path and its permissions."
        return inspected(source, b"", own, budgets) | {"automatic": None, "defects": [unread]}
    message = parse(octets, budgets)
    reason = automatic_reason(message, own)
    address = message.sender.address
    return {
        "source": source,
        "message_id": message.message_id,
        "from": address.addr_spec if address else None,
        "from_name": address.name if address else "",
        "to": [to.addr_spec for to in message.to],
        "cc": [cc.addr_spec for cc in message.cc],
        "subject": message.subject,
        "date": message.date,
        "text": message.text,
        "new_text": message.new_text,
        "attachments": [asdict(attachment) for attachment in message.attachments],
        "automatic": reason.text if reason else None,
        "bounce": asdict(message.bounces[0]) if message.bounces else None,
        "sender": message.sender.status,
        "defects": list(message.defects),
    }
