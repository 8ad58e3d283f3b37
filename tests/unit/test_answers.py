"""What staff wrote, cut free of our notice: every word of theirs, not a line of ours, and in doubt nothing."""

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.wire.answers import WRITE_ABOVE, Cut, Original
from helpline_mail.wire.answers import cut as cut_free

NOTICE = f"""{WRITE_ABOVE}

Reply to this mail to answer the enquirer: your words go out in the
helpline's name. A first line of #take, #note or #help does something else.

Reference:  POSH-7K3M9Q
From:       Alice Smith <alice@school.sch.uk>
Subject:    A photograph
Received:   10:09 today
Answer due: by 13:09 today

------------------------------------------------------------------------

Dear helpline,

a photograph of a pupil is being passed around the whole school, and nobody here knows what we are going to do about it.
What should we do?

Alice"""
ANSWER = "Dear Alice,\n\nplease call the police on 101, and keep the telephone.\n\nYours, Amy"
ADDRESS = "helpline+s-abcdefghijklmnop-abcdefghijklmnopqrstuvwxyz@example.org.uk"
HEADERS = (
    f"From: Helpline <{ADDRESS}>\nSent: 24 November 2026 10:10\nTo: Amy <amy@example.org.uk>\nSubject: [POSH-7K3M9Q]\n"
)
NAMES = ("Helpline", "helpline@example.org.uk", ADDRESS, "Amy", "amy@example.org.uk")
ANSWERED = Original(
    NOTICE, "POSH-7K3M9Q", "[POSH-7K3M9Q] New enquiry, answer by 13:09 today", NAMES,
    secrets=("amy@example.org.uk", "lead@example.org.uk"),
)  # fmt: skip
Client = Callable[[str], str]


def cut(reply: str, **changes: str) -> Cut:
    return cut_free(reply, replace(ANSWERED, **changes))


def marked(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def wrapped(text: str, width: int) -> str:
    return re.sub(rf"(?m)(.{{1,{width}}})(?: +|$)", r"\1\n", text)


def translated(sender: str, sent: str, to: str, subject: str) -> Client:
    """What Outlook puts above what it quotes, in another language."""
    return lambda a: (
        f"{a}\n\n{sender}: Helpline\n{sent}: 24.11.2026 10:10\n{to}: Amy\n{subject}: [POSH-7K3M9Q]\n\n{NOTICE}"
    )


def introduced(line: str) -> Client:
    """A client that introduces what it quotes with a line and marks it."""
    return lambda a: f"{a}\n\n{line}\n\n{marked(NOTICE)}"


CLIENTS: dict[str, Client] = {
    "gmail": introduced(f"On Tue, 24 Nov 2026 at 10:10, Helpline <\n{ADDRESS}> wrote:"),
    "apple": lambda a: f"{a}\n\n> On 24 Nov 2026, at 10:10, Helpline <{ADDRESS}> wrote:\n> \n{marked(NOTICE)}",
    "ios": introduced(f"Sent from my iPhone\n\nOn 24 Nov 2026, at 10:10, Helpline <{ADDRESS}> wrote:"),
    "thunderbird": lambda a: f"{a}\n\nOn 24/11/2026 10:10, Helpline wrote:\n{marked(NOTICE)}\n",
    "french gmail": introduced(f"Le mar. 24 nov. 2026 à 10:10, Helpline <{ADDRESS}> a écrit :"),
    "outlook": lambda a: f"{a}\n\n{HEADERS}\n{NOTICE}",
    "outlook web": lambda a: f"{a}\n\n________________________________\n{HEADERS}\n{NOTICE}",
    "outlook, wrapped": lambda a: f"{a}\n\n{HEADERS}\n{wrapped(NOTICE, 60)}",
    "german outlook": translated("Von", "Gesendet", "An", "Betreff"),
    "welsh outlook": translated("Oddi wrth", "Anfonwyd", "At", "Pwnc"),
    "aol": lambda a: f"{a}\n\n-----Original Message-----\n{HEADERS}\n{NOTICE}",
    "nothing quoted": lambda a: a,
    "bottom": lambda a: f"On 24/11/2026 10:10, Helpline wrote:\n{marked(NOTICE)}\n\n{a}",
    "an introduction that we do not know": lambda a: f"{a}\n\n{NOTICE}",
}


@pytest.mark.parametrize("client", CLIENTS)
def test_every_word_arrives_and_no_line_of_ours(client: str) -> None:
    found = cut(CLIENTS[client](ANSWER))
    assert found.doubt is None
    assert found.text == ANSWER


def test_answers_between_marked_lines_are_kept_in_order() -> None:
    text = "On 24/11/2026 10:10, Helpline wrote:\n> What should we do?\nCall the police.\n\n> Alice\nStay calm."
    assert cut(text) == cut("Call the police.\n\nStay calm.")


@pytest.mark.parametrize(
    "text",
    [
        f"{ANSWER}\n\n{NOTICE.partition(WRITE_ABOVE)[2]}",
        f"{ANSWER}\n\n{HEADERS}\n{NOTICE}\n\nAnd please write again.",
        f"{HEADERS}\n{NOTICE}\n\n{ANSWER}",
        f"{ANSWER}\nWrite to {ADDRESS} next time.",
        f"{ANSWER}\n\nAnswer due: by 13:09 today",
        "a photograph of a pupil is being passed around the whole school, you say.",
    ],
)
def test_what_is_not_certain_is_doubted(text: str) -> None:
    assert cut(text).doubt


def test_a_reply_without_words_is_empty_and_certain() -> None:
    assert cut(CLIENTS["gmail"]("")) == cut("")


def test_the_organisations_footer_is_left_out() -> None:
    footer = "This e-mail and its attachments are confidential and meant for the addressee alone."
    text = CLIENTS["outlook"](ANSWER) + f"\n\n{footer.replace(' for ', ' for' + chr(10))}\n"
    assert cut(text).doubt
    assert cut(text, footer=footer) == cut(ANSWER)
    assert cut(f"{footer}\n\n{ANSWER}", footer=footer).text == f"{footer}\n\n{ANSWER}"


@pytest.mark.parametrize("signature", ["-- \nAmy\n07700 900123", "--\nAmy Adams | Adviser\namy@example.org.uk"])
@pytest.mark.parametrize("client", ["gmail", "outlook", "nothing quoted", "bottom"])
def test_a_personal_signature_below_its_marker_is_left_out(client: str, signature: str) -> None:
    found = cut(CLIENTS[client](f"{ANSWER}\n\n{signature}"))
    assert (found.text, found.doubt) == (ANSWER, None)
    assert found.signature.startswith("Amy")
    assert cut("Words -- and more").text == "Words -- and more"


@pytest.mark.parametrize(
    "advert",
    [
        "Sent from my iPhone", "Sent from my Galaxy", "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Sent from Outlook for Android",
        "Sent from Mail for Windows 10", "Von meinem iPhone gesendet", "Envoyé de mon iPhone", "Anfonwyd o fy iPhone",
        "Outlook für iOS<https://aka.ms/o0ukef> beziehen", "Obtenir Outlook pour Android",
        "Sent from Yahoo Mail on Android", "Gesendet von Outlook für iOS<https://aka.ms/o0ukef>",
    ],
)  # fmt: skip
def test_a_telephones_advert_is_no_word_of_the_writers(advert: str) -> None:
    for client in ("gmail", "outlook", "nothing quoted"):
        assert cut(CLIENTS[client](f"{ANSWER}\n\n{advert}")) == Cut(ANSWER)
        assert cut(CLIENTS[client](advert)) == Cut("")


def test_words_about_a_telephone_stay() -> None:
    for words in (
        "They were sent from my mobile.",
        f"{ANSWER}\nSent from my iPhone, it cannot be traced.",
        "Sent from my pupil",
        f"{ANSWER}\n\nOutlook for the weekend",
    ):
        assert cut(words) == Cut(words)


BANNERS = (
    "CAUTION: This email originated from outside of the organisation. Do not click links unless you know the sender.",
    "[EXTERNAL]",
    "You don't often get email from helpline@example.org.uk. Learn why this is important<https://aka.ms/LearnAbout>",
    "WARNING: This message came from outside the council. Please be careful.",
    "ACHTUNG: Diese E-Mail stammt von außerhalb der Organisation. Klicken Sie auf keine Links.",
    "RHYBUDD: Daeth yr e-bost hwn o'r tu allan i'r sefydliad.",
)


@pytest.mark.parametrize("banner", BANNERS)
def test_a_gateways_banner_is_nobodys_words(banner: str) -> None:
    for client in ("gmail", "outlook", "nothing quoted"):
        assert cut(f"{banner}\n\n{CLIENTS[client](ANSWER)}") == Cut(ANSWER, warning=banner)
    quoted = NOTICE.replace(WRITE_ABOVE, f"{banner}\n\n{WRITE_ABOVE}")
    assert cut(f"{ANSWER}\n\n{HEADERS}\n{quoted}") == Cut(ANSWER)
    assert cut(f"{ANSWER}\n\nOn 24/11/2026 10:10, Helpline wrote:\n{marked(quoted)}") == Cut(ANSWER)


def test_a_banner_of_ones_own_is_configured() -> None:
    text = f"Beware, all ye who enter here.\n\n{ANSWER}"
    assert cut(text).text == text
    assert cut(text, banner="Beware, all ye who enter here").text == ANSWER


@pytest.mark.parametrize(
    "text",
    [
        f"> A line that nobody sent\n\n{ANSWER}",
        f"{ANSWER}\n\nSee POSH-AAAAAA as well.",
        f"{ANSWER}\n\nAsk lead@example.org.uk about it.",
        f"{ANSWER}\n\nAm: Amy\nPwnc: [POSH-7K3M9Q]\n\n{NOTICE}",
        f"{ANSWER}\n\nВід: Helpline\nКому: Amy\n\n{NOTICE}",
        f"{ANSWER}\n\nOn 24/11/2026 10:10, Helpline wrote:\n{marked(NOTICE)}\n> And this is mine.",
        f"{ANSWER}\n\nRe: [POSH-7K3M9Q] New enquiry",
    ],
)
def test_what_a_client_of_no_known_kind_leaves_is_doubted(text: str) -> None:
    assert cut(text).doubt


def test_a_wrapped_tail_of_a_quoted_line_is_ours() -> None:
    hard = re.sub(r"(?m)^(> .{30,50}) (\S.*)$", r"\1\n\2", marked(NOTICE))
    assert hard != marked(NOTICE)
    assert cut(f"{ANSWER}\n\nOn 24/11/2026 10:10, Helpline wrote:\n{hard}") == Cut(ANSWER)


def test_links_that_a_client_rewrote_are_still_ours() -> None:
    notice = NOTICE + "\n\nIt is at https://example.com/video and <https://example.com/b>, says bob@club.example."
    safe = notice.replace(
        "https://example.com/video",
        "https://example.com/video<https://eur01.safelinks.example/?url=https%3A%2F%2Fexample.com>",
    ).replace("bob@club.example", "bob@club.example<mailto:bob@club.example>")
    assert cut(f"{ANSWER}\n\n{HEADERS}\n{safe}", text=notice) == Cut(ANSWER)


def test_a_link_below_an_unmarked_quotation_is_the_writers_words_unless_it_is_ours() -> None:
    notice = NOTICE + "\n\nIt is at https://chat.example/r/8."
    rewritten = notice.replace("https://chat.example/r/8", "https://guard.example/v3/__https://chat.example/r/8__;")
    assert cut(f"{ANSWER}\n\n{HEADERS}\n{rewritten}", text=notice) == Cut(ANSWER)
    assert cut(f"{ANSWER}\n\n{HEADERS}\n{notice}\n\nhttps://www.ceop.example/report", text=notice).doubt


def test_a_command_may_name_a_colleague_and_another_ticket_and_an_answer_may_not() -> None:
    for line in ("#join POSH-AAAAAA", "#assign lead@example.org.uk"):
        assert cut(CLIENTS["gmail"](line)) == Cut(line)
        assert cut(CLIENTS["gmail"](f"{line}\n\nDear Alice, {line[1:]}")).doubt


def test_what_cannot_be_seen_does_not_part_a_quotation_from_its_introduction() -> None:
    introduction = f"> On 24 Nov 2026, at 10:10, Helpline <{ADDRESS}> wrote:\n> \n> \ufeff"
    assert cut(f"{ANSWER}\n\n{introduction}\n{marked(NOTICE)}") == Cut(ANSWER)


def test_a_link_to_our_reply_address_is_ours_however_it_is_written() -> None:
    notice = f"{NOTICE}\n\nTake it: <mailto:{ADDRESS}?subject=x&body=%23take>\n\nBye"
    for link in (f"Take it\n<{ADDRESS}?subject=x&body=%23take>", f"Take it<mailto:{ADDRESS}?subject=x>"):
        quoted = marked(f"{NOTICE}\n\n{link}\n\nBye")
        assert cut(f"{ANSWER}\n\nOn 24/11/2026 10:10, Helpline wrote:\n{quoted}", text=notice) == Cut(ANSWER)


WORDS = st.text(alphabet="abcdefgh \n.,'é", min_size=1, max_size=300)


@given(WORDS, st.sampled_from(sorted(CLIENTS)))
def test_whatever_is_written_arrives_whole_or_is_doubted_and_nothing_of_ours_leaks(text: str, client: str) -> None:
    found = cut(CLIENTS[client](text))
    if found.doubt is None:
        assert re.findall(r"\w+", text) == [
            w for w in re.findall(r"\w+", found.text) if w not in ("Sent", "iPhone", "my", "from")
        ]
    for secret in ("POSH-7K3M9Q", ADDRESS, WRITE_ABOVE, "Answer due", "alice@school"):
        assert found.doubt or secret not in found.text


CORPUS = Path(os.environ.get("HELPLINE_MAIL_CORPUS") or Path(__file__).parents[3] / "shared" / "mail")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the folder of other projects' mail is not here")
def test_replies_of_other_projects_lose_no_word_that_their_sources_call_the_reply() -> None:
    """Their replies to mail that we did not send: sent on whole, or held."""
    sent = held = 0
    for name in ("talon.jsonl", "crisp_erp.jsonl"):
        for line in (CORPUS / name).read_text("utf-8").splitlines():
            entry = json.loads(line)
            if entry["kind"] != "body" or not (entry["expect"] or {}).get("reply_text"):
                continue
            text = base64.b64decode(entry["raw_base64"]).decode("utf-8", "replace").replace("\r\n", "\n")
            found = cut(text)
            held += found.doubt is not None
            sent += found.doubt is None
            if found.doubt is None:
                wanted = re.findall(r"\w+", entry["expect"]["reply_text"])
                assert wanted == [] or set(wanted) <= set(re.findall(r"\w+", found.text))
    print(f"\n{sent} sent on, {held} held")
    assert sent + held > 30
