"""Real mail from other projects, where it is present: no crash, clean texts, and what its sources expect of it.

The folder is ../shared/mail beside the project, or HELPLINE_MAIL_CORPUS. `deviations.toml` lists every case in which
we read something else than its source does, with the reason.
"""

import base64
import json
import os
import random
import re
import tomllib
from pathlib import Path

import pytest

from helpline_mail.wire.parse import parse
from tests.unit.test_parse_fuzz import is_clean

HERE = Path(__file__).parent
CORPUS = Path(os.environ.get("HELPLINE_MAIL_CORPUS") or HERE.parents[2] / "shared" / "mail")
MOST_DEVIATIONS = 0.02

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"the mail of other projects is not at {CORPUS}")


def entries() -> list[dict]:
    files = [path.read_text("utf-8").split("\n") for path in sorted(CORPUS.glob("*.jsonl"))]
    return [json.loads(line) for lines in files for line in lines if line]


@pytest.fixture(scope="module")
def mails() -> list[tuple[dict, bytes]]:
    found = [(entry, base64.b64decode(entry["raw_base64"])) for entry in entries()]
    assert len(found) > 700
    return found


def test_every_entry_is_one_clean_message(mails):
    for _entry, raw in mails:
        is_clean(parse(raw))


def test_every_entry_damaged_is_one_clean_message(mails):
    dice = random.Random(4711)
    for _entry, raw in mails:
        damaged = bytearray(raw[:30_000])
        for _ in range(3):
            start = dice.randrange(len(damaged) + 1)
            end = min(len(damaged), start + dice.randrange(200))
            match dice.randrange(3):
                case 0:
                    damaged[start : start + 1] = bytes([dice.randrange(256)])
                case 1:
                    del damaged[start:end]
                case _:
                    damaged[end:end] = damaged[start:end]
        is_clean(parse(bytes(damaged)))


def differences(mails) -> tuple[int, set[str]]:
    """How many things are expected, and `id key` of those that we read otherwise."""
    checked, different = 0, set()
    for entry, raw in mails:
        if entry["kind"] != "email":
            continue
        message = parse(raw)
        address = message.sender.address
        found = {
            "from": address.addr_spec if address else "",
            "from_name": address.name if address else "",
            "subject": message.subject,
            "body_text": message.text,
        }
        for key in found.keys() & entry["expect"].keys():
            if key in ("from", "from_name") and "bounce" in entry["expect"]:
                continue
            checked += 1
            if plain(found[key]) != plain(entry["expect"][key] or ""):
                different.add(f"{entry['id']} {key}")
    return checked, different


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().casefold()


def test_senders_subjects_and_bodies_are_what_their_sources_expect(mails):
    reasons = tomllib.loads((HERE / "deviations.toml").read_text("utf-8"))
    ours_by_choice = {name for name, reason in reasons.items() if reason["ours"] == "more"}
    checked, different = differences(mails)
    assert different == set(reasons), "each deviation is listed with its reason, and no other"
    assert checked > 300
    assert len(different - ours_by_choice) <= MOST_DEVIATIONS * checked


def test_what_is_more_holds_all_that_was_expected(mails):
    reasons = tomllib.loads((HERE / "deviations.toml").read_text("utf-8"))
    by_id = {entry["id"]: (entry, raw) for entry, raw in mails}
    for name, reason in reasons.items():
        if reason["ours"] == "more":
            entry, raw = by_id[name.rpartition(" ")[0]]
            assert plain(entry["expect"]["body_text"]) in plain(parse(raw).text)
