"""Where a mail from the shared mailbox belongs, decided from values alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_intake import message
from tests.unit.test_reminders import POLICY

from helpline_mail.domain.intake import Disposition
from helpline_mail.domain.sent_mail import Filing, SentContext, Touched, effect_of, file, strongest

NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
HELPLINE = POLICY.helpline.addr_spec
MINUTE = timedelta(minutes=1)
REPLIED = Touched(1, "in_reply_to", to_enquirer=True, asked_at=NOW - 30 * MINUTE)
OTHER = replace(REPLIED, ticket_id=2)
CONTEXT = SentContext(NOW, NOW - timedelta(days=1), has_words=True)


def filed(*touched: Touched, from_: str = HELPLINE, fields: dict[str, Any] | None = None, **context: Any) -> Filing:
    changes = {"fields": fields} if fields else {}
    return file(message(from_, **changes), replace(CONTEXT, touched=touched, **context), POLICY)


def effects(filing: Filing) -> tuple[str | None, int | None, bool]:
    return filing.kind, filing.ticket_id, filing.stops


@pytest.mark.parametrize(
    ("touched", "expected"),
    [
        ([REPLIED], ("answer", 1, True)),
        ([replace(REPLIED, by="references")], ("answer", 1, True)),
        ([replace(REPLIED, by="recipient")], ("answer", 1, True)),
        ([REPLIED, replace(OTHER, by="references")], ("answer", 1, True)),
        ([replace(REPLIED, by="references"), replace(OTHER, by="references", to_enquirer=False)], ("answer", 1, True)),
        ([REPLIED, replace(OTHER, by="recipient")], ("answer", 1, True)),
        ([replace(REPLIED, asked_at=None)], ("answer", 1, False)),
        ([replace(REPLIED, asked_at=NOW + MINUTE)], ("answer", 1, False)),
        ([replace(REPLIED, to_enquirer=False)], ("sent_elsewhere", 1, False)),
        ([replace(REPLIED, to_enquirer=False), replace(OTHER, by="recipient")], ("recorded", None, False)),
        ([replace(t, by="references") for t in (REPLIED, OTHER)], ("recorded", None, False)),
        ([replace(t, by="recipient") for t in (REPLIED, OTHER)], ("recorded", None, False)),
        ([replace(REPLIED, by="recipient", asked_at=NOW + MINUTE)], (None, None, False)),
        ([], (None, None, False)),
    ],
)
def test_a_mail_belongs_to_one_ticket_or_to_none(
    touched: list[Touched], expected: tuple[str | None, int | None, bool]
) -> None:
    assert effects(filed(*touched)) == expected


@pytest.mark.parametrize(
    ("changes", "disposition"),
    [
        ({"sent_at": CONTEXT.sent_since - MINUTE}, Disposition.RECORDED),
        ({"duplicate_of": 3}, Disposition.DUPLICATE),
        ({"is_ours": True}, Disposition.OWN),
        ({"fields": {"x-helpline-kind": ("answer",)}}, Disposition.OWN),
        ({"from_": "amy@example.org.uk"}, Disposition.RECORDED),
        ({"fields": {"auto-submitted": ("auto-replied",)}}, Disposition.RECORDED),
    ],
)
def test_what_is_no_mail_of_staff_is_set_aside(changes: dict[str, Any], disposition: Disposition) -> None:
    filing = filed(REPLIED, **changes)
    assert (filing.disposition, *effects(filing)) == (disposition, None, None, False)


def test_mail_from_before_the_start_date_is_recorded() -> None:
    policy = replace(POLICY, recorded_before=NOW + MINUTE)
    assert file(message(HELPLINE), replace(CONTEXT, touched=(REPLIED,)), policy).disposition is Disposition.RECORDED


def test_an_empty_reply_stops_nothing() -> None:
    assert effects(filed(REPLIED, has_words=False)) == ("recorded", 1, False)


@pytest.mark.parametrize(
    ("minutes", "stops"), [(-61, False), (-60, True), (0, True), (600, True)]
)  # a client's clock may be wrong by an hour, or far ahead
def test_only_a_date_long_before_the_query_counts(minutes: int, stops: bool) -> None:
    assert effect_of(NOW + minutes * MINUTE, NOW, NOW)[0] is stops


def test_each_ticket_counts_once_by_the_strongest_way() -> None:
    assert strongest([REPLIED, replace(REPLIED, by="recipient"), OTHER]) in ((REPLIED, OTHER), (OTHER, REPLIED))


ANY_TICKET = [
    Touched(number, way, to_enquirer=reached, asked_at=asked)  # type: ignore[arg-type]
    for number, way, reached, asked in product(
        (1, 2, 3), ("in_reply_to", "references", "recipient"), (True, False), (None, NOW - MINUTE, NOW + MINUTE)
    )
]


@given(st.lists(st.sampled_from(ANY_TICKET), max_size=4, unique_by=lambda t: t.ticket_id), st.booleans())
def test_a_clock_stops_only_for_a_mail_to_its_enquirer_after_the_query(touched: list[Touched], has_words: bool) -> None:
    filing = filed(*touched, has_words=has_words)
    assert filing.reasons
    if filing.stops:
        (ticket,) = (t for t in touched if t.ticket_id == filing.ticket_id)
        assert has_words
        assert ticket.to_enquirer
        assert ticket.awaits(NOW)
        assert filing.kind == "answer"
    assert filing.ticket_id is None or not filing.possible
