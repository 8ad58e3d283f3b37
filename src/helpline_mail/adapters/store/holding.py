"""Holding mails that went, and whether our mails reach an enquirer."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from helpline_mail.adapters.store.schema import message, message_content, outbox, outbox_content
from helpline_mail.domain.delivery import OutboxState

TO_ENQUIRER = ("acknowledgement", "answer", "update")


def enquirer_reached(connection: Connection, ticket_id: int, recipient: str) -> bool:
    """Whether our last mail to an enquirer about a ticket was taken by the mail server and did not come back."""
    row = connection.execute(
        select(outbox.c.state, outbox.c.bounced_at)
        .join(outbox_content, outbox_content.c.outbox_id == outbox.c.id)
        .where(
            outbox.c.ticket_id == ticket_id, outbox.c.kind.in_(TO_ENQUIRER), outbox_content.c.recipient == recipient,
            outbox.c.state != OutboxState.CANCELLED,
        )
        .order_by(outbox.c.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    return row is not None and row.state == OutboxState.DELIVERED and row.bounced_at is None


def acknowledged_at(connection: Connection, ticket_id: int) -> datetime | None:
    """When the mail server took the acknowledgement of a ticket, if it did and it has not come back."""
    at: datetime | None = connection.execute(
        select(outbox.c.settled_at).where(
            outbox.c.ticket_id == ticket_id, outbox.c.kind == "acknowledgement", outbox.c.bounced_at.is_(None),
            outbox.c.state == OutboxState.DELIVERED,
        )
    ).scalar()  # fmt: skip
    return at


def in_a_row(connection: Connection, ticket_id: int) -> int:
    """How many holding mails went, or may go, to a ticket's enquirer since a person of ours last wrote to them."""
    answered = select(func.coalesce(func.max(message.c.id), 0)).where(
        message.c.ticket_id == ticket_id, message.c.kind == "answer"
    )
    counted = (
        select(func.count())
        .select_from(message)
        .join(message_content, message_content.c.message_id == message.c.id)
        .join(outbox_content, outbox_content.c.internet_message_id == message_content.c.internet_message_id)
        .join(outbox, outbox.c.id == outbox_content.c.outbox_id)
        .where(
            message.c.ticket_id == ticket_id, message.c.kind == "update", message.c.id > answered.scalar_subquery(),
            outbox.c.state.not_in((OutboxState.CANCELLED, OutboxState.FAILED)),
        )
    )  # fmt: skip
    return int(connection.execute(counted).scalar_one())
