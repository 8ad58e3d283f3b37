"""The daemon: loops without memory. A thread holds the mailbox; ticks and wake-ups ask SQL what is due.

A server that is down or refuses the password is an alarm and a backoff, never an end.
"""

import asyncio
import random
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from helpline_mail.adapters import systemd
from helpline_mail.adapters.imap import ImapMailbox
from helpline_mail.adapters.smtp import SubmissionServer
from helpline_mail.adapters.store import ledger
from helpline_mail.composition import Parts, mailbox, submission_server
from helpline_mail.domain.errors import CredentialError, HelplineError, InputOutputError, MissingFolderError
from helpline_mail.service.alarms import MAILBOX, SENT_FOLDER, end_alarm, missing_sent_folder, raise_alarm
from helpline_mail.service.collect import Collected, Doubts, collect
from helpline_mail.service.holidays import watch_holidays
from helpline_mail.service.replan import replan
from helpline_mail.service.submit import submit
from helpline_mail.service.sweep import SWEEP
from helpline_mail.service.triage import triage

TICK_SECONDS = {"triage": 5, "remind": 15, "submit": 2}
"""How often each loop looks at SQL when nothing wakes it sooner."""
BACKOFF_SECONDS = (2.0, 60.0)
DRAIN_SECONDS = 15.0
CATCH_UP_SECONDS = 60.0
"""So long, at its start, what is due by time waits for the mail that came while nobody ran."""
log = structlog.get_logger()


class Daemon:
    """All loops of one instance."""

    def __init__(self, parts: Parts, reader: ImapMailbox, submitter: SubmissionServer) -> None:
        self._parts, self._reader, self._submitter = parts, reader, submitter
        self._wake = {name: asyncio.Event() for name in TICK_SECONDS}
        self._stopping = threading.Event()
        self._stop = asyncio.Event()
        self._has_replanned = False
        self._has_read = threading.Event()

    def stop(self) -> None:
        """Asks every loop to finish what it has in hand."""
        self._stopping.set()
        self._stop.set()
        for event in self._wake.values():
            event.set()

    async def run(self) -> None:
        """Works until `stop`, then drains. Raises RuntimeError if a loop ended by itself: better none than half."""
        loop = asyncio.get_running_loop()
        collector = threading.Thread(target=self._collect_forever, args=(loop,), name="collect", daemon=True)
        scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for name, seconds in TICK_SECONDS.items():
            scheduler.add_job(self._wake[name].set, _Tick(seconds), id=name)
            self._wake[name].set()  # what fell due while nobody ran is due now
        workers = [
            asyncio.create_task(self._work_forever("triage", self._triage)),
            asyncio.create_task(self._work_forever("remind", self._remind)),
            asyncio.create_task(self._work_forever("submit", self._submit)),
        ]
        collector.start()
        scheduler.start()
        systemd.notify("READY=1")
        log.info("started")
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stopped, *workers], return_when=asyncio.FIRST_COMPLETED)
        broken = not self._stopping.is_set()  # nobody asked: a loop has ended, which none may
        self.stop()
        await stopped
        systemd.notify("STOPPING=1")
        scheduler.shutdown(wait=False)
        _, unfinished = await asyncio.wait(workers, timeout=DRAIN_SECONDS)
        for worker in unfinished:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await self._submitter.close()
        await asyncio.to_thread(collector.join, 3.0)
        self._parts.store.close()
        log.info("stopped")
        if broken:
            raise RuntimeError("a loop has ended")

    async def _work_forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """One loop: waits to be woken, works, and takes nothing that happens as a reason to end."""
        failures = 0
        while not self._stopping.is_set():
            with suppress(TimeoutError):  # the scheduler waits by the wall clock, for long once that is set back
                await asyncio.wait_for(self._wake[name].wait(), 2 * TICK_SECONDS[name])
            self._wake[name].clear()
            try:
                if said := await asyncio.to_thread(self._parts.clock.look):
                    log.warning(said)
                await work()
                failures = 0
            except Exception as error:  # the next tick looks at SQL again, whatever went wrong now
                failures += 1
                text = str(error) if isinstance(error, HelplineError) else f"our own fault: {type(error).__name__}"
                log.error(f"{name} failed", error=text, exc_info=not isinstance(error, HelplineError))
                await self._note(name, f"{name}: {text}")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), _backoff(failures))
                continue
            await self._clear(name)

    async def _triage(self) -> None:
        parts = self._parts
        done = await asyncio.to_thread(
            triage, parts.store, parts.correspondence, parts.budgets, parts.clock, self._stopping
        )
        if done.triaged or done.quarantined or done.failed:
            log.info("triaged", messages=done.triaged, quarantined=done.quarantined, failed=done.failed)
        if done.triaged or done.quarantined:
            self._wake["submit"].set()

    async def _remind(self) -> None:
        parts = self._parts
        if not self._has_replanned:  # the calendar is read once, when the process starts
            moved = await asyncio.to_thread(replan, parts.store, parts.correspondence, parts.clock)
            if moved:
                log.warning("deadlines moved with the calendar", clocks=moved)
            self._has_replanned = True
            await asyncio.to_thread(self._catch_up)
        for work in SWEEP:
            if queued := await asyncio.to_thread(work, parts.store, parts.correspondence, parts.clock):
                log.info(work.__name__, number=queued)
                self._wake["submit"].set()
        if await asyncio.to_thread(watch_holidays, parts.store, parts.correspondence, parts.clock):
            self._wake["submit"].set()

    def _catch_up(self) -> None:
        """Waits until the mail is filed that came while nobody ran: it may hold the answers that seem to be due.

        Not for long: staff are reminded also while the mailbox cannot be read.
        """
        until = time.monotonic() + CATCH_UP_SECONDS
        while time.monotonic() < until and not self._stopping.is_set():
            if self._has_read.wait(0.2) and not self._waits_to_be_filed():
                return
            self._stopping.wait(0.2)

    def _waits_to_be_filed(self) -> bool:
        with self._parts.store.read() as connection:
            return ledger.waits(connection)

    async def _submit(self) -> None:
        parts = self._parts
        at_once = parts.settings.smtp.connections
        done = await submit(parts.store, self._submitter, parts.correspondence, parts.clock, at_once, self._stopping)
        if done.tried:
            log.info("submitted", mails=done.tried)
        if done.unreachable:
            log.warning("mail server unavailable", reason=done.unreachable.reason)
            await self._note("mail_server", done.unreachable.reason)
        elif done.tried:
            await self._clear("mail_server")

    async def _note(self, cause: str, text: str) -> None:
        """Raises an alarm; where even that fails the log line has to do, and the loop goes on."""
        with _logged("alarm failed"):
            await asyncio.to_thread(
                raise_alarm, self._parts.store, self._parts.correspondence, cause, text, self._parts.clock
            )

    async def _clear(self, cause: str) -> None:
        with _logged("end of alarm failed"):
            await asyncio.to_thread(end_alarm, self._parts.store, self._parts.correspondence, cause, self._parts.clock)

    def _collect_forever(self, loop: asyncio.AbstractEventLoop) -> None:
        """The mailbox's own thread. If it ever ended by itself, the daemon would be blind: then it ends as well."""
        try:
            self._collect_until_stopped(loop)
        finally:
            if not self._stopping.is_set():
                _wake(loop, self._stop)

    def _collect_until_stopped(self, loop: asyncio.AbstractEventLoop) -> None:
        """A pass, then IDLE until something may have changed.

        A message that does not come is a failure as well: a server that gives nothing gets longer and longer pauses.
        """
        doubts, failures = Doubts(), 0
        sent = _SentFolder(self._parts, self._reader) if self._parts.settings.imap.sent_folder else None
        if sent is None:
            with _logged("end of alarm failed"):
                end_alarm(self._parts.store, self._parts.correspondence, SENT_FOLDER, self._parts.clock)
        while not self._stopping.is_set():
            before = doubts.stored
            try:
                done = self._collect(doubts)
                failures = 0 if done.stored or not done.in_doubt else failures + 1
                whole = sent is None or sent.look(self._stopping)
                if done.stored or (sent and sent.stored):
                    _wake(loop, self._wake["triage"])
                if not whole:
                    continue  # the connection may be gone, and waiting would count as the mailbox's failure
                if done.in_doubt:
                    self._stopping.wait(_backoff(failures))
                elif not done.stored:
                    self._has_read.set()
                    self._reader.wait(self._parts.settings.imap.poll_every.total_seconds(), self._stopping)
            except Exception as error:  # a broken mailbox must not end the thread that would find it mended
                failures = failures + 1 if doubts.stored == before else 1
                self._collect_failed(error, failures)
        self._reader.close()

    def _collect(self, doubts: Doubts) -> Collected:
        parts = self._parts
        done = collect(parts.store, self._reader, parts.settings.imap.folder, parts.limits, doubts, parts.clock)
        if done.stored:
            log.info("collected", messages=done.stored)
        if done.renumbered:
            log.warning("mailbox renumbered")
        if done.in_doubt:
            log.warning("the server would not give some messages", in_doubt=done.in_doubt)
        if done.stored or not done.in_doubt:
            end_alarm(parts.store, parts.correspondence, MAILBOX, parts.clock)
        return done

    def _collect_failed(self, error: Exception, failures: int) -> None:
        if self._stopping.is_set():
            return
        text = str(error) if isinstance(error, HelplineError) else f"our own fault: {type(error).__name__}"
        log.error("collect failed", error=text, exc_info=not isinstance(error, HelplineError))
        if not isinstance(error, InputOutputError) and (failures > 1 or isinstance(error, CredentialError)):
            # One broken connection is everyday life; the second in a row is trouble.
            with _logged("alarm failed"):
                raise_alarm(self._parts.store, self._parts.correspondence, MAILBOX, text, self._parts.clock)
        self._stopping.wait(_backoff(failures))


class _Tick(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Every so many seconds. The library's own counts every tick that lies between, for minutes if the clock jumps."""

    def __init__(self, seconds: int) -> None:
        self._every = timedelta(seconds=seconds)

    def get_next_fire_time(self, _previous: datetime | None, now: datetime) -> datetime:
        """Counted from now."""
        return now + self._every


class _SentFolder:
    """The folder of sent mail, looked at between two looks at the mailbox. Its trouble is its own alarm."""

    def __init__(self, parts: Parts, reader: ImapMailbox) -> None:
        self._parts, self._reader = parts, reader
        self._doubts = Doubts()
        self._failures = 0
        self._next_look = 0.0
        self.stored = 0
        """How many mails the last look found."""

    def look(self, stopping: threading.Event) -> bool:
        """Reads what is new there, every `poll_every`. False if it could not, and the connection may be gone."""
        self.stored = 0
        if stopping.is_set() or time.monotonic() < self._next_look:
            return True
        settings, before = self._parts.settings.imap, self._doubts.stored
        self._next_look = time.monotonic() + settings.poll_every.total_seconds()
        try:
            done = collect(
                self._parts.store, self._reader, settings.sent_folder, self._parts.limits, self._doubts,
                self._parts.clock, is_sent=True,
            )  # fmt: skip
            if done.stored or not done.in_doubt:
                end_alarm(self._parts.store, self._parts.correspondence, SENT_FOLDER, self._parts.clock)
            self._failures = 0
        except Exception as error:  # nothing that is wrong with this folder may end the reading of the mailbox
            self._failed(error, stopping)
            return False
        finally:
            self.stored = self._doubts.stored - before
        if self.stored:
            log.info("collected from the sent folder", messages=self.stored)
        return True

    def _failed(self, error: Exception, stopping: threading.Event) -> None:
        if stopping.is_set():
            return
        self._failures += 1
        text = str(error) if isinstance(error, HelplineError) else f"our own fault: {type(error).__name__}"
        log.error("sent folder failed", error=text, exc_info=not isinstance(error, HelplineError))
        if isinstance(error, MissingFolderError):
            text = missing_sent_folder(error)
        elif isinstance(error, InputOutputError) or self._failures == 1:
            return
        with _logged("alarm failed"):
            raise_alarm(self._parts.store, self._parts.correspondence, SENT_FOLDER, text, self._parts.clock)


@contextmanager
def _logged(event: str) -> Iterator[None]:
    """Nothing that goes wrong in here may end a loop."""
    try:
        yield
    except Exception as error:
        log.error(event, error=type(error).__name__)


def _wake(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    with suppress(RuntimeError):  # the loop has ended: there is nobody to wake
        loop.call_soon_threadsafe(event.set)


def _backoff(failures: int) -> float:
    first, last = BACKOFF_SECONDS
    return min(first * 2.0 ** min(failures - 1, 6), last) * (0.8 + 0.4 * random.random())  # noqa: S311  jitter


async def run(parts: Parts) -> None:
    """Runs until SIGTERM or SIGINT."""
    daemon = Daemon(parts, mailbox(parts.settings), submission_server(parts.settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop)
    await daemon.run()
