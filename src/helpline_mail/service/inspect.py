"""What the daemon would make of a message: files in, plain values out. Changes nothing."""

import mailbox
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.errors import InputOutputError, MissingFileError
from helpline_mail.domain.responder import OwnAddresses, automatic_reason
from helpline_mail.wire.parse import parse


def messages_at(path: str, standard_input: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """(source, octets) of each message: an .eml or mbox file, a Maildir, a folder of files, or `-`.

    Raises MissingFileError or InputOutputError.
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
                yield str(file), file.read_bytes()
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
    """A Maildir's messages, new and read; of any other folder its files."""
    if (folder / "cur").is_dir() and (folder / "new").is_dir():
        return sorted([*(folder / "new").iterdir(), *(folder / "cur").iterdir()], key=lambda file: file.name)
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


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


def inspected(source: str, octets: bytes, own: OwnAddresses, budgets: Budgets) -> dict[str, Any]:
    """The contract's facts of one message."""
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
