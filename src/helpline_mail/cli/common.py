"""What commands share: the configuration, the time, JSON and tables."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from helpline_mail.domain.errors import BadInputError

if TYPE_CHECKING:
    from helpline_mail.adapters.store.engine import Store
    from helpline_mail.composition import Parts
    from helpline_mail.config import Settings


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


class Context:
    """The configuration that a command works with, named before or after the command's name."""

    def __init__(self, config: str | None) -> None:
        self.config = config

    def settings(self) -> "Settings":
        """The configuration. Raises MissingFileError or ConfigurationError."""
        from pathlib import Path

        from helpline_mail.composition import utc_now
        from helpline_mail.config import default_path, load

        return load(Path(self.config) if self.config else default_path(), utc_now().date())

    def parts(self) -> "Parts":
        """Everything but the servers, with the database ready."""
        from helpline_mail.composition import assemble

        return assemble(self.settings())

    def store(self) -> "Store":
        """The database at the revision of this version."""
        from helpline_mail.adapters.store.revision import require_current
        from helpline_mail.composition import open_store

        store = open_store(self.settings())
        require_current(store)
        return store


def configured(function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the context, and `-c` also behind its name."""

    def set_config(context: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value:
            context.obj.config = value

    option = click.option(
        "-c", "--config", metavar="FILE", expose_value=False, callback=set_config, help="The configuration file."
    )
    return option(click.pass_obj(function))


def now() -> datetime:
    """The time of this machine's clock."""
    from helpline_mail.composition import utc_now

    return utc_now()


def typed_reference(text: str) -> str:
    """A ticket's reference as it was typed. Raises BadInputError for text that no database would take as one."""
    if not text.isprintable():
        raise BadInputError(f"there is no ticket {shown(text)}; see: helpline-mail ticket list")
    return text


def shown(text: str) -> str:
    """Text that somebody typed, short and printable: an error about it stays one line."""
    return "".join(character if character.isprintable() else "�" for character in text[:60])


def plain(value: Any) -> Any:
    """A value as JSON has it: instants in UTC with `Z`, octets as text, a file's name as far as it is text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, datetime):
        from datetime import UTC

        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Prints a value as JSON."""
    click.echo(json.dumps(plain(value), indent=indent, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Prints rows under headings, or one sentence if there are none. Values are shown, never interpreted."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    if table.row_count:
        Console(soft_wrap=False).print(table)
    else:
        click.echo(empty)


def local(at: datetime | None, settings: "Settings") -> str:
    """`Tue 24 Nov 13:00` in the helpline's time zone, or a dash."""
    return at.astimezone(settings.zone).strftime("%a %d %b %Y %H:%M") if at else "-"
