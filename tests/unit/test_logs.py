"""The log: it cannot stop the service, and it holds no words of a mail."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import pytest
import structlog

from helpline_mail import logs

SECRET = "alice@school.sch.uk wrote: please help"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What `configure` changes for the whole process is put back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(params=["its reader has ended", "its disk is full", "it is closed", "there is none"])
def broken(request: pytest.FixtureRequest) -> Iterator[TextIO | None]:
    """A standard error that takes nothing."""
    if request.param == "there is none":
        yield None  # as Python has it in a process that was started with `2>&-`
        return
    if request.param == "its disk is full":
        stream: TextIO = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115  closed below
    else:
        reader, writer = os.pipe()
        stream = os.fdopen(writer, "w", buffering=1)
        os.close(reader)
    if request.param == "it is closed":
        stream.close()
    with pytest.raises((OSError, ValueError)):
        print("nothing", file=stream, flush=True)
    yield stream
    with suppress(OSError):
        stream.close()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_broken_standard_error_does_not_raise(
    monkeypatch: pytest.MonkeyPatch, broken: TextIO | None, form: str
) -> None:
    monkeypatch.setattr(sys, "stderr", broken)
    logs.configure(form, "info")
    structlog.get_logger().info("started")
    try:
        fail()
    except LookupError:
        structlog.get_logger().error("submit failed", exc_info=True)


def test_the_log_goes_on_when_standard_error_works_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: TextIO | None
) -> None:
    working = sys.stderr
    monkeypatch.setattr(sys, "stderr", broken)
    logs.configure("json", "info")
    structlog.get_logger().info("lost")
    monkeypatch.setattr(sys, "stderr", working)
    structlog.get_logger().info("kept")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["kept"]


def fail() -> None:
    raise LookupError(SECRET)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("journald", [True, False])
def test_a_traceback_is_places_and_never_the_exceptions_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str, journald: bool
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if journald:
        monkeypatch.setenv("JOURNAL_STREAM", "8:1234")
    logs.configure(form, "info")
    try:
        try:
            fail()
        except LookupError as error:
            raise RuntimeError(f"because {SECRET}") from error
    except RuntimeError:
        structlog.get_logger().error("submit failed", error="our own fault: RuntimeError", exc_info=True)
    (line,) = capsys.readouterr().err.splitlines()
    here = Path(__file__).name
    raised_at = next(n for n, text in enumerate(Path(__file__).read_text().splitlines(), 1) if "because {" in text)
    assert f"{here}:{raised_at}" in line
    assert "submit failed" in line
    assert line.startswith("<3>") is journald
    for word in ("alice", "wrote", "please", "because", "Traceback", str(Path(__file__).parent)):
        assert word not in line
