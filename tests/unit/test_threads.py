"""Evidence and authority: what only our mail carries, and which ticket a message joins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpline_mail.domain.threads import (
    REFERENCE_ALPHABET,
    Candidate,
    Signer,
    base_subject,
    decide_thread,
    references_in,
    subject_of_answer,
)

HELPLINE = "helpline@example.org.uk"
SIGNER = Signer((b"k" * 32,), HELPLINE)
OTHER_KEY = Signer((b"o" * 32,), HELPLINE)
NONCE = "abcdefgh234567ab"
REFERENCES = st.text(REFERENCE_ALPHABET, min_size=6, max_size=6).map("POSH-".__add__)
NONCES = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16)


@given(REFERENCES, NONCES)
def test_what_we_sign_is_genuine_in_any_case_of_letters(reference: str, nonce: str) -> None:
    for text in (made := SIGNER.message_id(reference, nonce), made.upper()):
        token = SIGNER.read_message_id(text)
        assert token is not None
        assert (token.subject, token.genuine) == (reference, True)
    for text in (address := SIGNER.reply_address(reference), address.upper()):
        token = SIGNER.read_address(text)
        assert token is not None
        assert (token.carrier, token.subject, token.genuine) == ("reply_address", reference, True)
    bounce = SIGNER.read_address(SIGNER.bounce_address(nonce))
    assert bounce is not None
    assert (bounce.carrier, bounce.subject, bounce.genuine) == ("bounce_address", nonce, True)


@given(REFERENCES, NONCES, st.data())
def test_p02_no_changed_character_is_genuine(reference: str, nonce: str, data: st.DataObject) -> None:
    made = SIGNER.message_id(reference, nonce)
    left = made.index("@")
    at = data.draw(st.integers(1, left - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567.-").filter(lambda c: c != made[at]))
    token = SIGNER.read_message_id(made[:at] + other + made[at + 1 :])
    assert token is None or not token.genuine


@given(st.text())
def test_reading_strangers_text_never_fails_and_never_finds_anything_genuine(text: str) -> None:
    for token in (SIGNER.read_message_id(f"<{text}>"), SIGNER.read_address(text), SIGNER.read_address(f"{text}@x.y")):
        assert token is None or not token.genuine


def test_a_signature_of_another_key_or_purpose_or_domain_is_not_genuine() -> None:
    foreign = SIGNER.read_message_id(OTHER_KEY.message_id("POSH-7F3K2Q", NONCE))
    assert foreign is not None
    assert not foreign.genuine
    reply = SIGNER.reply_address("POSH-7F3K2Q")
    signature = reply.partition("@")[0].rpartition("-")[2]
    for crossed in (f"<posh-7f3k2q.{NONCE}.{signature}@example.org.uk>", f"<posh-7f3k2q.{NONCE}@example.org.uk>"):
        token = SIGNER.read_message_id(crossed)
        assert token is not None
        assert not token.genuine
    assert SIGNER.read_address(reply.replace("example.org.uk", "evil.example")) is None


def test_keys_rotate() -> None:
    rotated = Signer((b"n" * 32, b"k" * 32), HELPLINE)
    old = rotated.read_message_id(SIGNER.message_id("POSH-7F3K2Q", NONCE))
    assert old is not None
    assert old.genuine
    new = SIGNER.read_message_id(rotated.message_id("POSH-7F3K2Q", NONCE))
    assert new is not None
    assert not new.genuine


@pytest.mark.parametrize(
    "address", [HELPLINE, "helpline+offers@example.org.uk", "someone@example.org.uk", "", "@", "+@"]
)
def test_an_address_that_is_none_of_our_signed_forms_is_nothing(address: str) -> None:
    assert SIGNER.read_address(address) is None


def candidate(ticket: int, *, takes_part: bool, evidence: str = "our_message_id") -> Candidate:
    return Candidate(ticket, f"POSH-{ticket}", evidence, takes_part)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidates", "bad_tokens", "mentioned", "joins", "related", "code"),
    [
        ([], 0, [], None, (), "no_evidence"),
        ([], 0, ["POSH-9"], None, ("POSH-9",), "no_evidence"),
        ([], 1, ["POSH-9"], None, ("POSH-9",), "bad_token"),
        ([candidate(1, takes_part=True)], 0, [], 1, (), "our_message_id"),
        ([candidate(1, takes_part=True, evidence="stored_message_id")], 1, [], 1, (), "stored_message_id"),
        ([candidate(1, takes_part=True)], 0, ["POSH-1", "POSH-9"], 1, ("POSH-9",), "our_message_id"),
        ([candidate(1, takes_part=False)], 0, [], None, ("POSH-1",), "not_a_participant"),
        ([candidate(1, takes_part=True), candidate(2, takes_part=False)], 0, [], 1, ("POSH-2",), "our_message_id"),
        ([candidate(1, takes_part=True), candidate(2, takes_part=True)], 0, [], None, ("POSH-1", "POSH-2"),
         "several_tickets"),
    ],
)  # fmt: skip
def test_a_ticket_is_joined_by_evidence_and_participation_together(
    candidates: list[Candidate], bad_tokens: int, mentioned: list[str], joins: int | None, related: tuple[str, ...],
    code: str,
) -> None:  # fmt: skip
    decision = decide_thread(candidates, bad_tokens, mentioned)
    assert (decision.ticket_id, decision.related, decision.code) == (joins, related, code)


@given(st.lists(st.tuples(st.integers(1, 4), st.booleans())))
def test_p03_nobody_ever_joins_a_ticket_without_taking_part(found: list[tuple[int, bool]]) -> None:
    decision = decide_thread([candidate(ticket, takes_part=part) for ticket, part in found], 0, ())
    assert decision.ticket_id is None or (decision.ticket_id, True) in found


@pytest.mark.parametrize(
    ("subject", "references"),
    [
        ("Re: [POSH-7F3K2Q] We have received", ("POSH-7F3K2Q",)),
        ("posh-7f3k2q and POSH-7F3K2Q", ("POSH-7F3K2Q",)),
        ("POSH-7F3K2QX, XPOSH-7F3K2, POSH-7F3K2A", ()),
        (" ".join(f"POSH-7F3K2{c}" for c in "QRSTV"), ("POSH-7F3K2Q", "POSH-7F3K2R", "POSH-7F3K2S")),
        ("", ()),
    ],
)
def test_references_in_a_subject(subject: str, references: tuple[str, ...]) -> None:
    assert references_in(subject) == references


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Re: AW: Fwd:  A  Pupil", "a pupil"),
        ("[school-list] RE[2]: a pupil", "a pupil"),
        ("Regarding: a pupil", "regarding: a pupil"),
        ("Re:", ""),
        ("RE : " * 2000, ""),
    ],
)
def test_base_subject(subject: str, base: str) -> None:
    assert base_subject(subject) == base


@pytest.mark.parametrize(
    ("subject", "repeated"),
    [
        ("A worry", "A worry"),
        ("Re: AW: A worry", "A worry"),
        ("Re: [POSH-7K3M9Q] Re: A worry", "A worry"),
        ("About posh-7k3m9q and POSH-2B4C6D", "About and"),
        ("", ""),
    ],
)
def test_an_answer_repeats_the_subject_without_marks_and_references(subject: str, repeated: str) -> None:
    assert subject_of_answer(subject) == repeated
