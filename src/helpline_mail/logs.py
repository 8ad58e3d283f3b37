"""The log: one line an event, with counts and reasons, never content, names or addresses."""

import logging
import os
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
_BROKEN = (OSError, ValueError, AttributeError)
"""What standard error raises whose reader has ended, that is closed, or that is None as it never was open."""


def configure(form: str, level: str) -> None:
    """Sends events to standard error, as text or JSON; with journald's priorities where systemd reads them."""
    journald = "JOURNAL_STREAM" in os.environ
    output = _StandardError()
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=output.isatty() and not journald)
    )
    processors: list[Any] = [structlog.processors.add_log_level, _where_it_failed]
    if not journald:
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    structlog.configure(
        processors=[*processors, _with_priority(renderer) if journald else renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(output),  # type: ignore[arg-type]
    )
    # Libraries may put addresses or protocol lines into theirs.
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(logging.CRITICAL)


class _StandardError:
    """Standard error that may break: whoever reads the log must not be able to stop the service by ending."""

    def write(self, text: str) -> None:
        """Writes, or does without."""
        with suppress(*_BROKEN):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Flushes, or does without."""
        with suppress(*_BROKEN):
            sys.stderr.flush()

    def isatty(self) -> bool:
        """Whether a person reads it."""
        with suppress(*_BROKEN):
            return sys.stderr.isatty()
        return False


def _where_it_failed(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The places of a traceback without the exception's text, which may hold an address or a mail's words."""
    if event.pop("exc_info", None):
        frames = traceback.extract_tb(sys.exc_info()[2])
        event["at"] = " > ".join(f"{Path(f.filename).name}:{f.lineno}" for f in frames[-8:])
    return event


def _with_priority(renderer: Any) -> Any:
    def render(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        priority = _PRIORITIES.get(str(event.get("level")), 6)
        return f"<{priority}>{renderer(logger, method, event)}"

    return render
