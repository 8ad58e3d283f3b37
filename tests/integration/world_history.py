"""Everything that was in the virtual world, looked up in ways that the truths about it need."""

import re
from collections import defaultdict
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Table, select

from helpline_mail.adapters.store import schema
from tests.integration.desk import words
from tests.integration.world import Left, World
from tests.integration.world_people import ADVICE

TO_ENQUIRERS = ("acknowledgement", "answer", "update")
REMINDERS = ("reminder", "overdue")
REFERENCE = re.compile(r"POSH-[A-Z0-9]{6}")
STATES = {"resolved": "resolved", "joined": "resolved", "reopened": "open"}


class History:
    """Everything that was, looked up in ways that the truths need."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._words: dict[str, str] = {}
        self.tickets = {row.id: row for row in self.rows(schema.ticket)}
        self.by_reference = {row.reference: row.id for row in self.tickets.values()}
        self.people: dict[int, set[str]] = defaultdict(set)
        for row in self.rows(schema.participant):
            self.people[row.ticket_id].add(row.address)
        for row in self.tickets.values():
            if row.joined_to:
                self.people[row.joined_to] |= self.people[row.id]
        self.clocks = self.rows(schema.clock)
        self.changes: dict[int, list[Any]] = defaultdict(list)
        for row in self.rows(schema.clock_change):
            self.changes[row.clock_id].append(row)
        self.outbox = {row.internet_message_id: row for row in self.rows(
            schema.outbox.join(schema.outbox_content, schema.outbox.c.id == schema.outbox_content.c.outbox_id)
        )}  # fmt: skip
        self.messages = self.rows(
            schema.message.join(schema.message_content, schema.message.c.id == schema.message_content.c.message_id)
        )
        self.reminders = self.rows(schema.reminder)
        self.events = self.rows(schema.event)
        self.reshaped = {row.ticket_id for row in self.events if row.code in ("joined", "split")}

    def rows(self, table: Any) -> list[Any]:
        key = table.primary_key.columns if isinstance(table, Table) else [next(iter(table.c))]
        with self.world.store.read() as connection:
            return list(connection.execute(select(table).order_by(*key)))

    def ticket_of(self, mail: Left) -> int:
        """The ticket that a mail names in its subject, or where that is now."""
        found = REFERENCE.search(mail.subject)
        assert found, f"a mail of kind {mail.kind} names no ticket"
        row = self.tickets[self.by_reference[found[0]]]
        return int(row.joined_to or row.id)

    def words(self, mail: Left) -> str:
        """What its reader reads in a mail."""
        if mail.message_id not in self._words:
            self._words[mail.message_id] = words(mail.envelope)
        return self._words[mail.message_id]

    def left(self, *kinds: str) -> list[Left]:
        return [mail for mail in self.world.server.left if mail.kind in kinds]

    def is_in(self, moments: list[tuple[datetime, datetime]], since: datetime, until: datetime) -> bool:
        return any(start <= until and since <= end for start, end in moments)

    def was_quiet(self, since: datetime, until: datetime) -> bool:
        """Whether the daemon ran all the time and nothing was configured otherwise."""
        if self.is_in(self.world.downtimes, since, until):
            return False
        return self.world.policy_at(since) is self.world.policy_at(until)

    def state_at(self, ticket_id: int, at: datetime) -> str:
        state = "open"
        for row in self.events:
            if row.ticket_id == ticket_id and row.code in STATES and row.at <= at:
                if row.code == "joined" and "became part of it" in row.text:
                    continue
                state = STATES[row.code]
        return state

    def recorded_at(self, clock: Any) -> datetime:
        """When a response clock was started, which may be long after the query for which it counts."""
        began = [row.at for row in self.events if row.code == "clock_started" and row.ticket_id == clock.ticket_id
                 and datetime.fromisoformat(row.facts["received"]) == clock.started_at]  # fmt: skip
        return max(began, default=clock.started_at)

    @cached_property
    def bounced(self) -> dict[str, datetime]:
        """Message-ID of a mail of ours -> when its bounce came."""
        return {w.replies_to: w.at for w in reversed(self.world.written) if w.expected == "bounce"}

    @cached_property
    def answers(self) -> dict[tuple[int, str], list[tuple[datetime, datetime, Left]]]:
        """Ticket and enquirer -> the answers that left: when, up to when they cover, and the mail."""
        by_words = {w.words: w for w in self.world.written if w.words}
        found: dict[tuple[int, str], list[tuple[datetime, datetime, Left]]] = defaultdict(list)
        for mail in self.left("answer"):
            token = re.search(rf"{ADVICE}\d+x", self.words(mail))
            assert token, "an answer holds nobody's advice"
            replied_to = self.outbox[by_words[token[0]].replies_to]
            if mail.known:
                key = (self.ticket_of(mail), mail.envelope.recipient)
                found[key].append((mail.at, replied_to.created_at, mail))
        return found

    def answered(self, ticket_id: int, address: str, query_at: datetime, at: datetime) -> bool:
        """Whether somebody's query had an answer by then that had not come back."""
        back = {message_id for message_id, bounced_at in self.bounced.items() if bounced_at <= at}
        return any(
            query_at <= covers and left_at < at and mail.message_id not in back
            for left_at, covers, mail in self.answers[ticket_id, address]
        )

    def somebody_waits(self, ticket_id: int, at: datetime) -> bool:
        """Whether a query of a ticket had no answer then."""
        return any(
            query.at <= at and not self.answered(ticket_id, self.sender(query), query.at, at)
            for query in self.queries[ticket_id]
        )

    @cached_property
    def queries(self) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = defaultdict(list)
        for row in self.messages:
            if row.kind in ("enquiry", "follow_up"):
                found[row.ticket_id].append(row)
        return found

    def sender(self, message: Any) -> str:
        return re.findall(r"[\w.]+@[\w.]+", message.from_)[-1]
