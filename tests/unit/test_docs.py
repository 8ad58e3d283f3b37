"""What the pages in docs/ point to exists, and so does what the threat model asks for."""

import re
from email import message_from_bytes, policy
from pathlib import Path

from helpline_mail.domain.commands import help_text
from helpline_mail.domain.signposts import listing
from helpline_mail.wire.template_samples import SIGNPOST_SAMPLES
from helpline_mail.wire.templates import Templates

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


def test_the_page_for_staff_shows_a_real_notice_its_real_answer_and_every_command() -> None:
    page = (ROOT / "docs" / "staff.md").read_text("utf-8")
    notice, answer, commands = re.findall(r"```\n(.*?)\n```", page, re.DOTALL)
    assert notice == re.sub(r": <mailto:[^>]*>", "", _as_read("notice", "Subject"))  # links as their words alone
    assert answer == _as_read("answer", "From", "To", "Subject")
    assert commands == help_text()


def _as_read(golden: str, *fields: str) -> str:
    """A golden mail as its reader sees it, with a reference like those of every day."""
    mail = message_from_bytes((ROOT / "tests" / "golden" / f"{golden}.eml").read_bytes(), policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    shown = "\n".join(f"{field}: {mail[field]}" for field in fields)
    text = body.get_content().replace("\r\n", "\n").strip("\n")
    return f"{shown}\n\n{text}".replace("POSH-000001", "POSH-7K3M9Q")


def test_the_page_on_signposting_shows_the_real_list_a_real_text_and_each_address_in_them(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "signposts.md").read_text("utf-8")
    names, emergency, addresses, own = re.findall(r"```\n(.*?)\n```", page, re.DOTALL)
    templates = Templates()
    assert names == listing(templates.signposts())
    assert emergency == templates.signpost("emergency", **SIGNPOST_SAMPLES[0])
    reached: dict[str, list[str]] = {}
    for name, text in (
        (found.name, templates.signpost(found.name, **SIGNPOST_SAMPLES[-1])) for found in templates.signposts()
    ):
        ways = re.findall(r"https://\S+|[\w.]+@[\w.]+|\b(?:999|101|7726|116 123)\b|\b0\d{3,4} [\d ]*\d", text)
        for way in set(ways):
            reached.setdefault(way, []).append(name)
    everywhere = len(templates.signposts())
    assert addresses == "\n".join(
        f"{way}\n    {'all of them' if len(where) == everywhere else ', '.join(where)}"
        for way, where in sorted(reached.items())
    )
    (tmp_path / "signposts").mkdir()
    (tmp_path / "signposts" / "our-form.txt.j2").write_text(own, "utf-8")
    assert Templates(tmp_path).check() == []
