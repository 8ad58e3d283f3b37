"""Links that prefill a command in a mail to staff: they open a new mail in every client, and no browser.

In plain text a link stands as `words: <mailto:...>`; the same words carry it in the HTML beside it. A reader who
answers either quotes the same words, so that their answer can be cut free of both.
"""

import re
from collections.abc import Collection
from html import escape
from urllib.parse import quote, unquote

_LINK = re.compile(r"([^\n:<>]{1,60}): <(mailto:[^<>\s]{1,1000})>")


def command_link(reply_to: str, reference: str, command: str) -> str:
    """A mailto link (RFC 6068) that writes a command to a reply address; empty without one."""
    if not reply_to:
        return ""
    return f"mailto:{quote(reply_to, safe='@+')}?subject={quote(f'[{reference}]')}&body={quote(command)}"


def address_of(link: str) -> str:
    """The address to which a mailto link writes."""
    return unquote(link.removeprefix("mailto:").partition("?")[0])


def html_of(text: str, ours: Collection[str]) -> str:
    """A mail's text as HTML, in which links to `ours` can be clicked, reply addresses of its reader; empty without any.

    Nothing of the text is taken for HTML, and a link to anywhere else stays text: strangers' words stand in it.
    """
    lines, links = [], 0
    for line in text.split("\n"):
        found = _LINK.fullmatch(line.strip())
        if found and address_of(found[2]) in ours:
            lines.append(f'<a href="{escape(found[2])}">{escape(found[1])}</a>')
            links += 1
        else:
            lines.append(_spaced(escape(line)))
    if not links:
        return ""
    body = "<br>\n".join(lines)
    return f'<html><body><div style="font-family: sans-serif">\n{body}\n</div></body></html>\n'


def _spaced(line: str) -> str:
    """The line with runs of spaces kept."""
    return re.sub(r"  +", lambda run: "&nbsp;" * (len(run[0]) - 1) + " ", line)
