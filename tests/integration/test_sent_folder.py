"""The shared mailbox: answers that staff write straight from helpline@, found in its Sent folder."""

import re
from datetime import timedelta
from typing import Any

import pytest

from helpline_mail.adapters.store import ledger, schema
from helpline_mail.domain.errors import MissingFolderError
from helpline_mail.service import queues
from helpline_mail.service import triage as service
from helpline_mail.service.collect import GIVE_UP_IN_ANY_CASE_AFTER
from helpline_mail.service.inquire import ticket_shown
from helpline_mail.service.queues import quarantined
from tests.integration.desk import ALICE, BOB, FOLDER, HELPLINE, MALLORY, SENT, Desk, follow_up, header, mail

ENQUIRY = "<one@school.sch.uk>"
QUOTED = "\nOn Tue, 24 Nov 2026 at 10:09, Alice wrote:\n> What should we do?\n"


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """One enquiry of Alice's; the Sent folder was empty when it was first read. Half an hour later."""
    desk.open_sent_folder()
    desk.receive(mail())
    desk.clock.advance(minutes=30)
    return desk


def answer(text: str = "Call the police.\n", number: int = 1, *, to: str = ALICE, **fields: str) -> bytes:
    """What staff write from the shared mailbox; a reply to Alice's enquiry unless `in_reply_to=` says otherwise."""
    date = "Tue, 24 Nov 2026 10:39:00 +0000"
    given = {"to": to, "date": date, "in_reply_to": ENQUIRY, **fields}
    return mail(
        HELPLINE, "Re: A pupil and a video", text + QUOTED, message_id=f"<sent-{number}@example.org.uk>",
        **{name: value for name, value in given.items() if value},
    )  # fmt: skip


def clocks(desk: Desk) -> list[Any]:
    return desk.clocks()


def shown(desk: Desk, nth: int = 0) -> dict[str, Any]:
    return ticket_shown(desk.store, desk.tickets()[nth]["reference"])


def kinds(desk: Desk, nth: int = 0) -> list[tuple[str, str]]:
    return [(m["direction"], m["kind"]) for m in shown(desk, nth)["messages"]]


def is_running(desk: Desk) -> bool:
    return clocks(desk)[-1].stopped_at is None


def test_an_answer_from_the_shared_mailbox_stops_the_clock_and_is_in_the_ticket(asked: Desk) -> None:
    mails = len(asked.letterbox.taken)
    sent_at = asked.clock()
    asked.sent_folder.append(answer(), sent_at)  # type: ignore[union-attr]
    asked.clock.advance(minutes=5)
    asked.collect_sent()
    asked.triage()
    asked.submit()
    (clock,) = clocks(asked)
    assert (clock.stopped_at, clock.kept, clock.opening_seconds) == (sent_at, True, 1800)
    assert asked.rows(schema.ticket)[0].responded_at == sent_at
    assert kinds(asked) == [("in", "enquiry"), ("out", "acknowledgement"), ("out", "answer")]
    found = shown(asked)["messages"][-1]
    assert (found["at"], found["text"].strip(), found["message_id"]) == (
        sent_at, "Call the police.", "<sent-1@example.org.uk>",
    )  # fmt: skip
    assert len(asked.letterbox.taken) == mails, "nobody is written to because of it"
    assert [e["code"] for e in shown(asked)["events"]][-3:] == ["sent_reply", "answers", "answered"]


def test_a_late_answer_breaks_the_promise_and_is_recorded_so(asked: Desk) -> None:
    asked.clock.advance(hours=4)
    asked.staff_send(answer())
    assert (clocks(asked)[0].kept, asked.tickets()[0]["responded_at"]) == (False, asked.clock())


def test_a_reply_to_our_acknowledgement_answers_its_ticket(asked: Desk) -> None:
    asked.receive(mail(message_id="<two@school.sch.uk>", subject="Another thing"))
    asked.staff_send(answer(in_reply_to=asked.acknowledgement_id(1)))
    assert [clock.stopped_at for clock in clocks(asked)] == [None, asked.clock()]


def test_the_enquirer_s_reply_to_such_an_answer_joins_the_ticket(asked: Desk) -> None:
    asked.staff_send(answer())
    asked.receive(follow_up(asked, in_reply_to="<sent-1@example.org.uk>"))
    assert asked.dispositions()[-1] == "follow_up"
    assert is_running(asked)


def test_a_new_mail_to_the_only_enquirer_who_waits_is_an_answer(asked: Desk) -> None:
    asked.staff_send(answer(in_reply_to="", to=f"Alice <{ALICE.upper()}>, head@school.sch.uk"))
    assert not is_running(asked)


def test_of_an_enquirer_with_two_tickets_that_wait_none_is_stopped_and_both_say_why(asked: Desk) -> None:
    asked.receive(mail(message_id="<two@school.sch.uk>", subject="Another thing"))
    asked.staff_send(answer(in_reply_to=""))
    assert [clock.stopped_at for clock in clocks(asked)] == [None, None]
    assert [shown(asked, n)["events"][-1]["code"] for n in (0, 1)] == ["sent_ambiguous"] * 2
    (kept,) = asked.rows(schema.message, schema.message.c.kind == "recorded")
    assert (kept.ticket_id, asked.dispositions()[-1]) == (None, "recorded")


def test_a_reply_within_one_ticket_that_goes_to_the_enquirer_of_another_stops_nothing(asked: Desk) -> None:
    asked.receive(mail(BOB, "My question", message_id="<bob@club.example>"))
    asked.staff_send(answer(to=BOB))
    assert [clock.stopped_at for clock in clocks(asked)] == [None, None]
    assert asked.codes()[-1] == "sent_ambiguous"


def test_what_goes_to_somebody_else_is_kept_and_stops_nothing(asked: Desk) -> None:
    asked.staff_send(answer(to="social.worker@council.example"))
    assert is_running(asked)
    assert kinds(asked)[-1] == ("out", "sent_elsewhere")
    assert asked.tickets()[0]["responded_at"] is None


def test_a_stranger_who_uses_the_enquiry_s_message_id_takes_no_answer_from_it(asked: Desk) -> None:
    for number in range(12):
        asked.receive(mail(MALLORY, f"Mine {number}", f"Mine {number}", message_id=ENQUIRY))
    asked.staff_send(answer())
    assert [clock.stopped_at for clock in clocks(asked)] == [asked.clock()] + [None] * 12


@pytest.mark.parametrize(
    "raw",
    [
        answer(auto_submitted="auto-replied"),
        answer(x_autoreply="yes"),
        answer().replace(b"Subject: Re: ", b"Subject: Automatic reply: "),
    ],
)
def test_an_automatic_reply_of_the_account_is_no_answer(asked: Desk, raw: bytes) -> None:
    asked.staff_send(raw)
    assert is_running(asked)
    assert asked.dispositions()[-1] == "recorded"
    assert kinds(asked) == [("in", "enquiry"), ("out", "acknowledgement")]


def test_copies_of_what_we_sent_ourselves_are_set_aside(asked: Desk) -> None:
    """Some providers keep in Sent what is submitted by SMTP."""
    before = len(asked.rows(schema.message))
    copies = [re.sub(rb"(?m)^X-Helpline-Kind: .*\r\n", b"", envelope.octets) for envelope in asked.letterbox.taken]
    asked.staff_send(*copies)
    assert asked.dispositions()[-len(copies) :] == ["own"] * len(copies)
    assert (len(asked.rows(schema.message)), is_running(asked)) == (before, True)


def test_a_copy_of_ours_under_the_provider_s_own_message_id_is_set_aside(asked: Desk) -> None:
    octets = asked.sent("acknowledgement")[0].octets
    asked.staff_send(octets.replace(header(octets, "Message-ID").encode(), b"<another@provider.example>"))
    assert asked.dispositions()[-1] == "own"


@pytest.mark.parametrize("sender", [ALICE, "amy@example.org.uk", "(nobody)"])
def test_what_is_not_from_the_helpline_s_address_is_recorded_only(asked: Desk, sender: str) -> None:
    asked.staff_send(answer().replace(f"From: {HELPLINE}".encode(), f"From: {sender}".encode()))
    assert (is_running(asked), asked.dispositions()[-1], len(asked.tickets())) == (True, "recorded", 1)


def test_mail_that_has_nothing_to_do_with_a_ticket_is_recorded_only(asked: Desk) -> None:
    asked.staff_send(answer(to="printer@shop.example", in_reply_to=""))
    assert (asked.dispositions()[-1], len(asked.tickets()), len(asked.rows(schema.message))) == ("recorded", 1, 2)


def test_an_answer_from_before_the_query_stops_nothing(asked: Desk) -> None:
    asked.staff_send(answer())
    asked.receive(follow_up(asked))
    asked.clock.advance(minutes=-20)
    asked.sent_folder.append(answer("Once more.\n", 2), asked.clock())  # type: ignore[union-attr]
    asked.clock.advance(minutes=30)
    asked.collect_sent()
    asked.triage()
    assert is_running(asked)
    assert asked.codes()[-1] == "answer_before_query"


def test_a_query_that_came_after_the_answer_has_its_clock_although_the_answer_is_found_later(asked: Desk) -> None:
    asked.sent_folder.append(answer(), asked.clock())  # type: ignore[union-attr]
    asked.clock.advance(minutes=5)
    asked.receive(follow_up(asked))
    came_at = asked.clock()
    asked.clock.advance(minutes=5)
    asked.collect_sent()
    asked.triage()
    first, second = clocks(asked)
    assert (first.stopped_at, first.kept) == (came_at - timedelta(minutes=5), True)
    assert (second.started_at, second.stopped_at) == (came_at, None)


def test_an_old_mail_that_is_copied_into_the_folder_stops_nothing(asked: Desk) -> None:
    asked.staff_send(answer(in_reply_to="", date="Mon, 23 Nov 2026 15:00:00 +0000"))
    assert (is_running(asked), asked.codes()[-1]) == (True, "answer_dated_before")


def test_an_arrival_in_the_future_stops_the_clock_no_later_than_now(asked: Desk) -> None:
    asked.sent_folder.append(answer(), asked.clock() + timedelta(days=400))  # type: ignore[union-attr]
    asked.collect_sent()
    asked.triage()
    assert clocks(asked)[0].stopped_at == asked.clock()


def test_a_reply_without_a_word_of_its_own_answers_nothing(asked: Desk) -> None:
    asked.staff_send(answer("\n"))
    assert is_running(asked)
    assert "sent_empty" in asked.codes()


def test_the_same_mail_kept_twice_is_one_answer(asked: Desk) -> None:
    """A client and its provider may each save a copy."""
    asked.staff_send(answer(), b"X-Saved-By: provider\r\n" + answer())
    assert asked.dispositions()[-2:] == ["sent", "duplicate"]
    assert [kind for _, kind in kinds(asked)].count("answer") == 1


def test_the_copy_that_the_helpline_gets_of_an_answer_found_already_is_no_enquiry(asked: Desk) -> None:
    raw = answer(cc=HELPLINE)
    asked.staff_send(raw)
    asked.receive(b"Received: from mx.example.org.uk\r\n" + raw)
    assert (asked.dispositions()[-1], len(asked.tickets())) == ("duplicate", 1)


def test_what_stood_in_the_folder_at_the_first_look_is_recorded_and_not_even_fetched(desk: Desk) -> None:
    desk.receive(mail())
    desk.clock.advance(minutes=30)
    sent = desk.mailbox.beside.setdefault(SENT, type(desk.mailbox)())
    for number in range(3):
        sent.append(answer(number=number), desk.clock() - timedelta(minutes=10 - number))
    assert desk.collect_sent().stored == 0
    assert sent.asked == []
    assert desk.triage().triaged == 0
    assert (desk.dispositions()[1:], is_running(desk)) == (["recorded"] * 3, True)
    with desk.store.read() as connection:
        assert ledger.position(connection, SENT).last_uid == 3  # type: ignore[union-attr]


def test_a_renumbered_folder_is_old_as_a_whole(asked: Desk) -> None:
    """A migration may give old mail the date of the migration."""
    asked.sent_folder.append(answer(), asked.clock())  # type: ignore[union-attr]
    asked.clock.advance(minutes=1)
    asked.sent_folder.renumber()  # type: ignore[union-attr]
    assert asked.collect_sent().renumbered
    asked.triage()
    assert (is_running(asked), asked.dispositions()[-1]) == (True, "recorded")
    asked.staff_send(answer(number=2))
    assert not is_running(asked)


def test_the_mailbox_s_figures_are_the_inbox_s(asked: Desk) -> None:
    asked.staff_send(answer())
    with asked.store.read() as connection:
        facts = ledger.mailbox_facts(connection, FOLDER)
    assert facts is not None
    assert (facts["in_ledger"], facts["on_server"]) == (1, 1)


def test_a_folder_that_is_not_there_is_named_and_the_inbox_is_read(desk: Desk) -> None:
    with pytest.raises(MissingFolderError, match=SENT):
        desk.collect_sent()
    desk.receive(mail())
    assert len(desk.tickets()) == 1


def test_a_mail_in_the_folder_that_kills_the_process_makes_no_ticket_and_can_be_tried_again(asked: Desk) -> None:
    asked.sent_folder.append(answer(), asked.clock())  # type: ignore[union-attr]
    asked.collect_sent()
    for _ in range(service.QUARANTINE_AFTER_UNENDED):
        service._begin(asked.store, asked.clock())
        asked.clock.advance(seconds=6)
    assert asked.triage().quarantined == 1
    (entry,) = asked.rows(schema.ledger, schema.ledger.c.state == "quarantined")
    assert (entry.message_id, len(asked.tickets()), is_running(asked)) == (None, 1, True)
    queues.release(asked.store, entry.id, asked.clock())
    asked.triage()
    assert not is_running(asked)


def test_a_mail_in_the_folder_that_the_server_does_not_give_makes_no_ticket(asked: Desk) -> None:
    uid = asked.sent_folder.append(answer(), asked.clock())  # type: ignore[union-attr]
    asked.sent_folder.withheld = {uid}  # type: ignore[union-attr]
    for _ in range(GIVE_UP_IN_ANY_CASE_AFTER):
        asked.collect_sent()
    asked.triage()
    assert (len(asked.tickets()), asked.dispositions()[-1], is_running(asked)) == (1, "recorded", True)
    assert len(quarantined(asked.store)) == 1
