"""Mediation: what partners get, what they must not learn, and where their answers go."""

import pytest

from helpline_mail.domain.delivery import Envelope
from tests.integration.desk import ALICE, AMY, LEAD, MALLORY, Desk, header, mail
from tests.integration.staff import (
    ALICES_HOME,
    CHATTER,
    EXAMPLEBOOK,
    clocks,
    kinds,
    runs,
    tell,
    ticket,
    to,
    told,
)
from tests.integration.test_staff_mail import notice_to, quoted, reply, to_alice, words_of


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
    first = next(e for e in to(asked, AMY, "notice") if ticket(asked).reference.encode() in e.octets)
    asked.receive(reply(first, f"#join {ticket(asked, 1).reference}"))
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[0], "Gone."))
    assert "partner_in" in kinds(asked, 1)
    assert ticket(asked, 1).reference in header(notice_to(asked, AMY).octets, "Subject")


def test_of_a_closed_ticket_no_partners_silence_is_reminded_of(asked: Desk) -> None:
    tell(asked, "Dear Alice, we have asked them.")
    tell(asked, "#partner examplebook\nPlease remove video 17.")
    tell(asked, "#partner chatter\nPlease remove it too.")
    tell(asked, "#resolve advice given")
    asked.clock.advance(days=5)
    assert silence(asked) == ""


def test_only_a_partners_answer_is_recorded_as_one(asked: Desk) -> None:
    for _ in range(2):
        tell(asked, "#partner examplebook\nPlease remove video 17.")
        asked.clock.advance(hours=1)
    asked.receive(from_partner(to(asked, EXAMPLEBOOK)[-1], "Done."))
    assert [row.opening_seconds for row in asked.clocks(kind="partner")] == [None, 3600]
