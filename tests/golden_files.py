"""Whole mails of ours on disk, byte for byte, and the one comparison with them.

`REWRITE_GOLDEN=1 uv run pytest tests/unit/test_golden.py tests/integration/test_golden_staff.py` writes them anew; read
the difference, then commit it.
"""

import os
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def same(name: str, octets: bytes) -> None:
    """Fails unless the golden file of that name holds these very octets."""
    path = GOLDEN / f"{name}.eml"
    if os.environ.get("REWRITE_GOLDEN") == "1":
        path.write_bytes(octets)
    assert octets == path.read_bytes()
