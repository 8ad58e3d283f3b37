"""The signing keys: written whole or not at all, rotated without losing a thread, never shown."""

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from helpline_mail.adapters.signing_keys import parsed, rotate, write_first
from helpline_mail.cli import cli
from helpline_mail.composition import key_file, rotate_signing_keys, signing_keys
from helpline_mail.config import Settings, load
from helpline_mail.domain.errors import ConfigurationError, CredentialError, HelplineError, MissingFileError
from helpline_mail.domain.threads import Signer
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.wire.shipped import shipped
from tests.integration.desk import ALICE, HELPLINE, TEMPLATES, Desk, mail, policy

DAY = date(2026, 11, 24)
OLD_KEY = base64.b64encode(b"k" * 32).decode()  # a line without a day, as the first versions wrote it


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(shipped("config.example.toml").read_text("utf-8"), "utf-8")
    return load(path, DAY)


@pytest.fixture
def path(settings: Settings) -> Path:
    return settings.path("signing-keys")


def written(path: Path, text: str = f"{OLD_KEY}\n") -> Path:
    path.write_text(text, "ascii")
    path.chmod(0o600)
    return path


def killed_at(call: str, path: Path, what: str) -> None:
    """Does `what` in a process of its own that is gone as soon as it makes that call of `os`."""
    code = f"""
import os
from datetime import date
from pathlib import Path
from helpline_mail.adapters.signing_keys import parsed, rotate, write_first
path, day = Path({str(path)!r}), date(2026, 11, 24)
os.{call} = lambda *_: os._exit(9)
{what}
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 9


@pytest.mark.parametrize("call", ["fsync", "link"])
def test_a_kill_while_the_first_key_is_written_leaves_no_file(path: Path, call: str) -> None:
    killed_at(call, path, "write_first(path, day)")
    assert not path.exists()
    assert write_first(path, DAY)
    assert len(parsed(path.read_text())) == 1


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_kill_while_keys_are_rotated_leaves_the_old_ones(path: Path, call: str) -> None:
    before = written(path).read_bytes()
    killed_at(call, path, "rotate(path, day, lambda: parsed(path.read_text()))")
    assert path.read_bytes() == before


def test_instances_that_start_together_share_one_key(path: Path) -> None:
    made: list[bool] = []
    threads = [Thread(target=lambda: made.append(write_first(path, DAY))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False] * 7 + [True]
    assert len(parsed(path.read_text())) == 1
    assert [file.name for file in path.parent.iterdir() if file.name.startswith(".")] == []


def test_operators_who_rotate_together_lose_no_key(path: Path) -> None:
    written(path)
    threads = [Thread(target=lambda: rotate(path, DAY, lambda: parsed(path.read_text()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({key.octets for key in parsed(path.read_text())}) == 9


def test_a_present_file_is_never_replaced_by_a_first_key(path: Path) -> None:
    written(path)
    assert not write_first(path, DAY)
    assert path.read_text() == f"{OLD_KEY}\n"


def test_a_new_key_stands_first_and_the_older_ones_stay(settings: Settings, path: Path) -> None:
    written(path)
    once, twice = rotate_signing_keys(settings), rotate_signing_keys(settings)
    assert once.keys[1:] == parsed(f"{OLD_KEY}\n")
    assert twice.keys[1:] == once.keys
    assert len({key.octets for key in twice.keys}) == 3
    assert key_file(settings) == twice
    assert (twice.keys[0].made, twice.keys[2].made) == (datetime.now(UTC).date(), None)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_to_the_file_stays_a_link(settings: Settings, path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    real = written(tmp_path / "elsewhere" / "keys")
    path.symlink_to(real)
    rotate_signing_keys(settings)
    assert path.is_symlink()
    assert len(parsed(real.read_text())) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root rotates the keys of another user")
def test_root_leaves_the_file_to_its_owner(settings: Settings, path: Path) -> None:
    os.chown(written(path), 10001, 10002)
    rotate_signing_keys(settings)
    found = path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (10001, 10002, 0o600)


def test_a_credential_of_systemd_is_not_rotated(
    settings: Settings, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    before = written(credentials / "signing-keys").read_bytes()
    written(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    with pytest.raises(CredentialError, match="LoadCredential"):
        rotate_signing_keys(settings)
    assert (credentials / "signing-keys").read_bytes() == before == path.read_bytes()


@pytest.mark.parametrize("why", ["file", "folder"])
def test_what_cannot_be_written_is_not_rotated(
    settings: Settings, path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    before = written(path).read_bytes()
    if why == "file":
        monkeypatch.setattr(os, "access", lambda *_: False)
    else:
        monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(CredentialError, match="run this as its owner") as caught:
        rotate_signing_keys(settings)
    assert caught.value.exit_code == 77
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["config.toml", "signing-keys"]


@pytest.mark.parametrize(
    "text", ["", "\n", "keys\n", "c2hvcnQ=\n", f"{OLD_KEY} yesterday\n", f"{OLD_KEY}\n{OLD_KEY[:-3]}"]
)
def test_a_broken_file_is_restored_from_a_backup(settings: Settings, desk: Desk, path: Path, text: str) -> None:
    written(path, text)
    for use in (lambda: signing_keys(settings, desk.store), lambda: rotate_signing_keys(settings)):
        with pytest.raises(HelplineError, match="restore the file from a backup") as caught:
            use()
        assert isinstance(caught.value, ConfigurationError | CredentialError)
        assert "write the secret" not in str(caught.value)
    assert path.read_text() == text


def test_keys_that_are_not_there_are_neither_rotated_nor_made(settings: Settings, path: Path) -> None:
    with pytest.raises(MissingFileError, match="no signing keys"):
        rotate_signing_keys(settings)
    assert not path.exists()


def test_lost_keys_are_not_made_anew_once_mail_has_come(settings: Settings, desk: Desk, path: Path) -> None:
    desk.receive(mail())
    with pytest.raises(MissingFileError, match="restore the file from a backup"):
        signing_keys(settings, desk.store)
    assert not path.exists()


def test_a_thread_goes_on_after_a_rotation_and_new_mail_is_signed_with_the_new_key(
    settings: Settings, desk: Desk
) -> None:
    def start() -> tuple[bytes, ...]:
        keys = signing_keys(settings, desk.store)
        desk.correspondence = Correspondence(policy(), Signer(keys, HELPLINE), TEMPLATES)
        return keys

    old = start()
    desk.receive(mail())
    rotate_signing_keys(settings)
    new = start()
    assert new[1:] == old
    desk.clock.advance(minutes=5)
    answer = mail(
        subject="Re: what you asked", text="One more thing.\n", message_id="<two@school.sch.uk>",
        in_reply_to=desk.acknowledgement_id(),
    )  # fmt: skip
    desk.receive(answer, mail(from_="bob@school.sch.uk", text="Another matter.\n", message_id="<three@school.sch.uk>"))
    first, second = desk.tickets()
    assert (first["requester"], first["messages"]) == (ALICE, 3)  # the enquiry, its acknowledgement, the reply
    assert second["requester"] == "bob@school.sch.uk"
    assert "our_message_id" in desk.codes()
    assert "bad_token" not in desk.codes()
    by_id = {key: Signer((key,), HELPLINE).read_message_id(desk.acknowledgement_id(-1)) for key in new}
    assert [token is not None and token.genuine for token in by_id.values()] == [True, False]


def run(settings: Settings, *arguments: str) -> str:
    done = CliRunner().invoke(cli, ["-c", str(settings.folder / "config.toml"), "keys", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_commands_say_how_many_keys_there_are_and_never_which(settings: Settings, path: Path) -> None:
    written(path)
    said = run(settings, "rotate")
    assert all(words in said for words in (str(path), "(1) still verify", "backups", "restart the daemon"))
    table, listed = run(settings, "list"), run(settings, "list", "--json")
    found = json.loads(listed)
    assert (found["file"], found["count"]) == (str(path), 2)
    assert [(key["age_days"], key["signs"]) for key in found["keys"]] == [(0, True), (None, False)]
    assert "not known" in table
    for line in path.read_text().splitlines():
        assert line.split()[0] not in said + table + listed
