"""Bounces and people's mail of other projects, where that folder is present: figures that must not get worse."""

import base64
import json
import os
from pathlib import Path

import pytest

from helpline_mail.domain.message import Message
from helpline_mail.domain.responder import OwnAddresses, automatic_reason
from helpline_mail.wire.parse import parse

CORPUS = Path(os.environ.get("HELPLINE_MAIL_CORPUS") or Path(__file__).parents[3] / "shared" / "mail")
OWN = OwnAddresses("helpline@example.org.uk")
A_BOUNCE_THAT_ITS_SOURCE_DOES_NOT_CALL_ONE = "raw_email_with_mimepart_without_content_type.eml"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="the folder of other projects' mail is not here")


def mails(pattern: str) -> list[tuple[str, dict, bytes]]:
    """Name, expectation and octets of each whole mail in the files of that pattern."""
    lines = [line for path in sorted(CORPUS.glob(pattern)) for line in path.read_text("utf-8").split("\n") if line]
    rows = [json.loads(line) for line in lines]
    return [(row["id"], row["expect"], base64.b64decode(row["raw_base64"])) for row in rows if row["kind"] == "email"]


def recipients(message: Message) -> set[str]:
    return {bounce.recipient.casefold() for bounce in message.bounces}


def test_failed_recipients_are_found():
    expected = [(name, expect, parse(raw)) for name, expect, raw in mails("flufl_bounce.jsonl") if "bounce" in expect]
    wanted = {name: {r.casefold() for r in expect["bounced_recipient"]} for name, expect, _ in expected}
    missed = [name for name, _, message in expected if not wanted[name] <= recipients(message)]
    too_many = [name for name, _, message in expected if recipients(message) - wanted[name]]
    assert len(expected) == 101
    assert len(missed) <= 2, missed
    assert len(too_many) <= 1, too_many
    for name, expect, message in expected:
        if name not in missed:
            assert {b.action for b in message.bounces} == {"delayed" if expect["temporary"] else "failed"}, name


def test_every_bounce_of_that_set_is_a_machines_or_gets_no_answer():
    reasons = {name: automatic_reason(parse(raw), OWN) for name, expect, raw in mails("flufl_bounce.jsonl") if expect}
    answered = [name for name, reason in reasons.items() if reason is None]
    assert len(answered) <= 2, answered
    # The others come from a postmaster, or from nobody in particular, as a person's mail might.
    assert sum(reason is not None and reason.kind == "automatic" for reason in reasons.values()) >= 80


def test_reports_of_other_sets_are_read():
    expected = [(name, parse(raw)) for name, expect, raw in mails("[!f]*.jsonl") if expect.get("bounce")]
    assert len(expected) == 11
    assert [name for name, message in expected if not message.bounces] == []


def test_no_other_mail_is_taken_for_a_bounce():
    others = [(name, parse(raw)) for name, expect, raw in mails("[!f]*.jsonl") if not expect.get("bounce")]
    found = [name for name, message in others if message.bounces]
    assert len(others) > 500
    assert [name.rpartition("/")[2] for name in found] == [A_BOUNCE_THAT_ITS_SOURCE_DOES_NOT_CALL_ONE]


def test_no_persons_reply_is_automatic():
    replies = mails("roundup_inline.jsonl")
    automatic = {}
    for name, _, raw in replies:
        reason = automatic_reason(parse(raw), OWN)
        if reason is not None and reason.kind == "automatic":
            automatic[name] = reason.code
    assert len(replies) > 100
    assert set(automatic.values()) <= {"auto_submitted"}, automatic  # one test mail there says auto-generated
    assert len(automatic) <= 1, automatic
