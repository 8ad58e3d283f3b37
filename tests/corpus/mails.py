"""The folder of real mail, where it is present."""

import base64
import json
import os
from pathlib import Path

import pytest

CORPUS = Path(os.environ.get("HELPLINE_MAIL_CORPUS", Path(__file__).parents[3] / "shared" / "mail"))


def corpus_messages(count: int) -> list[bytes]:
    """That many whole real messages, taken evenly from every file; skips the test if the folder is absent."""
    if not CORPUS.is_dir():
        pytest.skip("needs the folder of real mail: set HELPLINE_MAIL_CORPUS")
    lines = [line for file in sorted(CORPUS.glob("*.jsonl")) for line in file.read_text("utf-8").splitlines()]
    found = [base64.b64decode(entry["raw_base64"]) for line in lines if (entry := json.loads(line))["kind"] == "email"]
    assert len(found) >= count
    return found[:: len(found) // count][:count]
