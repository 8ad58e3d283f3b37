"""Links that prefill a command in a mail to staff: they open a new mail in every client, and no browser.

In plain text a link stands as `words: <mailto:...>`; the same words carry it in the HTML beside it. A reader who
answers either quotes the same words, so that their answer can be cut free of both.
"""

import re
from html import escape
from urllib.parse import quote

_LINK = re.compile(r"([^\n:<>]{1,60}): <(mailto:[^<>\s]{1,1000})>")


def command_link(reply_to: str, reference: str, command: str) -> str:
    """A mailto link (RFC 6068) that writes a command to a reply address; empty without one."""
    if not reply_to:
        return ""
    return f"mailto:{quote(reply_to, safe='@+')}?subject={quote(f'[{reference}]')}&body={quote(command)}"


def html_of(text: str, reply_to: str) -> str:
    """A mail's text as HTML, in which the links to its own reply address can be clicked; empty if it has none.

    Nothing of the text is taken for HTML, and a link to anywhere else stays text: strangers' words stand in it.
    """
    ours = f"<mailto:{quote(reply_to, safe='@+')}?"
    if ours not in text:
        return ""
    lines = []
    for line in text.split("\n"):
        found = _LINK.fullmatch(line.strip()) if ours in line else None
        if found and f"<{found[2]}".startswith(ours):
            lines.append(f'<a href="{escape(found[2])}">{escape(found[1])}</a>')
        else:
            lines.append(_spaced(escape(line)))
    body = "<br>\n".join(lines)
    return f'<html><body><div style="font-family: sans-serif">\n{body}\n</div></body></html>\n'


def _spaced(line: str) -> str:
    """The line with runs of spaces kept."""
    return re.sub(r"  +", lambda run: "&nbsp;" * (len(run[0]) - 1) + " ", line)
