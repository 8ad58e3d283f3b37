"""The files of a received mail are those that reading it listed: same order, same octets."""

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from tests.corpus.mails import corpus_messages
from tests.unit.test_parse_fuzz import fuzzed, mutated, pieces

from helpline_mail.domain.budgets import Budgets
from helpline_mail.wire.enclosures import DECORATION_OCTETS, SIGNATURES, enclosures_of
from helpline_mail.wire.parse import parse

MAILS = sorted((Path(__file__).parent.parent / "mail").glob("*.eml"))


def agree(raw: bytes, budgets: Budgets) -> int:
    found = enclosures_of(raw, budgets).files
    listed = [a for a in parse(raw, budgets).attachments if a.content_type not in SIGNATURES]
    assert [(sha256(file.octets).hexdigest(), file.content_type) for file in found] == [
        (attachment.sha256, attachment.content_type) for attachment in listed
    ]
    return len(found)


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_the_files_are_those_that_were_listed(path: Path) -> None:
    agree(path.read_bytes(), Budgets())


@fuzzed
@given(mutated() | pieces)
def test_the_files_of_broken_mail_are_those_that_were_listed(raw: bytes) -> None:
    agree(raw, Budgets(cpu_seconds=60))
    agree(raw, Budgets(cpu_seconds=60, attachments=1, depth=2, parts=3))


def test_the_files_of_real_mail_are_those_that_were_listed() -> None:
    assert sum(agree(raw, Budgets(cpu_seconds=60)) for raw in corpus_messages(400)) > 100


def mail(*parts: str, kind: str = "mixed") -> bytes:
    inside = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return f"From: a@b.example\r\nContent-Type: multipart/{kind}; boundary=b\r\n\r\n{inside}--b--\r\n".encode()


TEXT = "Content-Type: text/plain\r\n\r\nWords"
RICH = (
    "Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>W=F6rds</b>"
)
LOGO = "Content-Type: image/png; name=logo.png\r\nContent-ID: <logo@x>\r\nContent-Disposition: inline\r\n\r\n"


def test_the_html_beside_the_text_is_found_and_of_files_none() -> None:
    attached = "Content-Type: text/html; name=page.html\r\nContent-Disposition: attachment\r\n\r\n<i>no</i>"
    forwarded = f"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n{RICH}"
    assert enclosures_of(mail(TEXT, RICH, kind="alternative"), Budgets()).html == "<b>Wörds</b>"
    assert enclosures_of(mail(TEXT, "Content-Type: text/html\r\n\r\nx", RICH, kind="alternative"), Budgets()).html == (
        "<b>Wörds</b>"
    )
    assert enclosures_of(mail(TEXT, attached, forwarded), Budgets()).html == ""
    assert enclosures_of(b"Content-Type: text/html\r\n\r\n<b>x</b>", Budgets()).html == "<b>x</b>"


def test_an_attached_message_is_one_file() -> None:
    raw = mail(TEXT, "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nInner words")
    [file] = enclosures_of(raw, Budgets()).files
    assert (file.filename, file.octets) == ("message.eml", b"Subject: x\r\n\r\nInner words")


def test_a_logo_is_decoration_and_a_photograph_is_not() -> None:
    photograph = LOGO + "x" * DECORATION_OCTETS
    attached = LOGO.replace("inline", "attachment") + "x"
    document = LOGO.replace("image/png", "application/pdf") + "x"
    files = enclosures_of(mail(TEXT, LOGO + "x", photograph, attached, document), Budgets()).files
    assert [file.decoration for file in files] == [True, False, False, False]


def test_the_signature_of_a_mail_is_no_file() -> None:
    signature = "Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx"
    assert enclosures_of(mail(TEXT, signature, kind="signed"), Budgets()).files == ()


def test_what_is_beyond_a_budget_is_confessed() -> None:
    found = enclosures_of(mail(TEXT, LOGO + "x", LOGO + "y"), Budgets(attachments=1))
    assert len(found.files) == 1
    assert found.defects == ("only the first 1 of 2 attachments were read",)
