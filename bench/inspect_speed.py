"""How many mails a second `parse` reads against the standard library's `policy.default` with `get_body`.

    python bench/inspect_speed.py [FOLDER]     *.jsonl with raw_base64, or *.eml; default HELPLINE_MAIL_CORPUS,
                                               else ../shared/mail beside the project, else tests/mail

Same files, same process, turn about; the best of several rounds of each counts, mails over 100 kB are left out.
`parse` decodes, hashes attachments, trims quotations and reads bounces; the library only finds the body.
"""

import base64
import email
import email.policy
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpline_mail.wire.parse import parse

PROJECT = Path(__file__).resolve().parent.parent
LARGEST = 100_000
ROUNDS = 20


def mails(folder: Path) -> list[bytes]:
    found = [path.read_bytes() for path in sorted(folder.glob("*.eml"))]
    for path in sorted(folder.glob("*.jsonl")):
        entries = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
        found += [base64.b64decode(entry["raw_base64"]) for entry in entries if entry["kind"] == "email"]
    return [raw for raw in found if len(raw) <= LARGEST]


def standard_library(raw: bytes) -> None:
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        message.get_body()
    except Exception:  # it raises on some of these
        return


def seconds(read: Callable[[bytes], object], raws: list[bytes]) -> float:
    started = time.process_time()
    for raw in raws:
        read(raw)
    return time.process_time() - started


def main() -> None:
    default = os.environ.get("HELPLINE_MAIL_CORPUS") or PROJECT.parent / "shared" / "mail"
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else default)
    raws = mails(folder if folder.is_dir() else PROJECT / "tests" / "mail")
    rounds = [(seconds(standard_library, raws), seconds(parse, raws)) for _ in range(ROUNDS)]
    theirs, ours = (len(raws) / min(times) for times in zip(*rounds, strict=True))
    print(f"{len(raws)} mails: policy.default with get_body {theirs:.0f} a second, parse {ours:.0f} a second")
    print(f"ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
