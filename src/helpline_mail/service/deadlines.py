"""Mails to staff about deadlines: what is due, what has moved, what has lapsed. Without a word of content."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Row

from helpline_mail.adapters.store import outbox, tickets
from helpline_mail.domain.clocks import ClockKind, Deadline, RunningClock
from helpline_mail.domain.policy import StaffMember
from helpline_mail.domain.promise import spoken_duration, spoken_time
from helpline_mail.domain.reminders import Step, recipients
from helpline_mail.domain.threads import Mediation
from helpline_mail.service.letters import short_of
from helpline_mail.service.replies import Replies
from helpline_mail.wire.links import address_of, command_link
from helpline_mail.wire.templates import Rendered

LIST_LINES = 100
LINKS = 20
"""So many of the first lines of a list hold a link: they are long, and a list is to be short enough to be read."""
AT_THE_DEADLINE = Step(timedelta())
Line = TypeVar("Line")
Due = tuple[RunningClock, Step, Row[Any]]
"""A reminder that is due, of a ticket whose brief is the third."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A deadline that the calendar has put elsewhere."""

    clock: Row[Any]
    """As it was."""
    deadline: Deadline
    reference: str
    partner: str = ""


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A next word to the enquirer that did not come in time."""

    clock: Row[Any]
    """With its ticket's reference and assignee."""
    promised: datetime | None
    """By when the holding mail says that the enquirer will hear from us; None if none leaves."""
    why_not: str = ""
    """Why no holding mail leaves."""


@dataclass(frozen=True, slots=True)
class Deadlines(Replies):
    """Mails that remind staff of what is due."""

    def remind(
        self, connection: Connection, ticket: Mapping[str, Any], clock: RunningClock, step: Step, now: datetime
    ) -> int:
        """A reminder of an answer that is due, without content; returns how many mails were queued."""
        left = self.policy.hours.opening_time_left(now, clock.due_at)
        waiting = self.policy.hours.opening_time_between(clock.started_at, now)
        common = {
            "helpline": self.policy.helpline.name, "reference": ticket["reference"],
            "taken_by": self._name(ticket["assignee"]), "write_above": self._write_above(),
            "waiting": f"{spoken_duration(waiting)} of opening time",
        }  # fmt: skip
        if step.overdue:
            common |= {"was_due": self._end(clock.due_at, now), "overdue": spoken_duration(left)}
        else:
            common |= {"by": spoken_time(clock.due_at, now, self.policy.zone), "left": spoken_duration(left)}
        kind = "overdue" if step.overdue else "reminder"
        to = recipients(step, ticket["assignee"], self.policy)

        def writing(reply_to: str) -> Rendered:
            return self.templates.render(kind, **common, take=command_link(reply_to, ticket["reference"], "#take"))

        key = f"reminder/{clock.clock_id}/{int(clock.due_at.timestamp())}/{step.name}"
        return self._to_staff(
            connection, writing, key, kind, to, ticket, now, clock_id=clock.clock_id, step=step.name
        )  # fmt: skip

    def remind_in_list(
        self, connection: Connection, due: Sequence[Due], now: datetime, *, at_opening: bool
    ) -> int:  # fmt: skip
        """Reminders of many answers in one list for each member of staff; returns how many mails were queued.

        `at_opening` if it is the list of what came while the helpline was closed.
        """

        def shown(one: Due, member: StaffMember) -> dict[str, object]:
            clock, step, ticket = one
            waiting = self.policy.hours.opening_time_between(clock.started_at, now)
            return {
                "reference": ticket.reference, "due": self._end(clock.due_at, now), "is_late": step.overdue,
                "taken_by": self._name(ticket.assignee), "received": self._moment(clock.started_at, now),
                "waiting": spoken_duration(waiting),
                "take": "" if ticket.assignee or ticket.id not in most_urgent
                else self._take_link(connection, ticket.id, ticket.reference, member),
            }  # fmt: skip

        in_order = sorted(due, key=lambda one: one[0].due_at)
        most_urgent = {ticket.id for _, _, ticket in in_order[:LINKS]}
        lists = _by_reader(in_order, lambda one: recipients(one[1], one[2].assignee, self.policy))
        queued = 0
        for member, own in lists.items():
            late = sum(step.overdue for _, step, _ in own)
            kind = "overdue" if late else "reminder"
            queued += self._list(
                connection, "reminder_list", kind, member, own, shown, now, late=late, at_opening=at_opening
            )
        return queued

    def _take_link(self, connection: Connection, ticket_id: int, reference: str, member: StaffMember) -> str:
        """A link to a member's own reply address for a ticket, that of our last mail to them; empty without one."""
        nonce = outbox.latest_nonce(connection, ticket_id, member.address) if self._write_above() else None
        return command_link(self.signer.staff_address(nonce), reference, "#take") if nonce else ""

    def remind_of_partner(self, connection: Connection, thread: Mediation, since: datetime, now: datetime) -> int:
        """Reminds the taker, or all, that a partner has not answered since then; how many mails were queued."""
        ticket = tickets.load(connection, thread.ticket_id)
        taker = self.policy.staff_member(ticket["assignee"]) if ticket["assignee"] else None

        def writing(reply_to: str) -> Rendered:
            return self.templates.render(
                "partner_silent", helpline=self.policy.helpline.name, reference=ticket["reference"],
                partner=self._partner_title(thread.partner), partner_name=thread.partner,
                since=self._moment(since, now), write_above=self._write_above(),
                taken_by=self._name(ticket["assignee"]),
                take="" if taker else command_link(reply_to, ticket["reference"], "#take"),
            )  # fmt: skip

        to = (taker,) if taker else self.policy.staff
        key = f"partner_silent/{thread.id}/{int(now.timestamp())}"
        return self._to_staff(connection, writing, key, "reminder", to, ticket, now)

    def remind_of_updates(self, connection: Connection, due: Sequence[Row[Any]], now: datetime) -> int:
        """A list for each member of staff of enquirers who are to hear from us again; how many mails were queued."""

        def shown(row: Row[Any], member: StaffMember) -> dict[str, object]:
            return {
                "reference": row.reference, "due": self._end(row.due_at, now), "is_late": row.due_at <= now,
                "taken_by": self._name(row.assignee), "since": self._moment(row.created_at, now),
                "take": "" if row.assignee or row.ticket_id not in most_urgent
                else self._take_link(connection, row.ticket_id, row.reference, member),
            }  # fmt: skip

        most_urgent = {row.ticket_id for row in due[:LINKS]}
        lists = _by_reader(due, lambda row: self._taker_or_all(row.assignee))
        return sum(
            self._list(connection, "updates", "reminder", member, own, shown, now) for member, own in lists.items()
        )

    def tell_lapsed(self, connection: Connection, lapsed: Sequence[Lapsed], now: datetime) -> int:
        """A list for takers, or all, and leads of enquirers who did not hear from us in time."""

        def shown(one: Lapsed, member: StaffMember) -> dict[str, object]:
            return {
                "reference": one.clock.reference, "due": self._end(one.clock.due_at, now), "why_not": one.why_not,
                "taken_by": self._name(one.clock.assignee), "since": self._moment(one.clock.created_at, now),
                "promised": self._end(one.promised, now) if one.promised else "",
                "take": "" if one.clock.assignee or one.clock.ticket_id not in most_urgent
                else self._take_link(connection, one.clock.ticket_id, one.clock.reference, member),
            }  # fmt: skip

        most_urgent = {one.clock.ticket_id for one in lapsed[:LINKS]}
        lists = _by_reader(lapsed, lambda one: recipients(AT_THE_DEADLINE, one.clock.assignee, self.policy))
        return sum(
            self._list(connection, "lapsed", "overdue", member, own, shown, now) for member, own in lists.items()
        )

    def tell_moved(self, connection: Connection, moved: Sequence[Moved], now: datetime) -> int:
        """A list for all staff of deadlines that have moved with the calendar, and of what enquirers were told."""

        def shown(one: Moved, member: StaffMember) -> dict[str, object]:
            told = one.clock.promised_at
            return {
                "reference": one.reference, "kind": one.clock.kind, "partner": self._partner_title(one.partner),
                "due": self._end(one.deadline.due_at, now), "was": self._end(one.clock.due_at, now),
                "promised": self._end(told, now) if told and told != one.deadline.due_at else "",
            }  # fmt: skip

        in_order = sorted(moved, key=lambda one: (one.clock.kind != ClockKind.RESPONSE, one.deadline.due_at))
        return sum(
            self._list(connection, "moved", "notice", member, in_order, shown, now) for member in self.policy.staff
        )

    def _list(
        self, connection: Connection, template: str, kind: str, member: StaffMember, rows: Sequence[Line],
        shown: Callable[[Line, StaffMember], dict[str, object]], now: datetime, **facts: object,
    ) -> int:  # fmt: skip
        """One list for one member of staff. A reply to a list of one ticket is about that one."""
        lines = [shown(row, member) for row in rows[:LIST_LINES]]
        linked = {address_of(link) for line in lines if (link := str(line.get("take", "")))}
        rendered = self.templates.render(
            template, helpline=self.policy.helpline.name, lines=lines, count=len(rows),
            write_above=self._write_above() if len(rows) == 1 else "", can_answer=bool(self._write_above()), **facts,
        )  # fmt: skip
        only = tickets.find(connection, str(lines[0]["reference"])) if len(rows) == 1 else None
        key = f"{template}/{lines[0]['reference']}/{int(now.timestamp())}/{short_of(rendered.text)}"
        return self._to_staff(connection, rendered, key, kind, (member,), only, now, linked=linked)

    def _taker_or_all(self, assignee: str | None) -> tuple[StaffMember, ...]:
        taker = self.policy.staff_member(assignee) if assignee else None
        return (taker,) if taker else self.policy.staff


def _by_reader(rows: Iterable[Line], readers: Callable[[Line], Sequence[StaffMember]]) -> dict[StaffMember, list[Line]]:
    lists: dict[StaffMember, list[Line]] = {}
    for row in rows:
        for member in readers(row):
            lists.setdefault(member, []).append(row)
    return lists
