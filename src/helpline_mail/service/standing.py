"""How a ticket stands, for a member of staff who asked: its facts and its trail of mails, without a word of content."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import mediations, messages
from helpline_mail.domain.delivery import OutboxState
from helpline_mail.domain.policy import Policy
from helpline_mail.domain.promise import spoken_moment

_CAME = {
    "enquiry": "the enquiry", "follow_up": "more from the enquirer", "partner_in": "from {partner}",
    "bounce": "one of our mails came back", "automatic": "an automatic mail", "note": "a note",
    "staff_held": "words of ours that are held", "staff_unverified": "a mail in a colleague's name, sent on to nobody",
    "sent_elsewhere": "a mail from the shared mailbox, to somebody else",
}  # fmt: skip
_LEFT = {
    "acknowledgement": "our acknowledgement", "update": "our holding mail", "answer": "our answer, by {author}",
    "partner_out": "to {partner}, by {author}",
}  # fmt: skip
_FATES = {
    OutboxState.DELIVERED: "", OutboxState.FAILED: "; it did not arrive",
    OutboxState.UNKNOWN: "; nobody knows whether it arrived",
}  # fmt: skip


def lines(connection: Connection, policy: Policy, ticket: Mapping[str, Any], now: datetime) -> list[str]:
    """Each mail of a ticket, one a line, oldest first: when it was, whose, and whether ours arrived.

    Mails that only told us what to do are left out.
    """
    titles = {partner.name: partner.title for partner in policy.partners}
    partners = {thread.id: titles.get(thread.partner, thread.partner)
                for thread in mediations.of_ticket(connection, ticket["id"])}  # fmt: skip
    rows = messages.of_ticket(connection, ticket["id"])
    shown = [row for row in rows if row["kind"] in _CAME or row["kind"] in _LEFT]
    moments = [spoken_moment(row["at"], now, policy.zone) for row in shown]
    width = max(map(len, moments), default=0)
    return [f"{at:<{width}}  {_said(row, policy, partners)}" for at, row in zip(moments, shown, strict=True)]


def _said(row: Mapping[str, Any], policy: Policy, partners: Mapping[int, str]) -> str:
    member = policy.staff_member(row["author"]) if row["author"] else None
    names = {
        "author": member.name if member else row["author"] or "a member of staff",
        "partner": partners.get(row["mediation_id"], "a partner"),
    }
    kind = row["kind"]
    if kind in _CAME:
        return _CAME[kind].format(**names)
    fate = _FATES.get(row["delivery"], "; it is on its way") if row["delivery"] else ""
    return _LEFT[kind].format(**names) + fate
