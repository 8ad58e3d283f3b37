"""Lines at the top of a staff mail that begin with #: what is meant, and what would have been right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.commands import FORMS, Command, Orders, help_text, read, waiting_time

TAKE = Command("take")


@pytest.mark.parametrize(
    "text",
    [
        "#take",
        "#Take\n",
        "\n\n  # take  ",
        "\ufeff#take",
        "#\u200btake\u00a0",
        "\uff03take",
        "\u202a#take\u202c",
    ],
)
def test_a_command_stands_at_the_very_top(text: str) -> None:
    assert read(text) == Orders((TAKE,), "")


def test_several_commands_and_the_text_below() -> None:
    orders = read("#take\n#category online gaming\n\nDear Alice,\n\n#1 is the password.\n")
    assert orders.commands == (TAKE, Command("category", "online gaming"))
    assert (orders.text, orders.purpose, orders.mistakes) == ("Dear Alice,\n\n#1 is the password.", "answer", ())


@pytest.mark.parametrize(
    "text", ["Dear Alice,\n\nuse #help if you like.\n#StopBullying", "We write C# and F#.\n# 1 is"]
)
def test_a_text_without_commands_stays_as_it_is(text: str) -> None:
    assert read(text) == Orders((), text)


@pytest.mark.parametrize(
    "text",
    [
        "Please do this:\n#take", "Hi,\n\n#note\nShe lies.", "> #note\nShe lies.", "\\#note\nShe lies.", "* #note",
        "- # note", "Words\n\u200f#note\u200f\nShe lies.", "Words\n\uff03note", "Words.\n#notes",
        "#take\nDear Alice,\n#note\nShe lies.",
    ],
)  # fmt: skip
def test_a_command_out_of_place_is_a_mistake_and_never_sent(text: str) -> None:
    assert any("very top" in mistake for mistake in read(text).mistakes)


@pytest.mark.parametrize(
    ("text", "purpose"),
    [
        ("Call the police.", "answer"),
        ("#take\n\nAmy Adams\nSenior Adviser", "unclear"),
        ("#take\n\nDear Alice,\ncall the police.", "answer"),
        ("#category gaming\n\nBore da Alice", "answer"),
        ("#answer\nCall the police.", "answer"),
        ("#take\n#answer\nCall the police.", "answer"),
        ("#resolve advice\nGlad to help.", "closing"),
        ("#note\nShe said:\n#anything goes", "note"),
        ("#status\nAmy", "unclear"),
        ("#send nudes\nSee below.", "signpost"),
        ("#partner examplebook\nPlease remove it.", "partner"),
        ("#call 07700 900123\nShe rang.", "call"),
    ],
)
def test_what_the_text_below_is(text: str, purpose: str) -> None:
    assert (read(text).purpose, read(text).mistakes) == (purpose, ())


@pytest.mark.parametrize(
    "text", ["#anyway\n#take", "#call a@b.example\n#take", "#resolve x\n#wait 2d", "#note\n#answer"]
)
def test_commands_that_do_not_go_together(text: str) -> None:
    assert read(text).mistakes


def test_a_note_makes_the_text_internal() -> None:
    assert read("#take\n#note\nShe sounded upset.").purpose == "note"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("#tak", "#take"),
        ("#frobnicate", "#help"),
        ("#resolve", "#resolve OUTCOME"),
        ("#take it from here", "nothing behind it"),
        ("#take\n#assign Lena", "contradict"),
        ("#note\n#note", "twice"),
        ("#1 do this", "no command"),
        ("#", "no command"),
    ],
)
def test_a_mistake_is_answered_with_what_would_have_been_right(text: str, hint: str) -> None:
    (mistake,) = read(text).mistakes
    assert hint in mistake


@pytest.mark.parametrize(("argument", "days", "hours"), [("2d", 2, 0), ("3h", 0, 3), ("10 D", 10, 0)])
def test_a_waiting_time(argument: str, days: int, hours: int) -> None:
    found = waiting_time(argument)
    assert found is not None
    assert (found[0], found[1].total_seconds()) == (days, hours * 3600)


@pytest.mark.parametrize("argument", ["", "0d", "2", "soon", "-1d", "1000d", "2d3h"])
def test_no_waiting_time(argument: str) -> None:
    assert waiting_time(argument) is None


def test_help_names_every_command() -> None:
    assert all(form.usage in help_text() for form in FORMS.values())


@given(st.text(alphabet=st.sampled_from("#take note\n\u00a0resolv1>"), max_size=80) | st.text(max_size=80))
def test_any_text_is_read_and_nothing_below_the_commands_is_lost(text: str) -> None:
    orders = read(text)
    assert orders.text.replace("\n", "") in text.replace("\n", "")
    if not text.lstrip("\n \t").startswith("#") and not orders.commands:
        assert orders.text == text.strip("\n") or orders.mistakes
