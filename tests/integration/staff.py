"""Staff at work in the tests: what they reply, what they are told, and how a ticket stands."""

from datetime import UTC, datetime
from typing import Any

from helpline_mail.adapters.store import schema
from helpline_mail.domain.delivery import Envelope
from helpline_mail.domain.policy import Partner
from tests.integration.desk import ALICE, AMY, Desk, header, mail, words
from tests.integration.test_staff_mail import notice_to, reply, words_of

EXAMPLEBOOK, CHATTER = "safety@examplebook.example", "abuse@chatter.example"
THURSDAY = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
"""When an enquirer who was answered on Tuesday is to hear from us again, and when after that."""
ALICES_HOME = "alice.at.home@mail.example"
PARTNERS = (
    Partner("examplebook", "Examplebook safety team", EXAMPLEBOOK),
    Partner("chatter", "Chatter trust and safety", CHATTER),
)


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "outcomes": ("advice given", "signposted", "advertising"), "outcomes_without_answer": ("advertising",),
        "categories": ("sexting", "gaming"), "sectors": ("school", "police"), "partners": PARTNERS, **changes,
    }  # fmt: skip


def opened(desk: Desk) -> Desk:
    """A desk with one enquiry of Alice's, of which Amy and Lena got their notices, and two partners."""
    desk.decide_otherwise(**settings())
    desk.receive(mail(f'"Alice Smithers" <{ALICE}>'))
    return desk


def tell(desk: Desk, text: str, member: str = AMY, **fields: str) -> str:
    """That member replies to our latest mail to them; returns what they are told."""
    desk.receive(reply(notice_to(desk, member), text, **fields))
    return told(desk, member)


def told(desk: Desk, member: str) -> str:
    """Our latest mail to somebody, on one line."""
    return " ".join(words_of(notice_to(desk, member).octets).split())


def to(desk: Desk, recipient: str, kind: str | None = None) -> list[Envelope]:
    return [e for e in (desk.sent(kind) if kind else desk.letterbox.taken) if e.recipient == recipient]


def ticket(desk: Desk, nth: int = 0) -> Any:
    return desk.rows(schema.ticket)[nth]


def clocks(desk: Desk, nth: int = 0) -> list[Any]:
    return desk.clocks(schema.clock.c.ticket_id == ticket(desk, nth).id)


def update_due(desk: Desk, nth: int = 0) -> datetime | None:
    """When the enquirer is to hear from us again."""
    due_at: datetime | None = desk.tickets()[nth]["update_due_at"]
    return due_at


def held_out(desk: Desk) -> list[str]:
    """The holding mails that Alice got."""
    return [words(envelope) for envelope in to(desk, ALICE, "update")]


def lapsed(desk: Desk, member: str = AMY) -> list[str]:
    """What a member of staff was told of enquirers who did not hear from us in time."""
    return [words(e) for e in to(desk, member, "overdue") if "not heard from us" in header(e.octets, "Subject")]


def runs(desk: Desk, nth: int = 0) -> bool:
    return any(row.stopped_at is None for row in clocks(desk, nth))


def trail(desk: Desk, nth: int = 0) -> str:
    return "\n".join(row.text for row in desk.rows(schema.event, schema.event.c.ticket_id == ticket(desk, nth).id))


def kinds(desk: Desk, nth: int = 0) -> list[str]:
    return [row.kind for row in desk.rows(schema.message, schema.message.c.ticket_id == ticket(desk, nth).id)]
