"""Holding mails that went, and whether our mails reach an enquirer."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from helpline_mail.adapters.store.schema import message, outbox, outbox_content
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


def in_a_row(connection: Connection, ticket_id: int) -> int:
    """How many holding mails went to a ticket's enquirer since a person of ours last wrote to them."""
    answered = select(func.coalesce(func.max(message.c.id), 0)).where(
        message.c.ticket_id == ticket_id, message.c.kind == "answer"
    )
    held = (message.c.ticket_id == ticket_id) & (message.c.kind == "update")
    counted = select(func.count()).where(held, message.c.id > answered.scalar_subquery())
    return int(connection.execute(counted).scalar_one())


def sent_to(connection: Connection, recipient: str, since: datetime) -> int:
    """How many holding mails an address was sent since then, about any ticket."""
    lately = (outbox.c.kind == "update") & (outbox.c.created_at > since) & (outbox_content.c.recipient == recipient)
    counted = select(func.count()).join(outbox_content, outbox_content.c.outbox_id == outbox.c.id).where(lately)
    return int(connection.execute(counted.select_from(outbox)).scalar_one())
