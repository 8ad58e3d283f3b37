"""Rations: the loops and floods that they must end, and the genuine enquiries that they must let through."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.test_responder import OWN, enquiry

from helpline_mail.domain.rations import (
    Rations,
    Sent,
    Told,
    breaker_closes,
    notice_reason,
    ration_reason,
    trips_breaker,
)
from helpline_mail.domain.responder import automatic_reason

RATIONS = Rations(per_address=3, per_domain=30, total=300, keeps_reserve=True)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (Sent(0, 0, 0), None),
        (Sent(2, 29, 199, 11), None),
        (Sent(3, 3, 3), "ration_address"),
        (Sent(0, 30, 30), "ration_domain"),
        (Sent(0, 0, 200), "ration_total"),
        (Sent(0, 0, 0, 12), "ration_day"),
        (Sent(99, 99, 999), "ration_address"),
    ],
)
def test_rations(sent, code):
    reason = ration_reason(RATIONS, sent)
    assert (reason.code if reason else None) == code
    assert reason is None or reason.kind == "withheld"


def test_zero_is_no_limit():
    unlimited = Rations(0, 0, 0, 0, 0, 0)
    assert ration_reason(unlimited, Sent(10**6, 10**6, 10**6, 10**6)) is None
    assert notice_reason(unlimited, Told(10**6, 10**6)) is None
    assert breaker_closes(unlimited, Sent(0, 0, 10**6))


def test_a_third_is_kept_for_senders_whom_the_receiver_vouches_for():
    sent, told = Sent(0, 0, 200), Told(0, 40)
    assert ration_reason(RATIONS, sent).code == "ration_total"
    assert ration_reason(RATIONS, sent, vouched=True) is None
    assert ration_reason(RATIONS, replace(sent, total=300), vouched=True).code == "ration_total"
    assert notice_reason(RATIONS, told).code == "notice_ration_total"
    assert notice_reason(RATIONS, told, vouched=True) is None


def test_without_a_receiver_nobody_is_vouched_for_and_nothing_is_kept():
    assert ration_reason(replace(RATIONS, keeps_reserve=False), Sent(0, 0, 299)) is None


@pytest.mark.parametrize(
    ("told", "code"),
    [(Told(9, 39), None), (Told(10, 10), "notice_ration_address"), (Told(0, 40), "notice_ration_total")],
)
def test_notices_are_rationed_by_sender_and_in_all(told, code):
    reason = notice_reason(RATIONS, told)
    assert (reason.code if reason else None) == code


def test_the_breaker_opens_at_the_limit_on_all_and_closes_when_half_is_free():
    at_the_limit = Sent(0, 0, 200)
    assert trips_breaker(ration_reason(RATIONS, at_the_limit))
    assert not trips_breaker(ration_reason(RATIONS, Sent(3, 3, 3)))
    assert not trips_breaker(None)
    assert [breaker_closes(RATIONS, Sent(0, 0, total)) for total in (300, 200, 151, 150, 0)] == [
        *(False, False, False, True, True)
    ]


def test_an_open_breaker_stops_those_whom_nobody_vouches_for():
    assert ration_reason(RATIONS, Sent(0, 0, 190), breaker_open=True).code == "breaker"
    assert ration_reason(RATIONS, Sent(0, 0, 190), breaker_open=True, vouched=True) is None


class Ledger:
    """The acknowledgements that left, counted as SQL would, on a clock that the test moves."""

    def __init__(self, rations):
        self.rations, self.left = rations, []

    def answers(self, message, now):
        to = message.sender.address
        day = [(at, address) for at, address in self.left if at > now - timedelta(days=1)]
        hour = [address for at, address in day if at > now - timedelta(hours=1)]
        domains = [address.domain for address in hour]
        sent = Sent(hour.count(to), domains.count(to.domain), len(hour), [address for _, address in day].count(to))
        if automatic_reason(message, OWN) or ration_reason(self.rations, sent):
            return False
        self.left.append((now, to))
        return True


def test_p17_a_loop_with_a_headerless_responder_ends():
    """The other side answers each acknowledgement with a subject that no rule knows, and tries daily to begin anew."""
    start, ledger = datetime(2026, 11, 23, 10, tzinfo=UTC), Ledger(RATIONS)
    loop = [ledger.answers(enquiry(subject=f"Ticket {n} received"), start + timedelta(minutes=n)) for n in range(200)]
    assert sum(loop) == 12  # 200 minutes at three an hour, and no more than twelve in a day
    assert ledger.answers(enquiry(subject="Ticket 201 received"), start + timedelta(days=2))


def test_p17_a_responder_that_names_itself_gets_nothing():
    ledger = Ledger(RATIONS)
    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert not any(ledger.answers(enquiry(subject="Automated Response: Re: x"), now) for _ in range(200))


def test_p18_two_ticket_systems_stay_within_the_rations_for_a_day():
    start, ledger = datetime(2026, 11, 23, tzinfo=UTC), Ledger(Rations(3, 5, 20))
    systems = [f"desk{n}@{domain}" for n in range(4) for domain in ("one.example", "two.example")]
    for minute in range(0, 24 * 60, 5):
        now = start + timedelta(minutes=minute)
        for system in systems:
            ledger.answers(enquiry(system, subject="[#7] received"), now)
        within = [address for at, address in ledger.left if at > now - timedelta(hours=1)]
        assert len(within) <= 10  # five an hour to each of the two domains
    by_address = Counter(address.addr_spec for _, address in ledger.left)
    assert by_address == dict.fromkeys(systems, 12)
