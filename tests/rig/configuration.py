"""A configuration file for the daemon that fits the rig's servers."""

import json
from datetime import date
from pathlib import Path
from typing import Any

from tests.rig.mail_servers import ADVISER, HELPLINE, LEAD, OPERATOR, PARTNER, MailServers

OFFICE_HOURS = ["10:00-16:00"]

HELPLINE_SECTION = {
    "name": "Professionals Online Safety Helpline",
    "address": HELPLINE,
    "reference_prefix": "POSH",
    "telephone": "0844 381 4772",
    "skype": "professionalshelpline",
    "time_zone": "Europe/London",
    "start_date": date(2020, 1, 1),  # before anything that a test appends
}
OPENING_HOURS = {
    **dict.fromkeys(["monday", "tuesday", "wednesday", "thursday", "friday"], OFFICE_HOURS),
    "bank_holidays": "GB-ENG",
    "closures": [{"from": date(2026, 12, 24), "until": date(2027, 1, 1), "reason": "Christmas"}],
}
PROMISE = {
    "response": "3h",
    "reminders": ["90m", "30m", "10m"],
    "overdue_reminders": ["0m", "60m"],
    "update_every": "2d",
}
STAFF = [
    {"name": "First Adviser", "address": ADVISER, "role": "adviser"},
    {"name": "Team Lead", "address": LEAD, "role": "lead"},
]
PARTNERS = [{"name": "examplebook", "title": "Examplebook safety team", "address": PARTNER}]


def helpline_config(servers: MailServers, folder: Path, database_url: str, **changes: Any) -> Path:
    """Write `config.toml` and its two password files into `folder`. Returns the configuration's path.

    A change is a section's name with the keys to change in it (`promise={"response": "1h"}`), or with a whole
    new list for `staff` and `partners`. The value None leaves the section or the key out.
    """
    sections = _sections(servers, database_url)
    for name, change in changes.items():
        sections[name] = {**sections.get(name, {}), **change} if isinstance(change, dict) else change
    for name in ("imap-password", "smtp-password"):
        _write_private(folder / name, servers.password(HELPLINE) + "\n")
    return _write_private(folder / "config.toml", _toml(sections))


def _sections(servers: MailServers, database_url: str) -> dict[str, Any]:
    login = {"host": servers.host, "tls": "implicit", "user": HELPLINE, "ca_file": str(servers.ca_file)}
    return {
        "helpline": HELPLINE_SECTION,
        "opening_hours": OPENING_HOURS,
        "promise": PROMISE,
        "imap": {
            **login,
            "port": servers.imaps_port,
            "password_file": "imap-password",
            "folder": "INBOX",
            "sent_folder": "Sent",
            "poll_every": "1s",
        },
        "smtp": {**login, "port": servers.submissions_port, "password_file": "smtp-password"},
        "database": {"url": database_url},
        "staff": STAFF,
        "partners": PARTNERS,
        "staff_identity": {"authserv_id": "", "require": "token"},
        "rations": {"per_address": 3, "per_domain": 30, "total": 300},
        "alarms": {"to": [OPERATOR]},
    }


def _write_private(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
    return path


def _toml(sections: dict[str, Any]) -> str:
    return "\n".join(_table(name, content) for name, content in sections.items() if content is not None)


def _table(name: str, content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(f"[[{name}]]\n{_lines(item)}" for item in content)
    # Plain keys first: after the header of a sub-table they would belong to that.
    nested = {key: value for key, value in content.items() if _is_table(value)}
    plain = {key: value for key, value in content.items() if key not in nested}
    return f"[{name}]\n{_lines(plain)}" + "".join(_table(f"{name}.{key}", nested[key]) for key in nested)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _lines(content: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in content.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    # For text, numbers, booleans and lists of them JSON is TOML.
    return json.dumps(value, ensure_ascii=False)
