"""Staff whom mail does not reach, and staff whose mail is not sent on: who is told, how often, and when it is over."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.delivery import Envelope, Outcome, Refused
from helpline_mail.service.alarms import alarms_open, end_alarm
from helpline_mail.service.trouble import unreached_cause
from tests.integration.desk import ALICE, AMY, BOB, LEAD, Desk, Letterbox, bounce, header, mail


@dataclass
class Refusing(Letterbox):
    """Refuses mail about tickets to some people for good."""

    people: tuple[str, ...] = ()

    async def send(self, envelope: Envelope) -> Outcome:
        if envelope.recipient in self.people and header(envelope.octets, "X-Helpline-Kind") == "notice":
            return Refused(550, "RCPT")
        return await super().send(envelope)


def causes(desk: Desk) -> set[str]:
    return {row["cause"] for row in alarms_open(desk.store)}


def refused(*people: str) -> set[str]:
    return {unreached_cause(person, bounced=False) for person in people}


def bounced(*people: str) -> set[str]:
    return {unreached_cause(person, bounced=True) for person in people}


def enquiry(desk: Desk, number: int, letterbox: Letterbox | None = None) -> None:
    """Another enquirer writes, which staff get notices of."""
    desk.mailbox.append(mail(f"a{number}@school{number}.sch.uk", message_id=f"<{number}@x.example>"), desk.clock())
    desk.collect()
    desk.triage()
    desk.submit(letterbox)


def bounces_of_notices(desk: Desk, people: Iterable[str]) -> None:
    """The first notice to each of them comes back."""
    first = {e.recipient: header(e.octets, "Message-ID") for e in reversed(desk.sent("notice"))}
    desk.receive(*(bounce(person, first[person]) for person in people))


def test_an_alarm_about_a_refused_recipient_ends_when_mail_is_delivered_there_again(desk: Desk) -> None:
    enquiry(desk, 1, Refusing(people=(AMY, LEAD)))
    assert causes(desk) == refused(AMY, LEAD), "two people are two alarms"
    desk.clock.advance(minutes=5)
    enquiry(desk, 2, Refusing(people=(LEAD,)))
    assert causes(desk) == refused(LEAD)
    desk.clock.advance(minutes=5)
    enquiry(desk, 3)
    assert causes(desk) == set()
    assert desk.codes().count("alarm_over") == 2


def test_a_recipient_who_is_refused_again_and_again_is_one_alarm(desk: Desk) -> None:
    for number in range(3):
        enquiry(desk, number, Refusing(people=(AMY,)))
    assert len(desk.rows(schema.alarm)) == 1
    assert len(desk.outbox("alarm")) == 1


def test_an_acknowledgement_that_arrives_says_nothing_about_mail_to_staff(desk: Desk) -> None:
    desk.letterbox = Refusing(people=(AMY,))
    enquiry(desk, 1)
    desk.receive(mail(AMY, "As an enquirer", message_id="<amy@example.org.uk>"))
    assert [e.recipient for e in desk.sent("acknowledgement")].count(AMY) == 1
    assert causes(desk) == refused(AMY)
    assert "alarm_over" not in desk.codes(), "not for a moment"


@pytest.mark.parametrize("people", [(AMY,), (AMY, LEAD)])
def test_an_alarm_about_mail_that_came_back_ends_only_when_a_person_says_so(
    desk: Desk, people: tuple[str, ...]
) -> None:
    enquiry(desk, 1)
    bounces_of_notices(desk, people)
    assert causes(desk) == bounced(*people)
    desk.clock.advance(minutes=5)
    enquiry(desk, 2)
    assert {AMY, LEAD} <= {e.recipient for e in desk.letterbox.taken}
    assert causes(desk) == bounced(*people), "our own server took the last one as well"
    assert end_alarm(desk.store, desk.correspondence, *bounced(AMY), desk.clock)
    assert causes(desk) == bounced(*people) - bounced(AMY)
    assert not end_alarm(desk.store, desk.correspondence, *bounced(AMY), desk.clock)


def test_a_mail_of_staff_that_is_not_sent_on_is_refused_once_a_ticket_member_and_day(desk: Desk) -> None:
    desk.receive(mail(), mail(BOB, "Other", message_id="<bob@club.example>"))
    alices, bobs = (ticket["reference"] for ticket in desk.tickets())
    notices = {ref: header(e.octets, "Message-ID") for e in desk.sent("notice") for ref in (alices, bobs)
               if ref.encode() in e.octets}  # fmt: skip
    numbers = iter(range(100))

    def answered(person: str, reference: str) -> None:
        number = next(numbers)
        desk.clock.advance(minutes=10)
        desk.receive(
            mail(person, "Re: notice", f"Do this: {number}\n", message_id=f"<s{number}@example.org.uk>",
                 in_reply_to=notices[reference])
        )  # fmt: skip

    def refusals() -> list[tuple[str, str]]:
        found = [(e.recipient, header(e.octets, "Subject")[1:12]) for e in desk.sent("refusal")]
        desk.letterbox.taken.clear()
        return found

    answered(AMY, alices)
    answered(AMY, alices)
    answered(AMY.upper(), alices)
    assert refusals() == [(AMY, alices), (LEAD, alices)], "the lead is told as well"
    answered(LEAD, alices)
    answered(AMY, bobs)
    assert refusals() == [(LEAD, alices), (AMY, bobs), (LEAD, bobs)]
    desk.clock.advance(days=1)
    answered(AMY, alices)
    answered(AMY, alices)
    assert refusals() == [(AMY, alices), (LEAD, alices)]
    assert desk.dispositions().count("staff") == 7
    assert ALICE not in {e.recipient for e in desk.letterbox.taken}
