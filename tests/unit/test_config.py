"""The configuration: the shipped example documents every key truly, and each mistake is one line with its remedy."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from helpline_mail.cli import cli
from helpline_mail.composition import budgets, policy
from helpline_mail.config import Settings, load, opening_hours, read_secret
from helpline_mail.config.sections import CATEGORIES, OUTCOMES, SECTORS, BudgetsSection
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.choices import chosen
from helpline_mail.domain.errors import ConfigurationError, CredentialError, HelplineError, MissingFileError
from helpline_mail.domain.opening_hours import HORIZON, Window
from helpline_mail.domain.policy import CHANNELS
from helpline_mail.wire.parse import parse
from helpline_mail.wire.shipped import shipped

EXAMPLE = shipped("config.example.toml").read_text("utf-8")
TODAY = date(2026, 11, 23)
LONDON = ZoneInfo("Europe/London")
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


BUDGETS = list(BudgetsSection.model_fields)


def bounds(key: str) -> tuple[str, str]:
    """The least and the most of a budget, as the example writes them."""
    found = {name: getattr(limit, name) for limit in BudgetsSection.model_fields[key].metadata
             for name in ("ge", "le") if hasattr(limit, name)}  # fmt: skip
    least, most = (
        f'"{found[name].seconds}s"' if isinstance(found[name], timedelta) else f"{found[name]:_}"
        for name in ("ge", "le")
    )
    return least, most


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


def test_the_budgets_are_those_of_the_domain_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    assert budgets(load(written(tmp_path, EXAMPLE), TODAY)) == Budgets()
    text = EXAMPLE
    for model_field in BUDGETS:
        text, found = re.subn(rf"(?m)^{model_field} = .*$", f"{model_field} = {bounds(model_field)[1]}", text)
        assert found == 1
    settings = load(written(tmp_path, text.replace("message_bytes = 50_000_000", "message_bytes = 100_000")), TODAY)
    assert budgets(settings) == Budgets(
        100_000, 1_000_000, 262_144, 5_000, 100, 5_000, 5_000, 1_000, 1_000_000, 20_000, 1_000, 10.0
    )


@pytest.mark.parametrize("key", BUDGETS)
def test_a_budget_has_bounds_and_the_example_names_them(tmp_path: Path, key: str) -> None:
    shown = re.search(rf"(?m)((?:^#.*\n)+)(?:^[a-z].*\n)?^{key} = ", EXAMPLE)
    assert shown is not None
    least, most = bounds(key)
    assert f"{least} to {most}" in shown[1]
    default = re.search(rf"(?m)^{key} = (.*?)  #", EXAMPLE)
    assert default is not None
    for bound, beyond in ((least, -1), (most, +1)):
        load(written(tmp_path, EXAMPLE.replace(f"{key} = {default[1]}", f"{key} = {bound}")), TODAY)
        outside = '"0s"' if bound == '"1s"' else '"11s"' if bound == '"10s"' else int(bound) + beyond
        (line,) = mistakes(tmp_path, EXAMPLE.replace(f"{key} = {default[1]}", f"{key} = {outside}"))
        assert line.startswith(f"budgets.{key}: too ")


@pytest.mark.parametrize("which", [0, 1], ids=["least", "most"])
def test_mail_is_read_at_the_bounds_of_every_budget(tmp_path: Path, which: int) -> None:
    text = EXAMPLE
    for key in BUDGETS:
        text = re.sub(rf"(?m)^{key} = .*$", f"{key} = {bounds(key)[which]}", text)
    chosen = budgets(load(written(tmp_path, text), TODAY))
    head = b"From: Alice <alice@school.sch.uk>\r\nSubject: A pupil\r\n"
    plain = parse(
        head + b"To: " + b", ".join(b"p%d@example.org" % n for n in range(40)) + b"\r\n\r\nWhat now?\r\n", chosen
    )
    assert (plain.text, len(plain.to), plain.defects) == ("What now?", 40, ())
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(chosen.depth)
    )
    assert parse(head + nested + b"\r\nWhat now?\r\n", chosen).text == "What now?"
    deeper = parse(head + b"Content-Type: message/rfc822\r\n\r\n" * (chosen.depth + 10), chosen)
    assert any(f"nested more than {chosen.depth} deep" in defect for defect in deeper.defects)


def test_inspect_reads_by_the_configured_budgets(tmp_path: Path) -> None:
    path = written(tmp_path, EXAMPLE.replace("text_bytes = 250_000", "text_bytes = 50_000"))
    mail = tmp_path / "long.eml"
    mail.write_bytes(b"From: alice@school.sch.uk\n\n" + b"What now?\n" * 6_000)
    done = CliRunner().invoke(cli, ["-c", str(path), "inspect", str(mail), "--json"])
    assert json.loads(done.output)["defects"] == ["only the first 50000 octets of the text were read"]


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
        ("[logging]", "[telemetry]", "telemetry: unknown key; known here: alarms, budgets, database, helpl"),
        ('role = "adviser"', 'rolle = "adviser"', "staff.1.rolle: unknown key; did you mean staff.1.role?"),
        ("until = 2027", "untill = 2027", "opening_hours.closures.1.untill: unknown key; did you mean "),
        ("from = 2026", "form = 2026", "opening_hours.closures.1.from: missing; config.example.toml shows it"),
        ('host = "imap.example.org.uk"', "", "imap.host: missing; config.example.toml shows it"),
        ("Europe/London", "Europe/Londn", 'helpline.time_zone: there is no time zone "Europe/Londn"; write a name'),
        ("Europe/London", "../etc/passwd", 'helpline.time_zone: there is no time zone "../etc/passwd"'),
        ('"helpline@example.org.uk"', '"helpline"', "helpline.address: write an e-mail address such as"),
        ("helpline@", "professionals-helpline@", "helpline.address: the part before the @ is over 18 characters"),
        ('"10:00-16:00"', '"10-16"', 'opening_hours.monday.1: write an opening window such as "10:00-16:00"'),
        ('"10:00-16:00"', '"16:00-10:00"', "opening_hours.monday.1: 16:00-10:00: "),
        ('"10:00-16:00"', '"10:00-25:00"', "opening_hours.monday.1: 10:00-25:00: "),
        ('"10:00-16:00"', '"10:00-16:00", "15:00-17:00"', "on Monday 10:00-16:00 and 15:00-17:00 overlap"),
        ('= "GB-ENG"', '= "GB-LON"', 'opening_hours.bank_holidays: no bank holidays are known for "GB-LON"; known are'),
        ("until = 2027", "until = 2025", "opening_hours.closures.1.until: until is before from; exchange the"),
        ("date = 2022", "day = 2022", "opening_hours.extra_bank_holidays.1.date: missing; config.example.toml shows"),
        ("date = 2022-09-19", 'date = "soon"', "opening_hours.extra_bank_holidays.1.date: input should be a valid"),
        ("not_bank_holidays = []", "not_bank_holiday = []",
         "opening_hours.not_bank_holiday: unknown key; did you mean opening_hours.not_bank_holidays?"),
        ("not_bank_holidays = []", "not_bank_holidays = [2027-06-01, 2027-06-01]",
         "opening_hours.not_bank_holidays.2: the same day stands at opening_hours.not_bank_holidays.1; keep one of"),
        ("not_bank_holidays = []", "not_bank_holidays = [2022-09-19]",
         "opening_hours.not_bank_holidays.1: the same day stands at opening_hours.extra_bank_holidays.1.date; keep"),
        ("[[opening_hours.closures]]",
         '[[opening_hours.extra_bank_holidays]]\ndate = 2022-09-19\nname = "B"\n[[opening_hours.closures]]',
         "opening_hours.extra_bank_holidays.2.date: the same day stands at opening_hours.extra_bank_holidays.1.date"),
        ('response = "3h"', 'response = "3 hours"', 'promise.response: write a duration such as "3h", "90m" or "45s"'),
        ('response = "3h"', 'response = "0h"', "promise.response: too little; the least is over 0s"),
        ('update_every = "2d"', 'update_every = "0d"', 'promise.update_every: write a number of days such as "2d"'),
        ("port = 993", 'port = "993"', "imap.port: input should be a valid integer"),
        ("port = 993", "port = 99300", "imap.port: too much; the most is 65_535"),
        ('tls = "implicit"', 'tls = "ssl"', "imap.tls: input should be 'implicit', 'starttls' or 'none'"),
        ('tls = "implicit"', 'tls = "none"', 'imap.tls: "none" is for servers on this machine only; write "implicit"'),
        ("sqlite:///helpline.db", "mysql://localhost/x", 'database.url: write "sqlite:///FILE" or "postgresql'),
        ("lead@example.org.uk", "adviser@example.org.uk", "staff.2.address: the same address stands at staff.1.addr"),
        ("lead@example.org.uk", "Adviser@example.org.uk", "staff.2.address: the same address stands at staff.1.addr"),
        ("safety@examplebook.example", "lead@example.org.uk", "partners.1.address: the same address stands at staff.2"),
        ("ops@example.org.uk", "helpline@example.org.uk", "alarms.to.1: this is an address of the helpline's own, and"),
        ("ops@example.org.uk", "Helpline@example.org.uk", "alarms.to.1: this is an address of the helpline's own, and"),
        ("adviser@example.org.uk", "helpline+a@example.org.uk", "staff.1.address: this is an address of the"),
        ("helpline@", "help+desk@", "helpline.address: a plus-form is never the helpline's own address; write it"),
        ("[staff_identity]", '[[partners]]\nname = "examplebook"\ntitle = "B"\naddress = "b@b.uk"\n[staff_identity]'
         , "partners.2.name: partners.1 has the same name; give one of them another"),
        ("answer = []", 'answer = ["spam"]', "tickets.outcomes_without_answer.1: it is none of tickets.outcomes; add"),
        ("sectors = []", 'sectors = ["school", "Nudes"]', "tickets.sectors.2: the same name stands in tickets.cat"),
        ("channels = []", 'channels = ["email"]', "tickets.channels.1: the same name stands in the channels that"),
        ("channels = []", 'channels = ["by letter", "Police"]', "tickets.channels.2: the same name stands in"),
        ("categories = []", 'categories = ["school"]', "tickets.sectors: the list that counts if you write none has"),
        ("categories = []", 'categories = ["a", "a"]', "tickets.categories.2: the same name stands in tickets.cat"),
        ("categories = []", f'categories = ["{"a" * 81}"]', "tickets.categories.1: string should have at most 80 char"),
        ('reopen_within = "30d"', 'reopen_within = "0d"', 'tickets.reopen_within: write a number of days such as'),
        ("[helpline]", 'folder = "/tmp"\n[helpline]', "folder: unknown key; known here: alarms, budgets, "),
        ('= "imap-password"', '= "~nosuchuser/pw"', 'imap.password_file: nobody here has a home folder by the name'),
        ('= "imap-password"', '= ""', "imap.password_file: string should have at least 1 character"),
        ('= "signing-keys"', '= "~nosuchuser/k"', "helpline.key_file: nobody here has a home folder by the name of"),
        ('ca_file = ""', 'ca_file = "~nosuchuser/ca"', "imap.ca_file: nobody here has a home folder by the name of"),
        ('templates = ""', 'templates = "a\\u0000b"', "helpline.templates: write the path of a file on one line"),
        ("sqlite:///helpline.db", "sqlite:///~nosuchuser/h.db", "database.url: nobody here has a home folder by the"),
        ("sqlite:///helpline.db", "sqlite:///h.db?mode=ro", 'database.url: write "sqlite:///FILE" or "postgresql+psy'),
        ("sqlite:///helpline.db", "postgresql+psycopg://h:notaport/db", "database.url: cannot be read; write "),
        ("sqlite:///helpline.db", "postgresql+psycopg://h:99999/db", "database.url: the port must be a number from 1"),
        ("= 2026-11-01", "= 0001-01-01", "helpline.start_date: write a day of the years 1970 to 9000"),
        ("= 2026-11-01", "= 1969-12-31", "helpline.start_date: write a day of the years 1970 to 9000"),
        ("= 2026-11-01", "= 9001-01-01", "helpline.start_date: write a day of the years 1970 to 9000"),
        ("= 2026-11-01", "= 2026-11-01T10:00:00", "helpline.start_date: "),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_key_and_what_to_do(tmp_path: Path, old: str, new: str, said: str) -> None:
    lines = mistakes(tmp_path, changed(old, new))
    assert any(said in line for line in lines), lines


@pytest.mark.parametrize("day", ["1970-01-01", "9000-12-31"])
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_every_start_date_that_is_taken_is_an_instant_everywhere(tmp_path: Path, day: str, zone: str) -> None:
    text = changed("= 2026-11-01", f"= {day}").replace("Europe/London", zone, 1)
    recorded_before = policy(load(written(tmp_path, text), TODAY)).recorded_before
    assert recorded_before is not None
    assert recorded_before.utcoffset() == timedelta()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://u:{SECRET.replace(' ', '%20')}@h/db",
        f"postgresql+psycopg://u:{SECRET.replace(' ', '')}@h:notaport/db",
        f"postgresql+psycopg://u@h/db?password={SECRET.split()[0]}",
        f"postgresql+psycopg://u@h/db?sslpassword={SECRET.split()[0]}",
    ],
)
def test_a_password_in_the_url_of_the_database_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    (line,) = mistakes(tmp_path, changed("sqlite:///helpline.db", url))
    assert line.startswith("database.url: ")
    assert "correct" not in line
    assert ("database.password_file" in line) == ("notaport" not in url)


@pytest.mark.parametrize("url", ["postgresql+psycopg://u@h:5432/db?sslmode=verify-full", "postgresql+psycopg:///db"])
def test_a_url_without_a_password_is_taken_as_it_stands(tmp_path: Path, url: str) -> None:
    assert load(written(tmp_path, changed("sqlite:///helpline.db", url)), TODAY).database.url == url


def test_a_plus_form_is_refused_as_the_own_address_without_plus_addresses_too(tmp_path: Path) -> None:
    text = changed("helpline@", "help+desk@").replace("plus_addresses = true", "plus_addresses = false")
    (line,) = mistakes(tmp_path, text)
    assert line.startswith("helpline.address: a plus-form is never")


def test_a_long_address_needs_plus_addresses_to_be_false(tmp_path: Path) -> None:
    text = changed("helpline@", "professionals-helpline@")
    load(written(tmp_path, text.replace("plus_addresses = true", "plus_addresses = false")), TODAY)
    (line,) = mistakes(tmp_path, re.sub(r"(?m)^plus_addresses.*\n", "", text))
    assert line.startswith("helpline.address: the part before the @ is over 18 characters")


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


def test_no_mistake_hides_another(tmp_path: Path) -> None:
    text = changed("port = 993", 'port = 993\ntls = "none"').replace('\ntls = "implicit"', "", 1)
    for old, new in [
        ('"10:00-16:00"', '"10:00-16:00", "15:00-17:00"'), ("until = 2027-01-01", "until = 2025-01-01"),
        ('reason = "Christmas"', "reason = 1"), ("Europe/London", "Mars/Base"), ("helpline@", "help+desk@"),
        ('user = "helpline@example.org.uk"', "user = 1"), ("lead@example.org.uk", "adviser@example.org.uk"),
        ('role = "lead"', 'role = "boss"'), ('= "GB-ENG"', '= "GB-LON"'),
    ]:  # fmt: skip
        assert old in text
        text = text.replace(old, new, 1)
    assert [line.partition(": ")[0] for line in mistakes(tmp_path, text)] == [
        "helpline.address", "helpline.time_zone", "opening_hours.monday", "opening_hours.bank_holidays",
        "opening_hours.closures.1.until", "opening_hours.closures.1.reason", "imap.tls", "imap.user", "staff.2.role",
        "staff.2.address",
    ]  # fmt: skip


def test_a_calendar_that_never_opens_hides_behind_no_other_mistake(tmp_path: Path) -> None:
    text = EXAMPLE.replace('["10:00-16:00"]', "[]").replace("port = 993", "port = 0").replace("Europe/London", "Mars")
    lines = mistakes(tmp_path, text)
    assert [line.partition(": ")[0] for line in lines] == ["helpline.time_zone", "imap.port", "opening_hours"]
    assert "would not open on any day" in lines[-1]


OPEN_ON_MONDAYS_FOR_AN_HOUR = re.sub(
    r'(?m)^(tues|wednes|thurs|fri)day = .*$', r"\1day = []", EXAMPLE.replace('["10:00-16:00"]', '["10:00-11:00"]', 1)
)  # fmt: skip


def test_a_response_that_can_never_be_kept_is_refused(tmp_path: Path) -> None:
    text = OPEN_ON_MONDAYS_FOR_AN_HOUR.replace('response = "3h"', 'response = "100h"')
    (line,) = mistakes(tmp_path, text)
    assert line.startswith("promise.response, opening_hours: the helpline does not open for 100h within 400 days")
    said = mistakes(tmp_path, text.replace("port = 993", "port = 0"))
    assert [line.partition(": ")[0] for line in said] == ["imap.port", "promise.response, opening_hours"]


def test_an_overdue_reminder_that_would_never_come_is_refused(tmp_path: Path) -> None:
    text = OPEN_ON_MONDAYS_FOR_AN_HOUR.replace('["0m", "60m"]', '["100h", "0m"]')
    (line,) = mistakes(tmp_path, text)
    assert line.startswith("promise.overdue_reminders, opening_hours: the helpline does not open for 100h within")
    load(written(tmp_path, text.replace('["100h", "0m"]', "[]")), TODAY)


def test_whatever_response_is_taken_can_be_kept_from_every_instant_of_the_next_days(tmp_path: Path) -> None:
    # 57 Mondays lie in 400 days from a Monday's opening, 56 of them open; from its closing one less.
    hours = opening_hours(load(written(tmp_path, OPEN_ON_MONDAYS_FOR_AN_HOUR), TODAY).opening_hours, LONDON)
    start = datetime.combine(TODAY, time(), LONDON)
    every = [start + timedelta(minutes=30) * half_hours for half_hours in range(48 * 14)]
    least = min(hours.opening_time_between(at, at + HORIZON) for at in every)
    assert least < max(hours.opening_time_between(at, at + HORIZON) for at in every)
    fits = OPEN_ON_MONDAYS_FOR_AN_HOUR.replace('["0m", "60m"]', "[]")
    whole = int(least / timedelta(hours=1))
    load(written(tmp_path, fits.replace('response = "3h"', f'response = "{whole}h"')), TODAY)
    (line,) = mistakes(tmp_path, fits.replace('response = "3h"', f'response = "{whole}h1m"'))
    assert line.startswith("promise.response, opening_hours: ")


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


@pytest.mark.parametrize(("key", "default"), [("outcomes", OUTCOMES), ("categories", CATEGORIES), ("sectors", SECTORS)])
def test_an_empty_list_means_the_one_that_the_example_tells(tmp_path: Path, key: str, default: tuple[str, ...]) -> None:
    told = re.search(rf"Empty: ([^.]*)\.\n{key} = \[\]", EXAMPLE)
    assert told
    assert tuple(" ".join(told[1].replace("\n# ", " ").split()).split(", ")) == default
    assert getattr(policy(load(written(tmp_path, EXAMPLE), TODAY)), key) == default
    own = changed(f"{key} = []", f'{key} = ["one", "another"]')
    assert getattr(policy(load(written(tmp_path, own), TODAY)), key) == ("one", "another")


def test_every_default_outcome_and_category_can_be_chosen_by_its_name_and_stored() -> None:
    for names in (OUTCOMES, (*CATEGORIES, *SECTORS, *CHANNELS)):
        assert [name for name in names if chosen(name, names) != name] == []
        assert len(set(names)) == len(names)
        assert max(map(len, names)) <= 80


def test_channels_of_your_own_stand_beside_those_that_are_always_there(tmp_path: Path) -> None:
    assert policy(load(written(tmp_path, EXAMPLE), TODAY)).channels == CHANNELS
    own = changed("channels = []", 'channels = ["in-person"]')
    assert policy(load(written(tmp_path, own), TODAY)).channels == (*CHANNELS, "in-person")
