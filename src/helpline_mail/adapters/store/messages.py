"""The messages of tickets, and those that belong to no ticket."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from helpline_mail.adapters.store.schema import message, message_content
from helpline_mail.adapters.store.tickets import digest
from helpline_mail.domain.message import Address, Message


def content_digest(mail: Message) -> str:
    """The same for two copies of one mail that came by two routes: what was written, not how it travelled."""
    parts = [mail.sender.shown, mail.subject, str(mail.date), mail.text, *(a.sha256 for a in mail.attachments)]
    return digest("\0".join([*parts, *([] if mail.text or mail.attachments else [str(mail.fields)])]))


def add_incoming(connection: Connection, mail: Message, ticket_id: int | None, kind: str, at: datetime) -> int:
    """Keeps a parsed message; returns its id."""
    message_id = _insert(
        connection, ticket_id=ticket_id, direction="in", kind=kind, at=at,
        message_id_digest=digest(mail.message_id) if mail.message_id else None, content_digest=content_digest(mail),
    )  # fmt: skip
    connection.execute(
        insert(message_content).values(
            message_id=message_id, internet_message_id=mail.message_id, from_=mail.sender.shown,
            to=", ".join(_shown(address) for address in mail.to), subject=mail.subject, text=mail.text,
            attachments=[asdict(attachment) for attachment in mail.attachments], defects=list(mail.defects),
        )
    )  # fmt: skip
    return message_id


def add_outgoing(connection: Connection, ticket_id: int, kind: str, at: datetime, **content: str | None) -> int:
    """Keeps a message of ours, or the note of one that was given otherwise; returns its id."""
    internet_id = content.get("internet_message_id")
    message_id = _insert(
        connection, ticket_id=ticket_id, direction="out", kind=kind, at=at,
        message_id_digest=digest(internet_id) if internet_id else None,
    )  # fmt: skip
    blank = {"from_": "", "to": "", "subject": "", "text": "", "attachments": [], "defects": []}
    connection.execute(insert(message_content).values({**blank, **content, "message_id": message_id}))
    return message_id


def _insert(connection: Connection, **values: Any) -> int:
    return int(connection.execute(insert(message).values(values).returning(message.c.id)).scalar_one())


def _shown(address: Address) -> str:
    return f"{address.name} <{address.addr_spec}>" if address.name else address.addr_spec


def duplicate_of(connection: Connection, mail: Message) -> tuple[int | None, bool]:
    """The message with the same content, Date and Message-ID if any; and whether that id came with other content."""
    content = content_digest(mail)
    if mail.message_id is None and mail.date is None:
        return None, False  # nothing says that two equal texts are one mail: a form may send them weeks apart
    if mail.message_id is None:
        same = select(message.c.id).where(message.c.content_digest == content, message.c.message_id_digest.is_(None))
        return connection.execute(same.order_by(message.c.id).limit(1)).scalar_one_or_none(), False
    rows = connection.execute(
        select(message.c.id, message.c.content_digest)
        .where(message.c.message_id_digest == digest(mail.message_id), message.c.direction == "in")
        .order_by(message.c.id)
        .limit(20)
    ).all()
    return next((row.id for row in rows if row.content_digest == content), None), bool(rows)


def tickets_holding(connection: Connection, internet_message_ids: Iterable[str]) -> set[int]:
    """The tickets that hold a message with one of these Message-IDs."""
    digests = [digest(internet_id) for internet_id in internet_message_ids]
    rows = connection.execute(
        select(message.c.ticket_id)
        .where(message.c.message_id_digest.in_(digests), message.c.ticket_id.is_not(None))
        .distinct()
    )
    return {row.ticket_id for row in rows}


def of_ticket(connection: Connection, ticket_id: int) -> list[dict[str, Any]]:
    """A ticket's messages with their content, in order."""
    rows = connection.execute(
        select(message, message_content)
        .join(message_content, message_content.c.message_id == message.c.id)
        .where(message.c.ticket_id == ticket_id)
        .order_by(message.c.at, message.c.id)
    )
    return [dict(row._mapping) for row in rows]
