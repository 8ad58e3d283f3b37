"""What people type: refused in one line, and the advice given there works."""

import re
from datetime import timedelta

import pytest

from helpline_mail.cli.common import plain, shown, typed_reference
from helpline_mail.cli.questions import instant
from helpline_mail.domain.errors import BadInputError

ADVICE = re.compile(r"write (\S+) or (\S+)$")


@pytest.mark.parametrize(
    "typed", ["2026-11-24", "20261124", "2026-W48-2", "2026-11-24T13", "20261124T130001", "2026-11-24 13:00:01.5"]
)
def test_the_advice_about_an_offset_can_be_followed(typed: str) -> None:
    with pytest.raises(BadInputError, match="has no offset") as caught:
        instant(typed)
    advised = ADVICE.search(str(caught.value))
    assert advised is not None
    first, second = (instant(text) for text in advised.groups())
    assert first == second
    assert first.utcoffset() == timedelta()


@pytest.mark.parametrize(
    "typed",
    [
        "0001-01-01T00:00:00+14:00", "1899-12-31T00:00:00+00:00", "9000-01-01T00:00:00+00:00", "9999-12-31",
        "9999-12-31T23:59:59-14:00", "", "now", "13:00", "2026-02-30", "24 Nov\n2026", "\udcff", "2026-11-24\n13:00",
    ],
)  # fmt: skip
def test_what_is_no_instant_is_refused_in_one_line(typed: str) -> None:
    with pytest.raises(BadInputError, match="write ") as caught:
        instant(typed)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("typed", ["\udcff", "POSH-7K3M9Q\n", "\x1b[31m", "a\x00b"])
def test_a_reference_that_no_ticket_can_have_is_refused_in_one_line(typed: str) -> None:
    with pytest.raises(BadInputError, match="there is no ticket") as caught:
        typed_reference(typed)
    assert str(caught.value).isprintable()


def test_other_references_are_left_to_the_database() -> None:
    assert typed_reference("posh-7k3m9q") == "posh-7k3m9q"
    assert typed_reference("Zürich") == "Zürich"


def test_a_name_that_is_no_text_is_shown_as_far_as_it_is() -> None:
    assert plain({"source": ["caf\udce9.eml", "\ud800", "Zürich 🙂"]}) == {"source": ["caf?.eml", "?", "Zürich 🙂"]}
    assert shown("a\nb\udcff" + "c" * 100) == "a\ufffdb\ufffd" + "c" * 56
