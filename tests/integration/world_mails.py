"""What must be true of every mail that came and left in the virtual world, judged by what the world did itself."""

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any

from helpline_mail.adapters.store import schema
from tests.integration.desk import LONDON
from tests.integration.staff import PARTNERS
from tests.integration.world import BEGINS, Left
from tests.integration.world_history import REFERENCE, REMINDERS, TO_ENQUIRERS, History
from tests.integration.world_people import ADVICE, NAME, NOTE, SUBJECT, TO_PARTNER, WORDS
from tests.integration.world_truths import AT_ONCE, spans_of


def each_mail_became_what_it_should(history: History) -> None:
    """By the rules of the world, which knows what it sent."""
    rows = history.rows(schema.ledger)
    assert len(rows) == len(history.world.written)
    for row, written in zip(rows, history.world.written, strict=True):
        assert row.arrived_at == written.at
        allowed = {"reply": {"follow_up", "new_ticket"}, "staff": {"staff", "new_ticket"}}
        assert row.disposition in allowed.get(written.expected, {written.expected}), (
            f"{written.expected} became {row.disposition}"
        )
        if written.expected == "reply":
            _reply_went_right(history, row, written.at)


def _reply_went_right(history: History, row: Any, at: datetime) -> None:
    """A reply within thirty days goes into the ticket, a later one begins another that follows."""
    message = next(one for one in history.messages if one.id == row.message_id)
    began = row.disposition == "new_ticket"
    if message.ticket_id in history.reshaped:
        return
    earlier = history.tickets[message.ticket_id].follows if began else message.ticket_id
    assert earlier is not None, "a reply became a ticket that follows none"
    closed = [one.at for one in history.events if one.ticket_id == earlier and one.code == "resolved" and one.at <= at]
    opened = [one.at for one in history.events if one.ticket_id == earlier and one.code == "reopened" and one.at < at]
    if not closed or max(opened, default=BEGINS) > closed[-1]:
        assert not began, "a reply to an open ticket began another"
        return
    days = (at.astimezone(LONDON).date() - closed[-1].astimezone(LONDON).date()).days
    assert began == (days > 30), f"a reply {days} days after the end became: {row.disposition}"


def mail_goes_only_where_it_belongs(history: History) -> None:
    """To who takes part in the ticket, to staff, partners, and the receivers of alarms."""
    partners = {partner.address for partner in PARTNERS}
    for mail in history.world.server.left:
        policy, to = history.world.policy_at(mail.at), mail.envelope.recipient
        if mail.kind in TO_ENQUIRERS:
            assert to in history.people[history.ticket_of(mail)], f"an {mail.kind} went to a stranger"
        elif mail.kind == "partner":
            assert to in partners
        elif mail.kind == "alarm":
            assert to in policy.alarms_to
        else:
            assert to in {member.address for member in policy.staff}, f"a {mail.kind} to who has left, {mail.at}"


def no_words_go_where_they_do_not_belong(history: History) -> None:
    """Enquirers' words in no reminder, staff's notes with no outsider, nothing of an enquirer with a partner."""
    secrets = {
        **dict.fromkeys((*REMINDERS, "digest", "alarm", "partner"), (WORDS, SUBJECT, NAME, ADVICE, NOTE)),
        "acknowledgement": (WORDS, NOTE, ADVICE, TO_PARTNER), "answer": (WORDS, NOTE, TO_PARTNER),
        "update": (WORDS, NOTE, ADVICE, TO_PARTNER),
    }  # fmt: skip
    for mail in history.world.server.left:
        text = f"{mail.subject} {history.words(mail)}"
        found = [secret for secret in secrets.get(mail.kind, ()) if secret in text]
        assert not found, f"{found} in a mail of kind {mail.kind}"
        if mail.kind == "partner":
            reference = history.tickets[history.outbox[mail.message_id].ticket_id].reference
            assert reference not in mail.envelope.octets.decode("ascii", "replace")
    told = " ".join(f"{row.text} {row.facts}" for row in history.events)
    assert not [secret for secret in (WORDS, SUBJECT, NAME, ADVICE, NOTE, TO_PARTNER, "@person") if secret in told]


def one_acknowledgement_at_most(history: History) -> None:
    """A second copy is the same mail, sent again because nobody knew."""
    acknowledged: dict[str, set[str]] = defaultdict(set)
    for mail in history.left("acknowledgement"):
        found = REFERENCE.search(mail.subject)
        assert found
        acknowledged[found[0]].add(mail.message_id)
    assert not [ids for ids in acknowledged.values() if len(ids) > 1]
    copies = Counter(mail.message_id for mail in history.world.server.left)
    for mail in history.world.server.left:
        assert copies[mail.message_id] <= 1 + any(
            not other.known for other in history.world.server.left if other.message_id == mail.message_id
        ), f"a {mail.kind} left twice"


def reminders_are_few_and_true(history: History) -> None:
    """None twice, none while closed, none after the answer, none to who has left."""
    for told in history.reminders:
        assert history.world.policy_at(told.told_at).hours.is_open(told.told_at), "staff were reminded while closed"
    singles = []
    for mail in history.left(*REMINDERS):
        assert history.world.policy_at(mail.at).hours.is_open(mail.at), "a reminder left while the helpline was closed"
        row = history.outbox[mail.message_id]
        if row.clock_id is None:
            _list_is_true(history, mail, row.created_at)
            continue
        if mail.known:
            singles.append((row.clock_id, row.unique_key, mail.envelope.recipient))
        clock = next(c for c in history.clocks if c.id == row.clock_id)
        spans = spans_of(history.changes[clock.id], history.world.clock())
        ran = any(since <= mail.at <= until for since, until, _ in spans)
        assert ran, f"a reminder of a clock that had stopped, {mail.at}"
        due_at = _due_at_of(row.unique_key)
        later = [one.step for one in history.reminders
                 if one.clock_id == clock.id and one.due_at.replace(microsecond=0) == due_at
                 and row.created_at < one.told_at < mail.at]  # fmt: skip
        assert not later, f"a reminder of {row.step} left after that of {later}, {mail.at}"
        assert history.somebody_waits(history.ticket_of(mail), mail.at), f"a reminder left after the answer, {mail.at}"
    assert len(singles) == len(set(singles)), "a reminder left twice"
    texts = Counter((m.at.date(), m.envelope.recipient, m.subject, re.sub(r"<mailto.*?>", "", history.words(m)))
                    for m in history.left(*REMINDERS) if m.known and history.outbox[m.message_id].clock_id)  # fmt: skip
    assert not [text for text, number in texts.items() if number > 1], "the same reminder left in two mails"


def _due_at_of(unique_key: str) -> datetime:
    """The deadline that a single reminder is about, to the second."""
    return datetime.fromtimestamp(int(unique_key.split("/")[2]), UTC)


def _list_is_true(history: History, mail: Left, written_at: datetime) -> None:
    """What a list names was noted at that moment, and was so."""
    body = history.words(mail)
    told = {(row.clock_id, row.step) for row in history.reminders if row.told_at == written_at and row.in_list}
    for reference in set(REFERENCE.findall(body)):
        row = history.tickets[history.by_reference[reference]]
        clocks = [clock for clock in history.clocks if clock.ticket_id in (row.id, row.joined_to)]
        if "waiting for an answer" in f"{mail.subject} {body}":
            assert history.somebody_waits(row.joined_to or row.id, written_at), f"a list names {reference}, answered"
            steps = {step for clock_id, step in told for clock in clocks if clock.id == clock_id}
            assert steps - {"update"}, f"a list names {reference}, of which nothing was noted"
        elif "to hear from us again" in mail.subject:
            assert any((clock.id, "update") in told for clock in clocks), f"a list names {reference} without a note"
        elif "not heard from us" in mail.subject:
            missed = [clock for clock in clocks if clock.kind == "update" and clock.kept is False]
            assert written_at in {clock.stopped_at for clock in missed}, f"{reference} had heard from us"


def holding_mails_are_honest(history: History) -> None:
    """As many in a row as are allowed, of open tickets, and only after the time of our word had passed."""
    in_a_row: Counter[int] = Counter()
    for row in sorted(history.outbox.values(), key=lambda one: one.id):
        if row.kind == "answer":
            in_a_row[row.ticket_id] = 0
        if row.kind != "update" or row.ticket_id in history.reshaped:
            continue
        in_a_row[row.ticket_id] += 1
        allowed = history.world.policy_at(row.created_at).holding_mails
        assert in_a_row[row.ticket_id] <= allowed, "too many holding mails in a row"
    for mail in history.left("update"):
        row, ticket_id = history.outbox[mail.message_id], history.ticket_of(mail)
        if ticket_id in history.reshaped:
            continue
        assert history.state_at(ticket_id, mail.at) == "open", f"a holding mail left for a closed ticket, {mail.at}"
        heard = [left_at for (ticket, _), answers in history.answers.items() if ticket == ticket_id
                 for left_at, _, _ in answers if left_at < mail.at]  # fmt: skip
        last = max(heard, default=history.tickets[ticket_id].created_at)
        missed = [c for c in history.clocks if c.ticket_id == ticket_id and c.kind == "update" and c.kept is False
                  and last <= c.started_at <= c.due_at <= row.created_at]  # fmt: skip
        assert missed, f"a holding mail left although no word was late, {mail.at}"
        is_open = history.world.policy_at(row.created_at).hours.is_open(row.created_at)
        assert is_open or row.created_at - missed[-1].due_at < AT_ONCE, "a late holding mail was written at night"


def everything_left_in_the_end(history: History) -> None:
    """Nothing waits in the outbox once all servers have been well for a while."""
    waiting = Counter(row.state for row in history.outbox.values())
    assert set(waiting) <= {"delivered", "failed", "unknown", "cancelled"}, f"the outbox is not empty: {waiting}"
    assert not [row for row in history.messages if row.awaits_digest], "a list that is due was never sent"
    failed = [row for row in history.outbox.values() if row.state == "failed"]
    assert all(row.recipient in history.world.server.gone or row.reason.startswith("given up") for row in failed)
