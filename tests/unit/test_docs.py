"""What the pages in docs/ point to exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
STANDARDS = (ROOT / "docs" / "standards.md").read_text("utf-8")


def test_every_test_named_in_the_standards_exists() -> None:
    file, named = "", 0
    for line in STANDARDS.splitlines():
        for path, test in re.findall(r"((?:unit|integration|acceptance)/\w+\.py)?::(\w+)", line):
            file = path or file
            assert f"def {test}(" in (ROOT / "tests" / file).read_text("utf-8"), f"{file}::{test}"
            named += 1
    assert named > 30


def test_every_source_file_named_in_the_standards_exists() -> None:
    named = set(re.findall(r"(?:domain|wire|service|adapters)/[\w/]+\.py", STANDARDS))
    assert [name for name in sorted(named) if not (ROOT / "src" / "helpline_mail" / name).exists()] == []
    assert len(named) > 15


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    links = [
        (page, link) for page in pages for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    ]
    assert [f"{page.name}: {link}" for page, link in links if not (page.parent / link).exists()] == []
    assert links
