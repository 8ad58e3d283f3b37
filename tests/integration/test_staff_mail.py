"""Staff answer from their own mail client: what goes out, what changes, and what does nothing."""

from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from typing import Any

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.delivery import Envelope, InDoubt, Outcome, Refused
from helpline_mail.service.triage import triage
from tests.integration.desk import ALICE, AMY, HELPLINE, LEAD, MALLORY, Desk, bounce, header, mail


def words_of(octets: bytes) -> str:
    """What its reader reads, line by line."""
    body = message_from_bytes(octets, policy=email_policy.default).get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text.replace("\r\n", "\n").strip("\n")


VOUCHED = "mx.example.org.uk; dmarc=pass header.from=example.org.uk"


@pytest.fixture
def asked(desk: Desk) -> Desk:
    """A desk with one enquiry of Alice's, of which Amy and Lena got their notices."""
    desk.decide_otherwise(outcomes=("advice given", "signposted"), categories=("sexting", "gaming"))
    desk.receive(mail())
    return desk


def notice_to(desk: Desk, member: str) -> Envelope:
    return [e for e in desk.letterbox.taken if e.recipient == member][-1]


def quoted(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.split("\n"))


def reply(
    notice: Envelope, text: str, from_: str | None = None, vouched: str = VOUCHED, number: str = "", **fields: str
) -> bytes:  # fmt: skip
    """What a mail client makes of a reply: to Reply-To, with the notice quoted below. `number`: for Message-ID."""
    below = f"\n\nOn Tue, 24 Nov 2026 at 10:12, Helpline <{HELPLINE}> wrote:\n\n{quoted(words_of(notice.octets))}"
    given = {"authentication_results": vouched} if vouched else {}
    sender = header(notice.octets, "Reply-To").rpartition("<")[2].rstrip(">")
    number = number or str(abs(hash((text, from_, vouched, notice.recipient))) % 10**12)
    return mail(
        from_ or notice.recipient, "Re: " + header(notice.octets, "Subject"), text + below,
        message_id=f"<{number}@example.org.uk>", to=sender,
        in_reply_to=header(notice.octets, "Message-ID"), **given, **fields,
    )  # fmt: skip


def to_alice(desk: Desk) -> list[Envelope]:
    return [e for e in desk.letterbox.taken if e.recipient == ALICE and e in desk.sent("answer")]


def clock(desk: Desk) -> Any:
    return desk.clocks()[-1]


def test_a_plain_reply_goes_to_the_enquirer_alone_and_stops_the_clock(asked: Desk) -> None:
    asked.clock.advance(minutes=30)
    asked.receive(reply(notice_to(asked, AMY), "Dear Alice,\n\nplease call the police.\n\nAmy"))
    (answer,) = to_alice(asked)
    assert words_of(answer.octets) == "Dear Alice,\n\nplease call the police.\n\nAmy"
    assert header(answer.octets, "From").endswith(f"<{HELPLINE}>")
    assert AMY.encode() not in answer.octets
    assert header(answer.octets, "In-Reply-To") == "<one@school.sch.uk>"
    assert asked.acknowledgement_id() in header(answer.octets, "References")
    assert header(answer.octets, "Auto-Submitted") == ""
    assert (clock(asked).stopped_at, clock(asked).kept) == (asked.clock(), True)
    assert b"on its way" in notice_to(asked, AMY).octets


def test_a_reply_of_the_enquirer_to_the_answer_joins_the_ticket(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "Call the police."))
    (answer,) = to_alice(asked)
    asked.receive(mail(text="I did.\n", message_id="<2@x.example>", in_reply_to=header(answer.octets, "Message-ID")))
    assert asked.dispositions()[-1] == "follow_up"
    assert clock(asked).stopped_at is None


@pytest.mark.parametrize(
    ("from_", "vouched"),
    [
        (AMY, ""),
        (AMY, "mx.example.org.uk; dmarc=fail header.from=example.org.uk"),
        (AMY, "mx.evil.example; dmarc=pass header.from=example.org.uk"),
        (LEAD, VOUCHED),
    ],
)
def test_p04_without_every_proof_nothing_is_done(asked: Desk, from_: str, vouched: str) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#resolve advice given\nSend money.", from_, vouched))
    assert to_alice(asked) == []
    assert (clock(asked).stopped_at, asked.tickets()[0]["state"]) == (None, "open")
    assert asked.dispositions()[-1] == "staff"


def test_a_stranger_at_a_staff_address_has_a_ticket_and_no_power(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#resolve advice given", MALLORY, ""))
    assert asked.dispositions()[-1] == "new_ticket"
    assert [ticket["state"] for ticket in asked.tickets()] == ["open", "open"]


def test_an_old_notice_and_a_member_who_left_have_no_power(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    asked.clock.advance(days=31)
    asked.receive(reply(notice, "Too late."))
    assert to_alice(asked) == []
    later = notice_to(asked, LEAD)
    asked.decide_otherwise(staff=tuple(m for m in asked.correspondence.policy.staff if m.address != LEAD))
    asked.receive(reply(later, "I have left."))
    assert to_alice(asked) == []


def test_commands_change_the_ticket_and_are_confirmed(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#take\n#category gaming\n#wait 2d"))
    (row,) = asked.rows(schema.ticket)
    assert (row.assignee, row.category) == (AMY, "gaming")
    assert to_alice(asked) == []
    text = words_of(notice_to(asked, AMY).octets)
    for words in ("Amy has the ticket", "gaming", "16:00 on Thursday 26 November"):
        assert words in text


def test_resolving_with_closing_words_sends_them_and_closes(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#resolve advice\n\nGlad that we could help."))
    (row,) = asked.rows(schema.ticket)
    assert (row.state, row.outcome) == ("resolved", "advice given")
    invitation = "If anything else comes up, just reply to this e-mail."
    assert words_of(to_alice(asked)[0].octets) == f"Glad that we could help.\n\n{invitation}"


def test_only_closing_words_invite_to_come_back(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "Call the police."))
    assert "anything else" not in words_of(to_alice(asked)[0].octets)


def test_closing_without_words_sends_the_enquirer_nothing(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "Call the police."))
    asked.receive(reply(notice_to(asked, AMY), "#resolve advice given"))
    assert asked.tickets()[0]["state"] == "resolved"
    assert len(to_alice(asked)) == 1


def test_a_note_goes_to_nobody(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "#note\nShe sounded upset."))
    assert to_alice(asked) == []
    assert clock(asked).stopped_at is None
    assert [row.kind for row in asked.rows(schema.message)][-1] == "note"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("#resolv advice given\nWords.", "Did you mean #resolve"),
        ("#resolve", "write #resolve OUTCOME"),
        ("#resolve nothing like it", "There are: advice given, signposted"),
        ("#take\n#release", "contradict"),
        ("#assign Nobody", "none of us"),
        ("#take that, bullies!\nWords.", "takes nothing behind it"),
        ("#1 is the most important point", "is no command"),
        ("", "no words and no command"),
    ],
)
def test_a_mistake_does_nothing_and_is_explained(asked: Desk, text: str, hint: str) -> None:
    before = asked.rows(schema.ticket)
    asked.receive(reply(notice_to(asked, AMY), text))
    assert to_alice(asked) == []
    assert asked.rows(schema.ticket) == before
    assert hint in " ".join(words_of(notice_to(asked, AMY).octets).split())


def test_an_uncertain_cut_is_held(asked: Desk) -> None:
    notice = notice_to(asked, AMY)
    below = words_of(notice.octets).partition("Reference:")[2]
    raw = reply(notice, "Call them.").partition(b"\r\n\r\n")[0] + f"\r\n\r\nCall them.\n\nReference:{below}".encode()
    asked.receive(raw)
    assert to_alice(asked) == []
    assert "Part of our notice would have gone to the enquirer" in " ".join(
        words_of(notice_to(asked, AMY).octets).split()
    )


def test_the_second_answer_is_held_and_one_word_sends_it_on(asked: Desk) -> None:
    first, second = notice_to(asked, AMY), notice_to(asked, LEAD)
    asked.clock.advance(minutes=5)
    asked.receive(reply(first, "Call the police."))
    asked.clock.advance(minutes=5)
    asked.receive(reply(second, "Call the school."))
    assert len(to_alice(asked)) == 1
    refusal = notice_to(asked, LEAD)
    assert "Amy has answered this already" in " ".join(words_of(refusal.octets).split())
    assert "Call the police." in words_of(refusal.octets)
    asked.receive(reply(refusal, "#anyway"))
    assert words_of(to_alice(asked)[-1].octets) == "Call the school."


class Server:
    """A submission server that gives answers a fate of its own."""

    def __init__(self, desk: Desk, fate: Outcome) -> None:
        self.desk, self.fate = desk, fate

    async def send(self, envelope: Envelope) -> Outcome:
        if header(envelope.octets, "X-Helpline-Kind") == "answer":
            return self.fate
        return await self.desk.letterbox.send(envelope)

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (Refused(550, "RCPT"), ("did not reach the enquirer", "The answer is still due.")),
        (InDoubt("the connection broke"), ("may not have reached the enquirer", "Nobody can tell", "still due.")),
    ],
)
def test_an_answer_that_is_not_known_to_be_taken_stops_no_clock(
    asked: Desk, fate: Outcome, said: tuple[str, ...]
) -> None:
    asked.mailbox.append(reply(notice_to(asked, AMY), "Call the police."), asked.clock())
    asked.collect()
    asked.triage()
    for _ in range(3):
        asked.submit(Server(asked, fate))
        asked.clock.advance(seconds=10)
    assert clock(asked).stopped_at is None
    told = " ".join(words_of(notice_to(asked, LEAD).octets).split())
    assert [words for words in said if words not in told] == []


def test_a_bounce_of_an_answer_starts_the_clock_where_it_was(asked: Desk) -> None:
    asked.clock.advance(minutes=60)
    asked.receive(reply(notice_to(asked, AMY), "Call the police."))
    (answer,) = to_alice(asked)
    asked.clock.advance(minutes=30)
    asked.receive(bounce(ALICE, header(answer.octets, "Message-ID")))
    assert (clock(asked).stopped_at, clock(asked).due_at) == (None, asked.clock() + timedelta(hours=2))


def test_an_automatic_reply_of_a_member_is_no_answer(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "I am away.", auto_submitted="auto-replied"))
    assert (to_alice(asked), clock(asked).stopped_at) == ([], None)


def test_a_banner_above_the_commands_is_passed_over(asked: Desk) -> None:
    asked.receive(reply(notice_to(asked, AMY), "CAUTION: This email came from outside the council.\n\n#take"))
    assert asked.rows(schema.ticket)[0].assignee == AMY


def with_file(raw: bytes, name: str, content_type: str = "image/png") -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    parts = (
        f"\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{body.decode()}\r\n--b\r\n"
        f"Content-Type: {content_type}; name={name}\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n"
    )
    return head + parts.encode()


def files_of(octets: bytes) -> list[tuple[str | None, bytes]]:
    message = message_from_bytes(octets, policy=email_policy.default)
    return [(part.get_filename(), part.get_payload(decode=True)) for part in message.iter_attachments()]


def test_a_file_goes_along(asked: Desk) -> None:
    asked.receive(with_file(reply(notice_to(asked, AMY), "See the form."), "form.pdf", "application/pdf"))
    (answer,) = to_alice(asked)
    assert (words_of(answer.octets), files_of(answer.octets)) == ("See the form.", [("form.pdf", b"\0\0\0")])


def test_files_over_the_limit_are_held_and_explained(asked: Desk) -> None:
    asked.decide_otherwise(attachments_limit=2)
    asked.receive(with_file(reply(notice_to(asked, AMY), "See the form."), "form.pdf", "application/pdf"))
    assert to_alice(asked) == []
    assert "can be sent on" in words_of(notice_to(asked, AMY).octets)


def test_a_file_without_words_is_held_and_one_word_sends_it(asked: Desk) -> None:
    asked.receive(with_file(reply(notice_to(asked, AMY), ""), "form.pdf", "application/pdf"))
    assert to_alice(asked) == []
    asked.receive(reply(notice_to(asked, AMY), "#anyway"))
    assert files_of(to_alice(asked)[0].octets) == [("form.pdf", b"\0\0\0")]


def test_an_answer_that_could_not_be_read_whole_is_held(asked: Desk) -> None:
    raw = reply(notice_to(asked, AMY), "Call the police.").replace(
        b"\r\n\r\n", b"\r\nContent-Type: text/plain; charset=x-unknown\r\n\r\n\xe9", 1
    )
    asked.receive(raw)
    assert to_alice(asked) == []


def test_a_long_answer_is_read_by_the_configured_budgets_and_arrives_whole(asked: Desk) -> None:
    text = "\n".join(f"Point {number} of what we advise you to do now." for number in range(8_000))
    asked.mailbox.append(reply(notice_to(asked, AMY), text), asked.clock())
    asked.collect()
    triage(asked.store, asked.correspondence, Budgets(text=1_000_000), asked.clock)
    asked.submit()
    assert [words_of(e.octets) for e in to_alice(asked)] == [text]
