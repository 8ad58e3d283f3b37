"""Replies as mail clients really write them, around the real text and HTML of a mail of ours.

Each client puts the writer's words above, below or between what it quotes, and introduces the quotation in its own
way and language. What is written here follows mails of these clients: their classes, header blocks and wrapping.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage, MIMEPart
from email.utils import parseaddr
from html import escape
from textwrap import wrap
from typing import Literal

from tests.client_languages import (
    APPLE,
    GMAIL,
    GMAIL_PHONE,
    IPHONES,
    OUTLOOK_ADVERTS,
    OUTLOOK_DATES,
    OUTLOOK_LABELS,
    OUTLOOK_RULES,
    THUNDERBIRD,
)

Placing = Literal["top", "bottom", "inline"]
Form = Literal["plain", "html", "both"]
PLACINGS: tuple[Placing, ...] = ("top", "bottom", "inline")
FORMS: tuple[Form, ...] = ("plain", "html", "both")
LANGUAGES = ("en", "de", "fr", "cy")

_LINK = re.compile(r"^([^\n:<>]+): <(mailto:[^<>\s]+)>$", re.MULTILINE)


@dataclass(frozen=True)
class Notice:
    """What a mail client has of a mail that is replied to."""

    text: str
    html: str
    """Inside of its body; the text as HTML where it has none."""
    from_name: str
    from_address: str
    reply_to: str
    to_name: str
    to_address: str
    subject: str
    message_id: str
    references: str

    @property
    def rendered(self) -> list[str]:
        """The lines of its HTML as they are seen; a link stands as `words|target`."""
        return _LINK.sub(r"\1|\2", self.text).split("\n")


def notice_of(octets: bytes) -> Notice:
    """A mail of ours as a client has it."""
    message = message_from_bytes(octets, policy=email_policy.default)
    plain, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    text = plain.get_content().replace("\r\n", "\n").strip("\n")
    html = rich.get_content().replace("\r\n", "\n") if rich else "<br>\n".join(map(escape, text.split("\n")))
    inside = re.sub(r"(?s)^.*<body[^>]*>|</body>.*$", "", html)
    (from_name, from_address), (to_name, to_address) = parseaddr(message["From"]), parseaddr(message["To"])
    return Notice(
        text, inside, from_name, from_address, parseaddr(message["Reply-To"])[1], to_name, to_address,
        message["Subject"], message["Message-ID"], message["References"] or "",
    )  # fmt: skip


@dataclass(frozen=True)
class Words:
    """What the writer wrote: paragraphs, of which `inline` puts the first above and the others between."""

    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs)


@dataclass(frozen=True)
class Written:
    """The two forms of a reply's text."""

    plain: str
    html: str
    flowed: bool = False


Client = Callable[[Notice, Words, Placing, str], Written]


def _introduction(of: dict[str, str], notice: Notice, language: str) -> str:
    return of[language].format(n=notice.from_name, a=notice.from_address)


def _marked(lines: Sequence[str], mark: str = "> ") -> list[str]:
    return [f"{mark}{line}" if line else mark.rstrip() for line in lines]


def _split(lines: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Where somebody who answers point by point breaks a quotation: before its last paragraph."""
    last = max(number for number, line in enumerate(lines[:-1]) if not line)
    return lines[:last], lines[last + 1 :]


def _arranged(
    words: Sequence[Sequence[str]], introduction: Sequence[str], quoted: Sequence[str], placing: Placing,
    mark: Callable[[Sequence[str]], list[str]], between: Sequence[str] = ("",),
) -> list[str]:  # fmt: skip
    """The lines of a reply: `words` are its paragraphs, `introduction` and `quoted` what the client puts there."""
    every = [line for number, paragraph in enumerate(words) for line in ([*between] if number else []) + [*paragraph]]
    if placing == "top":
        return [*every, *between, *introduction, *mark(quoted)]
    if placing == "bottom":
        return [*introduction, *mark(quoted), *between, *every]
    first, second = _split(quoted)
    rest = [line for number, p in enumerate(words[1:]) for line in ([*between] if number else []) + [*p]]
    return [*words[0], *between, *introduction, *mark(first), *between, *rest, *between, *mark(second)]


def _paragraphs(words: Words) -> list[list[str]]:
    return [paragraph.split("\n") for paragraph in words.paragraphs]


def _with_targets(notice: Notice, form: str) -> list[str]:
    """The notice's HTML as a client writes it in plain text; `form` says how it writes links."""
    return [
        form.format(words=line.partition("|")[0], target=line.partition("|")[2]) if "|mailto:" in line else line
        for line in notice.rendered
    ]


def _anchored(text: str) -> str:
    """Words as HTML, an address of a web page as a link."""
    return re.sub(r"(https?://[^\s<]+)", r'<a href="\1">\1</a>', escape(text, quote=False))


def _pieces(notice: Notice) -> tuple[str, str]:
    """The notice's HTML in two, for those who answer between."""
    lines = notice.html.split("<br>\n")
    first, second = _split([line.strip() and line for line in lines])
    return "<br>\n".join(first), "<br>\n".join(second)


def _gmail(introductions: dict[str, str], direction: str, *, class_: str) -> Client:
    def client(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
        said = _introduction(introductions, notice, language)
        folded = wrap(said.replace(f"<{notice.from_address}", f"< {notice.from_address}"), 76)
        introduction = [line.replace("< ", "<") for line in folded]
        quoted = _with_targets(notice, "{words}\n<{target}>")
        quoted = [part.replace("<mailto:", "<") for line in quoted for part in line.split("\n")]

        def mark(lines: Sequence[str]) -> list[str]:
            return _marked(
                [
                    part
                    for line in lines
                    for part in (wrap(line, 74, break_long_words=False, break_on_hyphens=False) or [""])
                ]
            )

        wrapped = [
            [part for line in p for part in wrap(line, 76, break_long_words=False, break_on_hyphens=False)]
            for p in _paragraphs(words)
        ]
        plain = _arranged(wrapped, [*introduction, ""], quoted, placing, mark)
        shown = escape(said, quote=False).replace(
            notice.from_address, f'<a href="mailto:{notice.from_address}">{notice.from_address}</a>'
        )
        start = (
            f'<div class="{class_}"><div dir="{direction}" class="gmail_attr">{shown}<br></div>'
            '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid '
            'rgb(204,204,204);padding-left:1ex">'
        )
        own = [f"<div>{_anchored(p).replace(chr(10), '<br>')}</div>" for p in words.paragraphs]
        gap = "<div><br></div>"
        if placing == "top":
            html = f'<div dir="{direction}">{gap.join(own)}</div><br>{start}{notice.html}</blockquote></div>\r\n'
        elif placing == "bottom":
            html = (
                f'<div dir="{direction}"><br></div><br>{start}{notice.html}</blockquote>{gap}{gap.join(own)}</div>\r\n'
            )
        else:
            first, second = _pieces(notice)
            html = (
                f'<div dir="{direction}">{own[0]}</div><br>{start}{first}</blockquote>{gap}{gap.join(own[1:])}{gap}'
                '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid '
                f'rgb(204,204,204);padding-left:1ex"><div>{second}</div></blockquote></div>\r\n'
            )
        return Written("\n".join(plain) + "\n", html)

    return client


def _apple(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
    said = _introduction(APPLE, notice, language)
    quoted = [said, "", *_with_targets(notice, "{words} <{target}>")]
    plain = _arranged(_paragraphs(words), [], quoted, placing, _marked)
    start = '<blockquote type="cite">'
    attribution = f'<div>{escape(said, quote=False)}</div><br class="Apple-interchange-newline"><div>'
    own = [f"<div>{_anchored(p).replace(chr(10), '<br>')}</div>" for p in words.paragraphs]
    gap = "<div><br></div>"
    if placing == "top":
        inside = f"{gap.join(own)}<div><br>{start}{attribution}{notice.html}</div></blockquote></div><br>"
    elif placing == "bottom":
        inside = f"<div>{start}{attribution}{notice.html}</div></blockquote></div><br>{gap.join(own)}"
    else:
        first, second = _pieces(notice)
        inside = (
            f"{own[0]}<div><br>{start}{attribution}{first}</div></blockquote><div><br></div>{gap.join(own[1:])}<br>"
            f"{start}<div>{second}</div></blockquote></div><br>"
        )
    html = (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body '
        'style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;">'
        f"{inside}</body></html>"
    )
    return Written("\n".join(plain), html)


def _ios(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
    said, device = _introduction(APPLE, notice, language), IPHONES[language]
    quoted = _with_targets(notice, "{words} <{target}>")
    quoted = [said, "", f"\ufeff{quoted[0]}", *quoted[1:]]
    own = _paragraphs(words)
    signed = [*own, [device]] if placing == "top" else own
    plain = _arranged(signed, [], quoted, placing, _marked)
    if placing != "top":
        plain = [device, "", *plain] if placing == "bottom" else plain
    html_own = "<br><br>".join(_anchored(p).replace("\n", "<br>") for p in words.paragraphs)
    attribution = f'<div dir="ltr"><br><blockquote type="cite">{escape(said, quote=False)}<br><br></blockquote></div>'
    phone = f'<br id="lineBreakAtBeginningOfSignature"><div dir="ltr">{device}</div>'
    if placing == "top":
        inside = (
            f'{html_own}<div>{phone}{attribution}<blockquote type="cite"><div dir="ltr">\ufeff{notice.html}</div>'
            "</blockquote></div>"
        )
    elif placing == "bottom":
        inside = (
            f'{phone}{attribution}<blockquote type="cite"><div dir="ltr">\ufeff{notice.html}</div></blockquote>'
            f"<div><br></div>{html_own}"
        )
    else:
        first, second = _pieces(notice)
        above, *rest = words.paragraphs
        between = "<br><br>".join(_anchored(p) for p in rest)
        inside = (
            f'{_anchored(above)}<div>{attribution}<blockquote type="cite"><div dir="ltr">\ufeff{first}</div>'
            f'</blockquote><div><br></div>{between}<div><br></div><blockquote type="cite"><div dir="ltr">{second}'
            "</div></blockquote></div>"
        )
    html = (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'
        f'<body dir="auto">{inside}</body></html>'
    )
    return Written("\n".join(plain), html)


def _thunderbird(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
    said = _introduction(THUNDERBIRD, notice, language)

    def flow(line: str) -> list[str]:
        parts = wrap(line, 71, break_long_words=False, break_on_hyphens=False) or [""]
        return [f"{part} " for part in parts[:-1]] + parts[-1:]

    own = [[part for line in paragraph for part in flow(line)] for paragraph in _paragraphs(words)]
    quoted = _with_targets(notice, "{words} <{target}>")
    plain = _arranged(own, [said], quoted, placing, _marked)
    cited = f'<blockquote type="cite" cite="mid:{notice.message_id.strip("<>")}">'
    prefix = f'<div class="moz-cite-prefix">{escape(said, quote=False)}<br></div>'
    html_own = [f"<p>{_anchored(p).replace(chr(10), '<br>')}</p>" for p in words.paragraphs]
    meta = '<meta http-equiv="content-type" content="text/html; charset=UTF-8">'
    if placing == "top":
        inside = f"{''.join(html_own)}{prefix}{cited}{meta}{notice.html}</blockquote><br>"
    elif placing == "bottom":
        inside = f"{prefix}{cited}{meta}{notice.html}</blockquote>{''.join(html_own)}"
    else:
        first, second = _pieces(notice)
        inside = (
            f"{html_own[0]}{prefix}{cited}{meta}{first}</blockquote>{''.join(html_own[1:])}"
            f'<blockquote type="cite"><div>{second}</div></blockquote>'
        )
    html = f"<!DOCTYPE html>\n<html>\n  <head>\n    {meta}\n  </head>\n  <body>\n{inside}\n  </body>\n</html>\n"
    return Written("\n".join(plain) + "\n", html, flowed=True)


def _block(notice: Notice, language: str) -> list[tuple[str, str]]:
    labels = OUTLOOK_LABELS[language]
    values = (
        f"{notice.from_name} <{notice.from_address}>", OUTLOOK_DATES[language],
        f"{notice.to_name} <{notice.to_address}>", notice.subject,
    )  # fmt: skip
    return list(zip(labels, values, strict=True))


def _plain_block(notice: Notice, language: str) -> list[str]:
    return [f"{label} {value}" for label, value in _block(notice, language)]


def _unmarked(lines: Sequence[str]) -> list[str]:
    return list(lines)


def _mso(text: str) -> str:
    inside = _anchored(text).replace("\n", "<br>") if text else "<o:p>&nbsp;</o:p>"
    return f'<p class="MsoNormal"><span style="mso-fareast-language:EN-US">{inside}<o:p></o:p></span></p>\n'


def _outlook(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
    quoted = _with_targets(notice, "{words}<{target}>")
    plain = _arranged(_paragraphs(words), [*_plain_block(notice, language), ""], quoted, placing, _unmarked)
    head = "".join(
        f"<b><span lang=EN-US>{label}</span></b><span lang=EN-US> {escape(value)}</span>" + ("<br>\n" if n < 3 else "")
        for n, (label, value) in enumerate(_block(notice, language))
    )
    block = (
        '<div>\n<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">\n'
        f'<p class="MsoNormal">{head}<o:p></o:p></p>\n</div>\n</div>\n{_mso("")}'
    )
    own = [_mso(p) for p in words.paragraphs]

    def worded(html: str) -> str:
        style = "font-family:&quot;Arial&quot;,sans-serif"
        return f'<div>\n<p class="MsoNormal"><span style="{style}">{html}<o:p></o:p></span></p>\n</div>\n'

    inner = re.sub(r"(?s)^\s*<div[^>]*>|</div>\s*$", "", notice.html)
    if placing == "top":
        inside = f"{_mso('').join(own)}{_mso('')}{block}{worded(inner)}"
    elif placing == "bottom":
        inside = f"{block}{worded(inner)}{_mso('')}{_mso('').join(own)}"
    else:
        first, second = (re.sub(r"(?s)^\s*<div[^>]*>|</div>\s*$", "", part) for part in _pieces(notice))
        rest = "".join(own[1:]).replace("<span ", '<span lang=EN-GB style="color:#1F497D" ')
        inside = f"{own[0]}{_mso('')}{block}{worded(first)}{rest}{worded(second)}"
    html = (
        '<html xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
        'xmlns:w="urn:schemas-microsoft-com:office:word" xmlns="http://www.w3.org/TR/REC-html40">\n<head>\n'
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">\n'
        '<meta name="Generator" content="Microsoft Word 15 (filtered medium)">\n<style><!--\n'
        "p.MsoNormal, li.MsoNormal {margin:0cm; font-size:11.0pt;}\n--></style><!--[if gte mso 9]><xml>\n"
        '<o:shapedefaults v:ext="edit" spidmax="1026" />\n</xml><![endif]-->\n</head>\n'
        f'<body lang="EN-GB" link="#0563C1" vlink="#954F72" style="word-wrap:break-word">\n<div class="WordSection1">\n'
        f"{inside}</div>\n</body>\n</html>\n"
    )
    return Written("\n".join(plain) + "\n", html)


def _outlook_as_plain(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
    """Outlook set to write plain text: a rule, and the notice's own text; its HTML is Outlook's all the same."""
    introduction = [OUTLOOK_RULES[language], *_plain_block(notice, language), ""]
    plain = _arranged(_paragraphs(words), introduction, notice.text.split("\n"), placing, _unmarked)
    return Written("\n".join(plain) + "\n", _outlook(notice, words, placing, language).html)


def _outlook_phone(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
    """Outlook for iOS, which puts its advert behind the writer's words, and quotes as Outlook on the web does."""
    if placing != "top":
        return _outlook_web(notice, words, placing, language)
    written = _outlook_web(notice, words, placing, language)
    before, name, behind = OUTLOOK_ADVERTS[language]
    shown = f'{before}<a href="https://aka.ms/o0ukef">{name}</a>{behind}'
    plain = f"{before}{name}<https://aka.ms/o0ukef>{behind}"
    advert = f'<div id="ms-outlook-mobile-signature" style="color: inherit;">\n<div></div>\n{shown}</div>\n'
    rule = '<div id="appendonsend"></div>'
    container = '<div id="mail-editor-reference-message-container">\n'
    return Written(
        written.plain.replace("\n____", f"\n{plain}\n____", 1),
        written.html.replace(rule, f"{advert}{container}{rule}").replace("</body>", "</div></body>"),
    )


def _outlook_web(notice: Notice, words: Words, placing: Placing, language: str) -> Written:
    quoted = _with_targets(notice, "{words}<{target}>")
    introduction = ["________________________________", *_plain_block(notice, language), ""]
    plain = _arranged(_paragraphs(words), introduction, quoted, placing, _unmarked)
    head = "<br>".join(f"<b>{label}</b> {escape(value)}" for label, value in _block(notice, language))
    block = (
        '<div id="appendonsend"></div>\n<hr style="display:inline-block;width:98%" tabindex="-1">\n'
        '<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">'
        f"{head}</font>\n<div>&nbsp;</div>\n</div>\n"
    )
    style = 'class="elementToProof" style="font-family: Aptos, Calibri, sans-serif; font-size: 12pt;"'
    own = [f"<div {style}>{_anchored(p).replace(chr(10), '<br>')}</div>\n" for p in words.paragraphs]
    gap = f"<div {style}><br>\n</div>\n"
    if placing == "top":
        inside = f"{gap.join(own)}{gap}{block}{notice.html}"
    elif placing == "bottom":
        inside = f"{block}{notice.html}{gap}{gap.join(own)}"
    else:
        first, second = _pieces(notice)
        inside = f"{own[0]}{gap}{block}{first}{gap}{gap.join(own[1:])}{gap}{second}"
    html = (
        '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">\n'
        '<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style>\n</head>\n'
        f'<body dir="ltr">\n{inside}</body>\n</html>\n'
    )
    return Written("\n".join(plain) + "\n", html)


CLIENTS: dict[str, Client] = {
    "Outlook": _outlook,
    "Outlook, plain text": _outlook_as_plain,
    "Outlook on the web": _outlook_web,
    "Outlook on a telephone": _outlook_phone,
    "Apple Mail": _apple,
    "iOS": _ios,
    "Gmail": _gmail(GMAIL, "ltr", class_="gmail_quote gmail_quote_container"),
    "Gmail on a telephone": _gmail(GMAIL_PHONE, "auto", class_="gmail_quote"),
    "Thunderbird": _thunderbird,
}


def reply(
    notice: Notice, words: Words, client: str, form: Form, placing: Placing, language: str, number: int,
    **headers: str,
) -> bytes:  # fmt: skip
    """The reply that this client makes of these words: with its own headers, which are nobody else's business."""
    written = CLIENTS[client](notice, words, placing, language)
    mail = EmailMessage(policy=email_policy.SMTP.clone(refold_source="none"))
    prefix = {"de": "AW:", "fr": "RE :"}.get(language, "Re:") if client.startswith("Outlook") else "Re:"
    fields = {
        "Received": "from [10.1.2.3] (staff-laptop.lan [10.1.2.3]) by smtp.example.org.uk; Tue, 24 Nov 2026 10:30:00",
        "From": f"{notice.to_name} <{notice.to_address}>", "To": f'"{notice.from_name}" <{notice.reply_to}>',
        "Subject": f"{prefix} {notice.subject}", "Date": "Tue, 24 Nov 2026 10:30:00 +0000",
        "Message-ID": f"<reply-{number}@client.example>", "In-Reply-To": notice.message_id,
        "References": f"{notice.references} {notice.message_id}".strip(),
        "X-Mailer": client, "X-Originating-IP": "[10.1.2.3]", **headers,
    }  # fmt: skip
    for name, value in fields.items():
        mail[name] = value
    flowed = {"format": "flowed"} if written.flowed else {}
    if form == "html":
        _set(mail, written.html, "html", {})
    else:
        _set(mail, written.plain, "plain", flowed)
    if form == "both":
        mail.make_alternative()
        rich = MIMEPart(policy=mail.policy)
        _set(rich, written.html, "html", {})
        mail.attach(rich)
    return mail.as_bytes()


def _set(part: MIMEPart, text: str, subtype: str, parameters: dict[str, str]) -> None:
    part.set_content(text, subtype=subtype, charset="utf-8", cte="quoted-printable", params=parameters)
