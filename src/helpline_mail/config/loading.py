"""From a file to settings, or to one line for each mistake: its key, what is wrong, what to do."""

import difflib
import tomllib
from datetime import date
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from helpline_mail.config.across import across
from helpline_mail.config.sections import Settings
from helpline_mail.domain.errors import ConfigurationError, MissingFileError


def default_path() -> Path:
    """Where the configuration stands if nobody says: here, else /etc."""
    here = Path("config.toml")
    return here if here.exists() else Path("/etc/helpline-mail/config.toml")


def load(path: Path, today: date) -> Settings:
    """The settings in a file. Raises MissingFileError or ConfigurationError with one line for each mistake.

    `today` is where the search for an open day starts: a calendar that never opens is a mistake, and so is a promise
    that it leaves no time for.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise MissingFileError(
            f"{path}: no such configuration; write one with: helpline-mail init {path.parent}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path}: cannot be read ({why}); name a config.toml that you may read") from None
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from None
    settings, mistakes = None, []
    try:
        settings = Settings.model_validate(table, context={"folder": path.absolute().parent})
    except ValidationError as error:
        mistakes = _mistakes(error)
    mistakes += across(table, today)
    if settings is None or mistakes:
        raise ConfigurationError("\n".join(f"{path}: {' '.join(line.splitlines())}" for line in mistakes))
    return settings


def _mistakes(error: ValidationError) -> list[str]:
    lines = []
    for mistake in error.errors(include_url=False, include_input=False):
        keys = [_shown_key(part) for part in mistake["loc"]]
        key = ".".join(keys)
        match mistake["type"]:
            case "extra_forbidden":
                lines.append(f"{key}: unknown key{_nearest(keys)}")
            case "missing":
                lines.append(f"{key}: missing; config.example.toml shows it")
            case "value_error":
                lines.append(f"{key}: {mistake['ctx']['error']}")
            case "greater_than_equal" | "greater_than":
                lines.append(f"{key}: too little; the least is {_spoken(mistake['ctx'])}")
            case "less_than_equal":
                lines.append(f"{key}: too much; the most is {_spoken(mistake['ctx'])}")
            case _:
                lines.append(f"{key}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}")
    return lines


def _spoken(context: dict[str, Any]) -> str:
    """A limit as it is written in the file."""
    name, limit = next((name, limit) for name, limit in context.items() if name in ("ge", "gt", "le"))
    if isinstance(limit, int | float):
        return f"{limit:_}"
    written = f"{str(limit).partition(' ')[0]}s"  # pydantic says "10 seconds" of a duration
    return f"over {written}" if name == "gt" else written


def _shown_key(part: int | str) -> str:
    return str(part + 1) if isinstance(part, int) else part


def _nearest(keys: list[str]) -> str:
    """`; did you mean promise.response?` for a key nearly known, else the keys known there."""
    section: type[BaseModel] = Settings
    for key in keys[:-1]:
        if not key.isdigit():
            section = _section_of(section, key)
    known = sorted(field.alias or name for name, field in section.model_fields.items())
    near = difflib.get_close_matches(keys[-1], known, n=1)
    return f"; did you mean {'.'.join([*keys[:-1], *near])}?" if near else f"; known here: {', '.join(known)}"


def _section_of(section: type[BaseModel], key: str) -> type[BaseModel]:
    """The model behind a key, also inside `tuple[Model, ...]`."""
    for name, model_field in section.model_fields.items():
        if key in (name, model_field.alias):
            candidates = [model_field.annotation, *get_args(model_field.annotation)]
            return next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    raise LookupError(key)
