"""Answers from the mail clients that staff use: every word arrives and no line of ours, or the mail is held."""

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
from tests.integration.desk import ALICE, AMY, LEAD, Desk, mail
from tests.integration.staff import opened, tell, ticket, to
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
    "please call the police on 101, and keep the telephone: it is evidence. Do not send the photograph to anybody, "
    "not even to us, however much they ask.",
    "You can report it at https://www.ceop.example/report as well. Is the pupil’s naïve friend – Zoë – safe?",
    "Yours sincerely,\nAmy",
))  # fmt: skip
MATRIX = list(itertools.product(CLIENTS, FORMS, PLACINGS, LANGUAGES))
NEVER = ("above this line", "Answer due", "POSH-", "+s-", AMY, "chat.example", "10.1.2.3", "X-Mailer", "passed around")


SENT_AT_LEAST = 212
"""All that write above the quotation, and those that mark what they quote also below it and between."""
VOUCHED_FOR = {"Authentication-Results": VOUCHED}


def words_of(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text)


def shown(envelope: Envelope) -> dict[str, str]:
    """The text of each form of an answer."""
    message = message_from_bytes(envelope.octets, policy=email_policy.default)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    return {"plain": plain.get_content()} | ({"html": text_of(rich.get_content(), 7_500)[0]} if rich else {})


def faults(answer: Envelope) -> list[str]:
    """What is missing from an answer, and what has no business in it."""
    forms, raw = shown(answer), answer.octets.decode()
    found = [f"{name}: {text}" for name, text in forms.items() if words_of(text) != words_of(WORDS.text)]
    body = raw.partition("\r\n\r\n")[2] + "".join(forms.values())
    found += [f"leaked: {secret}" for secret in NEVER if secret in body]
    return found + [f"leaked: {secret}" for secret in (AMY, "10.1.2.3", "client.example") if secret in raw]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_what_staff_write_in_their_client_arrives_whole_or_is_held(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(desk)
    desk.receive(mail(ALICE, "A photograph", ENQUIRY, message_id="<two@school.sch.uk>"))
    notice = clients.notice_of(notice_to(desk, AMY).octets)
    sent, held, wrong = 0, Counter[tuple[str, ...]](), []
    for number, case in enumerate(MATRIX):
        client, form, placing, language = case
        octets = clients.reply(notice, WORDS, client, form, placing, language, number, **VOUCHED_FOR)
        before = len(desk.letterbox.taken)
        desk.receive(octets)
        answers = [e for e in desk.letterbox.taken[before:] if e.recipient == ALICE]
        if answers:
            sent += 1
            wrong += [(*case, fault) for fault in faults(answers[0])]
        else:
            held[client, form, placing] += 1
    with capsys.disabled():
        print(f"\n{sent} of {len(MATRIX)} sent, {held.total()} held, {len(wrong)} leaked or with words lost")
    assert wrong == []
    assert sent >= SENT_AT_LEAST
    assert [case for case in held if "top" in case] == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_commands_in_every_client_do_what_they_say(desk: Desk) -> None:
    opened(desk)
    for number, (client, form, language) in enumerate(itertools.product(CLIENTS, FORMS, LANGUAGES)):
        tell(desk, "#release", LEAD)
        notice = clients.notice_of(to(desk, AMY, "notice")[0].octets)
        take = Words(("#take\n#wait 2d",))
        desk.receive(clients.reply(notice, take, client, form, "top", language, number, **VOUCHED_FOR))
        assert ticket(desk).assignee == AMY, (client, form, language)
    assert to(desk, ALICE, "answer") == []
