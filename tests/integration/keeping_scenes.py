"""Situations in which time alone makes a mail due, played on a desk until it has left."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from helpline_mail.domain.opening_hours import Closure
from tests.integration.answering_scenes import ADVICE, EXAMPLEBOOK, STAFF, Scene, asked, partner, writes
from tests.integration.desk import AMY, BOB, Desk, header, mail
from tests.integration.staff import THURSDAY


def opening_list(desk: Desk) -> str:
    """Two enquiries came in the evening and at night; it is Wednesday, ten o'clock."""
    desk.clock.now = datetime(2026, 11, 24, 19, 5, tzinfo=UTC)
    desk.receive(mail())
    desk.clock.advance(hours=5)
    desk.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    desk.sweep(datetime(2026, 11, 25, 10, 0, tzinfo=UTC))
    return "reminder"


def opening_list_of_one(desk: Desk) -> str:
    desk.clock.now = datetime(2026, 11, 24, 19, 5, tzinfo=UTC)
    desk.receive(mail())
    desk.sweep(datetime(2026, 11, 25, 10, 0, tzinfo=UTC))
    return "reminder"


def update(desk: Desk) -> str:
    """Alice was answered on Tuesday, and nobody has written since: it is Thursday, four o'clock."""
    asked(desk)
    writes(desk, "Dear Alice, we are asking the network.")
    desk.sweep(THURSDAY)
    return "update"


def update_with_partner(desk: Desk) -> str:
    asked(desk)
    writes(desk, "Dear Alice, we are asking the network.")
    writes(desk, f"#partner {EXAMPLEBOOK.name}\nPlease take it down.")
    desk.sweep(THURSDAY)
    return "update"


def update_late(desk: Desk) -> str:
    """Nobody has answered Alice at all."""
    asked(desk)
    desk.sweep(THURSDAY)
    return "update"


def lapsed(desk: Desk) -> str:
    """Two enquirers did not hear from us in time; one of them had three holding mails before."""
    asked(desk)
    writes(desk, "Dear Alice, we are asking the network.")
    desk.sweep(*(THURSDAY + timedelta(days=days) for days in (0, 4, 6, 8)))
    desk.clock.now = THURSDAY + timedelta(days=7, hours=19)
    desk.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    notice = [envelope for envelope in desk.sent("notice") if envelope.recipient == AMY][-1]
    writes(desk, "Dear Bob, we are asking too.", to=notice)
    desk.sweep(*(THURSDAY + timedelta(days=days) for days in (8, 12)))
    desk.sweep(THURSDAY + timedelta(days=12, hours=18))
    desk.letterbox.taken.sort(key=lambda envelope: "not heard" in header(envelope.octets, "Subject"))
    return "overdue"


def moved(desk: Desk) -> str:
    """A day of training is configured while an answer, a next word and a partner's answer are awaited."""
    asked(desk)
    writes(desk, "Dear Alice, we are asking the network.")
    writes(desk, f"#partner {EXAMPLEBOOK.name}\nPlease take it down.")
    desk.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    hours = desk.correspondence.policy.hours
    closed = replace(hours, closures=(Closure(date(2026, 11, 24), date(2026, 11, 25), "training"),))
    desk.decide_otherwise(staff=STAFF, partners=(EXAMPLEBOOK,), hours=closed)
    desk.replan()
    desk.submit()
    return "notice"


def partner_silent(desk: Desk) -> str:
    partner(desk)
    writes(desk, "#take\n" + ADVICE, to=desk.sent("notice")[0], after=1)
    desk.clock.advance(days=3)
    desk.remind()
    desk.submit()
    desk.letterbox.taken.sort(key=lambda envelope: "No answer yet" in header(envelope.octets, "Subject"))
    return "reminder"


def updates(desk: Desk) -> str:
    """Two enquirers were answered on Tuesday, and it is Thursday."""
    asked(desk)
    writes(desk, "Dear Alice, we are asking the network.")
    desk.receive(mail("bob@club.example", "Another matter", message_id="<bob@club.example>"))
    writes(desk, "#take")
    writes(desk, "Dear Bob, we are asking too.\n")
    desk.clock.advance(days=2, hours=4)
    desk.remind()
    desk.submit()
    return "reminder"


SCENES: dict[str, Scene] = {
    scene.__name__.replace("_", "-"): scene
    for scene in (
        opening_list,
        opening_list_of_one,
        update,
        update_with_partner,
        update_late,
        lapsed,
        moved,
        partner_silent,
        updates,
    )
}
