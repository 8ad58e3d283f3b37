"""What the demo claims, checked on what really arrived in the mailboxes and what stands in SQL."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from helpline_mail.adapters.store import clocks, ledger, messages, outbox, tickets
from helpline_mail.adapters.store.engine import Store
from helpline_mail.demo.day import (
    PEOPLE,
    SOCIAL_WORKER,
    STRANGER,
    TEACHER,
    YOUTH_WORKER,
    Arrived,
    on_tuesday,
    on_wednesday,
    read_mailbox,
)
from helpline_mail.demo.installation import ADVISER, HELPLINE, LEAD
from helpline_mail.demo.servers import MailServers

PROMISES = {
    TEACHER: "by 13:00 today, Tuesday 24 November",
    YOUTH_WORKER: "by 13:20 today, Tuesday 24 November",
    STRANGER: "by 15:10 today, Tuesday 24 November",
    SOCIAL_WORKER: "by 12:20 on Wednesday 25 November",
}
REMINDERS = [
    (on_tuesday(11, 30), TEACHER, "reminder"),
    (on_tuesday(11, 50), YOUTH_WORKER, "reminder"),
    (on_tuesday(12, 30), TEACHER, "reminder"),
    (on_tuesday(12, 50), YOUTH_WORKER, "reminder"),
    (on_tuesday(13, 10), YOUTH_WORKER, "reminder"),
    (on_tuesday(13, 20), YOUTH_WORKER, "overdue"),
    (on_tuesday(13, 40), STRANGER, "reminder"),
    (on_tuesday(14, 20), YOUTH_WORKER, "overdue"),
    (on_tuesday(14, 40), STRANGER, "reminder"),
    (on_wednesday(10, 50), SOCIAL_WORKER, "reminder"),
]
KEPT = {TEACHER: True, YOUTH_WORKER: False, STRANGER: True, SOCIAL_WORKER: None}
TEACHERS_TICKET = ["enquiry", "acknowledgement", "automatic", "follow_up", "staff_answer", "answer"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is there after the day."""

    arrived: Mapping[str, list[Arrived]]
    """By the mailbox's owner, in order of arrival."""
    tickets: list[dict[str, Any]]
    kinds: Mapping[int, list[str]]
    """Ticket id -> kinds of its messages, in order."""
    kept: Mapping[int, list[bool | None]]
    """Ticket id -> for each of its clocks whether the promise was kept, None while it runs."""
    ledger: Mapping[str, int]
    mailbox: Mapping[str, Any]
    outbox: Mapping[str, int]

    def ticket(self, requester: str) -> dict[str, Any]:
        """The one ticket of a requester, or an empty one."""
        found = [ticket for ticket in self.tickets if ticket["requester"] == requester]
        return found[0] if len(found) == 1 else {"id": None, "reference": None}

    def requester(self, reference_in: str) -> str | None:
        """Whose ticket a subject is about."""
        return next((t["requester"] for t in self.tickets if f"[{t['reference']}]" in reference_in), None)


def gather(store: Store, servers: MailServers) -> Evidence:
    """Reads every mailbox over IMAP, and SQL."""
    with store.read() as connection:
        found = tickets.all_tickets(connection)
        return Evidence(
            arrived={address: read_mailbox(address, servers) for address in servers.passwords},
            tickets=found,
            kinds={t["id"]: [m["kind"] for m in messages.of_ticket(connection, t["id"])] for t in found},
            kept={t["id"]: [clock["kept"] for clock in clocks.of_ticket(connection, t["id"])] for t in found},
            ledger=ledger.counts(connection),
            mailbox=ledger.mailbox_facts(connection, "INBOX") or {},
            outbox=outbox.counts(connection),
        )


def claims(evidence: Evidence) -> Iterator[tuple[str, bool]]:
    """Each claim, and whether it holds."""
    yield "Every new ticket got exactly one acknowledgement, and nothing else got one", _one_each(evidence)
    for requester, promise in PROMISES.items():
        yield f"The {PEOPLE[requester]} was promised an answer {promise}", _promised(evidence, requester, promise)
    yield "The follow-up joined its ticket, and the automatic reply was stored there", _joined(evidence)
    yield "The stranger who quoted the reference got a ticket apart, not a look inside", _apart(evidence)
    yield "Each answer came from the helpline, in the adviser's words and without a trace of them", _answered(evidence)
    yield "Staff were reminded of each waiting answer at the right minutes, never else", _reminded(evidence)
    yield "Nobody was reminded while the helpline was closed", _never_while_closed(evidence)
    yield "What was late went to the lead; kept and broken promises are recorded as such", _recorded(evidence)
    yield "Every message in the mailbox is in exactly one state: nothing is lost", _nothing_lost(evidence)
    yield "Every mail that the service wrote has arrived, and none arrived twice", _all_arrived(evidence)


def _one_each(evidence: Evidence) -> bool:
    received = Counter(
        owner for owner, mails in evidence.arrived.items() for mail in mails if mail.kind == "acknowledgement"
    )
    by_ticket = Counter(t["requester"] for t in evidence.tickets)
    return received == by_ticket == Counter(PROMISES.keys())


def _promised(evidence: Evidence, requester: str, promise: str) -> bool:
    texts = [mail.text for mail in evidence.arrived[requester] if mail.kind == "acknowledgement"]
    return len(texts) == 1 and f"You will hear from us {promise}." in texts[0]


def _joined(evidence: Evidence) -> bool:
    return evidence.kinds.get(evidence.ticket(TEACHER)["id"]) == TEACHERS_TICKET


def _apart(evidence: Evidence) -> bool:
    own, quoted = evidence.ticket(STRANGER)["reference"], evidence.ticket(TEACHER)["reference"]
    ours = [mail for mail in evidence.arrived[STRANGER] if mail.kind]
    return None not in (own, quoted) and own != quoted and not any(quoted in mail.mail.as_string() for mail in ours)


def _answered(evidence: Evidence) -> bool:
    asked = [requester for requester, kept in KEPT.items() if kept is not None]
    answers = {person: [m for m in evidence.arrived[person] if m.kind == "answer"] for person in asked}
    if any(len(found) != 1 for found in answers.values()):
        return False
    texts = [found[0].mail.as_string() for found in answers.values()]
    return not any(trace in text for text in texts for trace in (ADVISER, "answer above", "+s-"))


def _staff_reminders(evidence: Evidence, member: str) -> list[tuple[datetime, str | None, str]]:
    return sorted(
        (mail.at, evidence.requester(str(mail.mail["Subject"])), mail.kind)
        for mail in evidence.arrived[member]
        if mail.kind in ("reminder", "overdue")
    )


def _reminded(evidence: Evidence) -> bool:
    return all(_staff_reminders(evidence, member) == sorted(REMINDERS) for member in (ADVISER, LEAD))


def _never_while_closed(evidence: Evidence) -> bool:
    told = [at.time() for member in (ADVISER, LEAD) for at, _, _ in _staff_reminders(evidence, member)]
    return bool(told) and all(time(10) <= at < time(16) for at in told)


def _recorded(evidence: Evidence) -> bool:
    late = {requester for _, requester, kind in _staff_reminders(evidence, LEAD) if kind == "overdue"}
    recorded = {ticket["requester"]: evidence.kept[ticket["id"]] for ticket in evidence.tickets}
    return late == {YOUTH_WORKER} and recorded == {requester: [kept] for requester, kept in KEPT.items()}


def _nothing_lost(evidence: Evidence) -> bool:
    there = len(evidence.arrived[HELPLINE])
    return there == evidence.mailbox.get("in_ledger") and evidence.ledger == {"triaged": there}


def _all_arrived(evidence: Evidence) -> bool:
    ours = [str(mail.mail["Message-ID"]) for mails in evidence.arrived.values() for mail in mails if mail.kind]
    return len(ours) == len(set(ours)) and evidence.outbox == {"delivered": len(ours)}
