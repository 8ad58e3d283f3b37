"""The acknowledgement to an enquirer, whole, byte for byte, in every situation."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.golden_files import GOLDEN, same

from helpline_mail.domain.acknowledgement import Likely, acknowledge
from helpline_mail.domain.message import Address
from helpline_mail.domain.opening_hours import END_OF_DAY, Closure, OpeningHours, Window
from helpline_mail.domain.promise import due
from helpline_mail.wire.bank_holidays import bank_holidays
from helpline_mail.wire.compose import Draft, compose
from helpline_mail.wire.templates import Templates

LONDON = ZoneInfo("Europe/London")
HOURS = OpeningHours(
    ((Window(time(10), time(16)),),) * 5 + ((),) * 2,
    LONDON,
    closures=(Closure(date(2026, 12, 24), date(2027, 1, 1), "Christmas"),),
    bank_holidays=bank_holidays("GB-ENG"),
)
RESPONSE = timedelta(hours=3)
UNTIL_MIDNIGHT = replace(HOURS, weekly=((Window(time(8), END_OF_DAY),),) * 7, closures=())
HELPLINE = "Professionals Online Safety Helpline"
OURS = Address("helpline@example.org.uk", HELPLINE)
REFERENCE = "POSH-7K3M9Q"
MESSAGE_ID = "<posh-7k3m9q.abcdefghijklmnop.qrstuvwxyz234567abcdefghij@example.org.uk>"
LINES = {"telephone": "0844 381 4772", "skype": "professionalshelpline"}


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


@dataclass(frozen=True)
class Case:
    received: str
    now: str = ""
    telephone: str = LINES["telephone"]
    skype: str = LINES["skype"]
    hours: OpeningHours = HOURS
    likely_minutes: int = 0


ACKNOWLEDGEMENTS = {
    "in-hours": Case("2026-11-24T09:55", now="2026-11-24T10:00"),
    "in-hours-likely": Case("2026-11-24T10:18", likely_minutes=60),
    "afternoon-likely": Case("2026-11-27T15:30", likely_minutes=45),
    "evening-likely": Case("2026-11-24T19:10", likely_minutes=90),
    "in-hours-until-tomorrow": Case("2026-11-24T15:00"),
    "in-hours-telephone-only": Case("2026-11-24T11:00", skype=""),
    "in-hours-skype-only": Case("2026-11-24T11:00", telephone=""),
    "in-hours-no-lines": Case("2026-11-24T11:00", telephone="", skype=""),
    "never-closed": Case(
        "2026-11-24T11:00", hours=replace(HOURS, weekly=((Window(time(0), END_OF_DAY),),) * 7, closures=())
    ),
    "early-morning": Case("2026-11-24T06:30"),
    "evening": Case("2026-11-24T19:10"),
    "evening-no-lines": Case("2026-11-24T19:10", telephone="", skype=""),
    "before-weekend": Case("2026-11-27T15:30"),
    "friday-evening": Case("2026-11-27T18:00"),
    "weekend": Case("2026-11-28T12:00"),
    "before-easter": Case("2026-04-02T13:30"),
    "before-bank-holiday": Case("2026-08-28T15:45"),
    "on-bank-holiday": Case("2026-08-31T12:00"),
    "before-closure": Case("2026-12-23T14:00"),
    "in-closure": Case("2026-12-29T12:00"),
    "late-open": Case("2026-11-24T10:00", now="2026-11-24T15:00"),
    "late-closed": Case("2026-11-26T10:00", now="2026-11-28T09:00"),
    "late-closed-no-lines": Case("2026-11-26T10:00", now="2026-11-28T09:00", telephone="", skype=""),
    "late-in-closure": Case("2026-12-22T10:00", now="2026-12-28T09:00"),
    "until-midnight": Case("2026-11-24T21:00", hours=UNTIL_MIDNIGHT),
    "over-midnight": Case("2026-11-24T22:30", hours=UNTIL_MIDNIGHT),
}


def acknowledgement(case: Case) -> bytes:
    received = london(case.received)
    now = london(case.now or case.received)
    likely = Likely(received, timedelta(minutes=case.likely_minutes)) if case.likely_minutes else None
    facts = acknowledge(case.hours, due(case.hours, received, RESPONSE).due, now, likely)
    rendered = Templates().render(
        "acknowledgement",
        helpline=HELPLINE,
        telephone=case.telephone,
        skype=case.skype,
        reference=REFERENCE,
        facts=facts,
        channel="email",
    )
    return compose(
        Draft(
            kind="acknowledgement",
            from_=OURS,
            to=Address("alice@school.sch.uk"),
            reply_to=Address("helpline+r-posh-7k3m9q-abcdefghijklmnop@example.org.uk", HELPLINE),
            subject=rendered.subject,
            text=rendered.text,
            message_id=MESSAGE_ID,
            date=now.astimezone(UTC),
            in_reply_to="<1@school.sch.uk>",
            references=("<0@school.sch.uk>", "<1@school.sch.uk>"),
            auto_submitted="auto-replied",
        )
    )


@pytest.mark.parametrize("name", ACKNOWLEDGEMENTS)
def test_acknowledgement(name: str) -> None:
    raw = acknowledgement(ACKNOWLEDGEMENTS[name])
    same(f"acknowledgement-{name}", raw)
    assert len(raw) < 4096
    assert max(map(len, raw.split(b"\r\n\r\n", 1)[1].split(b"\r\n"))) <= 76
    assert b"999" in raw
    assert b"\r\n\r\n\r\n" not in raw


def test_each_golden_file_of_an_acknowledgement_has_its_test() -> None:
    assert {path.stem for path in GOLDEN.glob("acknowledgement-*.eml")} == {
        f"acknowledgement-{name}" for name in ACKNOWLEDGEMENTS
    }
