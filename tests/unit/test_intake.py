"""What one message means, decided from values alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_reminders import POLICY

from helpline_mail.domain.intake import Context, Disposition, Intake, SentMail, decide
from helpline_mail.domain.message import Address, Bounce, Message, Sender
from helpline_mail.domain.rations import Sent
from helpline_mail.domain.responder import Verdict
from helpline_mail.domain.returning import Standing
from helpline_mail.domain.threads import Candidate, without_followed

NOW = datetime(2026, 11, 24, 11, tzinfo=UTC)
ALICE = "alice@school.sch.uk"
OURS = SentMail(7, 1, ALICE, "acknowledgement")
MINE = Candidate(1, "POSH-222222", "our_message_id", sender_participates=True)
NOT_MINE = replace(MINE, sender_participates=False)


def message(from_: str | None = ALICE, **changes: Any) -> Message:
    sender = Sender("ok", Address(from_), from_) if from_ else Sender("malformed", None, "(nobody)")
    plain = Message("<1@x.example>", sender, (), (), "Help", NOW, (), (), "Help\n", "Help\n", (), "text/plain", {})
    return replace(plain, **changes)


def decided(mail: Message, **context: Any) -> Intake:
    return decide(mail, Context(NOW, **context), POLICY)


def effects(intake: Intake) -> tuple[bool, bool, bool]:
    return intake.starts_clock, intake.acknowledge, intake.notify_staff


def codes(intake: Intake) -> list[str]:
    return [reason.code for reason in intake.reasons]


def test_a_person_s_mail_is_a_new_ticket_with_everything() -> None:
    intake = decided(message())
    assert (intake.disposition, intake.ticket_id) == (Disposition.NEW_TICKET, None)
    assert effects(intake) == (True, True, True)
    assert codes(intake) == ["no_evidence", "acknowledged"]


LONG_AGO = NOW - timedelta(days=31)
OLD = Standing(1, "POSH-222222", LONG_AGO, "advice given")
OPEN = Standing(2, "POSH-333333")


@pytest.mark.parametrize(
    ("line", "goes_to", "follows", "code"),
    [
        ((), 1, None, "follow_up"),
        ((Standing(1, "POSH-222222"), OPEN), 1, None, "follow_up"),
        ((replace(OLD, resolved_at=NOW - timedelta(days=30)),), 1, None, "follow_up"),
        ((replace(OLD, resolved_at=NOW + timedelta(minutes=1)),), 1, None, "follow_up"),
        ((OLD, OPEN), 2, None, "goes_on"),
        ((OLD, replace(OPEN, resolved_at=NOW)), 2, None, "goes_on"),
        ((OLD,), None, 1, "closed_long_ago"),
        ((OLD, replace(OPEN, resolved_at=LONG_AGO)), None, 2, "closed_long_ago"),
    ],
)
def test_a_reply_goes_to_the_first_of_its_line_that_takes_one_or_begins_another(
    line: tuple[Standing, ...], goes_to: int | None, follows: int | None, code: str
) -> None:
    mine = replace(MINE, line=line)
    intake = decided(message(), candidates=(mine,), mentioned=("POSH-222222", "POSH-444444"))
    assert intake.disposition == (Disposition.FOLLOW_UP if goes_to else Disposition.NEW_TICKET)
    assert (intake.ticket_id, intake.follows.ticket_id if intake.follows else None) == (goes_to, follows)
    assert code in codes(intake)
    assert intake.acknowledge is (goes_to is None)
    assert intake.related == ("POSH-444444",)


@pytest.mark.parametrize("days", [1, 30, 365])
def test_days_are_counted_by_the_calendar_of_the_helpline(days: int) -> None:
    policy = replace(POLICY, reopen_within=days)
    closed_at = datetime(2026, 6, 1, 23, 30, tzinfo=UTC)  # half past midnight of 2 June in London
    last = datetime(2026, 6, 2, 22, 59, tzinfo=UTC) + timedelta(days=days)  # one minute before midnight
    mine = replace(MINE, line=(replace(OLD, resolved_at=closed_at),))
    for arrived_at, goes_to in ((last - timedelta(hours=1), 1), (last + timedelta(hours=2), None)):
        assert decide(message(), Context(arrived_at, candidates=(mine,)), policy).ticket_id == goes_to


def test_a_late_reply_that_may_not_be_acknowledged_still_follows() -> None:
    mine = replace(MINE, line=(OLD,))
    intake = decided(message(), candidates=(mine,), acknowledged=Sent(3, 3, 3))
    assert intake.follows == OLD
    assert effects(intake) == (True, False, True)


@pytest.mark.parametrize(
    ("in_old", "in_new", "left"), [(True, True, [2]), (False, True, [2]), (False, False, [2]), (True, False, [1, 2])]
)
def test_a_ticket_gives_way_to_one_that_follows_it_unless_the_sender_takes_part_in_it_alone(
    in_old: bool, in_new: bool, left: list[int]
) -> None:
    old = replace(MINE, sender_participates=in_old)
    new = Candidate(2, "POSH-333333", "our_message_id", in_new, follows=frozenset((1, 7)))
    assert [one.ticket_id for one in without_followed([old, new])] == left


def test_a_follow_up_starts_a_clock_and_is_not_acknowledged() -> None:
    intake = decided(message(), candidates=(MINE,), mentioned=("POSH-333333",))
    assert (intake.disposition, intake.ticket_id, intake.related) == (Disposition.FOLLOW_UP, 1, ("POSH-333333",))
    assert effects(intake) == (True, False, True)


@pytest.mark.parametrize(
    ("changes", "context", "code"),
    [
        ({}, {"verdict": Verdict(dmarc="fail", failed=True)}, "authentication_failed"),
        ({}, {"acknowledged": Sent(3, 3, 3)}, "ration_address"),
        ({}, {"acknowledged": Sent(0, 30, 30)}, "ration_domain"),
        ({}, {"acknowledged": Sent(0, 0, 300)}, "ration_total"),
        ({}, {"breaker_open": True}, "breaker"),
        ({"fields": {"list-id": ("<x.y>",)}}, {}, "list"),
        ({"from_": None}, {}, "sender_malformed"),
        ({"from_": "helpline@example.org.uk"}, {}, "own_address"),
        ({"from_": "no-reply@x.example"}, {}, "robot_sender"),
    ],
)
def test_a_withheld_acknowledgement_withholds_nothing_else(
    changes: dict[str, Any], context: dict[str, Any], code: str
) -> None:
    intake = decided(message(**changes), **context)
    assert intake.disposition is Disposition.NEW_TICKET
    assert effects(intake) == (True, False, True)
    assert codes(intake)[-1] == code


def test_a_sender_whom_the_receiver_found_forged_joins_nothing() -> None:
    forged = Verdict(dmarc="fail", failed=True)
    intake = decided(message(), candidates=(MINE,), verdict=forged)
    assert (intake.disposition, intake.ticket_id, intake.related) == (Disposition.NEW_TICKET, None, (MINE.reference,))
    assert effects(intake) == (True, False, True)


@pytest.mark.parametrize("candidates", [(), (MINE,)])
def test_automatic_mail_is_kept_and_nothing_more(candidates: tuple[Candidate, ...]) -> None:
    intake = decided(message(fields={"auto-submitted": ("auto-replied",)}), candidates=candidates)
    assert (intake.disposition, intake.ticket_id) == (Disposition.AUTOMATIC, 1 if candidates else None)
    assert effects(intake) == (False, False, False)


@pytest.mark.parametrize(
    ("recipient", "action", "sent", "hit"),
    [
        (ALICE, "failed", (OURS,), True),
        (ALICE.upper(), None, (OURS,), True),
        (ALICE, "delayed", (OURS,), False),
        ("other@x.example", "failed", (OURS,), False),
        (ALICE, "failed", (), False),
    ],
)
def test_a_bounce_acts_on_the_mail_that_we_sent_to_that_recipient_only(
    recipient: str, action: str | None, sent: tuple[SentMail, ...], hit: bool
) -> None:
    report = {"content-type": ("multipart/report; report-type=delivery-status",)}
    mail = message(bounces=(Bounce(recipient, "5.1.1", action, None),), content_type="multipart/report", fields=report)
    intake = decided(mail, sent=sent, candidates=(MINE,))
    assert intake.disposition is Disposition.BOUNCE
    assert (intake.bounced, intake.ticket_id, effects(intake)) == (
        (OURS,) if hit else (), 1 if hit else None, (False, False, hit),
    )  # fmt: skip


def test_what_only_reads_like_a_bounce_and_is_of_no_mail_of_ours_is_a_ticket_without_an_acknowledgement() -> None:
    """A teacher may well write "Mail error?" from postmaster@, with an address on a line of its own."""
    intake = decided(message("postmaster@school.sch.uk", bounces=(Bounce(ALICE, None, "failed", None),)))
    assert intake.disposition is Disposition.NEW_TICKET
    assert effects(intake) == (True, False, True)
    assert codes(intake)[-1] == "bounce_likely"


@pytest.mark.parametrize(
    ("context", "disposition"),
    [({"duplicate_of": 3}, Disposition.DUPLICATE), ({"is_own_mail": True}, Disposition.OWN)],
)
def test_what_is_here_already_does_nothing(context: dict[str, Any], disposition: Disposition) -> None:
    intake = decided(message(), candidates=(MINE,), **context)
    assert (intake.disposition, intake.ticket_id, effects(intake)) == (disposition, None, (False, False, False))


def test_mail_from_before_the_start_is_recorded_only() -> None:
    policy = replace(POLICY, recorded_before=NOW)
    assert decide(message(), Context(NOW), policy).disposition is Disposition.NEW_TICKET
    early = decide(message(), Context(NOW - timedelta(seconds=1)), policy)
    assert (early.disposition, effects(early)) == (Disposition.RECORDED, (False, False, False))


def test_a_reused_message_id_is_said() -> None:
    assert "reused_message_id" in codes(decided(message(), same_id_other_content=True))


@pytest.mark.parametrize(
    ("candidate", "disposition"),
    [(NOT_MINE, Disposition.STAFF), (replace(NOT_MINE, evidence="stored_message_id"), Disposition.NEW_TICKET)],
)
def test_staff_are_believed_nothing(candidate: Candidate, disposition: Disposition) -> None:
    intake = decided(message("AMY@example.org.uk"), candidates=(candidate,))
    assert intake.disposition is disposition
    assert intake.starts_clock is (disposition is Disposition.NEW_TICKET)


def test_staff_who_ask_for_themselves_are_enquirers() -> None:
    assert effects(decided(message("amy@example.org.uk"))) == (True, True, True)


@given(
    st.sampled_from([ALICE, None, "amy@example.org.uk", "helpline@example.org.uk", "postmaster@x.example"]),
    st.lists(st.sampled_from([MINE, NOT_MINE, Candidate(2, "POSH-333333", "our_reply_address", True)])),
    st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip
def test_every_message_has_a_reason_and_every_ticket_s_first_mail_a_clock(
    from_: str | None, candidates: list[Candidate], automatic: bool, failed: bool, bounced: bool
) -> None:
    fields = {"auto-submitted": ("auto-generated",)} if automatic else {}
    bounces = (Bounce(ALICE, None, None, None),) if bounced else ()
    intake = decided(message(from_, fields=fields, bounces=bounces), candidates=tuple(candidates),
                     verdict=Verdict(failed=failed))  # fmt: skip
    assert intake.reasons
    new = intake.disposition is Disposition.NEW_TICKET
    assert new == (intake.ticket_id is None and intake.starts_clock)
    assert not (intake.acknowledge and not new), "one acknowledgement per ticket"
    assert not (intake.acknowledge and (from_ is None or automatic or failed or bounced))
