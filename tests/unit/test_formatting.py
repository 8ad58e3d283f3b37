"""The formatting of what staff wrote, as their mail clients write it: their words exactly, or plain text alone."""

import os
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpline_mail.wire import html
from helpline_mail.wire.formatting import formatted, paragraphs

EXAMPLES = int(os.environ.get("HELPLINE_MAIL_FUZZ", "25"))
QUOTED = "Please write your answer above this line<br>Reference: POSH-7K3M9Q<br><b>A photograph of a pupil</b>"
SIGNED = "helpline+s-abcdefghijklmnop-abcdefghijklmnopqrstuvwxyz@example.org.uk"
WORDS = "Dear Alice,\n\nplease call the police on 101 and see our advice <https://ceop.police.uk/safety>.\n\nAmy"

OUTLOOK = f"""<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><title>Re: hidden title</title>
<!--[if !mso]><style>v\\:* {{behavior:url(#default#VML);}}</style><![endif]--><style><!-- p.MsoNormal
{{margin:0cm}} --></style>
</head><body lang=EN-GB link="#0563C1" style='word-wrap:break-word'><div class=WordSection1>
<p class=MsoNormal><span style='font-size:11.0pt'>Dear Alice,<o:p></o:p></span></p>
<p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>please call the police on <b>101</b> and see
<a href="https://ceop.police.uk/safety">our <span style='color:red'>advice</span></a>.<o:p></o:p></p>
<p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>Amy<o:p></o:p></p>
<div><div style='border:none;border-top:solid #E1E1E1 1.0pt' id=divRplyFwdMsg><p class=MsoNormal><b>From:</b> Helpline
&lt;{SIGNED}&gt; <br><b>Sent:</b> 24 November 2026</p></div></div><p
class=MsoNormal>{QUOTED}</p></div></body></html>"""
OUTLOOK_WEB = f"""<html><head><style type="text/css" style="display:none;"> P {{margin-top:0;}}
</style></head><body dir="ltr">
<div class="elementToProof" style="font-family: Aptos;">Dear Alice,</div><div class="elementToProof"><br></div>
<div class="elementToProof">please call the police on <b>101</b> and see
<a href="https://ceop.police.uk/safety" class="OWAAutoLink" id="OWA1">our
advice</a>.</div><div><br></div><div>Amy</div>
<div id="appendonsend"></div><hr style="display:inline-block;width:98%"><div id="divRplyFwdMsg" dir="ltr">
<b>From:</b> Helpline &lt;{SIGNED}&gt;</div>{QUOTED}</body></html>"""
GMAIL = f"""<div dir="ltr"><div>Dear Alice,</div><div><br></div><div>please call the police on <b>101</b> and see <a
href="https://ceop.police.uk/safety" target="_blank">our advice</a>.</div><div><br></div><div>Amy</div></div><br>
<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">On Tue, 24 Nov 2026, Helpline &lt;<a
href="mailto:{SIGNED}">{SIGNED}</a>&gt; wrote:<br></div><blockquote class="gmail_quote">{QUOTED}</blockquote></div>"""
APPLE = f"""<html><head></head><body style="overflow-wrap: break-word;">Dear Alice,<div><br></div><div>please call
the police
on <b>101</b> and see <a href="https://ceop.police.uk/safety">our advice</a>.</div><div><br></div><div>Amy<br
id="lineBreak">
<div><br><blockquote type="cite"><div>On 24 Nov 2026, Helpline &lt;{SIGNED}&gt;
wrote:</div>{QUOTED}</blockquote></div>
</div></body></html>"""
IOS = f"""<html><head></head><body dir="auto"><div dir="ltr"></div><div dir="ltr">Dear Alice,</div><div
dir="ltr"><br></div><div
dir="ltr">please call the police on <b>101</b> and see <a href="https://ceop.police.uk/safety">our
advice</a>.</div><div><br>
</div><div dir="ltr">Amy</div><div dir="ltr"><br><blockquote type="cite">On 24 Nov 2026, Helpline
wrote:<br>{QUOTED}</blockquote>
</div></body></html>"""
THUNDERBIRD = f"""<!DOCTYPE html><html><head><meta http-equiv="Content-Type" content="text/html;
charset=UTF-8"></head><body><p>Dear
Alice,</p><p>please call the police on <b>101</b> and see <a href="https://ceop.police.uk/safety"
moz-do-not-send="true">our advice</a>.</p><p>Amy</p><div class="moz-cite-prefix">On 24/11/2026 10:10, Helpline
wrote:<br></div><blockquote type="cite" cite="mid:x@y">{QUOTED}</blockquote></body></html>"""
CLIENTS = {
    "outlook": OUTLOOK, "outlook web": OUTLOOK_WEB, "gmail": GMAIL, "apple": APPLE, "ios": IOS,
    "thunderbird": THUNDERBIRD,
}  # fmt: skip
LINK = '<a href="https://ceop.police.uk/safety" rel="noopener">'


TAGS = re.compile(
    r"</?(?:p|br|div|b|strong|i|em|u|ul|ol|li|a|blockquote)>"
    r'|<a href="(?:https?://|mailto:)[^"<>\s]*" rel="noopener">'
)


def safe(found: str) -> None:
    """Nothing but the few elements, with the one attribute."""
    for tag in re.findall(r"<[^>]*>", found):
        assert TAGS.fullmatch(tag), tag


def spoken(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", re.sub(r"<https?:[^>]*>", "", text))


@pytest.mark.parametrize("client", CLIENTS)
def test_the_writers_own_words_keep_their_formatting_and_nothing_of_the_notice_follows(client: str) -> None:
    found = formatted(CLIENTS[client], WORDS)
    safe(found)
    assert "<b>101</b>" in found
    assert f"{LINK}our" in found
    assert spoken(html.text_of(found, 1000)[0]) == spoken(WORDS)
    for theirs in ("POSH", "photograph", "helpline+s", "title", "MsoNormal", "style", "class", "From:", "wrote"):
        assert theirs not in found


@pytest.mark.parametrize("client", CLIENTS)
def test_words_that_are_not_the_start_of_the_html_go_alone(client: str) -> None:
    source = CLIENTS[client]
    assert formatted(source, WORDS.replace("police", "polite")) == ""
    assert formatted(source, WORDS.replace("Dear Alice,", "")) == ""
    assert formatted(source, WORDS.replace("please call", "please do call")) == ""
    assert formatted(source, f"{WORDS} and more") == ""
    assert formatted(source, WORDS + "x") == ""
    assert formatted(source, "") == ""
    assert formatted(source, "!") == ""


def test_the_words_may_end_before_a_signature() -> None:
    source = "<div>Call <b>101</b>.</div><div>-- <br><div class='gmail_signature'>Amy Adviser, 07700 900123</div></div>"
    assert formatted(source, "Call *101*.") == "<div>Call <b>101</b>.</div>"


@pytest.mark.parametrize("tail", [".", "!", " :-)", " 😊", "*.", "?\n"])
def test_the_marks_behind_the_last_word_are_kept(tail: str) -> None:
    shown = tail.replace("*", "").strip()
    found = formatted(f"<p>Call <b>101</b><span>{shown}</span></p><p>... -- #</p>", f"Call *101*{tail}")
    assert found == f"<p>Call <b>101</b>{shown}</p>"


@pytest.mark.parametrize(
    "source",
    [
        "<p>Call 101</p>", "<div>Call<br>101</div>", "Call 101", "<span style='color:red'>Call</span> 101",
        "<p>Call <b></b>101<u></u></p>", "<table><tr><td>Call</td><td>101</td></tr></table>",
    ],
)  # fmt: skip
def test_html_that_says_no_more_than_plain_text_is_not_sent(source: str) -> None:
    assert formatted(source, "Call 101") == ""


def test_a_link_that_shows_where_it_leads_is_no_formatting() -> None:
    assert formatted('<p>See <a href="https://a.example/">https://a.example</a></p>', "See https://a.example") == ""


@pytest.mark.parametrize(
    "hidden",
    [
        "<span style='display:none'>secret</span>", "<span style='font-size:0px'>secret</span>", "<!-- secret -->",
        "<title>secret</title>", "<style>secret</style>", "<script>secret</script>", "<p hidden>secret</p>",
        "<span style='mso-hide:all'>secret</span>", "<template>secret</template>", "<img alt='secret' src='https://x'>",
        "<div style='opacity:0'>secret</div>", "<a href='https://secret.example'></a>", "<b title='secret'></b>",
        "<svg><text>secret</text></svg>", "<div style='max-height:0;overflow:hidden'>secret</div>",
    ],
)  # fmt: skip
def test_what_is_hidden_never_leaves(hidden: str) -> None:
    found = formatted(f"<div>Call {hidden} <b>101</b></div>", "Call 101")
    assert "secret" not in found
    assert found.replace("  ", " ") == "<div>Call <b>101</b></div>"


@pytest.mark.parametrize(
    "shown",
    ["<span>secret</span>", "<font color=white>secret</font>", "<noscript>secret</noscript>", "<b>x</b>", "<i>1</i>"],
)
def test_words_that_plain_text_does_not_have_are_not_sent(shown: str) -> None:
    assert formatted(f"<div>Call {shown} <b>101</b></div>", "Call 101") == ""


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "/relative", "https:", " java\nscript:x", "x"],
)
def test_only_links_to_visit_or_to_write_to_are_kept(href: str) -> None:
    assert formatted(f'<p><b>Call</b> <a href="{href}">101</a></p>', "Call 101") == "<p><b>Call</b> 101</p>"


def test_a_link_with_a_signed_address_is_not_sent() -> None:
    for target in (f"mailto:{SIGNED}", f"https://a.example/?to={SIGNED}".replace("+", "%2B")):
        assert formatted(f'<p><b>Call</b> <a href="{target}">101</a></p>', "Call 101") == ""


def test_a_numbered_list_keeps_its_numbers() -> None:
    source = "<p>Now:</p><ol><li>Call</li><li>Wait<ul><li>calmly</li></ul></li></ol><p>Amy</p>"
    wanted = "<p>Now:</p><ol><li>Call</li><li>Wait<ul><li>calmly</li></ul></li></ol><p>Amy</p>"
    assert formatted(source, "Now:\n\n   1. Call\n   2. Wait\n      - calmly\n\nAmy") == wanted
    assert formatted(source, html.text_of(source, 1000)[0]) == wanted
    assert formatted(source, "Now:\n\n   1. Call\n   3. Wait\n      - calmly\n\nAmy") == ""
    assert formatted(source.replace("<ol>", "<ol start=4>"), "Now:\n\n4. Call\n5. Wait\n- calmly\n\nAmy") == ""


def test_numbers_that_would_change_go_alone() -> None:
    for source in ("<ol start=4><li>Call</li></ol>", "<ol><li value=4>Call</li></ol>", "<ol type=a><li>Call</li></ol>"):
        assert formatted(source, html.text_of(source, 1000)[0]) == ""


def test_letters_that_stand_in_other_words_go_alone() -> None:
    assert formatted("<p>Call <b>101</b> the<br>rapist</p>", "Call 101 therapist") == ""
    assert formatted("<p>Call <b>101</b> therapist</p>", "Call 101 the rapist") == ""


def test_nothing_behind_the_last_word_is_kept() -> None:
    assert formatted("<b>Call 101</b><br><ul><li><br></li></ul>", "Call 101") == "<b>Call 101</b>"


def test_elements_in_one_another_without_end_go_alone() -> None:
    assert formatted("<blockquote>" * 20 + "Call 101", "Call 101")
    assert formatted("<blockquote>" * 40 + "Call 101", "Call 101") == ""


def test_inline_and_bottom_answers_go_alone() -> None:
    source = "<blockquote type=cite>What should we do?</blockquote><p>Call <b>101</b></p>"
    assert formatted(source, "Call 101") == ""


def test_plain_text_as_paragraphs_reads_the_same() -> None:
    assert paragraphs("\nA & B\n<c>\n\n\nd\n") == "<p>A &amp; B<br>&lt;c&gt;</p><p>d</p>"
    assert paragraphs("") == ""


def test_bombs_are_cheap() -> None:
    started = time.process_time()
    for bomb in (
        "<b>" * 60_000, "<div>" * 40_000, "<a href=https://x>" * 14_000, "<p" + " a=b" * 60_000 + ">", "<!--" * 60_000,
        "<b><p>" * 40_000, "<ol><li>" * 30_000, "<table><tr><td>" * 16_000, "<a " + "href " * 50_000 + ">",
        "&" * 250_000, "<p style='" + "display:" * 30_000 + "'>", "<" * 250_000, '<a href="' * 25_000,
    ):  # fmt: skip
        formatted(bomb + "Call <b>101</b>", "Call 101")
        html.text_of(bomb, 7_500, link_targets=True)
    assert time.process_time() - started < 5


SOUP = """<b>|</b>|<p>|</p>|<div>|</div>|<ul><li>|</ul>|<ol>|<li>|</ol>|<a href='https://x.y'>|</a>|<br>|<table><td>|</table>|<!--
|-->|<style>|</style>|<i hidden>|</i>|<h1>|one| two |&lt;b&gt;|&nbsp;|<blockquote>|</blockquote>
|<svg>|<select>|é|_|1. """
soup = st.lists(st.sampled_from(SOUP.split("|")), max_size=25).map("".join)


@settings(max_examples=EXAMPLES * 8, deadline=None)
@given(soup, st.integers(0, 6))
def test_whatever_is_written_the_words_are_the_same_and_the_html_is_safe(source: str, count: int) -> None:
    words = html.text_of(source, 1000)[0]
    own = "".join(re.findall(r"\W*\w+", words)[:count])
    found = formatted(source, own)
    if found:
        safe(found)
        assert spoken(html.text_of(found, 1000)[0]) == spoken(own)
