"""What `inspect` reads of a folder: every message, nothing else, and what cannot be read without a crash."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from helpline_mail.cli import cli

MAIL = b"From: alice@school.sch.uk\r\nSubject: help\r\n\r\nword\r\n"


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A Maildir with one new and one read message."""
    for part in ("cur", "new", "tmp"):
        (tmp_path / "box" / part).mkdir(parents=True)
    (tmp_path / "box" / "new" / "2.rig").write_bytes(MAIL)
    (tmp_path / "box" / "cur" / "1.rig:2,S").write_bytes(MAIL)
    return tmp_path / "box"


def facts(folder: Path) -> list[dict[str, object]]:
    done = CliRunner().invoke(cli, ["inspect", str(folder), "--json"])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(folder: Path) -> list[str]:
    return [Path(str(one["source"])).name for one in facts(folder)]


@pytest.mark.parametrize("part", ["cur", "new"])
def test_what_is_no_message_in_a_maildir_is_left_out(box: Path, part: str) -> None:
    os.mkfifo(box / part / "0.fifo")
    (box / part / "3.link").symlink_to(box / part / "0.fifo")
    (box / part / "4.folder").mkdir()
    (box / part / ".hidden").write_bytes(MAIL)
    assert names(box) == ["1.rig:2,S", "2.rig"]


@pytest.mark.parametrize("missing", ["cur", "new"])
def test_a_maildir_with_only_one_of_its_folders_is_read(box: Path, missing: str) -> None:
    (file,) = (box / missing).iterdir()
    file.unlink()
    (box / missing).rmdir()
    assert len(names(box)) == 1


@pytest.mark.parametrize("is_maildir", [True, False])
def test_a_file_that_cannot_be_read_is_told_and_the_others_are_read(box: Path, is_maildir: bool) -> None:
    folder = box / "cur"
    (folder / "0.gone").symlink_to(folder / "no-such-file")
    (folder / "9.loop").symlink_to(folder / "9.loop")
    found = facts(box if is_maildir else folder)
    unread = [one for one in found if one["defects"]]
    assert [Path(str(one["source"])).name for one in unread] == ["0.gone", "9.loop"]
    assert len(found) == 2 + (2 if is_maildir else 1)
    for one in unread:
        assert "The file cannot be read" in str(one["defects"])
        assert (one["from"], one["text"], one["automatic"]) == (None, "", None)
        assert one.keys() == found[1].keys()


def test_a_file_without_permission_is_told(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Path.read_bytes

    def refused(file: Path) -> bytes:
        if file.name == "2.rig":
            raise PermissionError(13, "Permission denied", str(file))
        return read(file)

    monkeypatch.setattr(Path, "read_bytes", refused)
    first, second = facts(box)
    assert (first["from"], first["defects"]) == ("alice@school.sch.uk", [])
    assert "Permission denied" in str(second["defects"])


def test_a_message_that_cannot_be_read_is_readable_for_people_too(box: Path) -> None:
    (box / "cur" / "0.gone").symlink_to(box / "no-such-file")
    done = CliRunner().invoke(cli, ["inspect", str(box)])
    assert done.exit_code == 0
    assert "defect:      The file cannot be read (No such file or directory)" in done.output


def test_a_folder_of_files_is_read_without_what_is_hidden_or_no_file(tmp_path: Path) -> None:
    (tmp_path / "b.eml").write_bytes(MAIL)
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / ".c.eml").write_bytes(MAIL)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo.eml")
    assert names(tmp_path) == ["a.eml", "b.eml"]
