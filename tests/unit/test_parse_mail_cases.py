"""Each `tests/mail/NN-name.eml` is read and compared with `NN-name.toml` beside it; dropping in a pair adds a test.

Keys, all optional: from, from_name, subject, date, message_id, references, content_type, text, new_text (compared
without the line ends around), contains, absent, attachments (names), absent_fields, defects (all of them).
"""

import tomllib
from pathlib import Path

import pytest

from helpline_mail.domain.message import Message
from helpline_mail.wire.parse import parse

CASES = sorted((Path(__file__).parent.parent / "mail").glob("*.eml"))

READ = {
    "from": lambda message: message.sender.address and message.sender.address.addr_spec,
    "from_name": lambda message: message.sender.address and message.sender.address.name,
    "references": lambda message: list(message.references),
    "text": lambda message: message.text.strip("\n"),
    "new_text": lambda message: message.new_text.strip("\n"),
    "attachments": lambda message: [attachment.filename for attachment in message.attachments],
    "defects": lambda message: list(message.defects),
}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_mail_case(path: Path):
    expected = tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
    message = parse(path.read_bytes())
    for part in expected.pop("contains", []):
        assert part in message.text
    for part in expected.pop("absent", []):
        assert part not in message.text
    for name in expected.pop("absent_fields", []):
        assert name not in message.fields
    assert expected, "a case that expects nothing cannot fail"
    found = {key: READ.get(key, lambda message, key=key: getattr(message, key))(message) for key in expected}
    assert found == {key: value.strip("\n") if isinstance(value, str) else value for key, value in expected.items()}


def test_there_are_cases():
    assert len(CASES) >= 12


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_line_ends_of_unix_make_no_difference(path: Path):
    raw = path.read_bytes()
    assert words(parse(raw.replace(b"\r\n", b"\n"))) == words(parse(raw))


def words(message: Message) -> tuple[object, ...]:
    return (message.sender, message.subject, message.text, message.new_text, message.references, message.defects)
