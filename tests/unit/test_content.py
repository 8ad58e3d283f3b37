"""Files and formatting in what leaves: read back by two readers as what was meant, and nothing else gets in."""

import os
import re
from dataclasses import replace
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_compose import DRAFT

from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.message import Enclosure
from helpline_mail.wire import printable
from helpline_mail.wire.compose import UnsafeMail, compose, verify
from helpline_mail.wire.content import FILENAME_MAX, filename_of, media_type_of
from helpline_mail.wire.enclosures import enclosures_of
from helpline_mail.wire.parse import parse

EXAMPLES = int(os.environ.get("HELPLINE_MAIL_FUZZ", "25"))
PDF = Enclosure("Übersicht der Fälle.pdf", "application/pdf", b"%PDF-1.7\r\n\x00\xff" * 50)
PNG = Enclosure("shot.png", "image/png", b"\x89PNG")
HTML = "<p>Please call <b>101</b>.</p>"
RICH = replace(DRAFT, kind="answer", auto_submitted=None, html=HTML, files=(PDF, PNG))
texts = st.text(st.characters(), max_size=200) | st.text("a\r\n .=_-\x00é🙂\ud800", max_size=200)
files = st.builds(Enclosure, texts, texts | st.just("text/plain"), st.binary(max_size=300))


@settings(max_examples=EXAMPLES, deadline=None)
@given(texts, texts, st.lists(files, max_size=3))
def test_text_html_and_files_read_back_as_they_were_meant(text: str, html: str, files: list[Enclosure]) -> None:
    draft = replace(RICH, text=text, html=html, files=tuple(files))
    raw = compose(draft)
    assert raw == compose(draft)
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert b"\r\n.\r\n" not in raw
    assert raw.isascii()
    body = raw.partition(b"\r\n\r\n")[2]
    assert all(len(line) <= 78 for line in body.split(b"\r\n") if not line.startswith(b"Content-Type: "))
    message = message_from_bytes(raw, policy=policy.compat32)
    leaves = [part for part in message.walk() if not part.is_multipart()]
    assert not any(part.defects for part in message.walk())
    wanted = [text, *([html] if html else [])]
    for leaf, words in zip(leaves, wanted, strict=False):
        shown = leaf.get_payload(decode=True).decode().replace("\r\n", "\n").rstrip("\n")
        assert shown == printable.lines(words).rstrip("\n")
    assert [leaf.get_payload(decode=True) for leaf in leaves[len(wanted) :]] == [file.octets for file in files]
    found = enclosures_of(raw, Budgets()).files
    assert [(file.filename, file.octets) for file in found] == [(filename_of(f.filename), f.octets) for f in files]


def test_the_two_forms_stand_together_and_the_files_behind_them() -> None:
    message = message_from_bytes(compose(RICH))
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf", "image/png"
    ]  # fmt: skip
    plain, rich, pdf, png = [part for part in message.walk() if not part.is_multipart()]
    assert pdf.get_param("name") == "Ubersicht der Falle.pdf", "for clients that do not know RFC 2231"
    assert [part.get_content_disposition() for part in (plain, rich, pdf, png)] == [None, None, *["attachment"] * 2]
    assert parse(compose(RICH)).text == "Hello,\n\nthank you."
    assert compose(RICH) != compose(replace(RICH, message_id="<other@example.org.uk>"))


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("../../etc/passwd", "etcpasswd"),
        ("C:\\files\\..\\a.doc", "Cfiles..a.doc"),
        (".htaccess", "htaccess"),
        (" ..\u200e. .a", "a"),
        ("exe\u202efdp.exe", "exefdp.exe"),
        ("a\r\nBcc: b\x00\t.pdf", "aBcc b.pdf"),
        ('"; filename="b.exe', "; filename=b.exe"),
        ("=?utf-8?q?a.exe?=", "=utf-8qa.exe="),
        ("\ud800\u2067", "attachment"),
        ("", "attachment"),
        ("...", "attachment"),
        ("x" * 300 + ".docx", "x" * (FILENAME_MAX - 5) + ".docx"),
        ("Bericht für Änne.pdf", "Bericht für Änne.pdf"),
    ],
)
def test_a_file_name_is_harmless_wherever_it_is_saved(given: str, written: str) -> None:
    assert filename_of(given) == written
    [file] = enclosures_of(compose(replace(DRAFT, files=(Enclosure(given, "", b"x"),))), Budgets()).files
    assert file.filename == written


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html", "TEXT/HTML", "image/svg+xml", "message/rfc822", "multipart/mixed", "application/xhtml+xml", "",
        "pdf", "a/b/c", "a/b; name=x", "a/b\r\nBcc: x@y", "é/x", f"a/{'b' * 200}", "text/html ",
    ],
)  # fmt: skip
def test_what_a_mail_client_might_run_is_an_unnamed_kind_of_file(content_type: str) -> None:
    assert media_type_of(content_type) == "application/octet-stream"
    raw = compose(replace(DRAFT, files=(Enclosure("a", content_type, b"x"),)))
    assert b"\r\nContent-Type: application/octet-stream;\r\n" in raw


def test_an_ordinary_type_is_kept() -> None:
    office = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert [media_type_of(name) for name in (office, "Image/PNG")] == [office, "image/png"]


def test_a_boundary_in_the_text_ends_nothing() -> None:
    boundary = re.search(rb'boundary="([^"]+)"', compose(RICH))
    assert boundary
    line = f"--{boundary[1].decode()}"
    raw = compose(replace(RICH, text=f"{line}\n{line}--\n", html=f"{line}--"))
    assert parse(raw).text == f"{line}\n{line}--"
    assert len(enclosures_of(raw, Budgets()).files) == 2


GOOD = compose(RICH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Content-Type: application/pdf", b"Content-Type: text/html"),
        (b"Content-Type: application/pdf", b"Content-Type: message/rfc822"),
        (b"Content-Disposition: attachment", b"Content-Disposition: inline"),
        (b"Content-Disposition: attachment", b"X-Secret: 1\r\nContent-Disposition: attachment"),
        (b"Content-Type: text/html", b"Content-Type: text/calendar"),
        (b"Content-Type: text/html", b"Content-ID: <a>\r\nContent-Type: text/html"),
        (b"Content-Type: multipart/mixed", b"Content-Type: multipart/related"),
        (b"Content-Type: multipart/alternative", b"Content-Type: multipart/related"),
        (b"Content-Type: multipart/mixed", b"Content-Type: text/html"),
        (b'boundary="=_', b'boundary="=_0'),
        (b'boundary="=_', b'boundary="'),
        (b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: 8bit"),
        (b"JVBERi0", b"JVBE i0"),
        (b'name="shot.png"', b'name="shot\\.png"'),
    ],
)
def test_the_second_look_finds_what_slipped_into_a_part(old: bytes, new: bytes) -> None:
    verify(GOOD)
    assert old in GOOD
    with pytest.raises(UnsafeMail):
        verify(GOOD.replace(old, new, 1))


def test_the_second_look_finds_words_outside_the_parts() -> None:
    for raw in (GOOD + b"more\r\n", GOOD.replace(b"\r\n\r\n--", b"\r\n\r\nmore\r\n--", 1), GOOD[:-4]):
        with pytest.raises(UnsafeMail):
            verify(raw)
