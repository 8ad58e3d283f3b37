"""Where templates run: nothing in them can reach more than the values that they are given."""

from collections.abc import Callable

from jinja2 import FunctionLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import SandboxedEnvironment

from helpline_mail.wire import printable


def sandbox(load: Callable[[str], tuple[str, str, None] | None]) -> SandboxedEnvironment:
    """An environment whose templates come from `load`: their source and the file's name, or None if there is none."""
    environment = SandboxedEnvironment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html", "html.j2"), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["line"] = printable.line
    return environment
