"""What came in while the helpline was closed comes in one list when it opens; so do many reminders at once."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.service.inquire import coming
from tests.integration.desk import AMY, BOB, LEAD, Desk, header, mail, words
from tests.integration.staff import settings, to
from tests.integration.test_staff_mail import VOUCHED

EVENING = datetime(2026, 11, 24, 19, 5, tzinfo=UTC)
OPENING = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


@pytest.fixture
def overnight(desk: Desk) -> Desk:
    """Two enquiries, in the evening and at night; staff got a notice of each."""
    desk.decide_otherwise(**settings())
    desk.clock.now = EVENING
    desk.receive(mail())
    desk.clock.advance(hours=5)
    desk.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    return desk


def reminders(desk: Desk, member: str) -> list[str]:
    return [words(envelope) for envelope in to(desk, member, "reminder")]


def steps(desk: Desk) -> list[str]:
    return [row.step for row in sorted(desk.rows(schema.reminder), key=lambda row: (row.told_at, row.clock_id))]


def test_both_are_in_one_list_for_each_at_the_opening_and_no_sooner(overnight: Desk) -> None:
    overnight.sweep(*(EVENING + timedelta(hours=hours) for hours in range(1, 15)), OPENING - timedelta(seconds=1))
    assert reminders(overnight, AMY) == []
    overnight.sweep(OPENING, OPENING + timedelta(seconds=15), OPENING + timedelta(minutes=80))
    (text,) = reminders(overnight, AMY)
    assert len(reminders(overnight, LEAD)) == 1
    for row in overnight.tickets():
        assert f"{row['reference']} answer due by 13:00 today" in text
    assert "came at 19:05 on Tuesday 24 November" in text
    assert steps(overnight) == ["opening", "opening"]


def test_who_follows_a_link_in_it_has_that_ticket_alone(overnight: Desk) -> None:
    overnight.sweep(OPENING)
    (envelope,) = to(overnight, AMY, "reminder")
    second = overnight.tickets()[1]["reference"]
    links = {
        reference: address
        for address, reference in re.findall(r"mailto:(\S+?)\?subject=%5B(\S+?)%5D&body=%23take", words(envelope))
    }
    assert list(links) == [row["reference"] for row in overnight.tickets()]
    overnight.clock.advance(minutes=2)
    by_link = {"to": links[second], "authentication_results": VOUCHED}
    overnight.receive(mail(AMY, f"[{second}]", "#take\n", message_id="<take@example.org.uk>", **by_link))
    assert [row["assignee"] for row in overnight.tickets()] == [None, AMY]


def test_the_usual_steps_follow_and_the_schedule_shows_them_all(overnight: Desk) -> None:
    found = coming(overnight.store, overnight.correspondence.policy, overnight.clock())
    first = [item["what"] for item in found if item["reference"] == overnight.tickets()[0]["reference"]]
    assert first[:2] == ["reminder, in the list at opening", "reminder, 1 hour 30 minutes left"]
    overnight.sweep(OPENING, OPENING + timedelta(minutes=90))
    assert steps(overnight) == ["opening", "opening", "90m", "90m"]


def test_after_a_morning_of_downtime_only_the_step_that_counts_is_told(overnight: Desk) -> None:
    overnight.sweep(OPENING + timedelta(minutes=95))
    assert steps(overnight) == ["90m", "90m"]


def test_what_comes_while_it_is_open_is_in_no_such_list(desk: Desk) -> None:
    desk.receive(mail())
    desk.sweep(desk.clock() + timedelta(minutes=1))
    assert steps(desk) == []


def test_what_was_answered_before_the_opening_is_not_in_it(overnight: Desk) -> None:
    reference = overnight.tickets()[0]["reference"]
    notice = next(e for e in to(overnight, AMY, "notice") if reference in header(e.octets, "Subject"))
    overnight.receive(
        mail(
            AMY, "Re: enquiry", "Dear Alice, call the police.\n", message_id="<answer@example.org.uk>",
            to=header(notice.octets, "Reply-To").rpartition("<")[2].rstrip(">"), authentication_results=VOUCHED,
        )
    )  # fmt: skip
    overnight.sweep(OPENING)
    (text,) = reminders(overnight, AMY)
    assert reference not in text


def test_six_reminders_at_once_are_one_list_and_five_are_not(desk: Desk) -> None:
    for number in range(11):
        late = number >= 5
        desk.mailbox.append(
            mail(f"t{number}@s{number}.example", message_id=f"<{number}@s.example>"),
            desk.clock() + timedelta(minutes=30 * late),
        )
    desk.clock.advance(minutes=31)
    desk.collect()
    desk.triage()
    desk.sweep(datetime(2026, 11, 24, 11, 40, tzinfo=UTC))
    assert len(reminders(desk, AMY)) == 5
    desk.sweep(datetime(2026, 11, 24, 12, 10, tzinfo=UTC))
    assert len(reminders(desk, AMY)) == 6
    assert reminders(desk, AMY)[-1].count("answer due by 13:40 today") == 6
