"""Answers from the mail clients that staff use: every word arrives, no line of ours does, and what is in doubt stays."""

import itertools
import re
from collections import Counter
from email import message_from_bytes
from email import policy as email_policy

import pytest

from helpline_mail.domain.delivery import Envelope
from helpline_mail.wire.html import text_of
from tests import clients
from tests.clients import CLIENTS, FORMS, LANGUAGES, PLACINGS, Words
from tests.integration.desk import ALICE, AMY, Desk, follow_up, mail
from tests.integration.staff import opened
from tests.integration.test_staff_mail import VOUCHED, notice_to

ENQUIRY = """Dear helpline,

a photograph of a pupil is being passed around the whole school, and nobody here knows what we are going to do about it.
It was first seen at https://chat.example/r/82451?utm=3 on Monday evening, and a teacher - Mr. O'Neill - has a copy.

> The head teacher says:
> do nothing until the holidays.

What should we do?

Alice
"""
WORDS = Words((
    "Dear Alice,",
    "please call the police on 101, and keep the telephone: it is evidence. Do not send the photograph to anybody, not even to us, however much they ask.",
    "You can report it at https://www.ceop.example/report as well. Is the pupil’s naïve friend – Zoë – safe?",
    "Yours sincerely,\nAmy",
))  # fmt: skip
MATRIX = list(itertools.product(CLIENTS, FORMS, PLACINGS, LANGUAGES))
NEVER = ("above this line", "Answer due", "POSH-", "+s-", AMY, "chat.example", "10.1.2.3", "X-Mailer", "passed around")


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def shown(envelope: Envelope) -> dict[str, str]:
    """The text of each form of an answer."""
    message = message_from_bytes(envelope.octets, policy=email_policy.default)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    return {"plain": plain.get_content()} | ({"html": text_of(rich.get_content(), 7_500)[0]} if rich else {})


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_staff_write_in_their_client_arrives_whole_or_is_held(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(desk)
    desk.receive(mail(ALICE, "A photograph", ENQUIRY, message_id="<two@school.sch.uk>"))
    notice = clients.notice_of(notice_to(desk, AMY).octets)
    sent, held, wrong = 0, Counter[tuple[str, ...]](), []
    for number, (client, form, placing, language) in enumerate(MATRIX):
        octets = clients.reply(
            notice, WORDS, client, form, placing, language, number, **{"Authentication-Results": VOUCHED}
        )
        before = len(desk.letterbox.taken)
        desk.receive(octets)
        answers = [e for e in desk.letterbox.taken[before:] if e.recipient == ALICE]
        if not answers:
            held[client, form, placing, language] += 1
            continue
        sent += 1
        for name, text in shown(answers[0]).items():
            if words_of(text) != words_of(WORDS.text):
                wrong.append((client, form, placing, language, name, text))
        raw = answers[0].octets.decode()
        body = raw.partition("\r\n\r\n")[2] + "".join(shown(answers[0]).values())
        wrong += [(client, form, placing, language, secret, "leaked") for secret in NEVER if secret in body]
        if AMY in raw or "10.1.2.3" in raw or "client.example" in raw:
            wrong.append((client, form, placing, language, "headers", "leaked"))
    with capsys.disabled():
        print(f"\n{sent} of {len(MATRIX)} sent, {sum(held.values())} held, {len(wrong)} leaked or with words lost")
        for one in held: print("  held:", *one)
    assert wrong == []
