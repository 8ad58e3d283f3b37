"""What each command does, seen from the ticket, the enquirer, the partner and the trail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.delivery import Envelope, Refused
from helpline_mail.domain.policy import Partner
from helpline_mail.service.collect import CollectLimits
from tests.integration.desk import ALICE, AMY, BOB, LEAD, MALLORY, Desk, bounce, follow_up, header, mail
from tests.integration.test_staff_mail import (
    Server,
    files_of,
    notice_to,
    quoted,
    reply,
    to_alice,
    with_file,
    words_of,
)

EXAMPLEBOOK, CHATTER = "safety@examplebook.example", "abuse@chatter.example"
ALICES_HOME = "alice.at.home@mail.example"
PARTNERS = (
    Partner("examplebook", "Examplebook safety team", EXAMPLEBOOK),
    Partner("chatter", "Chatter trust and safety", CHATTER),
)


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "outcomes": ("advice given", "signposted", "advertising"), "outcomes_without_answer": ("advertising",),
        "categories": ("sexting", "gaming"), "partners": PARTNERS, **changes,
    }  # fmt: skip


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """A desk with one enquiry of Alice's, of which Amy and Lena got their notices, and two partners."""
    desk.decide_otherwise(**settings())
    desk.receive(mail(f'"Alice Smithers" <{ALICE}>'))
    return desk


def tell(desk: Desk, text: str, member: str = AMY, **fields: str) -> str:
    """That member replies to our latest mail to them; returns what they are told."""
    desk.receive(reply(notice_to(desk, member), text, **fields))
    return told(desk, member)


def told(desk: Desk, member: str) -> str:
    """Our latest mail to somebody, on one line."""
    return " ".join(words_of(notice_to(desk, member).octets).split())


def to(desk: Desk, recipient: str, kind: str | None = None) -> list[Envelope]:
    return [e for e in (desk.sent(kind) if kind else desk.letterbox.taken) if e.recipient == recipient]


def ticket(desk: Desk, nth: int = 0) -> Any:
    return desk.rows(schema.ticket)[nth]


def clocks(desk: Desk, nth: int = 0) -> list[Any]:
    return desk.rows(schema.clock, schema.clock.c.ticket_id == ticket(desk, nth).id)


def runs(desk: Desk, nth: int = 0) -> bool:
    return any(row.stopped_at is None for row in clocks(desk, nth))


def trail(desk: Desk, nth: int = 0) -> str:
    return "\n".join(row.text for row in desk.rows(schema.event, schema.event.c.ticket_id == ticket(desk, nth).id))


def kinds(desk: Desk, nth: int = 0) -> list[str]:
    return [row.kind for row in desk.rows(schema.message, schema.message.c.ticket_id == ticket(desk, nth).id)]


# Notes, takers, categories.


def test_a_note_is_in_no_later_mail_to_anybody(asked: Desk) -> None:
    assert "went to nobody" in tell(asked, "#note\nA zebra of a case.")
    asked.receive(follow_up(asked))
    tell(asked, "#answer\nDear Alice, more soon.")
    assert all(b"zebra" not in envelope.octets for envelope in asked.letterbox.taken)
    assert "note" in kinds(asked)


def test_a_released_ticket_is_nobodys_again(asked: Desk) -> None:
    tell(asked, "#take")
    assert ticket(asked).assignee == AMY
    assert "Nobody has the ticket now" in tell(asked, "#release")
    assert ticket(asked).assignee is None


@pytest.mark.parametrize("name", ["Lena", "le", LEAD.upper()])
def test_a_ticket_is_assigned_by_name_or_address(asked: Desk, name: str) -> None:
    assert "Lena has the ticket now" in tell(asked, f"#assign {name}")
    assert ticket(asked).assignee == LEAD
    asked.clock.advance(hours=1, minutes=31)
    asked.remind()
    asked.submit()
    assert [e.recipient for e in asked.sent("reminder")] == [LEAD]


def test_a_category_may_be_begun_and_an_unknown_one_is_refused(asked: Desk) -> None:
    assert "The category is: gaming." in tell(asked, "#category gam")
    assert "There are: sexting, gaming" in tell(asked, "#category ponies")
    assert ticket(asked).category == "gaming"


def test_a_closed_ticket_is_opened_again(asked: Desk) -> None:
    tell(asked, "#resolve advice given\nGlad to help.")
    assert (ticket(asked).state, ticket(asked).outcome) == ("resolved", "advice given")
    assert "open again" in tell(asked, "#reopen")
    assert ticket(asked).state == "open"


# Waiting.


@pytest.mark.parametrize(
    ("wait", "due"),
    [("3h", datetime(2026, 11, 24, 13, 10, tzinfo=UTC)), ("1d", datetime(2026, 11, 25, 16, 0, tzinfo=UTC))],
)
def test_the_next_update_is_due_after_opening_time(asked: Desk, wait: str, due: datetime) -> None:
    tell(asked, f"#wait {wait}")
    assert ticket(asked).update_due_at == due
    assert runs(asked), "waiting is no answer"


@pytest.mark.parametrize(
    ("wait", "hint"),
    [("999d", "60 opening days at most"), ("0d", "no waiting time"), ("soon", "no waiting time"), ("", "#wait 2d")],
)
def test_a_wait_that_cannot_be_is_refused(asked: Desk, wait: str, hint: str) -> None:
    assert hint in tell(asked, f"#wait {wait}")
    assert ticket(asked).update_due_at is None


# Closing.


def test_closing_without_words_while_an_answer_is_due_is_refused(asked: Desk) -> None:
    assert "still waiting for an answer" in tell(asked, "#resolve advice given")
    assert (ticket(asked).state, runs(asked)) == ("open", True)


def test_an_outcome_that_needs_no_answer_ends_the_clock_neither_kept_nor_broken(asked: Desk) -> None:
    tell(asked, "#resolve advertising")
    assert (ticket(asked).state, ticket(asked).outcome, runs(asked)) == ("resolved", "advertising", False)
    assert [row.kept for row in clocks(asked)] == [None]
    assert ticket(asked).responded_at is None
    assert to_alice(asked) == []


def test_closing_words_that_failed_open_the_ticket_again(asked: Desk) -> None:
    asked.mailbox.append(reply(notice_to(asked, AMY), "#resolve advice given\nGlad to help."), asked.clock())
    asked.collect()
    asked.triage()
    assert ticket(asked).state == "resolved"
    asked.submit(Server(asked, Refused(550, "RCPT")))
    asked.submit()
    assert (ticket(asked).state, runs(asked)) == ("open", True)
    assert "did not reach the enquirer" in told(asked, LEAD)


def test_closing_words_that_came_back_open_the_ticket_again_with_its_clock(asked: Desk) -> None:
    tell(asked, "#resolve advice given\nGlad to help.")
    assert (ticket(asked).state, runs(asked)) == ("resolved", False)
    asked.receive(bounce(ALICE, header(to_alice(asked)[0].octets, "Message-ID")))
    assert (ticket(asked).state, runs(asked)) == ("open", True)


# Second addresses.


def test_an_admitted_address_takes_part_and_stays_no_recipient(asked: Desk) -> None:
    assert f"{ALICES_HOME} may write to this ticket now" in tell(asked, f"#admit {ALICES_HOME}")
    asked.receive(follow_up(asked, from_=ALICES_HOME))
    assert asked.dispositions()[-1] == "follow_up"
    tell(asked, "#answer\nDear Alice, both of you are heard.")
    assert to(asked, ALICES_HOME) == []
    assert len(to_alice(asked)) == 1


@pytest.mark.parametrize("address", ["helpline@example.org.uk", AMY, LEAD.upper(), EXAMPLEBOOK])
def test_an_address_of_ours_or_a_partners_is_not_admitted(asked: Desk, address: str) -> None:
    before = asked.rows(schema.participant)
    assert "no enquirer's" in tell(asked, f"#admit {address}")
    assert asked.rows(schema.participant) == before


def test_what_is_no_address_is_not_admitted(asked: Desk) -> None:
    assert "is no e-mail address" in tell(asked, "#admit Alice")


# Joining and splitting.


@pytest.fixture
def two(asked: Desk) -> Desk:
    """Alice wrote once more, half an hour later and from her other address: two tickets."""
    asked.clock.advance(minutes=30)
    asked.receive(mail(ALICES_HOME, "The video again", "It is worse.\n", message_id="<home@mail.example>"))
    return asked


def test_a_joined_ticket_gives_its_messages_addresses_and_earlier_clock(two: Desk) -> None:
    first, second = ticket(two), ticket(two, 1)
    due_at = clocks(two)[0].due_at
    notice = [e for e in to(two, AMY, "notice") if first.reference.encode() in e.octets][0]
    two.receive(reply(notice, f"#join [{second.reference}]"))
    assert (ticket(two).state, ticket(two).outcome, ticket(two).joined_to) == ("resolved", "joined", second.id)
    assert kinds(two) == []
    assert runs(two) is False
    assert [row.due_at for row in clocks(two, 1) if row.stopped_at is None] == [due_at]
    assert f"became part of {second.reference}" in trail(two)
    assert f"{first.reference} became part of it" in trail(two, 1)


def test_mail_to_the_old_thread_finds_the_joined_ticket(two: Desk) -> None:
    tell(two, f"#join {ticket(two).reference}")
    two.receive(mail(ALICES_HOME, "Re: it", "More.\n", message_id="<h2@mail.example>",
                     in_reply_to=two.acknowledgement_id(1)))  # fmt: skip
    assert two.dispositions()[-1] == "follow_up"
    assert kinds(two).count("follow_up") == 1
    assert len(two.tickets()) == 2


def test_a_reply_to_a_notice_of_the_old_ticket_answers_in_the_joined_one(two: Desk) -> None:
    old = notice_to(two, LEAD)
    tell(two, f"#join {ticket(two).reference}")
    two.receive(reply(old, "Dear Alice, call the police."))
    assert [words_of(e.octets) for e in to_alice(two)] == ["Dear Alice, call the police."]
    assert runs(two) is False


def test_an_answer_of_the_old_ticket_that_came_back_is_due_in_the_joined_one(asked: Desk) -> None:
    tell(asked, "Dear Alice, call the police.")
    asked.receive(mail(ALICES_HOME, "The video again", "It is worse.\n", message_id="<home@mail.example>"))
    tell(asked, "Dear Alice, we saw both.")
    notice = [e for e in to(asked, AMY, "notice") if ticket(asked).reference.encode() in e.octets][0]
    asked.receive(reply(notice, f"#join {ticket(asked, 1).reference}"))
    assert (runs(asked), runs(asked, 1)) == (False, False)
    asked.receive(bounce(ALICE, header(to_alice(asked)[0].octets, "Message-ID")))
    assert (runs(asked), runs(asked, 1)) == (False, True)


def test_an_answer_on_its_way_when_its_ticket_is_joined_stops_the_clock_that_moved(asked: Desk) -> None:
    asked.receive(mail(ALICES_HOME, "The video again", "It is worse.\n", message_id="<home@mail.example>"))
    tell(asked, "#resolve advertising")
    first = [e for e in to(asked, AMY, "notice") if ticket(asked).reference.encode() in e.octets][0]
    asked.mailbox.append(reply(first, "Dear Alice, call the police."), asked.clock())
    asked.mailbox.append(reply(first, f"#join {ticket(asked, 1).reference}"), asked.clock())
    asked.collect()
    asked.triage()
    assert (runs(asked), runs(asked, 1)) == (False, True)
    asked.submit()
    assert len(to_alice(asked)) == 1
    assert (runs(asked), runs(asked, 1)) == (False, False)


@pytest.mark.parametrize(("reference", "hint"), [("POSH-AAAAAA", "There is no ticket"), ("", "#join REFERENCE")])
def test_joining_what_is_not_there_is_refused(two: Desk, reference: str, hint: str) -> None:
    assert hint in tell(two, f"#join {reference}")
    assert [row.state for row in two.rows(schema.ticket)] == ["open", "open"]


def test_joining_a_ticket_to_itself_or_to_a_joined_one_is_refused(two: Desk) -> None:
    assert "is this very ticket" in tell(two, f"#join {ticket(two, 1).reference}")
    two.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    bobs, second = notice_to(two, LEAD), to(two, LEAD, "notice")[-2]
    two.receive(reply(second, f"#join {ticket(two).reference}"))
    before = [row.joined_to for row in two.rows(schema.ticket)]
    assert before == [None, ticket(two).id, None]
    two.receive(reply(bobs, f"#join {ticket(two, 1).reference}"))
    assert "was joined to another ticket itself" in told(two, LEAD)
    assert [row.joined_to for row in two.rows(schema.ticket)] == before


def test_a_follow_up_that_is_split_off_has_its_own_ticket_and_clock(asked: Desk) -> None:
    tell(asked, "Dear Alice, call the police.")
    asked.clock.advance(minutes=30)
    asked.receive(follow_up(asked))
    came = asked.clock()
    asked.clock.advance(minutes=30)
    tell(asked, "#split")
    first, second = asked.tickets()
    assert (second["requester"], second["state"]) == (ALICE, "open")
    assert (kinds(asked, 1), "follow_up" in kinds(asked)) == (["enquiry"], False)
    assert runs(asked) is False
    assert [(row.started_at, row.due_at) for row in clocks(asked, 1)] == [(came, came + timedelta(hours=3))]
    assert second["reference"] in trail(asked)
    assert first["reference"] in trail(asked, 1)
    assert second["reference"] in header(notice_to(asked, AMY).octets, "Subject")


def test_an_enquiry_cannot_be_split(asked: Desk) -> None:
    assert "notice of a later message" in tell(asked, "#split")
    assert len(asked.tickets()) == 1


# Calls.


@pytest.mark.parametrize(("command", "channel"), [("#call", "telephone"), ("#skype", "skype")])
def test_a_call_with_an_address_is_a_ticket_with_the_promise_and_an_acknowledgement(
    asked: Desk, command: str, channel: str
) -> None:
    tell(asked, f"{command} {BOB}\nA zebra was mentioned.")
    call = asked.tickets()[1]
    assert (call["channel"], call["requester"], call["assignee"]) == (channel, BOB, AMY)
    assert [row.due_at for row in clocks(asked, 1)] == [asked.clock() + timedelta(hours=3)]
    (acknowledgement,) = to(asked, BOB)
    assert call["reference"] in header(acknowledgement.octets, "Subject")
    assert "13:10" in words_of(acknowledgement.octets)
    assert "zebra" not in words_of(acknowledgement.octets)
    assert "A zebra was mentioned." in told(asked, LEAD)


def test_a_caller_who_has_an_address_can_be_answered_and_writes_back(asked: Desk) -> None:
    tell(asked, f"#call {BOB}\nHe rang.")
    tell(asked, "Dear Bob, as we said.")
    (answer,) = to(asked, BOB, "answer")
    assert words_of(answer.octets) == "Dear Bob, as we said."
    assert runs(asked, 1) is False
    asked.receive(mail(BOB, "Re: call", "Thanks.\n", message_id="<b@club.example>",
                       in_reply_to=header(answer.octets, "Message-ID")))  # fmt: skip
    assert asked.dispositions()[-1] == "follow_up"


def test_a_call_without_an_address_is_acknowledged_to_nobody_and_closed_when_answered(asked: Desk) -> None:
    before = len(asked.sent("acknowledgement"))
    tell(asked, "#call a school in Leeds, 0113 496 0000\nThey asked about a video.")
    assert len(asked.sent("acknowledgement")) == before
    assert (asked.tickets()[1]["requester"], runs(asked, 1)) == (None, True)
    assert "no address" in tell(asked, "Dear caller, hello.")
    assert "closed" in tell(asked, "#resolve advice given")
    assert [row.kept for row in clocks(asked, 1)] == [True]


@pytest.mark.parametrize("address", [AMY, EXAMPLEBOOK, "helpline@example.org.uk"])
def test_a_call_from_our_own_address_is_refused(asked: Desk, address: str) -> None:
    assert "no enquirer's" in tell(asked, f"#call {address}\nHm.")
    assert len(asked.tickets()) == 1


def test_a_call_about_nothing_is_refused(asked: Desk) -> None:
    assert "needs the caller's address" in tell(asked, "#call")
    assert len(asked.tickets()) == 1


# Signposts.


def test_send_alone_lists_the_texts_and_sends_nothing(asked: Desk) -> None:
    listed = tell(asked, "#send")
    assert all(name in listed for name in asked.correspondence.signposts())
    assert to_alice(asked) == []


def test_a_signposting_text_is_an_answer_with_the_words_above_it(asked: Desk) -> None:
    text = asked.correspondence.signposts()["nudes"]
    assert "The text nudes is on its way" in tell(asked, "#send nudes\n\nDear Alice,\n\nread this.")
    (answer,) = to_alice(asked)
    assert words_of(answer.octets) == f"Dear Alice,\n\nread this.\n\n{text}".strip("\n")
    assert runs(asked) is False


def test_a_signposting_text_goes_alone(asked: Desk) -> None:
    tell(asked, "#send nudes")
    assert words_of(to_alice(asked)[0].octets) == asked.correspondence.signposts()["nudes"].strip("\n")


def test_an_unknown_signposting_text_sends_nothing(asked: Desk) -> None:
    assert 'There is no signposting text "ponies"' in tell(asked, "#send ponies\nDear Alice, see below.")
    assert to_alice(asked) == []


# Partners.


def from_partner(envelope: Envelope, text: str, number: int = 1, from_: str = "", **fields: str) -> bytes:
    """A partner's answer to a mail of ours."""
    sender = from_ or envelope.recipient
    below = f"\n\nOn Tue, 24 Nov 2026 at 10:12, Helpline wrote:\n\n{quoted(words_of(envelope.octets))}"
    fields = {"in_reply_to": header(envelope.octets, "Message-ID"), **fields}
    return mail(sender, "Re: a request", text + below, message_id=f"<p{number}@{sender.partition('@')[2]}>",
                to=header(envelope.octets, "Reply-To").rpartition("<")[2].rstrip(">"), **fields)  # fmt: skip


def test_words_to_a_partner_reach_them_alone_under_a_reference_of_their_own(asked: Desk) -> None:
    assert "The enquirer does not see it" in tell(asked, "#partner examplebook\nPlease remove video 17.")
    (out,) = to(asked, EXAMPLEBOOK)
    assert words_of(out.octets) == "Please remove video 17."
    for secret in (ALICE, "Smithers", ticket(asked).reference, ticket(asked).reference.lower(), AMY, "one@school"):
        assert secret.encode() not in out.octets + out.sender.encode()
    assert (to_alice(asked), runs(asked)) == ([], True)


@pytest.mark.parametrize("identity", ["Ms Smithers", ALICE, "smithers"])
def test_words_to_a_partner_that_name_the_enquirer_are_held_until_insisted_on(asked: Desk, identity: str) -> None:
    why = tell(asked, f"#partner examplebook\nPlease remove what {identity} reported.")
    assert "tells them who the enquirer is" in why
    assert to(asked, EXAMPLEBOOK) == []
    tell(asked, "#anyway")
    assert words_of(to(asked, EXAMPLEBOOK)[0].octets) == f"Please remove what {identity} reported."
    assert to_alice(asked) == []


def test_a_partners_answer_goes_to_staff_alone_and_starts_no_clock(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    before, clocks_before = len(to(asked, ALICE)), clocks(asked)
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "A zebra was removed."))
    assert asked.dispositions()[-1] == "partner"
    assert "A zebra was removed." in told(asked, AMY)
    assert "A zebra was removed." in told(asked, LEAD)
    assert (len(to(asked, ALICE)), len(to(asked, EXAMPLEBOOK))) == (before, 1)
    assert clocks(asked) == clocks_before


def test_a_reply_to_a_partners_notice_says_who_it_is_for(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "Which one?"))
    assert "did not say who your words are for" in tell(asked, "Video 17, the second.")
    assert (len(to(asked, EXAMPLEBOOK)), to_alice(asked)) == (1, [])
    asked.receive(reply(to(asked, LEAD, "notice")[-1], "#partner examplebook\nVideo 17, the second."))
    (first, second) = to(asked, EXAMPLEBOOK)
    assert words_of(second.octets) == "Video 17, the second."
    assert header(second.octets, "In-Reply-To") == "<p1@examplebook.example>"
    assert header(first.octets, "Message-ID") in header(second.octets, "References")
    assert to_alice(asked) == []
    asked.receive(reply(to(asked, LEAD, "notice")[-1], "#answer\nDear Alice, it is gone."))
    assert words_of(to_alice(asked)[0].octets) == "Dear Alice, it is gone."


def test_a_stranger_at_the_partners_address_has_a_ticket_of_their_own(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "I am the partner.", from_=MALLORY))
    assert asked.dispositions()[-1] == "new_ticket"
    assert "partner_in" not in kinds(asked)


def test_a_colleague_of_the_partners_speaks_for_them(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "Done.", from_="carol@examplebook.example"))
    assert asked.dispositions()[-1] == "partner"


def test_an_automatic_answer_of_a_partner_is_kept_and_their_silence_still_counts(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    mails = len(asked.letterbox.taken)
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "Ticket 99 received.", auto_submitted="auto-replied"))
    assert asked.dispositions()[-1] == "automatic"
    assert len(asked.letterbox.taken) == mails
    asked.clock.advance(days=3)
    assert "has not answered" in silence(asked)


def silence(desk: Desk) -> str:
    """What staff are told by a sweep, if it is about a partner."""
    before = len(desk.letterbox.taken)
    desk.remind()
    desk.submit()
    told = [" ".join(words_of(e.octets).split()) for e in desk.letterbox.taken[before:]]
    return "\n".join(text for text in told if "Examplebook" in text)


def test_a_partners_silence_is_reminded_of_once_and_not_after_an_answer(asked: Desk) -> None:
    tell(asked, "Dear Alice, we have asked them.")
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    asked.clock.advance(days=1)
    assert silence(asked) == ""
    asked.clock.advance(days=2)
    assert "has not answered" in silence(asked)
    asked.clock.advance(minutes=5)
    assert silence(asked) == ""
    tell(asked, "#partner examplebook\nPlease do.")
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "Done."))
    asked.clock.advance(days=5)
    assert silence(asked) == ""


def test_threads_with_two_partners_do_not_mix(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    tell(asked, "#partner chatter\nPlease look at user 5.")
    (book,), (chat,) = to(asked, EXAMPLEBOOK), to(asked, CHATTER)
    assert header(book.octets, "Reply-To") != header(chat.octets, "Reply-To")
    assert header(chat.octets, "References") == header(chat.octets, "In-Reply-To") == ""
    asked.receive(from_partner(book, "Gone."), from_partner(chat, "Banned.", 2))
    tell(asked, "#partner chatter\nThank you.")
    second = to(asked, CHATTER)[-1]
    assert "examplebook" not in second.octets.decode()
    assert header(book.octets, "Message-ID") not in header(second.octets, "References")
    assert header(second.octets, "In-Reply-To") == "<p2@chatter.example>"


def test_a_partner_who_answers_the_other_ones_mail_is_nobodys_partner_there(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "We are Chatter.", from_=CHATTER))
    assert asked.dispositions()[-1] == "new_ticket"


def test_an_unknown_partner_is_refused(asked: Desk) -> None:
    assert "There are: examplebook, chatter" in tell(asked, "#partner facespace\nRemove it.")
    assert "no words" in tell(asked, "#partner examplebook")
    assert asked.sent("partner") == []


def test_a_partners_answer_after_a_join_reaches_the_ticket_that_is_left(asked: Desk) -> None:
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    asked.receive(mail(ALICES_HOME, "The video again", "It is worse.\n", message_id="<home@mail.example>"))
    first = [e for e in to(asked, AMY, "notice") if ticket(asked).reference.encode() in e.octets][0]
    asked.receive(reply(first, f"#join {ticket(asked, 1).reference}"))
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "Gone."))
    assert "partner_in" in kinds(asked, 1)
    assert ticket(asked, 1).reference in header(notice_to(asked, AMY).octets, "Subject")


# Holding, and sending on.


def test_what_was_held_is_sent_on_once(asked: Desk) -> None:
    assert "Your words below the commands were not sent on" in tell(asked, "#take\nShe should call someone.")
    assert to_alice(asked) == []
    held = notice_to(asked, AMY)
    asked.receive(reply(held, "#anyway"))
    assert [words_of(e.octets) for e in to_alice(asked)] == ["She should call someone."]
    asked.receive(reply(held, "#anyway").replace(b"10:09:00", b"10:11:00").replace(b"Message-ID: <", b"Message-ID: <2"))
    assert len(to_alice(asked)) == 1
    assert "nothing that is held" in told(asked, AMY)


def test_anyway_out_of_place_sends_nothing(asked: Desk) -> None:
    assert "nothing that is held" in tell(asked, "#anyway")
    assert to_alice(asked) == []


def test_a_colleague_cannot_send_on_what_another_wrote(asked: Desk) -> None:
    tell(asked, "#take\nShe should call someone.")
    asked.receive(reply(notice_to(asked, AMY), "#anyway", from_=LEAD))
    assert to_alice(asked) == []


# Who may do what.


def test_when_the_taker_is_out_of_office_the_others_are_told_and_no_clock_stops(asked: Desk) -> None:
    tell(asked, "#take")
    asked.receive(follow_up(asked))
    away = reply(notice_to(asked, AMY), "I am away until Monday.", auto_submitted="auto-replied")
    before = len(asked.letterbox.taken)
    asked.receive(away)
    assert ticket(asked).assignee is None
    assert [e.recipient for e in asked.letterbox.taken[before:]] == [LEAD]
    assert "Amy may be away" in header(notice_to(asked, LEAD).octets, "Subject")
    assert (to_alice(asked), runs(asked)) == ([], True)


def test_a_removed_member_loses_what_was_held_for_them(asked: Desk) -> None:
    tell(asked, "#take\nShe should call someone.")
    held = notice_to(asked, AMY)
    asked.decide_otherwise(**settings(staff=tuple(m for m in asked.correspondence.policy.staff if m.address != AMY)))
    asked.receive(reply(held, "#anyway"))
    assert to_alice(asked) == []


def test_a_token_of_another_ticket_acts_on_that_ticket_alone(asked: Desk) -> None:
    first = notice_to(asked, AMY)
    asked.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    asked.receive(reply(first, "#take"))
    assert [row.assignee for row in asked.rows(schema.ticket)] == [AMY, None]


def test_a_reply_that_quotes_another_tickets_notice_is_refused(asked: Desk) -> None:
    first = notice_to(asked, AMY)
    asked.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    second = notice_to(asked, AMY)
    mixed = reply(second, "Dear Bob, hello.").replace(
        header(second.octets, "Reply-To").encode(), header(first.octets, "Reply-To").encode()
    )
    sender = [header(e.octets, "Reply-To").rpartition("<")[2].rstrip(">") for e in (second, first)]
    mixed = mixed.replace(f"To: {sender[0]}".encode(), f"To: {sender[1]}".encode(), 1)
    asked.receive(mixed)
    assert asked.sent("answer") == []
    assert "Nothing was sent on" in header(notice_to(asked, AMY).octets, "Subject")


def test_a_colleagues_token_has_no_power(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, LEAD), "#take", from_=AMY))
    assert ticket(asked).assignee is None
    assert asked.codes()[-1] != "assigned"
    assert "staff_other_writer" in asked.codes()


def test_an_expired_token_has_no_power_and_its_writer_is_told(asked: Desk) -> None:
    old = notice_to(asked, AMY)
    asked.clock.advance(days=31)
    asked.receive(reply(old, "#take\n#wait 2d"))
    assert ticket(asked).assignee is None
    assert "staff_expired" in asked.codes()
    assert "too old" in told(asked, AMY)


def test_tokens_of_two_tickets_in_one_mail_have_no_power(asked: Desk) -> None:
    first = notice_to(asked, AMY)
    asked.receive(mail(BOB, "Something else", message_id="<bob@club.example>"))
    other = header(first.octets, "Reply-To").rpartition("<")[2].rstrip(">")
    asked.receive(reply(notice_to(asked, AMY), "#take", cc=other))
    assert [row.assignee for row in asked.rows(schema.ticket)] == [None, None]
    assert "staff_several" in asked.codes()


# Old notices, lists, and mail that comes twice.


def test_an_answer_to_an_old_notice_of_a_ticket_that_somebody_closed_is_held(asked: Desk) -> None:
    old = notice_to(asked, LEAD)
    tell(asked, "#resolve advertising")
    asked.receive(reply(old, "Dear Alice, call the police."))
    assert "has been closed meanwhile" in told(asked, LEAD)
    assert (to_alice(asked), ticket(asked).state) == ([], "resolved")
    asked.receive(reply(notice_to(asked, LEAD), "#anyway"))
    assert [words_of(e.octets) for e in to_alice(asked)] == ["Dear Alice, call the police."]


def test_opening_it_again_in_the_same_mail_sends_the_answer(asked: Desk) -> None:
    tell(asked, "#resolve advertising")
    tell(asked, "#reopen\nDear Alice, call the police.")
    assert [words_of(e.octets) for e in to_alice(asked)] == ["Dear Alice, call the police."]
    assert ticket(asked).state == "open"


@pytest.fixture
def listed(asked: Desk) -> Desk:
    """Many wrote at once, so that the last of them stands in a list."""
    for number in range(60):
        asked.receive(mail(f"a{number}@s{number}.example", f"Case {number}", message_id=f"<{number}@list.example>"))
        asked.clock.advance(seconds=20)
    asked.clock.advance(minutes=30)
    asked.digest()
    asked.submit()
    assert to(asked, AMY, "digest")
    return asked


def test_a_reply_to_a_list_answers_nobody_and_says_why(listed: Desk) -> None:
    listed_ = to(listed, AMY, "digest")[-1]
    for number, text in enumerate(("Dear Alice, call the police.", "#take", "#note\nHm.", "#partner examplebook\nHm.")):
        listed.receive(reply(listed_, text))
        assert "about no single ticket" in told(listed, AMY), number
    assert listed.sent("answer") == listed.sent("partner") == []
    listed.receive(reply(listed_, "#help"))
    assert "#resolve OUTCOME" in told(listed, AMY)


def test_an_answer_does_not_cover_what_came_while_it_was_written(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    asked.clock.advance(minutes=20)
    asked.receive(follow_up(asked))
    came = asked.clock()
    asked.clock.advance(minutes=20)
    asked.receive(reply(notice, "Dear Alice, call the police."))
    first, second = clocks(asked)
    assert (first.kept, first.stopped_at) == (True, asked.clock())
    assert (second.started_at, second.due_at, second.stopped_at) == (came, came + timedelta(hours=3), None)


def test_the_same_mail_of_staff_twice_is_obeyed_once(asked: Desk) -> None:
    octets = reply(notice_to(asked, AMY), "Dear Alice, call the police.")
    asked.receive(octets, octets)
    asked.receive(b"Received: from elsewhere by mx.example.org.uk\r\n" + octets)
    assert len(to_alice(asked)) == 1
    assert asked.dispositions()[-2:] == ["duplicate", "duplicate"]


# Files.


def test_twenty_megabytes_are_held_and_explained(asked: Desk) -> None:
    asked.limits = CollectLimits(50, 100_000_000, 50_000_000, 10_000)
    octets = with_file(reply(notice_to(asked, AMY), "See the film."), "film.mp4", "video/mp4")
    asked.receive(octets.replace(b"\r\nAAAA\r\n", b"\r\n" + (b"A" * 76 + b"\r\n") * 360_000))
    assert to_alice(asked) == []
    assert runs(asked)
    why = told(asked, AMY)
    assert "film.mp4" in why
    assert "20.5 MB" in why
    assert "10 MB can be sent on" in why


def test_a_mail_that_was_not_fetched_whole_is_not_sent_on(asked: Desk) -> None:
    octets = with_file(reply(notice_to(asked, AMY), "See the film."), "film.mp4", "video/mp4")
    asked.receive(octets.replace(b"\r\nAAAA\r\n", b"\r\n" + (b"A" * 76 + b"\r\n") * 20_000))
    assert to_alice(asked) == []
    assert "could not be read" in told(asked, AMY)


def test_our_own_notice_as_a_file_is_refused(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    octets = with_file(reply(notice, "Dear Alice, see what came."), "notice.eml", "message/rfc822")
    octets = octets.replace(b"Content-Transfer-Encoding: base64\r\n", b"").replace(b"AAAA", notice.octets)
    asked.receive(octets)
    assert to_alice(asked) == []
    assert "Nothing was sent on" in header(notice_to(asked, AMY).octets, "Subject")


# Minimal notices.


def test_a_minimal_notice_holds_nothing_of_the_enquiry_and_can_be_answered(asked: Desk) -> None:
    asked.decide_otherwise(**settings(minimal_notices=True))
    asked.receive(mail(f"Zebedee <{BOB}>", "A zebra", "Zebras!\n", message_id="<bob@club.example>"))
    for member in (AMY, LEAD):
        octets = notice_to(asked, member).octets
        assert not any(word in octets.lower() for word in (b"zeb", b"club.example"))
        assert ticket(asked, 1).reference in header(octets, "Subject")
    tell(asked, "Dear Bob, call us.")
    assert [words_of(e.octets) for e in to(asked, BOB, "answer")] == ["Dear Bob, call us."]
