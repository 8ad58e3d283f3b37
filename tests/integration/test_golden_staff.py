"""Every mail to staff and operators, whole, made by the services in the situation that calls for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.delivery import Accepted, Envelope, InDoubt, Outcome, Refused
from helpline_mail.domain.policy import StaffMember
from helpline_mail.domain.rations import Rations
from helpline_mail.service.alarms import end_alarm, raise_alarm
from helpline_mail.service.answer import answer
from helpline_mail.service.collect import CollectLimits
from helpline_mail.service.holidays import watch_holidays
from helpline_mail.service.timekeeping import timekeeper
from tests.golden_files import GOLDEN, same
from tests.integration import answering_scenes, keeping_scenes
from tests.integration.answering_scenes import Scene
from tests.integration.desk import ALICE, AMY, BOB, LEAD, Desk, Letterbox, bounce, follow_up, header, mail

REFUSED, DOUBT = Refused(550, "RCPT"), InDoubt("the connection broke during the data")
STAFF = (StaffMember("Amy O'Brien", AMY, "adviser"), StaffMember("Lena", LEAD, "lead"))


@dataclass
class PickyLetterbox(Letterbox):
    """A `Submitter` that accepts everything but mail to some."""

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)

    async def send(self, envelope: Envelope) -> Outcome:
        outcome = self.outcomes.get(envelope.recipient, Accepted(250))
        return await super().send(envelope) if isinstance(outcome, Accepted) else outcome


def masked(octets: bytes) -> bytes:
    """The mail with what is random replaced: references by numbers in order of appearance, nonces, signatures."""
    numbers: dict[bytes, int] = {}

    def reference(found: re.Match[bytes]) -> bytes:
        return b"%b%06d" % (found[1], numbers.setdefault(found[2].upper(), len(numbers) + 1))

    octets = re.sub(rb"(?<!\?)=\r\n", b"", octets)  # soft line breaks stand anywhere, also in what is random
    octets = re.sub(rb"(POSH-|posh-)([2-9A-Za-z]{6})\b", reference, octets)
    octets = re.sub(rb"\+s-[a-z2-7]{16}-([a-z2-7]+)@", lambda found: b"+s-nonce-%b@" % (b"s" * len(found[1])), octets)
    octets = re.sub(rb"\+r-(posh-\d+)-[a-z2-7]+@", rb"+r-\1-ssss@", octets)
    octets = re.sub(rb"<\d{5,12}@example\.org\.uk>", b"<of-staff@example.org.uk>", octets)
    octets = re.sub(rb"=_[0-9a-f]{32}", b"=_boundary", octets)
    return re.sub(rb"\.[a-z2-7]{16}\.([a-z2-7]+)@", lambda found: b".nonce.%b@" % (b"s" * len(found[1])), octets)


def notice(desk: Desk) -> str:
    desk.receive(mail('"Alice Ångström" <alice@school.sch.uk>', "A pupil’s photograph", PHOTOGRAPH))
    return "notice"


PHOTOGRAPH = """\
Dear helpline,

a photograph of a pupil is being passed around. The parents have asked us what we are going to do about it, and so far
nobody here knows. What should we do?

Alice
"""


def notice_hinted(desk: Desk) -> str:
    desk.receive(mail(text="Before that.\n"))
    desk.clock.advance(minutes=5)
    subject = f"About [{desk.tickets()[0]['reference']}], a letter"
    desk.receive(
        mail(
            f'"{ALICE}" <alice@freemail.example>', subject, LETTER, message_id="<letter@freemail.example>",
            authentication_results="mx.example.org.uk; dmarc=fail header.from=freemail.example",
            mime_version="1.0", content_type='multipart/mixed; boundary="b"',
        )
    )  # fmt: skip
    return "notice"


LETTER = (
    "--b\r\nContent-Type: text/plain\r\n\r\nPlease see the letter.\r\n"
    '--b\r\nContent-Type: application/pdf; name="letter of complaint.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    f"{'QUJD' * 12_000}\r\n"
    "--b\r\nContent-Type: image/png\r\n\r\nP\r\n--b--\r\n"
)


def notice_follow_up(desk: Desk) -> str:
    desk.receive(mail())
    desk.clock.advance(minutes=20)
    desk.receive(follow_up(desk))
    return "notice"


def notice_without_text(desk: Desk) -> str:
    desk.receive(mail(subject="", text=""))
    return "notice"


def notice_late(desk: Desk) -> str:
    desk.mailbox.append(mail(), desk.clock())
    desk.clock.advance(hours=4)
    desk.collect()
    desk.triage()
    desk.submit()
    return "notice"


def notice_quarantined(desk: Desk) -> str:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    with desk.store.write() as connection:  # as if it had ended the process each time
        connection.execute(schema.ledger.update().values(attempts=6))
    desk.triage()
    desk.submit()
    return "notice"


def reminded(desk: Desk, *, taken: bool = False, **after: float) -> None:
    desk.receive(mail())
    if taken:
        with desk.store.write() as connection:
            connection.execute(schema.ticket.update().values(assignee=AMY))
    desk.clock.advance(**after)
    desk.remind()
    desk.submit()


def reminder(desk: Desk) -> str:
    reminded(desk, minutes=150, taken=True)
    return "reminder"


def reminder_before_closing(desk: Desk) -> str:
    desk.clock.now = datetime(2026, 11, 27, 13, 30, tzinfo=UTC)
    reminded(desk, minutes=120)
    return "reminder"


def overdue(desk: Desk) -> str:
    reminded(desk, minutes=245, taken=True)
    return "overdue"


def overdue_just_now(desk: Desk) -> str:
    reminded(desk, minutes=180)
    return "overdue"


def reminder_list(desk: Desk) -> str:
    desk.decide_otherwise(staff=STAFF, rations=Rations(0, 0, 1, notices=1))
    desk.mailbox.append(mail(), desk.clock() - timedelta(hours=20))
    desk.mailbox.append(mail(BOB, message_id="<bob@club.example>"), desk.clock() - timedelta(hours=19, minutes=30))
    for number in range(100):
        sender = f"teacher{number}@school.sch.uk"
        desk.mailbox.append(mail(sender, f"A worry {number}", message_id=f"<{number}@school.sch.uk>"), desk.clock())
    desk.limits = CollectLimits(200, 1_000_000, 500_000, 10_000)
    desk.collect()
    desk.triage()
    with desk.store.write() as connection:
        connection.execute(schema.ticket.update().where(schema.ticket.c.id <= 3).values(assignee=AMY))
    desk.clock.advance(minutes=100)
    desk.remind()
    desk.submit()
    return "overdue"


def reminder_list_of_one(desk: Desk) -> str:
    """Staff were reminded so often in the past hour that even a single reminder comes as a list."""
    desk.decide_otherwise(staff=STAFF, rations=Rations(0, 0, 1, notices=1))
    for number in range(61):
        desk.mailbox.append(mail(f"t{number}@s{number}.sch.uk", message_id=f"<{number}@s.sch.uk>"), desk.clock())
    desk.mailbox.append(mail(), desk.clock() + timedelta(minutes=10))
    desk.limits = CollectLimits(200, 1_000_000, 500_000, 10_000)
    desk.clock.advance(minutes=90)
    desk.collect()
    desk.triage()
    desk.remind()
    desk.submit()
    desk.letterbox.taken.clear()
    desk.clock.advance(minutes=10)
    desk.remind()
    desk.submit()
    return "reminder"


def digest(desk: Desk) -> str:
    desk.decide_otherwise(staff=STAFF, rations=Rations(0, 0, 0, notices=1))
    desk.receive(mail())
    desk.mailbox.append(mail(BOB, "Also this", message_id="<bob@club.example>"), desk.clock() - timedelta(days=1))
    desk.clock.advance(minutes=20)
    desk.receive(
        follow_up(desk),
        mail(AMY, "Re: your mail", "Yes.\n", message_id="<2@x.example>", in_reply_to=desk.acknowledgement_id()),
        bounce(ALICE, desk.acknowledgement_id()),
    )
    desk.clock.advance(minutes=5)
    desk.digest()
    desk.submit()
    return "digest"


def refusal(desk: Desk) -> str:
    desk.receive(mail())
    desk.receive(
        mail(AMY, "Re: your mail", "Yes.\n", message_id="<2@x.example>", in_reply_to=desk.acknowledgement_id())
    )
    return "refusal"


def refusal_answered(desk: Desk) -> str:
    desk.receive(mail())
    desk.clock.advance(minutes=5)
    answer(desk.store, desk.correspondence.policy, desk.tickets()[0]["reference"], desk.clock(), desk.clock())
    desk.receive(
        mail(AMY, "Re: your mail", "Yes.\n", message_id="<2@x.example>", in_reply_to=desk.acknowledgement_id())
    )
    return "refusal"


def undelivered(desk: Desk) -> str:
    desk.letterbox = PickyLetterbox(outcomes={ALICE: REFUSED})
    desk.receive(mail())
    return "notice"


def undelivered_in_doubt(desk: Desk) -> str:
    desk.letterbox = PickyLetterbox(outcomes={ALICE: DOUBT})
    desk.receive(mail())
    desk.clock.advance(seconds=6)
    desk.submit()
    return "notice"


def undelivered_bounced(desk: Desk) -> str:
    desk.receive(mail())
    desk.receive(bounce(ALICE, desk.acknowledgement_id()))
    return "notice"


def alarm(desk: Desk) -> str:
    text = (
        "imap: cannot reach imap.example.org.uk:993 (TimeoutError); check the server, imap.host, imap.port and imap.tls"
    )
    raise_alarm(desk.store, desk.correspondence, "mailbox", text, desk.clock)
    desk.submit()
    return "alarm"


def alarm_over(desk: Desk) -> str:
    alarm(desk)
    desk.clock.advance(minutes=11)
    end_alarm(desk.store, desk.correspondence, "mailbox", desk.clock)
    desk.submit()
    return "alarm"


def alarm_staff_refused(desk: Desk) -> str:
    desk.letterbox = PickyLetterbox(outcomes={AMY: REFUSED})
    desk.receive(mail())
    return "alarm"


def alarm_staff_bounced(desk: Desk) -> str:
    desk.receive(mail())
    desk.receive(bounce(AMY, header(desk.sent("notice")[0].octets, "Message-ID")))
    return "alarm"


def alarm_flood(desk: Desk) -> str:
    desk.decide_otherwise(staff=STAFF, rations=Rations(0, 0, 1))
    desk.receive(mail(), mail(BOB, "Also this", message_id="<bob@club.example>"))
    return "alarm"


def alarm_holidays(desk: Desk) -> str:
    hours = replace(desk.correspondence.policy.hours, holidays_known_to=date(2026, 12, 31))
    desk.decide_otherwise(staff=STAFF, hours=hours)
    watch_holidays(desk.store, desk.correspondence, desk.clock)
    desk.submit()
    return "alarm"


def alarm_clock(desk: Desk) -> str:
    keeper = timekeeper(desk.store, desk.correspondence, desk.clock, lambda: 0.0)
    keeper.look()
    desk.clock.advance(days=365)
    keeper.look()
    desk.submit()
    return "alarm"


def alarm_clock_over(desk: Desk) -> str:
    alarm_clock(desk)
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    timekeeper(desk.store, desk.correspondence, desk.clock, lambda: 0.0).look()
    desk.submit()
    return "alarm"


def alarm_holidays_unknown(desk: Desk) -> str:
    desk.clock.now = datetime(2026, 12, 31, 13, 0, 1, tzinfo=UTC)
    return alarm_holidays(desk)


SCENES: dict[str, Scene] = (
    {
        scene.__name__.replace("_", "-"): scene
        for scene in (
            *(notice, notice_hinted, notice_follow_up, notice_without_text, notice_late, notice_quarantined),
            *(reminder, reminder_before_closing, overdue, overdue_just_now, reminder_list, reminder_list_of_one),
            *(digest, refusal, refusal_answered, undelivered, undelivered_in_doubt, undelivered_bounced),
            *(alarm, alarm_over, alarm_staff_refused, alarm_staff_bounced, alarm_flood),
            *(alarm_holidays, alarm_holidays_unknown, alarm_clock, alarm_clock_over),
        )
    }
    | answering_scenes.SCENES
    | keeping_scenes.SCENES
)
FOR_LENA = ("refusal-for-leads", "notice-split")
"""Scenes in which Amy gets another mail of that kind."""
WITH_WORDS_OF_STAFF = ("refused-second", "refused-partner")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", SCENES)
def test_a_mail_to_staff_reads_as_its_golden_file(desk: Desk, name: str) -> None:
    desk.decide_otherwise(staff=STAFF)
    kind = SCENES[name](desk)
    shown = [envelope for envelope in desk.sent(kind) if name not in FOR_LENA or envelope.recipient == LEAD]
    octets = shown[0 if kind == "refusal" else -1].octets  # the writer's own, before the leads'
    same(name, masked(octets))
    if kind in ("reminder", "overdue", "digest", "refusal", "report", "alarm") and name not in WITH_WORDS_OF_STAFF:
        assert b"alice" not in octets.lower()


def test_each_golden_file_of_a_mail_to_staff_has_its_scene() -> None:
    assert {path.stem for path in GOLDEN.glob("*.eml") if not path.stem.startswith("acknowledgement-")} == set(SCENES)
