"""The messages of tickets, and those that belong to no ticket."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, case, func, insert, select, true, update

from helpline_mail.adapters.store.schema import ledger, message, message_content, outbox, outbox_content, participant
from helpline_mail.adapters.store.tickets import digest
from helpline_mail.domain.delivery import OutboxState
from helpline_mail.domain.message import Address, Message, folded

QUERIES = ("enquiry", "follow_up")
"""Messages to which an answer is due."""


def content_digest(mail: Message) -> str:
    """The same for two copies of one mail that came by two routes: what was written, not how it travelled."""
    parts = [mail.sender.shown, mail.subject, str(mail.date), mail.text, *(a.sha256 for a in mail.attachments)]
    return digest("\0".join([*parts, *([] if mail.text or mail.attachments else [str(mail.fields)])]))


def sender_digest(address: Address | None) -> str:
    """The same for all mail of one address; mail whose sender cannot be told counts as one sender's."""
    return digest(folded(address.addr_spec) if address else "")


def classify(connection: Connection, message_id: int, kind: str, held: str | None = None) -> None:
    """Says what a mail of staff turned out to be, and keeps an answer that waits for its writer's word."""
    connection.execute(update(message).where(message.c.id == message_id).values(kind=kind))
    if held is not None:
        connection.execute(update(message_content).where(message_content.c.message_id == message_id).values(held=held))


def held(connection: Connection, message_id: int) -> str | None:
    """What of a message waits for its writer's word; None if nothing does."""
    of_message = message_content.c.message_id == message_id
    found: str | None = connection.execute(select(message_content.c.held).where(of_message)).scalar_one_or_none()
    return found


def release(connection: Connection, message_id: int) -> None:
    """Nothing of a message waits any longer."""
    connection.execute(update(message_content).where(message_content.c.message_id == message_id).values(held=None))


def internet_message_id(connection: Connection, message_id: int) -> str | None:
    """The Message-ID of a message, if it has one."""
    column = message_content.c.internet_message_id
    found: str | None = connection.execute(
        select(column).where(message_content.c.message_id == message_id)
    ).scalar_one()
    return found


def kind_of(connection: Connection, message_id: int) -> str:
    """The kind of a message."""
    return str(connection.execute(select(message.c.kind).where(message.c.id == message_id)).scalar_one())


def at(connection: Connection, message_id: int) -> datetime:
    """When a message came or was written."""
    found: datetime = connection.execute(select(message.c.at).where(message.c.id == message_id)).scalar_one()
    return found


def move(connection: Connection, message_id: int, ticket_id: int, kind: str) -> None:
    """Puts a message into another ticket."""
    connection.execute(update(message).where(message.c.id == message_id).values(ticket_id=ticket_id, kind=kind))


def ticket_of(connection: Connection, message_id: int) -> int | None:
    """The ticket that a message belongs to."""
    found: int | None = connection.execute(select(message.c.ticket_id).where(message.c.id == message_id)).scalar_one()
    return found


def writers(connection: Connection, ticket_id: int) -> int:
    """How many addresses wrote the queries of a ticket."""
    of_ticket = (message.c.ticket_id == ticket_id) & message.c.kind.in_(QUERIES)
    statement = select(func.count(func.distinct(func.coalesce(message.c.sender_digest, "")))).where(of_ticket)
    return int(connection.execute(statement).scalar_one())


def came_by_mail(connection: Connection, ticket_id: int) -> bool:
    """Whether any query of a ticket was a mail; those of a call were noted by staff."""
    queries = (message.c.ticket_id == ticket_id) & message.c.kind.in_(QUERIES)
    found = select(ledger.c.id).join(message, message.c.id == ledger.c.message_id).where(queries).limit(1)
    return connection.execute(found).first() is not None


def last_query_before(connection: Connection, ticket_id: int, instant: datetime) -> datetime | None:
    """When the latest query came that had come by then."""
    found: datetime | None = connection.execute(
        select(func.max(message.c.at)).where(
            message.c.ticket_id == ticket_id, message.c.kind.in_(QUERIES), message.c.at <= instant
        )
    ).scalar_one()
    return found


class Given(NamedTuple):
    """An answer as it was given: by whom, when, and its words."""

    author: str | None
    at: datetime
    text: str


def answered_since(connection: Connection, ticket_id: int, since: datetime, not_by: str | None = None) -> Given | None:
    """The latest answer on a ticket after an instant, `not_by` that member of staff; none that did not arrive."""
    row = connection.execute(
        select(message.c.author, message.c.at, message_content.c.text)
        .join(message_content, message_content.c.message_id == message.c.id)
        .outerjoin(outbox_content, outbox_content.c.internet_message_id == message_content.c.internet_message_id)
        .outerjoin(outbox, outbox.c.id == outbox_content.c.outbox_id)
        .where(
            message.c.ticket_id == ticket_id, message.c.kind == "answer", message.c.at > since,
            message.c.author.is_distinct_from(not_by) if not_by is not None else true(), outbox.c.bounced_at.is_(None),
            func.coalesce(outbox.c.state, "").not_in((OutboxState.FAILED, OutboxState.CANCELLED)),
        )
        .order_by(message.c.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    return Given(*row) if row else None


def names_of_enquirers(connection: Connection, ticket_id: int) -> list[str]:
    """What stood in From of the queries of a ticket."""
    rows = connection.execute(
        select(message_content.c.from_)
        .join(message, message.c.id == message_content.c.message_id)
        .where(message.c.ticket_id == ticket_id, message.c.kind.in_(QUERIES))
        .distinct()
    )
    return [row.from_ for row in rows]


def thread_with_enquirer(connection: Connection, ticket_id: int, addr_spec: str) -> tuple[str | None, tuple[str, ...]]:
    """In-Reply-To and References of an answer: their latest message, and all that went between us and them alone."""
    theirs_or_ours = case(
        (message.c.direction == "in", message.c.sender_digest == sender_digest(Address(addr_spec))),
        else_=func.lower(message_content.c.to) == addr_spec.lower(),
    )
    rows = connection.execute(
        select(message_content.c.internet_message_id, message.c.kind)
        .join(message, message.c.id == message_content.c.message_id)
        .where(
            message.c.ticket_id == ticket_id, message_content.c.internet_message_id.is_not(None),
            message.c.kind.in_((*QUERIES, "acknowledgement", "answer", "update")), theirs_or_ours,
        )
        .order_by(message.c.at, message.c.id)
    ).all()  # fmt: skip
    theirs = [row.internet_message_id for row in rows if row.kind in QUERIES]
    return (theirs[-1] if theirs else None), tuple(row.internet_message_id for row in rows)


def thread_with_partner(connection: Connection, mediation_id: int) -> tuple[str | None, tuple[str, ...]]:
    """In-Reply-To and References of a mail to a partner: their latest, and all that went between us and them alone."""
    rows = connection.execute(
        select(message_content.c.internet_message_id, message.c.direction)
        .join(message, message.c.id == message_content.c.message_id)
        .where(message.c.mediation_id == mediation_id, message_content.c.internet_message_id.is_not(None))
        .order_by(message.c.at, message.c.id)
    ).all()
    theirs = [row.internet_message_id for row in rows if row.direction == "in"]
    return (theirs[-1] if theirs else None), tuple(row.internet_message_id for row in rows)


def of_outbox(connection: Connection, outbox_id: int) -> int:
    """The message of a ticket that a mail in the outbox is."""
    internet_id = connection.execute(
        select(outbox_content.c.internet_message_id).where(outbox_content.c.outbox_id == outbox_id)
    ).scalar_one()
    found = select(message.c.id).where(message.c.message_id_digest == digest(internet_id), message.c.direction == "out")
    return int(connection.execute(found).scalar_one())


def add_incoming(
    connection: Connection, mail: Message, ticket_id: int | None, kind: str, at: datetime,
    mediation_id: int | None = None,
) -> int:  # fmt: skip
    """Keeps a parsed message; returns its id."""
    return _add_parsed(
        connection, mail, mail.text, ticket_id=ticket_id, direction="in", kind=kind, at=at, mediation_id=mediation_id
    )


def add_sent(
    connection: Connection, mail: Message, ticket_id: int | None, kind: str, at: datetime, author: str | None = None
) -> int:
    """Keeps a mail that staff sent by themselves, without what it quotes; returns its id."""
    return _add_parsed(
        connection, mail, mail.new_text, ticket_id=ticket_id, direction="out", kind=kind, at=at, author=author
    )


def _add_parsed(connection: Connection, mail: Message, text: str, **facts: Any) -> int:
    message_id = _insert(
        connection, message_id_digest=digest(mail.message_id) if mail.message_id else None,
        content_digest=content_digest(mail), sender_digest=sender_digest(mail.sender.address), **facts,
    )  # fmt: skip
    connection.execute(
        insert(message_content).values(
            message_id=message_id, internet_message_id=mail.message_id, from_=mail.sender.shown,
            to=", ".join(_shown(address) for address in mail.to), subject=mail.subject, text=text,
            attachments=[asdict(attachment) for attachment in mail.attachments], defects=list(mail.defects),
        )
    )  # fmt: skip
    return message_id


def add_outgoing(
    connection: Connection, ticket_id: int, kind: str, at: datetime, author: str | None = None,
    mediation_id: int | None = None, **content: str | None,
) -> int:  # fmt: skip
    """Keeps a message of ours, or the note of one that was given otherwise; returns its id."""
    internet_id = content.get("internet_message_id")
    message_id = _insert(
        connection, ticket_id=ticket_id, direction="out", kind=kind, at=at, author=author, mediation_id=mediation_id,
        message_id_digest=digest(internet_id) if internet_id else None,
    )  # fmt: skip
    blank = {"from_": "", "to": "", "subject": "", "text": "", "attachments": [], "defects": []}
    connection.execute(insert(message_content).values({**blank, **content, "message_id": message_id}))
    return message_id


def rewrite(connection: Connection, internet_message_id: str, text: str) -> None:
    """Replaces the words of a message of ours that has not left."""
    ours = select(message.c.id).where(message.c.message_id_digest == digest(internet_message_id))
    of_ours = message_content.c.message_id.in_(ours.where(message.c.direction == "out").scalar_subquery())
    connection.execute(update(message_content).where(of_ours).values(text=text))


def _insert(connection: Connection, **values: Any) -> int:
    return int(connection.execute(insert(message).values(values).returning(message.c.id)).scalar_one())


def _shown(address: Address) -> str:
    return f"{address.name} <{address.addr_spec}>" if address.name else address.addr_spec


class Alike(NamedTuple):
    """Messages that a new one is the same as, or might be."""

    duplicate_of: int | None
    """The message with the same content, Date and Message-ID if any; a person's before a machine's."""
    is_of_machine: bool = False
    """Whether that one was filed as a machine's."""
    reused_id: bool = False
    """Its Message-ID came before with other content."""
    ticket_ids: tuple[int, ...] = ()
    """Tickets of messages that nobody can tell to be the same: a hint for staff."""


SENT = ("answer", "sent_elsewhere", "recorded")
PERSONS = (
    *("enquiry", "follow_up", "partner_in", "note", "staff", "staff_unverified"),
    *("staff_answer", "staff_partner", "staff_held", "staff_refused", "staff_done"), *SENT,
)  # fmt: skip


def alike(connection: Connection, mail: Message, arrived_at: datetime) -> Alike:
    """What is here already of a message that looks like this one."""
    content = content_digest(mail)
    identity = digest(mail.message_id) if mail.message_id else None
    came_in = (message.c.direction == "in") | message.c.kind.in_(SENT)
    has_id = message.c.message_id_digest == identity if identity else message.c.message_id_digest.is_(None)
    columns = (message.c.id, message.c.ticket_id, message.c.kind, message.c.at)
    is_person = case((message.c.kind.in_(PERSONS), 0), else_=1)
    same = connection.execute(
        select(*columns)
        .where(came_in, has_id, message.c.content_digest == content)
        .order_by(is_person, message.c.id.desc())
        .limit(20)
    ).all()
    others = (
        connection.execute(
            select(*columns)
            .where(came_in, has_id, message.c.content_digest != content)
            .order_by(message.c.id.desc())
            .limit(20)
        ).all()
        if identity
        else []
    )
    first = next((row for row in same if _is_the_same(mail, row.at, arrived_at)), None)
    tickets = dict.fromkeys(row.ticket_id for row in (*same, *others) if row.ticket_id is not None)
    return Alike(
        first.id if first else None,
        is_of_machine=first is not None and first.kind not in PERSONS,
        reused_id=bool(others),
        ticket_ids=tuple(tickets),
    )


def sent_already(connection: Connection, mail: Message) -> int | None:
    """The message with this Message-ID and content that was kept as one that staff sent, or None."""
    if mail.message_id is None:
        return None
    found: int | None = connection.execute(
        select(message.c.id)
        .where(
            message.c.direction == "out", message.c.kind.in_(SENT),
            message.c.message_id_digest == digest(mail.message_id), message.c.content_digest == content_digest(mail),
        )
        .order_by(message.c.id)
        .limit(1)
    ).scalar_one_or_none()  # fmt: skip
    return found


def _is_the_same(mail: Message, at: datetime, arrived_at: datetime) -> bool:
    """Whether equal words are one mail. Without a Date only what came within a day is: a form may repeat itself."""
    if mail.date is not None:
        return True
    return mail.message_id is not None and abs(arrived_at - at) < timedelta(days=1)


def tickets_holding(
    connection: Connection, internet_message_ids: Iterable[str], sender: Address | None, limit: int = 10
) -> list[int]:
    """Tickets that hold a message with one of these Message-IDs: first those in which the sender takes part.

    A stranger may use one Message-ID any number of times, so no more than `limit` of each kind are looked at.
    """
    if not (digests := [digest(internet_id) for internet_id in internet_message_ids]):
        return []
    holding = (
        select(message.c.ticket_id)
        .where(message.c.message_id_digest.in_(digests), message.c.ticket_id.is_not(None))
        .distinct()
        .order_by(message.c.ticket_id.desc())
        .limit(limit)
    )
    taking_part = participant.c.address == (folded(sender.addr_spec) if sender else "")
    own = holding.join(participant, participant.c.ticket_id == message.c.ticket_id).where(taking_part)
    found = [row.ticket_id for query in (own, holding) for row in connection.execute(query)]
    return list(dict.fromkeys(found))


def of_ticket(connection: Connection, ticket_id: int) -> list[dict[str, Any]]:
    """A ticket's messages with their content, in order; `delivery` is where one of ours stands in the outbox."""
    rows = connection.execute(
        select(message, message_content, outbox.c.state.label("delivery"))
        .join(message_content, message_content.c.message_id == message.c.id)
        .outerjoin(outbox_content, outbox_content.c.internet_message_id == message_content.c.internet_message_id)
        .outerjoin(outbox, outbox.c.id == outbox_content.c.outbox_id)
        .where(message.c.ticket_id == ticket_id)
        .order_by(message.c.at, message.c.id)
    )
    return [dict(row._mapping) for row in rows]
