"""The tables. Facts that reports need live apart from content, and survive its erasure.

Content (words, names, addresses, raw bytes) stands only in the tables whose names end in `_content`, and in
`participant`. Alembic migrations build exactly this; a test holds the two together on both databases.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware in Python, UTC in SQL on every database. Naive datetimes are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant in UTC, without its offset where the database keeps none."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant, aware again."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
Id = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[Any]:
    return Column("id", Id, primary_key=True)


def _to(table: str, *, name: str | None = None, nullable: bool = False) -> Column[Any]:
    return Column(name or f"{table}_id", Id, ForeignKey(f"{table}.id"), nullable=nullable)


mailbox = Table(
    "mailbox",
    metadata,
    _id(),
    Column("name", String(255), nullable=False, unique=True),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("last_uid", BigInteger, nullable=False),
    Column("on_server", Integer, nullable=False),
    Column("last_good_poll", UtcDateTime, nullable=False),
    Column("sent_since", UtcDateTime),  # it is a folder of sent mail; what arrived there earlier is recorded only
)

raw_content = Table(
    "raw_content",
    metadata,
    _id(),
    Column("digest", String(64), nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),  # as the server says it, or what came if it does not say
    Column("complete", Boolean, nullable=False),  # False: too large, only its beginning was fetched
    Column("octets", LargeBinary, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    _id(),
    _to("mailbox"),
    Column("uidvalidity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
    Column("arrived_at", UtcDateTime, nullable=False),  # IMAP INTERNALDATE
    Column("stored_at", UtcDateTime, nullable=False),
    _to("raw_content", nullable=True),  # None: it vanished, or the server would not give it
    Column("state", String(16), nullable=False),  # stored, triaged, quarantined, gone
    Column("disposition", String(16)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("retry_at", UtcDateTime),
    Column("error", String(80)),  # an exception's class, never its text
    _to("message", nullable=True),
    UniqueConstraint("mailbox_id", "uidvalidity", "uid"),
    Index(None, "state", "id"),
    Index(None, "message_id"),
)

ticket = Table(
    "ticket",
    metadata,
    _id(),
    Column("reference", String(20), nullable=False, unique=True),
    Column("state", String(16), nullable=False),  # open, resolved
    Column("channel", String(80), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("responded_at", UtcDateTime),
    Column("assignee", String(254)),  # a member of staff, by address
    Column("category", String(80)),
    Column("sector", String(80)),
    Column("outcome", String(80)),
    Column("resolved_at", UtcDateTime),
    _to("ticket", name="joined_to", nullable=True),  # staff made it part of that one
    _to("ticket", name="follows", nullable=True),  # its enquirer came back to that one long after it was closed
    Index(None, "state", "id"),
    Index(None, "follows"),
    Index(None, "joined_to"),
    CheckConstraint(
        "(state = 'open' AND outcome IS NULL AND resolved_at IS NULL)"
        " OR (state = 'resolved' AND outcome IS NOT NULL AND resolved_at IS NOT NULL)",
        name="closed_with_an_outcome",
    ),
)

ticket_content = Table(
    "ticket_content",
    metadata,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True),
    Column("requester", String(320)),
    Column("requester_name", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("subject_digest", String(64), nullable=False),
    Index(None, "subject_digest"),
)

participant = Table(
    "participant",
    metadata,
    Column("ticket_id", Id, ForeignKey("ticket.id"), primary_key=True),
    Column("address", String(320), primary_key=True),  # case-folded
    Index(None, "address"),
)

mediation = Table(
    "mediation",
    metadata,
    _id(),
    _to("ticket"),
    Column("partner", String(80), nullable=False),  # by its configured name
    Column("reference", String(20), nullable=False, unique=True),  # the partner's own, never the ticket's
    Column("started_at", UtcDateTime, nullable=False),
    UniqueConstraint("ticket_id", "partner"),
)

message = Table(
    "message",
    metadata,
    _id(),
    _to("ticket", nullable=True),  # None: it belongs to no ticket
    Column("direction", String(3), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("message_id_digest", String(64)),
    Column("content_digest", String(64)),
    Column("sender_digest", String(64)),
    Column("author", String(254)),  # the member of staff who wrote it, by address
    Column("told_at", UtcDateTime),  # when staff got a notice of it
    _to("mediation", nullable=True),  # the correspondence with a partner that it belongs to
    Column("awaits_digest", Boolean, nullable=False, server_default=text("false")),  # they are told in the next list
    Index(None, "ticket_id", "id"),
    Index(None, "mediation_id"),
    Index(None, "told_at"),
    Index("ix_message_awaits_digest", "id", sqlite_where=text("awaits_digest"), postgresql_where=text("awaits_digest")),
    Index(None, "message_id_digest"),
    Index(None, "content_digest"),
)

message_content = Table(
    "message_content",
    metadata,
    Column("message_id", Id, ForeignKey("message.id"), primary_key=True),
    Column("internet_message_id", Text),
    Column("from_", Text, nullable=False),
    Column("to", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("held", Text),  # an answer that waits for its writer's word
    Column("attachments", JSON, nullable=False),
    Column("defects", JSON, nullable=False),
)

clock = Table(
    "clock",
    metadata,
    _id(),
    _to("ticket"),
    Column("kind", String(16), nullable=False),  # response, update, partner
    _to("message", nullable=True),  # the query that it counts for
    _to("mediation", nullable=True),  # the correspondence in which an answer is awaited
    Column("started_at", UtcDateTime, nullable=False),
    Column("counted_from", UtcDateTime, nullable=False),  # since when what is allowed counts: later after a restart
    Column("allowed_seconds", Integer),  # of opening time,
    Column("allowed_days", Integer),  # or opening days
    Column("due_at", UtcDateTime, nullable=False),  # follows from the three by the calendar as it is now
    Column("promised_at", UtcDateTime),  # by when the enquirer was told that they would hear from us
    Column("stopped_at", UtcDateTime),
    Column("kept", Boolean),  # recorded once, when it stops; None: it runs, or nothing was due any more
    Column("opening_seconds", Integer),  # opening time from its start to its stop
    Column("waiting", Integer),  # how many others waited when its query arrived; None: it did not start with an arrival
    Column("foreseen_seconds", Integer),  # opening time within which most like queries had been answered then
    Column("estimate_is_said", Boolean),  # whether an acknowledgement of it may say so
    Index(None, "ticket_id", "id"),
    Index(None, "kind", "started_at"),
    Index("ix_clock_answered", "waiting", sqlite_where=text("opening_seconds IS NOT NULL"),
          postgresql_where=text("opening_seconds IS NOT NULL")),
    Index("uq_clock_running", "ticket_id", "kind", unique=True,
          sqlite_where=text("stopped_at IS NULL AND mediation_id IS NULL"),
          postgresql_where=text("stopped_at IS NULL AND mediation_id IS NULL")),
    Index("uq_clock_awaited", "mediation_id", unique=True, sqlite_where=text("stopped_at IS NULL"),
          postgresql_where=text("stopped_at IS NULL")),
    Index("ix_clock_due", "kind", "due_at", sqlite_where=text("stopped_at IS NULL"),
          postgresql_where=text("stopped_at IS NULL")),
)  # fmt: skip

clock_change = Table(
    "clock_change",
    metadata,
    _id(),
    _to("clock"),
    Column("at", UtcDateTime, nullable=False),
    Column("what", String(16), nullable=False),  # started, stopped, dropped, restarted, moved
    Column("due_at", UtcDateTime),  # its deadline from then on
    Index(None, "clock_id", "id"),
)

reminder = Table(
    "reminder",
    metadata,
    Column("clock_id", Id, ForeignKey("clock.id"), primary_key=True),
    Column("due_at", UtcDateTime, primary_key=True),  # a deadline that has moved is reminded of anew
    Column("step", String(24), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False),
    Column("in_list", Boolean, nullable=False),
    Index(None, "told_at"),
)

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("unique_key", String(120), nullable=False, unique=True),
    Column("kind", String(24), nullable=False),
    _to("ticket", nullable=True),
    _to("clock", nullable=True),  # what a single reminder is about, so that it can be taken back, or an answer stopped
    Column("step", String(24)),
    _to("message", nullable=True),  # what a mail to staff is about
    _to("mediation", nullable=True),  # a mail to a partner
    Column("covers_until", UtcDateTime),  # an answer covers what its writer had been told of by then
    Column("nonce", String(16), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("times_in_doubt", Integer, nullable=False, server_default="0"),
    Column("next_attempt_at", UtcDateTime),
    Column("lease_until", UtcDateTime),
    Column("settled_at", UtcDateTime),
    Column("code", Integer),
    Column("reason", Text),
    Column("bounced_at", UtcDateTime),
    Index(None, "state", "next_attempt_at"),
    Index(None, "ticket_id"),
    Index(None, "kind", "created_at"),
)

outbox_content = Table(
    "outbox_content",
    metadata,
    Column("outbox_id", Id, ForeignKey("outbox.id"), primary_key=True),
    Column("internet_message_id", String(255), nullable=False, unique=True),
    Column("envelope_from", String(320), nullable=False),
    Column("recipient", String(320), nullable=False),
    Column("octets", LargeBinary, nullable=False),
)

event = Table(
    "event",
    metadata,
    _id(),
    Column("at", UtcDateTime, nullable=False),
    _to("ticket", nullable=True),
    _to("ledger", nullable=True),
    _to("outbox", nullable=True),
    Column("code", String(40), nullable=False),
    Column("text", Text, nullable=False),  # ours, never the enquirer's words
    Column("facts", JSON, nullable=False),
    Index(None, "ticket_id", "id"),
    Index(None, "ledger_id"),
)

alarm = Table(
    "alarm",
    metadata,
    _id(),
    Column("cause", String(40), nullable=False),
    Column("text", Text, nullable=False),
    Column("raised_at", UtcDateTime, nullable=False),
    Column("over_at", UtcDateTime),
    Index("uq_alarm_open", "cause", unique=True, sqlite_where=text("over_at IS NULL"),
          postgresql_where=text("over_at IS NULL")),
)  # fmt: skip
