"""The outbox: frozen mails, each with one recipient and one unique key, and what became of them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, insert, or_, select, update

from helpline_mail.adapters.store.engine import insert_or_nothing, reached
from helpline_mail.adapters.store.schema import message, outbox, outbox_content, ticket
from helpline_mail.domain.delivery import WAITING, Attempted, Envelope, OutboxState, Settlement
from helpline_mail.domain.intake import SentMail
from helpline_mail.domain.message import Address
from helpline_mail.domain.rations import DAY, WINDOW, Sent
from helpline_mail.domain.staff import Grant


@dataclass(frozen=True, slots=True)
class Frozen:
    """A composed mail on its way into the outbox."""

    unique_key: str
    kind: str
    nonce: str
    internet_message_id: str
    envelope: Envelope
    ticket_id: int | None = None
    clock_id: int | None = None
    step: str | None = None
    message_id: int | None = None
    """What a mail to staff is about."""
    mediation_id: int | None = None
    """With a mail to a partner."""
    covers_until: datetime | None = None
    """With an answer: what came after that was not known to its writer."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail that this instance is sending."""

    id: int
    kind: str
    ticket_id: int | None
    clock_id: int | None
    step: str | None
    covers_until: datetime | None
    mail: Attempted
    envelope: Envelope


MOST_GRANTS = 20
_TICKET = func.coalesce(ticket.c.joined_to, outbox.c.ticket_id).label("ticket_id")
"""What a mail is about: where staff joined its ticket to another, that one."""


def add(connection: Connection, mail: Frozen, now: datetime) -> int | None:
    """Queues a mail; None if one with its unique key was queued before."""
    outbox_id = insert_or_nothing(
        connection, outbox,
        {
            "unique_key": mail.unique_key, "kind": mail.kind, "ticket_id": mail.ticket_id, "clock_id": mail.clock_id,
            "step": mail.step, "message_id": mail.message_id, "covers_until": mail.covers_until,
            "mediation_id": mail.mediation_id, "nonce": mail.nonce, "state": OutboxState.QUEUED, "created_at": now,
            "next_attempt_at": now,
        },
    )  # fmt: skip
    if outbox_id is not None:
        connection.execute(
            insert(outbox_content).values(
                outbox_id=outbox_id, internet_message_id=mail.internet_message_id, envelope_from=mail.envelope.sender,
                recipient=mail.envelope.recipient, octets=mail.envelope.octets,
            )
        )  # fmt: skip
    return outbox_id


def claim(
    connection: Connection, now: datetime, lease_until: datetime, limit: int, but: Collection[str] = ()
) -> list[Claimed]:
    """Takes mails that are due, of all kinds `but` some: attempt and lease are recorded before the network is touched.

    Oldest first.
    """
    due = (
        select(outbox.c.id)
        .where(outbox.c.state.in_(WAITING), outbox.c.kind.not_in(but), reached(outbox.c.next_attempt_at, now))
        .order_by(outbox.c.next_attempt_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(due.scalar_subquery() if connection.dialect.name == "sqlite" else due))
        .values(state=OutboxState.SENDING, attempts=outbox.c.attempts + 1, lease_until=lease_until)
        .returning(outbox.c.id)
    )
    return _claimed(connection, outbox.c.id.in_([row.id for row in rows]))


def expired(connection: Connection, now: datetime) -> list[Claimed]:
    """Mails whose sender fell silent: nobody knows what became of them."""
    return _claimed(connection, outbox.c.state == OutboxState.SENDING, reached(outbox.c.lease_until, now))


def _claimed(connection: Connection, *where: Any) -> list[Claimed]:
    rows = connection.execute(
        select(*(column for column in outbox.c if column.name != "ticket_id"), _TICKET, outbox_content)
        .join(outbox_content, outbox_content.c.outbox_id == outbox.c.id)
        .outerjoin(ticket, ticket.c.id == outbox.c.ticket_id)
        .where(*where)
        .order_by(outbox.c.id)
    )
    return [
        Claimed(
            r.id, r.kind, r.ticket_id, r.clock_id, r.step, r.covers_until,
            Attempted(r.created_at, r.attempts, r.times_in_doubt),
            Envelope(r.envelope_from, r.recipient, bytes(r.octets)),
        )
        for r in rows
    ]  # fmt: skip


def hold(connection: Connection, outbox_id: int, until: datetime) -> None:
    """Puts a claimed mail back untried."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id == outbox_id, outbox.c.state == OutboxState.SENDING)
        .values(state=OutboxState.QUEUED, attempts=outbox.c.attempts - 1, lease_until=None, next_attempt_at=until)
    )


def renew(connection: Connection, ids: Iterable[int], lease_until: datetime) -> None:
    """Keeps the claims of a sender that is still at work."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(list(ids)), outbox.c.state == OutboxState.SENDING)
        .values(lease_until=lease_until)
    )


def settle(connection: Connection, outbox_id: int, attempts: int, settlement: Settlement, now: datetime) -> bool:
    """Records what became of an attempt; False if the claim was lost meanwhile to a later attempt."""
    changed = connection.execute(
        update(outbox)
        .where(outbox.c.id == outbox_id, outbox.c.state == OutboxState.SENDING, outbox.c.attempts == attempts)
        .values(
            state=settlement.state, next_attempt_at=settlement.next_attempt_at, lease_until=None,
            times_in_doubt=settlement.times_in_doubt, code=settlement.code, reason=settlement.reason,
            settled_at=None if settlement.state in WAITING else now,
        )
    )  # fmt: skip
    return changed.rowcount == 1


def sent_with_message_ids(connection: Connection, internet_message_ids: Iterable[str]) -> dict[str, SentMail]:
    """Message-ID -> our mail that carries it, for those that are really ours."""
    if not (wanted := list(internet_message_ids)):
        return {}
    rows = _sent_rows(connection, outbox_content.c.internet_message_id.in_(wanted))
    return {row.internet_message_id: _sent(row) for row in rows}


def sent_with_nonces(connection: Connection, nonces: Iterable[str]) -> list[SentMail]:
    """Our mails whose signed bounce addresses carry these nonces."""
    wanted = list(nonces)
    return [_sent(row) for row in _sent_rows(connection, outbox.c.nonce.in_(wanted))] if wanted else []


def granted(connection: Connection, nonces: Collection[str]) -> tuple[Grant, ...]:
    """The mails to staff whose signed reply addresses carry these nonces."""
    if not nonces:
        return ()
    rows = connection.execute(
        select(
            outbox.c.id, func.coalesce(message.c.ticket_id, _TICKET), outbox_content.c.recipient,
            outbox.c.created_at, outbox.c.kind, outbox.c.message_id,
        )
        .join(outbox_content, outbox_content.c.outbox_id == outbox.c.id)
        .outerjoin(ticket, ticket.c.id == outbox.c.ticket_id)
        .outerjoin(message, message.c.id == outbox.c.message_id)
        .where(outbox.c.nonce.in_(nonces), outbox.c.attempts > 0)
        .order_by(outbox.c.id)
        .limit(MOST_GRANTS)
    )  # fmt: skip
    return tuple(Grant(*row) for row in rows)


def latest_nonce(connection: Connection, ticket_id: int, recipient: str) -> str | None:
    """The nonce of our latest mail to a member of staff about a ticket, whose reply address is theirs for it."""
    nonce: str | None = connection.execute(
        select(outbox.c.nonce)
        .join(outbox_content, outbox_content.c.outbox_id == outbox.c.id)
        .where(outbox.c.ticket_id == ticket_id, outbox_content.c.recipient == recipient, outbox.c.attempts > 0)
        .order_by(outbox.c.id.desc())
        .limit(1)
    ).scalar()
    return nonce


def _sent_rows(connection: Connection, where: Any) -> Any:
    return connection.execute(
        select(
            outbox.c.id,
            _TICKET,
            outbox.c.kind,
            outbox_content.c.recipient,
            outbox_content.c.internet_message_id,
        )
        .join(outbox_content, outbox_content.c.outbox_id == outbox.c.id)
        .outerjoin(ticket, ticket.c.id == outbox.c.ticket_id)
        .where(where, outbox.c.attempts > 0)
    )


def _sent(row: Any) -> SentMail:
    return SentMail(row.id, row.ticket_id, row.recipient, row.kind)


def clock_of(connection: Connection, outbox_id: int) -> int | None:
    """The clock that an answer stops, or that a reminder is about."""
    found: int | None = connection.execute(select(outbox.c.clock_id).where(outbox.c.id == outbox_id)).scalar_one()
    return found


def created_at(connection: Connection, outbox_id: int) -> datetime:
    """When a mail was composed."""
    at: datetime = connection.execute(select(outbox.c.created_at).where(outbox.c.id == outbox_id)).scalar_one()
    return at


def settled_at(connection: Connection, outbox_id: int) -> datetime | None:
    """When it was known what became of a mail, if it is."""
    at: datetime | None = connection.execute(select(outbox.c.settled_at).where(outbox.c.id == outbox_id)).scalar_one()
    return at


def answer_waits(connection: Connection, ticket_id: int) -> bool:
    """Whether an answer on a ticket is on its way to the mail server."""
    waiting = (*WAITING, OutboxState.SENDING)
    of_ticket = (outbox.c.ticket_id == ticket_id) & (outbox.c.kind == "answer") & outbox.c.state.in_(waiting)
    return connection.execute(select(outbox.c.id).where(of_ticket).limit(1)).first() is not None


def note_clock(connection: Connection, outbox_id: int, clock_id: int) -> None:
    """Notes which clock an answer stopped."""
    connection.execute(update(outbox).where(outbox.c.id == outbox_id).values(clock_id=clock_id))


def octets(connection: Connection, outbox_id: int) -> bytes:
    """The bytes of a mail."""
    found = select(outbox_content.c.octets).where(outbox_content.c.outbox_id == outbox_id)
    return bytes(connection.execute(found).scalar_one())


def recipient(connection: Connection, outbox_id: int) -> str:
    """Whom a mail is for."""
    return str(
        connection.execute(
            select(outbox_content.c.recipient).where(outbox_content.c.outbox_id == outbox_id)
        ).scalar_one()
    )


def rewrite(connection: Connection, outbox_id: int, octets: bytes) -> None:
    """Replaces the bytes of a mail that has not left."""
    connection.execute(update(outbox_content).where(outbox_content.c.outbox_id == outbox_id).values(octets=octets))


def mark_bounced(connection: Connection, outbox_id: int, now: datetime) -> bool:
    """Notes that a mail came back; False if that was known."""
    changed = connection.execute(
        update(outbox).where(outbox.c.id == outbox_id, outbox.c.bounced_at.is_(None)).values(bounced_at=now)
    )
    return changed.rowcount == 1


def sent_lately(connection: Connection, kind: str, address: Address | None, now: datetime) -> Sent:
    """How many mails of a kind were composed lately: to the address, to its domain, in all.

    A clock that was set back by less than a day forgets none of them.
    """
    recipient = func.lower(outbox_content.c.recipient)
    addr_spec, domain = (address.addr_spec.lower(), address.domain.lower()) if address else ("", "")
    user = addr_spec.rpartition("@")[0].partition("+")[0]
    to_domain = recipient.endswith(f"@{domain}", autoescape=True)
    with_detail = recipient.startswith(f"{user}+", autoescape=True) & to_domain
    to_address = (recipient == f"{user}@{domain}") | with_detail  # RFC 5233: one mailbox, for this purpose

    def counted(since: datetime, *columns: Any) -> Any:
        is_one = (outbox.c.kind == kind) & outbox.c.created_at.between(since, now + DAY)
        return select(*columns).select_from(outbox.join(outbox_content)).where(is_one)

    def number(of: Any) -> Any:
        return func.coalesce(func.sum(case((of, 1), else_=0)), 0)

    hour = counted(now - WINDOW, number(to_address), number(to_domain), func.count())
    to_address_in_hour, to_domain_in_hour, in_all = connection.execute(hour).one()
    today = connection.execute(counted(now - DAY, func.count()).where(to_address)).scalar_one() if address else 0
    return Sent(int(to_address_in_hour), int(to_domain_in_hour), int(in_all), int(today))


def last_created(connection: Connection, kind: str) -> datetime | None:
    """When the latest mail of that kind was composed."""
    latest: datetime | None = connection.execute(
        select(outbox.c.created_at).where(outbox.c.kind == kind).order_by(outbox.c.created_at.desc()).limit(1)
    ).scalar_one_or_none()
    return latest


def counts(connection: Connection) -> dict[str, int]:
    """How many mails are in each state."""
    rows = connection.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state))
    return {str(state): int(count) for state, count in rows}


def listed(connection: Connection, *, ended: bool = False) -> list[dict[str, Any]]:
    """Mails that wait or want a person (all of them with `ended`), without their content."""
    over = (OutboxState.DELIVERED, OutboxState.CANCELLED)
    statement = select(*(c for c in outbox.c if c.name not in ("nonce",))).order_by(outbox.c.id)
    rows = connection.execute(statement if ended else statement.where(outbox.c.state.not_in(over)))
    return [dict(row._mapping) for row in rows]


def show(connection: Connection, outbox_id: int) -> dict[str, Any] | None:
    """One mail with its envelope and its bytes."""
    row = connection.execute(
        select(outbox, outbox_content.c.envelope_from, outbox_content.c.recipient, outbox_content.c.octets)
        .join(outbox_content, outbox_content.c.outbox_id == outbox.c.id)
        .where(outbox.c.id == outbox_id)
    ).first()
    return dict(row._mapping) if row else None


def retry(connection: Connection, outbox_id: int, now: datetime) -> bool:
    """Puts a mail that failed, waits or is in doubt back into the queue as if it were new; False for any other."""
    again = (OutboxState.FAILED, OutboxState.UNKNOWN, OutboxState.DEFERRED, OutboxState.CANCELLED)
    return _set_state(connection, outbox_id, again, state=OutboxState.QUEUED, created_at=now, next_attempt_at=now,
                      settled_at=None)  # fmt: skip


def cancel(connection: Connection, outbox_id: int, now: datetime) -> bool:
    """Takes a mail that was not handed over out of the queue; False for any other."""
    stoppable = (*WAITING, OutboxState.FAILED, OutboxState.UNKNOWN)
    return _set_state(
        connection, outbox_id, stoppable, state=OutboxState.CANCELLED, next_attempt_at=None, settled_at=now
    )


def _set_state(connection: Connection, outbox_id: int, allowed: Iterable[OutboxState], **values: Any) -> bool:
    changed = connection.execute(
        update(outbox).where(outbox.c.id == outbox_id, or_(*(outbox.c.state == s for s in allowed))).values(values)
    )
    return changed.rowcount == 1
