"""The configuration: the shipped example documents every key truly, and each mistake is one line with its remedy."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from helpline_mail.config import Settings, load, opening_hours, read_secret
from helpline_mail.domain.errors import ConfigurationError, CredentialError, HelplineError, MissingFileError
from helpline_mail.domain.opening_hours import Window
from helpline_mail.wire.shipped import shipped

EXAMPLE = shipped("config.example.toml").read_text("utf-8")
TODAY = date(2026, 11, 23)
TABLE = re.compile(r"^\[+([a-z_.]+)\]+", re.MULTILINE)
KEY = re.compile(r"^([a-z_]+) = .*?  # (required|default: (.+))$")
SECRET = "correct horse battery staple"


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, "utf-8")
    return path


def changed(old: str, new: str) -> str:
    assert EXAMPLE.count(old) >= 1
    return EXAMPLE.replace(old, new, 1)


def mistakes(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load(path, TODAY)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in models_in(argument)]


def sections(model: type[BaseModel] = Settings, name: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    if name:
        yield name, model
    for key, model_field in model.model_fields.items():
        for inner in models_in(model_field.annotation):
            yield from sections(inner, f"{name}.{key}".lstrip("."))


def documented() -> dict[tuple[str, str], str | None]:
    """(table, key) -> the documented default as TOML, None for a required key."""
    found: dict[tuple[str, str], str | None] = {}
    table = ""
    for line in EXAMPLE.splitlines():
        if header := TABLE.match(line):
            table = header[1]
        elif line and not line.startswith("#"):
            key = KEY.match(line)
            assert key, f"not documented: {line}"
            found[table, key[1]] = key[3]
    return found


def example_of(table: str) -> dict[str, Any]:
    value: Any = tomllib.loads(EXAMPLE)
    for part in table.split("."):
        value = value[part]
    return dict(value[0] if isinstance(value, list) else value)


KEYS = [
    (table, model, name, model_field.alias or name)
    for table, model in sections()
    for name, model_field in model.model_fields.items()
    if not models_in(model_field.annotation)
]


def test_the_example_loads_as_it_reads(tmp_path: Path) -> None:
    settings = load(written(tmp_path, EXAMPLE), TODAY)
    assert settings.promise.response == timedelta(hours=3)
    assert settings.imap.batch_bytes == 16_000_000
    assert [member.role for member in settings.staff] == ["adviser", "lead"]
    assert settings.path("signing-keys") == tmp_path / "signing-keys"
    hours = opening_hours(settings.opening_hours, settings.zone)
    closed = hours.closed_day(date(2026, 12, 31))
    assert closed is not None
    assert closed.reason == "Christmas"


def test_the_example_documents_the_keys_that_there_are_and_no_others() -> None:
    assert set(documented()) == {(table, key) for table, _, _, key in KEYS}


@pytest.mark.parametrize(("table", "model", "name", "key"), KEYS, ids=[f"{table}.{key}" for table, _, _, key in KEYS])
def test_the_documented_default_is_the_default(table: str, model: type[BaseModel], name: str, key: str) -> None:
    model_field, default = model.model_fields[name], documented()[table, key]
    if model_field.is_required():
        assert default is None, "the example calls a required key optional"
        return
    assert default is not None, "the example calls an optional key required"
    if default == "none":
        assert model_field.get_default() is None
        return
    given = {**example_of(table), key: tomllib.loads(f"value = {default}")["value"]}
    assert getattr(model.model_validate(given), name) == model_field.get_default()


def test_left_out_keys_take_their_defaults(tmp_path: Path) -> None:
    short = re.sub(r"^.*# default: .*\n", "", EXAMPLE, flags=re.MULTILINE)
    short = short.replace("[opening_hours]\n", '[opening_hours]\nmonday = ["09:00-24:00"]\n', 1)
    settings = load(written(tmp_path, short), TODAY)
    assert settings.smtp.port == 465
    assert settings.helpline.start_date is None
    assert settings.opening_hours.monday[0].closes.isoformat() == "23:59:59.999999"
    assert isinstance(settings.opening_hours.monday[0], Window)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('response = "3h"', 'respons = "3h"', "promise.respons: unknown key; did you mean promise.response?"),
        ("[rations]", "[ration]", "ration: unknown key; did you mean rations?"),
        ("[logging]", "[telemetry]", "telemetry: unknown key; known here: alarms, database, helpline, "),
        ('role = "adviser"', 'rolle = "adviser"', "staff.1.rolle: unknown key; did you mean staff.1.role?"),
        ("until = 2027", "untill = 2027", "opening_hours.closures.1.untill: unknown key; did you mean "),
        ("from = 2026", "form = 2026", "opening_hours.closures.1.from: missing; config.example.toml shows it"),
        ('host = "imap.example.org.uk"', "", "imap.host: missing; config.example.toml shows it"),
        ("Europe/London", "Europe/Londn", 'helpline.time_zone: there is no time zone "Europe/Londn"; write a name'),
        ("Europe/London", "../etc/passwd", 'helpline.time_zone: there is no time zone "../etc/passwd"'),
        ('"helpline@example.org.uk"', '"helpline"', "helpline.address: write an e-mail address such as"),
        ("helpline@", "professionals-helpline@", "helpline: address: the part before the @ is over 18 characters"),
        ('"10:00-16:00"', '"10-16"', 'opening_hours.monday.1: write an opening window such as "10:00-16:00"'),
        ('"10:00-16:00"', '"16:00-10:00"', "opening_hours.monday.1: 16:00-10:00: "),
        ('"10:00-16:00"', '"10:00-25:00"', "opening_hours.monday.1: 10:00-25:00: "),
        ('"10:00-16:00"', '"10:00-16:00", "15:00-17:00"', "on Monday 10:00-16:00 and 15:00-17:00 overlap"),
        ('= "GB-ENG"', '= "GB-LON"', 'opening_hours: no bank holidays are known for "GB-LON"; known are "GB-'),
        ("until = 2027", "until = 2025", "opening_hours.closures.1: until is before from; exchange the two dates"),
        ('response = "3h"', 'response = "3 hours"', 'promise.response: write a duration such as "3h", "90m" or "45s"'),
        ('response = "3h"', 'response = "0h"', "promise.response: input should be greater than 0 seconds"),
        ('update_every = "2d"', 'update_every = "0d"', 'promise.update_every: write a number of days such as "2d"'),
        ("port = 993", 'port = "993"', "imap.port: input should be a valid integer"),
        ("port = 993", "port = 99300", "imap.port: input should be less than or equal to 65535"),
        ('tls = "implicit"', 'tls = "ssl"', "imap.tls: input should be 'implicit', 'starttls' or 'none'"),
        ('tls = "implicit"', 'tls = "none"', 'imap: tls: "none" is for servers on this machine only; write "implicit"'),
        ("sqlite:///helpline.db", "mysql://localhost/x", 'database: url: write "sqlite:///FILE" or "postgresql'),
        ("lead@example.org.uk", "adviser@example.org.uk", "staff, partners: an address stands there twice"),
        ("lead@example.org.uk", "Adviser@example.org.uk", "staff, partners: an address stands there twice"),
        ("safety@examplebook.example", "lead@example.org.uk", "staff, partners: an address stands there twice"),
        ("ops@example.org.uk", "helpline@example.org.uk", "staff, partners, alarms: the helpline cannot write"),
        ("ops@example.org.uk", "Helpline@example.org.uk", "staff, partners, alarms: the helpline cannot write"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_key_and_what_to_do(tmp_path: Path, old: str, new: str, said: str) -> None:
    lines = mistakes(tmp_path, changed(old, new))
    assert any(said in line for line in lines), lines


def test_a_calendar_that_never_opens_is_refused(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, EXAMPLE.replace('["10:00-16:00"]', "[]"))
    assert line.startswith("opening_hours: ")
    assert "open" in line


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = changed('response = "3h"', 'respons = "3h"').replace("Europe/London", "Mars/Base", 1)
    lines = mistakes(tmp_path, text.replace("port = 993", "port = 0").replace('role = "lead"', 'role = "boss"'))
    assert [line.partition(": ")[0] for line in lines] == [
        "helpline.time_zone", "promise.respons", "imap.port", "staff.2.role",
    ]  # fmt: skip


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_cleartext_is_for_loopback_only(tmp_path: Path, host: str) -> None:
    text = EXAMPLE.replace('host = "imap.example.org.uk"', f'host = "{host}"')
    text = re.sub(r'^tls = "implicit"', 'tls = "none"', text, count=1, flags=re.MULTILINE)
    assert load(written(tmp_path, text), TODAY).imap.tls == "none"


def test_a_password_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, changed("poll_every =", f'password = "{SECRET}"\npoll_every ='))
    assert line == "imap.password: unknown key; did you mean imap.password_file?"


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"no such configuration; write one with: helpline-mail init") as caught:
        load(tmp_path / "config.toml", TODAY)
    assert caught.value.exit_code == 66


def test_toml_that_is_none_names_the_line(tmp_path: Path) -> None:
    (line,) = mistakes(tmp_path, '[helpline]\nname = "unfinished\n')
    assert line.startswith("not valid TOML: ")
    assert "line 2" in line


def test_a_file_in_another_charset_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes('name = "Zürich"'.encode("latin-1"))
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        load(path, TODAY)
    assert caught.value.exit_code == 78


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(written(tmp_path, EXAMPLE), TODAY)


def secret_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def refusal(settings: Settings, credentials: str | None = None) -> HelplineError:
    with pytest.raises(HelplineError) as caught:
        read_secret(settings, "imap-password", credentials)
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    return caught.value


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_read_without_its_line_end(settings: Settings, end: str) -> None:
    secret_file(settings.folder / "imap-password", f" {SECRET} {end}")
    assert read_secret(settings, "imap-password", None) == f" {SECRET} "


def test_a_missing_secret_says_where_to_write_it(settings: Settings) -> None:
    error = refusal(settings)
    assert isinstance(error, MissingFileError)
    assert error.exit_code == 66
    assert str(settings.folder / "imap-password") in str(error)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644])
def test_a_secret_that_others_can_reach_is_refused(settings: Settings, mode: int) -> None:
    path = secret_file(settings.folder / "imap-password", SECRET, mode)
    error = refusal(settings)
    assert error.exit_code == 77
    assert f"chmod 600 {path}" in str(error)


@pytest.mark.parametrize("text", ["", "\n"])
def test_an_empty_secret_is_refused(settings: Settings, text: str) -> None:
    secret_file(settings.folder / "imap-password", text)
    error = refusal(settings)
    assert isinstance(error, CredentialError)
    assert error.exit_code == 77


def test_a_secret_that_is_no_text_is_refused(settings: Settings) -> None:
    path = secret_file(settings.folder / "imap-password", "")
    path.write_bytes(SECRET.encode() + b"\xff")
    assert refusal(settings).exit_code == 77


def test_a_credential_of_systemd_comes_first(settings: Settings, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    secret_file(settings.folder / "imap-password", "another")
    assert read_secret(settings, "imap-password", str(credentials)) == "another"
    secret_file(credentials / "imap-password", SECRET, 0o440)  # systemd hands them over so, to our user alone
    assert read_secret(settings, "imap-password", str(credentials)) == SECRET
    secret_file(credentials / "imap-password", "", 0o440)
    assert refusal(settings, str(credentials)).exit_code == 77
