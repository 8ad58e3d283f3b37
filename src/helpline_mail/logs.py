"""The log: one line an event, with counts and reasons, never content, names or addresses."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_PRIORITIES = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}


def configure(form: str, level: str) -> None:
    """Sends events to standard error, as text or JSON; with journald's priorities where systemd reads them."""
    journald = "JOURNAL_STREAM" in os.environ
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty() and not journald)
    )
    processors: list[Any] = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
    if not journald:
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    structlog.configure(
        processors=[*processors, _with_priority(renderer) if journald else renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # Libraries may put addresses or protocol lines into theirs.
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(logging.CRITICAL)


def _with_priority(renderer: Any) -> Any:
    def render(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        priority = _PRIORITIES.get(str(event.get("level")), 6)
        return f"<{priority}>{renderer(logger, method, event)}"

    return render
