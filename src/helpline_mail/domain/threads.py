"""Which ticket a message belongs to: evidence that only our mail carries, and a sender who takes part.

A thread is joined by *evidence* and *authority* together. Evidence is a Message-ID or an address that we signed and
really sent, or a Message-ID that the ticket already holds. Authority is being a participant of that ticket. A
reference in a subject is neither: it is a hint for staff.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from helpline_mail.domain.returning import Standing

REFERENCE_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"  # no vowels, nothing that is misread on the telephone
REFERENCE_LENGTH = 6
SIGNATURE_OCTETS = 16
MOST_HINTS = 10
_REFERENCE = r"([a-z]{2,8}-[a-z0-9]{6})"
_SIGNATURE = r"([a-z2-7]{26})"
_OUR_KIND = re.compile(rf"<{_REFERENCE}\.([^<>]*)", re.IGNORECASE)
_SIGNED = re.compile(rf"([a-z2-7]{{16}})\.{_SIGNATURE}@([^<>@\s]+)>", re.IGNORECASE)
_REPLY_DETAIL = re.compile(rf"r-{_REFERENCE}-{_SIGNATURE}", re.IGNORECASE)
_STAFF_DETAIL = re.compile(rf"s-([a-z2-7]{{16}})-{_SIGNATURE}", re.IGNORECASE)
_BOUNCE_DETAIL = re.compile(rf"b-([a-z2-7]{{16}})-{_SIGNATURE}", re.IGNORECASE)

Carrier = Literal["message_id", "reply_address", "bounce_address", "staff_address"]


@dataclass(frozen=True, slots=True)
class SignedToken:
    """Something of our own form that a message carried. Only a `genuine` one was signed with one of our keys."""

    carrier: Carrier
    subject: str
    """A ticket's reference, or for a bounce or staff address the nonce of the mail that it was made for."""
    genuine: bool


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes and verifies what only our mail carries. The first key signs; all of them verify, so keys can rotate."""

    keys: tuple[bytes, ...]
    address: str
    """The helpline's own addr-spec."""

    @property
    def _local(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def _domain(self) -> str:
        return self.address.rpartition("@")[2]

    def message_id(self, reference: str, nonce: str) -> str:
        """A Message-ID of ours (RFC 5322 section 3.6.4). `nonce` is 16 characters of base 32, never used before."""
        signature = self._sign(self.keys[0], "message-id", reference, nonce)
        return f"<{reference.lower()}.{nonce}.{signature}@{self._domain}>"

    def reply_address(self, reference: str) -> str:
        """The ticket's own address (RFC 5233): a second carrier, for clients and relays that rewrite headers."""
        return f"{self._local}+r-{reference.lower()}-{self._sign(self.keys[0], 'reply', reference)}@{self._domain}"

    def bounce_address(self, nonce: str) -> str:
        """The envelope sender of one mail (RFC 3834 section 3.3), so that its bounce names the mail that failed."""
        return f"{self._local}+b-{nonce}-{self._sign(self.keys[0], 'bounce', nonce)}@{self._domain}"

    def staff_address(self, nonce: str) -> str:
        """The reply address of one mail to one member of staff: who answers there proves to hold that mail."""
        return f"{self._local}+s-{nonce}-{self._sign(self.keys[0], 'staff', nonce)}@{self._domain}"

    def read_message_id(self, message_id: str) -> SignedToken | None:
        """What a Message-ID of our own form says, or None if it is not of that form."""
        ours = _OUR_KIND.match(message_id)
        if not ours or self._domain not in message_id.lower():
            return None
        reference = ours[1].upper()
        signed = _SIGNED.fullmatch(message_id, ours.end(1) + 1)
        if not signed or signed[3].lower() != self._domain:
            return SignedToken("message_id", reference, genuine=False)
        return SignedToken("message_id", reference, self._verify(signed[2], "message-id", reference, signed[1].lower()))

    def made(self, message_id: str) -> bool:
        """Whether a Message-ID is one that we signed; it may never have been sent."""
        token = self.read_message_id(message_id)
        return token is not None and token.genuine

    def read_address(self, addr_spec: str) -> SignedToken | None:
        """What a plus-form of our address says, or None if it is no signed one."""
        local, _, domain = addr_spec.rpartition("@")
        own, plus, detail = local.partition("+")
        if not plus or domain.lower() != self._domain or own.lower() != self._local.lower():
            return None
        if found := _REPLY_DETAIL.fullmatch(detail):
            reference = found[1].upper()
            return SignedToken("reply_address", reference, self._verify(found[2], "reply", reference))
        if found := _BOUNCE_DETAIL.fullmatch(detail):
            nonce = found[1].lower()
            return SignedToken("bounce_address", nonce, self._verify(found[2], "bounce", nonce))
        if found := _STAFF_DETAIL.fullmatch(detail):
            nonce = found[1].lower()
            return SignedToken("staff_address", nonce, self._verify(found[2], "staff", nonce))
        return None

    def _sign(self, key: bytes, *what: str) -> str:
        digest = hmac.digest(key, "\n".join(what).lower().encode(), hashlib.sha256)
        return base64.b32encode(digest[:SIGNATURE_OCTETS]).decode().rstrip("=").lower()

    def _verify(self, signature: str, *what: str) -> bool:
        # Every key is tried, in constant time each: how long it takes tells nothing.
        matches = [hmac.compare_digest(self._sign(key, *what), signature.lower()) for key in self.keys]
        return any(matches)


_LIKE_SIGNED = re.compile(r"\+[a-z]-[a-z0-9-]{20,}", re.IGNORECASE)


def holds_signed_address(text: str) -> bool:
    """Whether a text holds what looks like an address that we signed: it gives power to whoever knows it."""
    return _LIKE_SIGNED.search(text) is not None


@dataclass(frozen=True, slots=True)
class Mediation:
    """A correspondence with a partner inside a ticket, under a reference that tells nothing of the ticket's."""

    id: int
    ticket_id: int
    partner: str
    reference: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ticket for which a message brought evidence, and whether its sender takes part in that ticket."""

    ticket_id: int
    reference: str
    evidence: Literal["our_message_id", "our_reply_address", "stored_message_id"]
    sender_participates: bool
    line: tuple[Standing, ...] = ()
    """As it stands, and the tickets of the same sender that followed it. Empty: it is open."""
    follows: frozenset[int] = frozenset()
    """The tickets that it follows, straight or through others."""


@dataclass(frozen=True, slots=True)
class ThreadDecision:
    """The ticket that a message joins, if any; the references it only touches; and why."""

    ticket_id: int | None
    related: tuple[str, ...]
    code: str
    text: str
    line: tuple[Standing, ...] = ()
    """The ticket as it stands, and those that followed it."""


def without_followed(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """The candidates without those that another one follows: a reply to the later thread names the earlier one too.

    A ticket of the sender's never gives way to one in which the sender takes no part.
    """
    found = tuple(candidates)
    return tuple(
        one for one in found
        if not any(one.ticket_id in later.follows and later.sender_participates >= one.sender_participates
                   for later in found)
    )  # fmt: skip


def decide_thread(candidates: Iterable[Candidate], bad_tokens: int, mentioned: Iterable[str]) -> ThreadDecision:
    """Joins a ticket only by evidence and participation together, and only if exactly one ticket has both.

    `mentioned` are references that exist and stand in the subject, or tickets that look alike: hints, never evidence.
    """
    found = list(candidates)
    joined = {c.ticket_id: c for c in found if c.sender_participates}
    hints = list(dict.fromkeys([*(c.reference for c in found), *mentioned]))[:MOST_HINTS]
    if len(joined) == 1:
        (candidate,) = joined.values()
        others = tuple(reference for reference in hints if reference != candidate.reference)
        text = _JOINED[candidate.evidence]
        return ThreadDecision(candidate.ticket_id, others, candidate.evidence, text, candidate.line)
    if joined:
        return ThreadDecision(None, tuple(hints), "several_tickets", "it refers to several tickets of its sender")
    if found:
        return ThreadDecision(
            None, tuple(hints), "not_a_participant", "its sender takes no part in the ticket it refers to"
        )
    if bad_tokens:
        return ThreadDecision(None, tuple(hints), "bad_token", "it carries a token that we did not sign or never sent")
    return ThreadDecision(None, tuple(hints), "no_evidence", "it refers to nothing that we sent or hold")


_JOINED = {
    "our_message_id": "it answers a mail that we sent about this ticket, and its sender takes part in it",
    "our_reply_address": "it came to this ticket's own signed address, and its sender takes part in it",
    "stored_message_id": "it answers a message of this ticket, and its sender takes part in it",
}
_MENTION = re.compile(rf"\b([A-Z]{{2,8}}-[{REFERENCE_ALPHABET}]{{{REFERENCE_LENGTH}}})\b", re.IGNORECASE)


def references_in(subject: str) -> tuple[str, ...]:
    """What looks like a ticket reference in a subject, upper case, at most three."""
    return tuple(dict.fromkeys(found.upper() for found in _MENTION.findall(subject[:500])))[:3]


def subject_of_answer(subject: str) -> str:
    """An enquirer's subject as an answer repeats it: without reply marks and references, which may be others'."""
    rest = _MENTION.sub("", subject[:500]).replace("[]", "")
    while found := _REPLY_MARK.match(rest):
        rest = rest[found.end() :]
    return " ".join(rest.split())


_REPLY_MARK = re.compile(r"\s*(?:re|aw|sv|antw|odp|atb)\s*:\s*", re.IGNORECASE)
_SUBJECT_PREFIX = re.compile(
    r"\s*(?:(?:re|aw|wg|fw|fwd|sv|vs|rv|tr|antw|odp|ynt|atb)\s*(?:\[\d+\])?\s*:|\[[^\]]{0,40}\])\s*", re.I
)


def base_subject(subject: str) -> str:
    """A subject without reply marks and list tags, folded, for likeness only (after RFC 5256 section 2.1)."""
    rest = subject[:500]
    while found := _SUBJECT_PREFIX.match(rest):
        rest = rest[found.end() :]
    return " ".join(rest.casefold().split())
