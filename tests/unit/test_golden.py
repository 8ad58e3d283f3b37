"""Every mail that we write by ourselves, whole, byte for byte.

`REWRITE_GOLDEN=1 uv run pytest tests/unit/test_golden.py` writes them anew; read the difference, then commit it.
"""

import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from helpline_mail.domain.acknowledgement import acknowledge
from helpline_mail.domain.message import Address
from helpline_mail.domain.opening_hours import Closure, OpeningHours, Window
from helpline_mail.domain.promise import due, spoken_duration, spoken_moment, spoken_time
from helpline_mail.wire.bank_holidays import bank_holidays
from helpline_mail.wire.compose import Draft, compose
from helpline_mail.wire.templates import VALUES, Templates

GOLDEN = Path(__file__).parent.parent / "golden"
LONDON = ZoneInfo("Europe/London")
HOURS = OpeningHours(
    ((Window(time(10), time(16)),),) * 5 + ((),) * 2,
    LONDON,
    closures=(Closure(date(2026, 12, 24), date(2027, 1, 1), "Christmas"),),
    bank_holidays=bank_holidays("GB-ENG"),
)
RESPONSE = timedelta(hours=3)
HELPLINE = "Professionals Online Safety Helpline"
OURS = Address("helpline@example.org.uk", HELPLINE)
REFERENCE = "POSH-7K3M9Q"
MESSAGE_ID = "<posh-7k3m9q.abcdefghijklmnop.qrstuvwxyz234567abcdefghij@example.org.uk>"
LINES = {"telephone": "0844 381 4772", "skype": "professionalshelpline"}


def london(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=LONDON)


def same(name: str, raw: bytes) -> None:
    path = GOLDEN / f"{name}.eml"
    if os.environ.get("REWRITE_GOLDEN") == "1":
        path.write_bytes(raw)
    assert raw == path.read_bytes()


@dataclass(frozen=True)
class Case:
    received: str
    now: str = ""
    telephone: str = LINES["telephone"]
    skype: str = LINES["skype"]
    hours: OpeningHours = HOURS


ACKNOWLEDGEMENTS = {
    "in-hours": Case("2026-11-24T09:55", now="2026-11-24T10:00"),
    "in-hours-until-tomorrow": Case("2026-11-24T15:00"),
    "in-hours-telephone-only": Case("2026-11-24T11:00", skype=""),
    "in-hours-skype-only": Case("2026-11-24T11:00", telephone=""),
    "in-hours-no-lines": Case("2026-11-24T11:00", telephone="", skype=""),
    "never-closed": Case(
        "2026-11-24T11:00", hours=replace(HOURS, weekly=((Window(time(0), time.max),),) * 7, closures=())
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
}


def acknowledgement(case: Case) -> bytes:
    received = london(case.received)
    now = london(case.now or case.received)
    facts = acknowledge(case.hours, due(case.hours, received, RESPONSE).due, now)
    rendered = Templates().render(
        "acknowledgement",
        helpline=HELPLINE,
        telephone=case.telephone,
        skype=case.skype,
        reference=REFERENCE,
        facts=facts,
        estimate=None,
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


NOW = london("2026-11-24T10:05")
DUE = london("2026-11-24T13:00")
NOTICE = {
    "helpline": HELPLINE,
    "reference": REFERENCE,
    "sender": "Alice Ångström <alice@school.sch.uk>",
    "subject": "A pupil’s photograph",
    "received": spoken_moment(london("2026-11-24T09:55"), NOW, LONDON),
    "by": spoken_time(DUE, NOW, LONDON),
    "text": "Dear helpline,\n\na photograph of a pupil is being passed around.\nWhat should we do?\n\nAlice",
    "attachments": [],
    "hints": [],
    "reply_answers": False,
}
HINTED = {
    "attachments": [{"filename": "screen.png", "size": 48_213}, {"filename": "", "size": 1}],
    "hints": [
        "it may be related to POSH-2B4C6D, which came from the same address",
        "no acknowledgement was sent, because the sender's server could not be verified (dmarc=fail)",
    ],
    "reply_answers": True,
}
REMINDER = {
    "helpline": HELPLINE,
    "reference": REFERENCE,
    "waiting": spoken_duration(timedelta(hours=2, minutes=35)),
    "by": spoken_time(DUE, NOW, LONDON),
    "left": spoken_duration(timedelta(minutes=30)),
    "taken_by": "First Adviser",
}
OVERDUE = {
    "helpline": HELPLINE,
    "reference": REFERENCE,
    "waiting": spoken_duration(timedelta(hours=4, minutes=5)),
    "was_due": spoken_moment(DUE, NOW, LONDON),
    "overdue": spoken_duration(timedelta(hours=1)),
    "taken_by": "",
}
ALARM = {
    "helpline": HELPLINE,
    "headline": "The mailbox has not been read for 10 minutes",
    "since": spoken_moment(london("2026-11-24T09:54"), NOW, LONDON),
    "details": ["imap.example.org.uk, port 993: the connection timed out"],
    "advice": "see whether the mail server is up; the daemon keeps trying, and no mail is lost meanwhile",
}
UNDELIVERED = {
    "helpline": HELPLINE,
    "reference": REFERENCE,
    "kind": "acknowledgement",
    "what": "550 no such user (550)",
    "in_doubt": False,
}
OVER = {
    "helpline": HELPLINE,
    "headline": ALARM["headline"],
    "since": ALARM["since"],
    "lasted": spoken_duration(timedelta(minutes=11)),
}
TO_STAFF = {
    "notice": ("notice", NOTICE),
    "notice-hinted": ("notice", NOTICE | HINTED),
    "notice-follow-up": ("notice_follow_up", NOTICE),
    "reminder": ("reminder", REMINDER),
    "overdue": ("overdue", OVERDUE),
    "overdue-just-now": ("overdue", OVERDUE | {"overdue": spoken_duration(timedelta())}),
    "notice-no-clock": ("notice_follow_up", NOTICE | {"by": ""}),
    "refusal": ("refusal", {"helpline": HELPLINE, "reference": REFERENCE}),
    "undelivered": ("undelivered", UNDELIVERED),
    "undelivered-in-doubt": ("undelivered", UNDELIVERED | {"what": "the connection broke", "in_doubt": True}),
    "alarm": ("alarm", ALARM),
    "alarm-over": ("alarm_over", OVER),
}


@pytest.mark.parametrize("name", TO_STAFF)
def test_mail_to_staff(name: str) -> None:
    template, values = TO_STAFF[name]
    assert values.keys() == VALUES[template]
    rendered = Templates().render(template, **values)
    raw = compose(
        Draft(
            kind={"notice_follow_up": "notice", "undelivered": "notice", "alarm_over": "alarm"}.get(template, template),
            from_=OURS,
            to=Address("amy@example.org.uk", "Amy O'Brien"),
            subject=rendered.subject,
            text=rendered.text,
            message_id=MESSAGE_ID,
            date=NOW.astimezone(UTC),
            auto_submitted="auto-generated",
        )
    )
    same(name, raw)
    assert re.search(rb"^Subject: (\[POSH-7K3M9Q\] |Alarm: |Over: )", raw, re.MULTILINE)
    if template in ("reminder", "overdue"):
        assert b"alice" not in raw.lower()


def test_every_golden_file_has_its_test() -> None:
    expected = {f"acknowledgement-{name}" for name in ACKNOWLEDGEMENTS} | set(TO_STAFF)
    assert {path.stem for path in GOLDEN.glob("*.eml")} == expected
