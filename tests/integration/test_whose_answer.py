"""Several people in one ticket: an answer goes to whoever wrote what it answers, and to nobody by guess."""

import pytest

from helpline_mail.domain.delivery import Envelope
from tests.integration.desk import ALICE, AMY, LEAD, Desk, bounce, follow_up, header
from tests.integration.staff import opened, runs, tell, ticket, to, told
from tests.integration.test_staff_mail import notice_to, reply, to_alice, words_of

CAROL = "carol@home.example"
SECRET = "Dear Carol, I will not tell her."


@pytest.fixture
def two(desk: Desk) -> Desk:
    """Alice has her answer, and Carol, who was let in, wrote as well."""
    opened(desk)
    tell(desk, "Dear Alice, call 101.")
    tell(desk, f"#admit {CAROL}")
    desk.clock.advance(minutes=10)
    desk.receive(follow_up(desk, 5, from_=CAROL))
    desk.clock.advance(minutes=1)
    return desk


def answers_to(desk: Desk, person: str) -> list[str]:
    return [words_of(e.octets) for e in desk.sent("answer") if e.recipient == person]


def carols(desk: Desk, member: str = AMY) -> Envelope:
    return next(e for e in reversed(to(desk, member, "notice")) if "More from" in header(e.octets, "Subject"))


def test_who_wrote_is_answered_under_their_own_subject_and_ids(two: Desk) -> None:
    two.receive(reply(carols(two), SECRET))
    assert (answers_to(two, CAROL), len(answers_to(two, ALICE))) == ([SECRET], 1)
    answer = to(two, CAROL, "answer")[0].octets
    assert b"one@school.sch.uk" not in answer
    assert "pupil and a video" not in header(answer, "Subject")


@pytest.mark.parametrize("first", ["#tke", "#take"])
def test_a_reply_to_what_we_told_its_writer_is_about_the_same_message(two: Desk, first: str) -> None:
    two.receive(reply(carols(two), first))
    two.receive(reply(notice_to(two, AMY), SECRET))
    assert answers_to(two, CAROL) == [SECRET]


def test_what_was_held_goes_to_whom_it_was_for(two: Desk) -> None:
    amys, lenas = carols(two), carols(two, LEAD)
    two.receive(reply(lenas, "Dear Carol, call 101."))
    two.clock.advance(minutes=1)
    two.receive(reply(amys, SECRET))
    assert "has answered this already" in told(two, AMY)
    tell(two, "#anyway")
    assert answers_to(two, CAROL) == ["Dear Carol, call 101.", SECRET]
    assert len(answers_to(two, ALICE)) == 1


def test_a_reply_that_is_about_nobodys_message_is_refused(two: Desk) -> None:
    two.clock.advance(hours=1, minutes=31)
    two.remind()
    two.submit()
    two.receive(reply(to(two, AMY, "reminder")[-1], SECRET))
    assert "Several people take part" in told(two, AMY)
    assert (answers_to(two, CAROL), len(answers_to(two, ALICE))) == ([], 1)


def test_an_answer_to_one_leaves_a_clock_for_the_other(desk: Desk) -> None:
    opened(desk)
    tell(desk, f"#admit {CAROL}")
    desk.clock.advance(minutes=10)
    desk.receive(follow_up(desk, 5, from_=CAROL))
    desk.clock.advance(minutes=1)
    desk.receive(reply(carols(desk), SECRET))
    assert (answers_to(desk, ALICE), answers_to(desk, CAROL), runs(desk)) == ([], [SECRET], True)
    first = next(e for e in to(desk, AMY, "notice") if "New enquiry" in header(e.octets, "Subject"))
    desk.receive(reply(first, "Dear Alice, call 101."))
    assert runs(desk) is False


@pytest.mark.parametrize(
    "words",
    [
        "#assign Lena\nHi Lena, the mother is hysterical, can you take it?",
        "#take\nThanks Lena, she is mad, mine now.",
        "#release\nHello all, I cannot go on with this.",
    ],
)
def test_words_to_a_colleague_below_a_command_go_to_nobody(desk: Desk, words: str) -> None:
    opened(desk)
    tell(desk, words)
    assert (desk.sent("answer"), runs(desk)) == ([], True)


def test_when_every_answer_comes_back_an_answer_is_due_again(desk: Desk) -> None:
    opened(desk)
    tell(desk, "Dear Alice, call 101.")
    desk.clock.advance(minutes=1)
    tell(desk, "Dear Alice, one more thing.")
    one, other = to_alice(desk)
    desk.receive(bounce(ALICE, header(one.octets, "Message-ID")))
    assert runs(desk) is False, "the other one arrived"
    desk.receive(bounce(ALICE, header(other.octets, "Message-ID")))
    assert runs(desk) is True


def test_an_old_mail_of_staff_that_somebody_sends_on_is_obeyed_by_nobody(desk: Desk) -> None:
    opened(desk)
    token = header(notice_to(desk, AMY).octets, "Reply-To").rpartition("<")[2].rstrip(">").encode()
    old = reply(notice_to(desk, AMY), "Dear Mallory, you idiot.").replace(
        b"To: " + token, b"To: mallory@evil.example\r\nDelivered-To: " + token
    )
    desk.receive(old)
    assert (desk.sent("answer"), runs(desk)) == ([], True)


def test_a_link_does_not_tell_what_the_words_do_not(desk: Desk) -> None:
    opened(desk)
    raw = reply(notice_to(desk, AMY), "Write back to us.")
    head, _, body = raw.partition(b"\r\n\r\n")
    html = '<p>Write <b>back</b> to <a href="mailto:amy%40example.org.uk">us</a>.</p>'
    desk.receive(
        head + b"\r\nContent-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\n\r\n" + body
        + b"\r\n--bb\r\nContent-Type: text/html\r\n\r\n" + html.encode() + b"\r\n--bb--\r\n"
    )  # fmt: skip
    (answer,) = to_alice(desk)
    assert b"amy" not in answer.octets.lower()


def test_anyway_with_a_signature_below_it_sends_on_what_was_held(desk: Desk) -> None:
    opened(desk)
    tell(desk, "#take\nCall 101.")
    tell(desk, "#anyway\n\nKind regards,\nAmy Adams\nAdviser")
    assert answers_to(desk, ALICE) == ["Call 101."]


def test_a_ticket_says_in_its_trail_who_else_waits(two: Desk) -> None:
    two.receive(reply(carols(two), SECRET))
    assert ticket(two).responded_at is not None
    assert [row.kept for row in two.clocks()] == [True, True]
