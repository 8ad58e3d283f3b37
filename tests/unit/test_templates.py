"""Templates come from disk; what strangers wrote is only ever a value in them."""

import re
from pathlib import Path

import pytest

import helpline_mail
from helpline_mail.domain.errors import ConfigurationError
from helpline_mail.wire.templates import VALUES, Rendered, Templates

REMINDER = {
    "helpline": "Helpline",
    "reference": "POSH-7K3M9Q",
    "waiting": "1 hour",
    "by": "by 13:00 today",
    "left": "30 minutes",
    "taken_by": "",
    "write_above": "",
    "take": "",
}
NOTICE = {
    "helpline": "Helpline",
    "reference": "POSH-7K3M9Q",
    "sender": "alice@school.sch.uk",
    "subject": "",
    "occasion": "new_ticket",
    "partner": "",
    "partner_title": "",
    "can_answer": True,
    "minimal": False,
    "taken_by": "",
    "earlier": (),
    "links": (),
    "received": "09:55 today",
    "due": "13:00 today",
    "is_late": False,
    "write_above": "",
    "text": "Hello",
    "attachments": [],
    "hints": [],
}


def test_the_shipped_templates_are_whole() -> None:
    assert Templates().check() == []


@pytest.mark.parametrize(
    "payload", ["{{ cycler.__init__.__globals__.os.popen('id').read() }}", "{% raw %}", "{{ 7*7 }}"]
)
def test_p45_a_template_in_a_value_is_only_text(payload: str) -> None:
    rendered = Templates().render("notice", **NOTICE | {"sender": payload, "subject": payload, "text": payload})
    assert rendered.text.count(payload) == 3


def test_p45_no_template_is_ever_made_of_a_text() -> None:
    sources = list(Path(helpline_mail.__file__).parent.rglob("*.py"))
    making = re.compile(r"\bfrom_string\b|(?<!\w)Template\(|\bcompile_expression\b|\bNativeEnvironment\b")
    assert len(sources) > 50
    assert [source.name for source in sources if making.search(source.read_text("utf-8"))] == []


def test_no_value_moves_the_line_between_subject_and_text(tmp_path: Path) -> None:
    (tmp_path / "reminder.txt.j2").write_text("Subject: {{ taken_by }}\n\nText {{ left }}\n")
    rendered = Templates(tmp_path).render("reminder", **REMINDER | {"taken_by": "a\n\nSubject: b\r\nBcc: c"})
    assert rendered == Rendered("a Subject: b Bcc: c", "Text 30 minutes\n")


def test_a_heading_cannot_be_forged_by_a_sender() -> None:
    rendered = Templates().render(
        "notice", **NOTICE | {"subject": "x\nAnswer due: by 09:00 never", "hints": ["y\nFrom: z"]}
    )
    assert [line.split(":")[0] for line in rendered.text.splitlines() if ": " in line][:5] == [
        *("Reference", "From", "Subject", "Received", "Answer due")
    ]
    assert "\nFrom: z" not in rendered.text


def test_the_operators_template_is_used_before_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "reminder.txt.j2").write_text("Subject: Ours\nfor {{ reference }}\n")
    templates = Templates(tmp_path)
    assert templates.check() == []
    assert templates.render("reminder", **REMINDER) == Rendered("Ours", "for POSH-7K3M9Q\n")
    assert templates.render("notice", **NOTICE) == Templates().render("notice", **NOTICE)


def test_every_mistake_is_reported_at_once_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "reminder.txt.j2").write_text("Subject: x\n\n{% if left %}\n")
    (tmp_path / "alarm.txt.j2").write_text("Hello\n")
    (tmp_path / "alarm_over.txt.j2").write_text("Subject: {{ headlin }}\n")
    (tmp_path / "overdue.txt.j2").write_bytes(b"Subject: \xff\n")
    (tmp_path / "remainder.txt.j2").write_text("Subject: x\n")
    problems = "\n".join(Templates(tmp_path).check())
    assert len(problems.splitlines()) == 5
    assert "reminder.txt.j2, line 3: " in problems
    assert 'alarm.txt.j2, line 1: must be "Subject: "' in problems
    assert "alarm_over.txt.j2: there is no value headlin; there are headline, helpline" in problems
    assert "overdue.txt.j2: cannot be read" in problems
    assert "remainder.txt.j2: no mail is called remainder; there are acknowledgement" in problems


@pytest.mark.parametrize(
    "text", ["{{ nothing }}", "{{ reference + 1 }}", "{{ 1 / 0 }}", "{{ reference.__class__.__mro__ }}", "{% if %}"]
)
def test_a_template_that_fails_names_itself(tmp_path: Path, text: str) -> None:
    (tmp_path / "reminder.txt.j2").write_text(f"Subject: x\n{text}\n")
    with pytest.raises(ConfigurationError, match=r"template reminder\.txt\.j2: "):
        Templates(tmp_path).render("reminder", **REMINDER)
    with pytest.raises(ConfigurationError, match="template nothing"):
        Templates().render("nothing")


def test_a_template_that_fails_in_one_situation_only_is_found_at_the_start(tmp_path: Path) -> None:
    text = "Subject: x\n{% if facts.situation == 'late' %}{{ facts.wann }}{% endif %}\n"
    (tmp_path / "acknowledgement.txt.j2").write_text(text)
    (problem,) = Templates(tmp_path).check()
    assert "acknowledgement.txt.j2: " in problem
    assert "wann" in problem


def test_each_template_has_its_values_and_a_plain_subject() -> None:
    assert set(VALUES) == {path.name.removesuffix(".txt.j2") for path in Path("templates").glob("*.txt.j2")}
