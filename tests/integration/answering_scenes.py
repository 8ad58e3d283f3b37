"""Situations in which staff answer by mail, played on a desk until the mail that they lead to has left."""

from collections.abc import Callable
from typing import Any

from helpline_mail.domain.delivery import Envelope, InDoubt
from helpline_mail.domain.policy import Partner, StaffMember
from helpline_mail.wire.links import html_of
from tests.integration.desk import ALICE, AMY, LEAD, Desk, bounce, header, mail
from tests.integration.test_staff_mail import VOUCHED, Server, reply, words_of

Scene = Callable[[Desk], str]
"""Plays on a desk until a mail has left, and returns its kind."""
EXAMPLEBOOK = Partner("examplebook", "Examplebook safety team", "safety@examplebook.example")
STAFF = (StaffMember("Amy O'Brien", AMY, "adviser"), StaffMember("Lena", LEAD, "lead"))
ENQUIRY = """\
Dear helpline,

a photograph of a pupil is being passed around. The parents have asked us what we are going to do about it, and so far
nobody here knows. What should we do?

Alice
"""
ADVICE = """\
Dear Alice,

thank you for writing to us. Please do these two things today:

- keep the messages, and do not pass them on;
- tell your designated safeguarding lead.

We will ask the network to take the photograph down, and write again when we hear from them.

Amy"""
TO_PARTNER = """\
Hello,

a photograph of a child is being passed around under https://examplebook.example/p/1. Please take it down.

Amy"""


def asked(desk: Desk, **decided: Any) -> None:
    """A desk with one enquiry of Alice's, of which Amy and Lena got their notices at 10:10."""
    decided = {
        "staff": STAFF, "partners": (EXAMPLEBOOK,), "outcomes": ("advice given", "content removed", "not for us"),
        "outcomes_without_answer": ("not for us",), "categories": ("bullying", "nudes", "gaming"),
        "sectors": ("school", "police"),
    } | decided  # fmt: skip
    desk.decide_otherwise(**decided)
    desk.receive(mail('"Alice Ångström" <alice@school.sch.uk>', "A pupil's photograph", ENQUIRY))


def last_to(desk: Desk, address: str) -> Envelope:
    return [envelope for envelope in desk.letterbox.taken if envelope.recipient == address][-1]


def writes(desk: Desk, text: str, address: str = AMY, *, to: Envelope | None = None, after: int = 10) -> None:
    """A member of staff replies to the last mail that they got, or to the one given, some minutes later."""
    desk.clock.advance(minutes=after)
    desk.receive(reply(to or last_to(desk, address), text))


def answer(desk: Desk) -> str:
    """Amy writes formatted text in her client, encloses a file, and has a signature of her own."""
    asked(desk, signature="Professionals Online Safety Helpline\n0844 381 4772", first_names=True)
    notice = last_to(desk, AMY)
    html = (
        "<div>Dear Alice,</div><div><br></div><div>thank you for writing to us. Please do these two things "
        "<b>today</b>:</div><ul><li>keep the messages, and <i>do not pass them on</i>;</li><li>tell your designated "
        "safeguarding lead.</li></ul><div>We will ask the network to take the photograph down, and write again when "
        "we hear from them.</div><div><br></div><div>Amy</div>"
    )
    quoted = html_of(words_of(notice.octets), {header(notice.octets, "Reply-To").rpartition("<")[2].rstrip(">")})
    plain = reply(notice, f"{ADVICE}\n\n-- \nAmy O'Brien, amy@example.org.uk, mobile 07700 900123")
    head, _, body = plain.partition(b"\r\n\r\n")
    desk.clock.advance(minutes=25)
    desk.receive(head + (
        '\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\n'
        'Content-Type: multipart/alternative; boundary="a"\r\n\r\n'
        f"--a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body.decode()}\r\n"
        f"--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}<div>-- <br>Amy O'Brien</div>"
        f"<blockquote>{quoted}</blockquote>\r\n--a--\r\n"
        '--m\r\nContent-Type: application/pdf; name="what to keep.pdf"\r\n'
        "Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--m--\r\n"
    ).encode())  # fmt: skip
    return "answer"


def answer_closing(desk: Desk) -> str:
    asked(desk, signature="Professionals Online Safety Helpline\n0844 381 4772")
    writes(desk, "#resolve content removed\n\nDear Alice,\n\nthe photograph has been taken down.\n\nAmy")
    return "answer"


def notice_follows(desk: Desk) -> str:
    """Alice replies to those words in the new year."""
    answer_closing(desk)
    desk.clock.advance(days=48)
    to = header(desk.sent("answer")[-1].octets, "Message-ID")
    desk.receive(
        mail('"Alice Ångström" <alice@school.sch.uk>', "Re: A pupil's photograph",
             "Hello,\n\nit has come back.\n\nAlice\n", message_id="<two@school.sch.uk>", in_reply_to=to)
    )  # fmt: skip
    return "notice"


def answer_confirmed(desk: Desk) -> str:
    answer(desk)
    return "notice"


def answer_bounced(desk: Desk) -> str:
    asked(desk)
    writes(desk, ADVICE)
    desk.clock.advance(minutes=5)
    desk.receive(bounce(ALICE, header(desk.sent("answer")[-1].octets, "Message-ID")))
    return "notice"


def partner(desk: Desk) -> str:
    asked(desk)
    writes(desk, f"#partner examplebook\n\n{TO_PARTNER}")
    return "partner"


def partner_confirmed(desk: Desk) -> str:
    partner(desk)
    return "notice"


def notice_partner(desk: Desk) -> str:
    partner(desk)
    desk.clock.advance(minutes=40)
    written = desk.sent("partner")[-1].octets
    desk.receive(
        mail(
            "Examplebook <safety@examplebook.example>", "Re: " + header(written, "Subject"),
            "Hello,\n\nwe have taken it down.\n\nExamplebook safety team\n", message_id="<3@examplebook.example>",
            to=header(written, "Reply-To").rpartition("<")[2].rstrip(">"), in_reply_to=header(written, "Message-ID"),
        )
    )  # fmt: skip
    return "notice"


def notice_call(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#call bob@club.example\n\nBob coaches a football team. A parent posts about him, and it is untrue.")
    return "notice"


def notice_call_without_address(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#skype bob.the.coach\n\nBob coaches a football team. A parent posts about him, and it is untrue.")
    return "notice"


def call_acknowledgement(desk: Desk) -> str:
    notice_call(desk)
    return "acknowledgement"


def notice_split(desk: Desk) -> str:
    notice_earlier(desk)
    writes(desk, "#split", to=[e for e in desk.sent("notice") if e.recipient == AMY][-1])
    return "notice"


def confirmation_split(desk: Desk) -> str:
    return notice_split(desk)


def confirmation_joined(desk: Desk) -> str:
    notice_split(desk)
    of_the_new = [e for e in desk.sent("notice") if e.recipient == AMY and "its own" in header(e.octets, "Subject")][-1]
    writes(desk, f"#join {desk.tickets()[0]['reference']}", to=of_the_new)
    return "notice"


def notice_minimal(desk: Desk) -> str:
    asked(desk, minimal_notices=True)
    return "notice"


def notice_earlier(desk: Desk) -> str:
    asked(desk)
    writes(desk, f"#take\n#answer\n\n{ADVICE}")
    desk.clock.advance(minutes=30)
    to = header(desk.sent("answer")[-1].octets, "Message-ID")
    desk.receive(
        mail('"Alice Ångström" <alice@school.sch.uk>', "Re: A pupil's photograph", "Thank you.\n\nThere is another.\n",
             message_id="<two@school.sch.uk>", in_reply_to=to)
    )  # fmt: skip
    return "notice"


def confirmation(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#take\n#category nudes\n#wait 2d\n#admit alice@freemail.example\n#note\n\nShe sounded upset.")
    return "notice"


def confirmation_closed(desk: Desk) -> str:
    asked(desk)
    writes(desk, f"#resolve advice\n\n{ADVICE}")
    return "notice"


def confirmation_signpost(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#send nudes\n\nDear Alice,\n\nplease read this first.")
    return "notice"


def confirmation_held(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#take\n\nI will ring her after lunch. Please leave it to me.")
    return "notice"


def refused_mistake(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#tak\n#resolve advise\n\nGlad that we could help.")
    return "refusal"


def refused_outcome(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#resolve helped")
    return "refusal"


def refused_silent(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#resolve advice given")
    return "refusal"


def refused_doubt(desk: Desk) -> str:
    """Her client quotes the notice without a mark, and she wrote below it."""
    asked(desk)
    notice = last_to(desk, AMY)
    head = reply(notice, "").partition(b"\r\n\r\n")[0]
    below = f"\r\n\r\n{words_of(notice.octets)}\n\nPlease call the police.\n"
    desk.receive(head + below.encode())
    return "refusal"


def refused_second(desk: Desk, **decided: Any) -> str:
    asked(desk, **decided)
    lenas = last_to(desk, LEAD)
    writes(desk, ADVICE)
    writes(desk, "Dear Alice,\n\nplease call the police.\n\nLena", LEAD, to=lenas)
    return "refusal"


def refused_second_minimal(desk: Desk) -> str:
    return refused_second(desk, minimal_notices=True)


def refused_closed(desk: Desk) -> str:
    asked(desk)
    amys = last_to(desk, AMY)
    writes(desk, "#resolve not for us", LEAD)
    writes(desk, ADVICE, to=amys)
    return "refusal"


def refused_partner(desk: Desk) -> str:
    asked(desk)
    writes(desk, f"#partner examplebook\n\nMs Ångström writes:\n\n{TO_PARTNER}")
    return "refusal"


def refused_to_whom(desk: Desk) -> str:
    notice_partner(desk)
    writes(desk, "Thank you. That was quick.")
    return "refusal"


def refused_too_large(desk: Desk) -> str:
    asked(desk)
    head, _, body = reply(last_to(desk, AMY), "See the film.").partition(b"\r\n\r\n")
    desk.limits = type(desk.limits)(50, 30_000_000, 30_000_000, 10_000)
    desk.receive(head + (
        '\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="m"\r\n\r\n'
        f"--m\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body.decode()}\r\n"
        "--m\r\nContent-Type: video/mp4; name=film.mp4\r\nContent-Disposition: attachment\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{'QUJD' * 3_500_000}\r\n--m--\r\n"
    ).encode())  # fmt: skip
    return "refusal"


def refused_empty(desk: Desk) -> str:
    asked(desk)
    writes(desk, "")
    return "refusal"


def help_(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#help")
    return "report"


def signposts(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#send")
    return "report"


def status(desk: Desk) -> str:
    notice_partner(desk)
    writes(desk, "#take\n#category nudes\n#category school\n#wait 2d", to=desk.sent("notice")[0], after=1)
    writes(desk, "#status")
    return "report"


def status_closed(desk: Desk) -> str:
    confirmation_closed(desk)
    writes(desk, "#status")
    return "report"


def status_unreached(desk: Desk) -> str:
    """An answer came back, and of the next nobody knows whether it left."""
    answer_bounced(desk)
    notice = last_to(desk, AMY)
    desk.clock.advance(minutes=10)
    desk.mailbox.append(reply(notice, f"#note\n\nHer school says that she is there.\n\n{ADVICE}"), desk.clock())
    desk.mailbox.append(reply(notice, ADVICE.replace("today", "now")), desk.clock())
    desk.collect()
    desk.triage()
    for _ in range(3):
        desk.submit(Server(desk, InDoubt("the connection broke during the data")))
        desk.clock.advance(seconds=10)
    writes(desk, "#status")
    return "report"


def away(desk: Desk) -> str:
    asked(desk)
    writes(desk, "#take")
    notice = last_to(desk, AMY)
    desk.receive(reply(notice, "I am on leave until Monday.", auto_submitted="auto-replied"))
    return "notice"


def assigned(desk: Desk) -> str:
    """Given by a colleague; the confirmation to who gave it is another scene's."""
    asked(desk)
    writes(desk, "#assign lena")
    desk.letterbox.taken.sort(key=lambda envelope: "has given it to you" in header(envelope.octets, "Subject"))
    return "notice"


def refusal_for_leads(desk: Desk) -> str:
    """Somebody writes in Amy's name to her own address, and the receiver says that it is not her."""
    asked(desk)
    forged = VOUCHED.replace("pass", "fail")
    desk.receive(reply(last_to(desk, AMY), "Send us your password.", vouched=forged))
    return "refusal"


SCENES: dict[str, Scene] = {
    scene.__name__.strip("_").replace("_", "-"): scene
    for scene in (
        *(
            answer,
            answer_closing,
            notice_follows,
            answer_confirmed,
            answer_bounced,
            partner,
            partner_confirmed,
            notice_partner,
        ),
        *(notice_call, notice_call_without_address, call_acknowledgement, notice_split, notice_minimal, notice_earlier),
        *(confirmation, confirmation_closed, confirmation_signpost, confirmation_held, confirmation_split),
        *(confirmation_joined, assigned),
        *(refused_mistake, refused_outcome, refused_silent, refused_doubt, refused_second, refused_closed),
        *(
            refused_second_minimal,
            refused_partner,
            refused_to_whom,
            refused_too_large,
            refused_empty,
            refusal_for_leads,
        ),
        *(help_, signposts, status, status_closed, status_unreached, away),
    )
}
