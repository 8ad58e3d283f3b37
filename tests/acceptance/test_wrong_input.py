"""Wrong input: one line that says what to do, the exit code of the contract, nothing lost."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.daemon import COMMAND, ENVIRONMENT, answer_of, run_command, running_daemon
from tests.rig.configuration import helpline_config
from tests.rig.daemon import free_ports, wait_until
from tests.rig.mail_servers import MailServers

PROJECT = Path(__file__).parents[2]
EXAMPLE = (PROJECT / "config.example.toml").read_text("utf-8")


def write(folder: Path, text: str = EXAMPLE) -> Path:
    for name in ("imap-password", "smtp-password"):
        (folder / name).write_text("secret-word\n")
        (folder / name).chmod(0o600)
    path = folder / "config.toml"
    path.write_text(text)
    return path


def says(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert len(lines) == 1, lines
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stderr + done.stdout
    for word in words:
        assert word in lines[0]


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    text = EXAMPLE.replace("\nresponse =", "\nrespons =")
    says(run_command(write(tmp_path, text), "run"), 78, "promise.respons", "did you mean promise.response")


def test_a_bad_time_zone(tmp_path: Path) -> None:
    text = EXAMPLE.replace('"Europe/London"', '"Europe/Londn"', 1)
    says(run_command(write(tmp_path, text), "run"), 78, "helpline.time_zone", "Europe/Londn")


def test_a_duration_without_an_end(tmp_path: Path) -> None:
    text = EXAMPLE.replace('response = "3h"', 'response = "99999999999h"')
    says(run_command(write(tmp_path, text), "check", "--offline"), 78, "promise.response", "at most")


def test_a_number_beyond_all_numbers(tmp_path: Path) -> None:
    says(run_command(write(tmp_path), "outbox", "show", "9" * 20), 64, "9" * 20)


@pytest.mark.parametrize(
    ("command", "listed_by"),
    [
        (("outbox", "show"), "outbox list --all"),
        (("outbox", "retry"), "outbox list --all"),
        (("quarantine", "show"), "quarantine list"),
    ],
)
def test_an_id_that_is_none(tmp_path: Path, command: tuple[str, ...], listed_by: str) -> None:
    says(run_command(write(tmp_path), *command, "abc"), 64, "'abc' is no ID", f"helpline-mail {listed_by}")


@pytest.mark.parametrize("command", [(), ("ticket",), ("quarantine",)])
def test_a_command_without_its_words_prints_the_help(command: tuple[str, ...]) -> None:
    done = subprocess.run([*COMMAND, *command], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith(f"Usage: {' '.join(('helpline-mail', *command))} ")
    assert "helpline-mail: " not in done.stderr


def test_what_is_empty_says_so(tmp_path: Path) -> None:
    config = write(tmp_path)
    assert run_command(config, "db", "upgrade").returncode == 0
    assert "nothing to explain" in run_command(config, "ticket", "explain").stdout
    status = run_command(config, "status").stdout
    assert "mailbox   not read yet" in status
    assert "None" not in status


def test_a_password_in_the_database_url(tmp_path: Path) -> None:
    text = EXAMPLE.replace('"sqlite:///helpline.db"', '"postgresql+psycopg://h/db?password=secret-word"')
    says(run_command(write(tmp_path, text), "check", "--offline"), 78, "database", "password_file")


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ('"imap-password"', '"~nosuchuser/pw"', "imap.password_file"),
        ("sqlite:///helpline.db", "postgresql+psycopg://h:notaport/db", "database.url"),
        ("sqlite:///helpline.db", "postgresql+psycopg://u:secret-word@h/db", "database.password_file"),
        ("2026-11-01", "0001-01-01", "helpline.start_date"),
        ("[helpline]", 'folder = "/tmp"\n[helpline]', "folder: unknown key"),
        ("helpline@", "help+desk@", "helpline.address"),
        ('response = "3h"', 'response = "1000h"', "promise.response, opening_hours"),
    ],
)
def test_a_configuration_that_cannot_work(tmp_path: Path, old: str, new: str, word: str) -> None:
    text = EXAMPLE.replace('"Europe/London"', '"Asia/Tokyo"', 1).replace('["10:00-16:00"]', '["10:00-11:00"]')
    config = write(tmp_path, text.replace(old, new, 1))
    says(run_command(config, "check", "--offline"), 78, "FAIL", word)


def test_the_database_is_private(tmp_path: Path) -> None:
    assert run_command(write(tmp_path), "db", "upgrade").returncode == 0
    assert (tmp_path / "helpline.db").stat().st_mode & 0o077 == 0


def test_a_missing_password_file(tmp_path: Path) -> None:
    config = write(tmp_path)
    (tmp_path / "imap-password").unlink()
    says(run_command(config, "run"), 66, "imap-password", "0600")


def test_a_password_file_that_others_can_read(tmp_path: Path) -> None:
    config = write(tmp_path)
    (tmp_path / "imap-password").chmod(0o644)
    says(run_command(config, "run"), 77, "chmod 600")


def test_a_missing_configuration(tmp_path: Path) -> None:
    says(run_command(tmp_path / "none.toml", "status"), 66, "helpline-mail init")


def test_a_naive_time_for_deadline(tmp_path: Path) -> None:
    says(run_command(write(tmp_path), "deadline", "2026-03-29T01:30:00"), 65, "offset")


def test_the_advice_about_an_offset_works_when_it_is_followed(tmp_path: Path) -> None:
    config = write(tmp_path)
    refused = run_command(config, "deadline", "2026-11-24")
    says(refused, 65, "offset")
    advised = refused.stderr.rpartition("write ")[2].split()
    assert advised[1] == "or"
    done = run_command(config, "deadline", advised[0], advised[2])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_time_that_is_no_instant(tmp_path: Path) -> None:
    config = write(tmp_path)
    says(run_command(config, "deadline", "9999-12-31T23:59:59-14:00"), 65, "write")
    says(run_command(config, "ticket", "answer", "POSH-7K3M9Q", "--at", "0001-01-01T00:00:00+14:00"), 65, "write")


@pytest.mark.parametrize(("command", "reference"), [("show", "\udcff"), ("explain", "POSH\n"), ("answer", "\x1b[31m")])
def test_a_reference_that_is_no_text(tmp_path: Path, command: str, reference: str) -> None:
    says(run_command(write(tmp_path), "ticket", command, reference), 65, "there is no ticket")


def test_a_file_whose_name_is_no_text_is_still_inspected(tmp_path: Path) -> None:
    (tmp_path / "\udcff.eml").write_bytes(b"From: alice@school.sch.uk\n\nWhat now?\n")
    for arguments in (["\udcff.eml"], [".", "--json"]):
        done = subprocess.run(
            [*COMMAND, "inspect", *arguments], env={**ENVIRONMENT, "PYTHONIOENCODING": "utf-8:strict"}, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert "?.eml" in done.stdout


def test_a_folder_whose_name_is_no_text_can_be_set_up(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "init", "\udcff"], env={**ENVIRONMENT, "PYTHONIOENCODING": "utf-8:strict"}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "\udcff" / "signing-keys").exists()


def test_a_missing_mail(tmp_path: Path) -> None:
    says(run_command(write(tmp_path), "inspect", "no-such.eml"), 66, "no-such.eml")


def test_a_command_or_option_that_does_not_exist(tmp_path: Path) -> None:
    says(run_command(write(tmp_path), "no-such-command"), 64, "no-such-command")
    says(run_command(write(tmp_path), "status", "--jsno"), 64, "--jsno")


def test_help_and_version_need_no_configuration() -> None:
    for arguments in (["--help"], ["--version"], ["run", "--help"], ["ticket", "show", "--help"]):
        done = subprocess.run([*COMMAND, *arguments], env=ENVIRONMENT, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture
def servers(mail_servers: MailServers) -> Iterator[MailServers]:
    mail_servers.reset()
    yield mail_servers
    mail_servers.start()


@pytest.mark.servers
@pytest.mark.parametrize("section", ["imap", "smtp"])
def test_check_says_what_is_wrong_with_a_server(servers: MailServers, tmp_path: Path, section: str) -> None:
    (free,) = free_ports(1)
    url = f"sqlite:///{tmp_path / 'h.db'}"
    good = helpline_config(servers, tmp_path, url)
    assert run_command(good, "check").returncode == 0
    down = helpline_config(servers, tmp_path, url, **{section: {"port": free}})
    says(run_command(down, "check"), 69, section, str(free))
    untrusted = helpline_config(servers, tmp_path, url, **{section: {"ca_file": ""}})
    says(run_command(untrusted, "check"), 69, section, "certificate", f"{section}.ca_file")
    helpline_config(servers, tmp_path, url)
    (tmp_path / f"{section}-password").write_text("not-the-word\n")
    says(run_command(good, "check"), 77, f"{section}.password_file")


@pytest.mark.servers
def test_a_server_that_is_down_ends_nothing_and_is_an_alarm(servers: MailServers, tmp_path: Path) -> None:
    config = helpline_config(servers, tmp_path, f"sqlite:///{tmp_path / 'h.db'}")
    with running_daemon(config) as daemon:
        servers.dovecot.stop()
        wait_until(lambda: not answer_of(config, "status")["ok"], "the outage is an alarm", seconds=30)
        assert daemon.process.poll() is None
        servers.dovecot.start()
        wait_until(lambda: answer_of(config, "status")["ok"], "the alarm ends", seconds=60)
        time.sleep(0.1)
        assert daemon.stop() == 0
