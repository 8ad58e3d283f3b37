"""What the pages in docs/ point to exists, and so does what the threat model asks for."""

import re
from email import message_from_bytes, policy
from pathlib import Path

from helpline_mail.domain.commands import help_text

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


def test_every_threat_from_p01_to_p49_has_a_test_named_after_it() -> None:
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    names = re.findall(r"def test((?:_p\d\d)+)_", tests)
    assert {f"p{number:02}" for number in range(1, 50)} - set("".join(names).split("_")) == set()


def test_the_page_for_staff_shows_a_real_notice_and_every_command() -> None:
    page = (ROOT / "docs" / "staff.md").read_text("utf-8")
    notice, commands = re.findall(r"```\n(.*?)```", page, re.DOTALL)
    golden = message_from_bytes((ROOT / "tests" / "golden" / "notice.eml").read_bytes(), policy=policy.default)
    text = golden.get_content().replace("POSH-000001", "POSH-7K3M9Q").replace('"Alice Ångström"', "Alice Ångström")
    assert notice.strip() in text.replace("\r\n", "\n")
    assert commands.strip() == help_text()
