"""The demo as anybody starts it: from any folder, in any environment; and that its claims can fail."""

import imaplib
import re
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from helpline_mail.demo import run_demo
from helpline_mail.domain.errors import HelplineError
from helpline_mail.wire.shipped import shipped

TIMEOUT_SECONDS = 60
ENVIRONMENT = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
WITH_TEMPLATES = "import sys; from helpline_mail.demo import run_demo; sys.exit(run_demo(templates=sys.argv[1]))"


def _run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, env=ENVIRONMENT | environment, capture_output=True,
        encoding="utf-8", timeout=TIMEOUT_SECONDS, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
def test_every_claim_holds_in_a_hostile_environment(tmp_path, encoding):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "elsewhere").mkdir()
    done = _run(
        tmp_path / "elsewhere", "-m", "helpline_mail", "demo",
        TMPDIR=str(tmp_path / "temporary"), PYTHONIOENCODING=encoding,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "You will hear from us by 13:00 today, Tuesday 24 November." in done.stdout
    assert "All 13 claims hold." in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert not [*(tmp_path / "temporary").iterdir(), *(tmp_path / "elsewhere").iterdir()]


@pytest.mark.parametrize(
    ("template", "truth", "lie", "claim"),
    [
        ("acknowledgement", "{{ facts.by }}.", "{{ facts.by|replace('13:00', '13:05') }}.", "The teacher was promised"),
        ("reminder", "[{{ reference }}]", "[POSH-000000]", "Staff were reminded"),
    ],
)
def test_a_claim_that_does_not_hold_is_found(tmp_path, template, truth, lie, claim):
    name = f"{template}.txt.j2"
    text = (shipped("templates") / name).read_text("utf-8")
    assert truth in text
    (tmp_path / name).write_text(text.replace(truth, lie), "utf-8")
    done = _run(tmp_path, "-c", WITH_TEMPLATES, str(tmp_path), PYTHONIOENCODING="utf-8")
    assert done.returncode == 70
    failed = [line for line in done.stdout.splitlines() if line.startswith("\N{BALLOT X}")]
    assert failed
    assert failed[0].startswith(f"\N{BALLOT X} {claim}")


def test_without_an_acknowledgement_the_day_ends_with_a_reason(tmp_path):
    # Written well with the samples that every template is tried with, and not with a real reference.
    fails = "{% if reference != 'POSH-7K3M9Q' %}{{ facts.of_another_version }}{% endif %}"
    template = f"Subject: [{{{{ reference }}}}] Hello\n{fails}\n"
    (tmp_path / "acknowledgement.txt.j2").write_text(template, "utf-8")
    with pytest.raises(HelplineError, match="the teacher got no acknowledgement"):
        run_demo(templates=str(tmp_path))


@pytest.fixture
def playground(tmp_path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-W", "error", "-u", "-m", "helpline_mail", "demo", "--serve"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    )  # fmt: skip
    said = ""
    assert process.stdout
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, f"it ended after {said}"
        said += line
    yield process, said
    process.kill()
    process.communicate()


def test_the_playground_acknowledges_mail_from_a_mail_client_until_it_is_interrupted(playground):
    process, said = playground
    imap_port, smtp_port = (int(re.search(rf"{name} 127\.0\.0\.1 port (\d+)", said)[1]) for name in ("IMAP", "SMTP"))
    teacher, password = re.search(r"(\S+@school\.example)\s+password (\S+)", said).groups()
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = teacher, "helpline@example.org.uk", "A question"
    mail.set_content("What can I do?")
    with smtplib.SMTP("127.0.0.1", smtp_port) as client:
        client.login(teacher, password)
        client.send_message(mail)
    assert b"X-Helpline-Kind: acknowledgement" in _first_mail(imap_port, teacher, password)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0
    assert "Traceback" not in errors


def _first_mail(port: int, user: str, password: str) -> bytes:
    end = time.monotonic() + TIMEOUT_SECONDS
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(user, password)
        while time.monotonic() < end:
            if client.select("INBOX")[1] != [b"0"]:
                return client.fetch("1", "(BODY.PEEK[])")[1][0][1]
            time.sleep(0.1)
    raise AssertionError("nothing arrived")
