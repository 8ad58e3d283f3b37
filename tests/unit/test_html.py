"""Where links lead, in the plain text that goes out in staff's name."""

import pytest

from helpline_mail.wire.html import text_of
from helpline_mail.wire.parse import parse


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('See <a href="https://a.example/x">our <b>page</b></a>.', "See our page <https://a.example/x>."),
        ('<a href="http://www.a.example/">www.a.example</a>', "www.a.example"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ('<a href="https://evil.example">https://a.example</a>', "https://a.example <https://evil.example>"),
        ("<a href=https://a.example/?b=1&amp;c=2>x</a>", "x <https://a.example/?b=1&c=2>"),
        ("<a title=\" href=no\" class=x href='https://a.example'>x</a>", "x <https://a.example>"),
        ('<a href="https://a.example"><img src=x></a>y', "y"),
        ('<a href="https://a.example"></a>y <a href="https://b.example">z</a>', "y z <https://b.example>"),
        ('<a href="javascript:x">a</a><a href="#b">b</a><a href>c</a><a name=d>d</a>', "abcd"),
        ('<a href="https://a.example" style="display:none">x</a>y', "y"),
        ('<a href="https://a.example/> <script>">x</a>', "x <https://a.example/script>"),
        ('<a href="https://a.example"><div>x</div></a>', "x\n<https://a.example>"),
        ('<a href="https://a.example">x <a href="https://b.example">y</a>', "x y <https://a.example>"),
    ],
)
def test_a_link_says_where_it_leads_unless_its_words_do(source: str, text: str) -> None:
    assert text_of(source, 100, link_targets=True)[0] == text


def test_reading_says_where_links_lead_only_where_it_is_asked_to() -> None:
    raw = b'Content-Type: text/html\r\n\r\n<a href="https://a.example/">x</a>'
    assert parse(raw).text == "x"
    assert parse(raw, link_targets=True).text == "x <https://a.example/>"


@pytest.mark.parametrize("empty", ["<blockquote></blockquote>", "<div class=gmail_quote></div>", "<pre></pre>"])
def test_a_quotation_without_words_quotes_nothing_behind_it(empty: str) -> None:
    assert text_of(f"a{empty}<p>b  c</p>", 100)[0].split("\n")[-1] == "b c"
