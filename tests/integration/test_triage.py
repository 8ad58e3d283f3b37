"""One message at a time becomes what it should: its ticket, its clock, its mails and its reasons."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.schema import outbox
from helpline_mail.domain.rations import Rations
from helpline_mail.service import triage as service
from tests.integration.desk import ALICE, AMY, LEAD, SIGNER, Desk, bounce, follow_up, header, mail


def test_an_enquiry_becomes_a_ticket_with_a_clock_an_acknowledgement_and_notices(desk: Desk) -> None:
    desk.receive(mail())
    (ticket,), (clock,) = desk.tickets(), desk.clocks()
    assert (ticket["state"], ticket["requester"], ticket["subject"]) == ("open", ALICE, "A pupil and a video")
    assert (clock.started_at, clock.due_at) == (desk.clock(), datetime(2026, 11, 24, 13, 10, tzinfo=UTC))
    (acknowledgement,) = desk.sent("acknowledgement")
    text = acknowledgement.octets.decode("ascii")
    assert "by 13:10 today" in text
    assert ticket["reference"] in header(acknowledgement.octets, "Subject")
    assert (acknowledgement.recipient, header(acknowledgement.octets, "In-Reply-To")) == (ALICE, "<one@school.sch.uk>")
    assert header(acknowledgement.octets, "Auto-Submitted") == "auto-replied"
    assert len(acknowledgement.octets) < 4096
    assert sorted(e.recipient for e in desk.sent("notice")) == [AMY, LEAD]
    assert {row.state for row in desk.outbox()} == {"delivered"}
    assert desk.codes()[:4] == ["no_evidence", "acknowledged", "clock_started", "acknowledgement_queued"]


def test_the_bytes_in_the_outbox_are_the_bytes_that_leave(desk: Desk) -> None:
    desk.mailbox.append(mail(), desk.clock())
    desk.collect()
    desk.triage()
    frozen = sorted(bytes(row.octets) for row in desk.rows(schema.outbox_content))
    desk.clock.advance(minutes=20)
    desk.submit()
    assert sorted(e.octets for e in desk.letterbox.taken) == frozen


def test_a_reply_to_our_acknowledgement_joins(desk: Desk) -> None:
    desk.receive(mail())
    desk.clock.advance(minutes=20)
    desk.receive(follow_up(desk))
    assert desk.dispositions() == ["new_ticket", "follow_up"]
    assert (len(desk.tickets()), len(desk.clocks())) == (1, 1)
    assert "our_message_id" in desk.codes()


@pytest.mark.parametrize("carrier", ["references", "reply_address", "own_message_id"])
def test_other_evidence_joins_too(desk: Desk, carrier: str) -> None:
    desk.receive(mail())
    reference = desk.tickets()[0]["reference"]
    fields = {
        "references": {"references": f"<x@y.example> {desk.acknowledgement_id()}"},
        "reply_address": {"to": SIGNER.reply_address(reference)},
        "own_message_id": {"in_reply_to": "<one@school.sch.uk>"},
    }[carrier]
    desk.receive(mail(text="More\n", message_id="<2@school.sch.uk>", **fields))
    assert desk.dispositions() == ["new_ticket", "follow_up"]


def test_a_bounce_of_an_alarm_is_noted_although_it_has_no_ticket(desk: Desk) -> None:
    with desk.store.write() as connection:
        desk.correspondence.raise_alarm(connection, "mailbox", "The mailbox cannot be read", desk.clock())
    desk.submit()
    (alarm,) = desk.sent("alarm")
    desk.receive(bounce("ops@example.org.uk", header(alarm.octets, "Message-ID")))
    assert desk.outbox("alarm")[0].bounced_at == desk.clock()
    assert [row.cause.partition("/")[0] for row in desk.rows(schema.alarm)] == ["mailbox", "bounced"]


@pytest.mark.parametrize("message_id", ["<one@school.sch.uk>", "<[b378@microsoft.com]>", None])
def test_p27_one_mail_by_two_routes_is_one_ticket(desk: Desk, message_id: str | None) -> None:
    desk.receive(mail(message_id=message_id), b"Received: by another.route\r\n" + mail(message_id=message_id))
    assert desk.dispositions() == ["new_ticket", "duplicate"]
    assert len(desk.outbox("acknowledgement")) == 1


def test_a_reused_message_id_with_other_content_is_another_mail(desk: Desk) -> None:
    desk.receive(mail(), mail(text="Something else entirely\n"))
    assert desk.dispositions() == ["new_ticket", "new_ticket"]
    assert "reused_message_id" in desk.codes()


def test_equal_mails_without_identity_are_two_enquiries(desk: Desk) -> None:
    form = b"From: alice@school.sch.uk\r\nSubject: Call me\r\n\r\nPlease call.\r\n"
    desk.receive(b"Received: on Monday\r\n" + form, b"Received: on Thursday\r\n" + form)
    assert desk.dispositions() == ["new_ticket", "new_ticket"]


def test_p23_acknowledgements_are_rationed_and_tickets_are_not(desk: Desk) -> None:
    desk.decide_otherwise(rations=Rations(2, 4, 6))
    for number in range(12):
        sender = f"someone{number // 3 % 2}@{number // 6}.example"
        desk.mailbox.append(mail(sender, f"Bomb {number}", message_id=f"<{number}@b.example>"), desk.clock())
    desk.collect()
    desk.triage()
    assert len(desk.tickets()) == len(desk.clocks()) == 12
    assert len(desk.outbox("acknowledgement")) == 6
    assert {"ration_address", "ration_total"} <= set(desk.codes())
    desk.clock.advance(minutes=61)
    desk.receive(mail(message_id="<later@school.sch.uk>"))
    assert len(desk.outbox("acknowledgement")) == 7


def test_mail_from_before_the_start_is_recorded_only(desk: Desk) -> None:
    desk.decide_otherwise(recorded_before=desk.clock())
    desk.mailbox.append(mail(), desk.clock() - timedelta(seconds=1))
    desk.receive(mail(message_id="<2@school.sch.uk>", text="In time\n"))
    assert desk.dispositions() == ["recorded", "new_ticket"]
    assert len(desk.sent("acknowledgement")) == 1


def test_a_stand_in_that_cannot_be_written_does_not_stop_the_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError

    desk.mailbox.append(mail(), desk.clock())
    desk.mailbox.append(mail(message_id="<2@school.sch.uk>", text="Other\n"), desk.clock())
    desk.collect()
    with desk.store.write() as connection:
        connection.execute(schema.ledger.update().where(schema.ledger.c.uid == 1).values(attempts=6))
    monkeypatch.setattr(service, "_quarantine", fail)
    assert desk.triage() == service.Triaged(triaged=1, quarantined=0, failed=1)
    monkeypatch.undo()
    desk.clock.advance(seconds=6)
    assert desk.triage().quarantined == 1


def test_an_address_that_no_server_need_take_is_told_to_staff(desk: Desk) -> None:
    desk.receive(mail("josé@school.sch.uk"))
    assert desk.rows(outbox, outbox.c.kind == "acknowledgement") == []
    assert all(b"No acknowledgement was sent" in e.octets for e in desk.sent("notice"))
