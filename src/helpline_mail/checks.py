"""What `check` looks at, one finding each: what it is, a line that says how, an exit code if it is not well."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from helpline_mail.adapters.store import revision
from helpline_mail.composition import mailbox, open_store, policy, submission_server, trusted
from helpline_mail.config import Settings
from helpline_mail.domain.bank_holidays import REMEDY, shortage
from helpline_mail.domain.errors import ConfigurationError, HelplineError, MissingFolderError
from helpline_mail.domain.promise import spoken_moment
from helpline_mail.service.alarms import missing_sent_folder
from helpline_mail.wire.templates import Templates


class Finding(NamedTuple):
    """One line of `check`. A warning is well for now, and will not be for ever."""

    what: str
    text: str
    exit_code: int = 0
    is_warning: bool = False


def findings(settings: Settings, *, offline: bool, now: datetime) -> Iterator[Finding]:
    """Each finding; its exit code is 0 if all is well. Offline, no server and no database is asked."""
    yield Finding("configuration", "every key is known and makes sense")
    yield _finding("templates", lambda: _templates(settings))
    yield _finding("staff", lambda: _staff(settings))
    yield _finding("clock", lambda: _clock(settings, now))
    yield _finding("calendar", lambda: _calendar(settings, now))
    yield _holidays(settings, now)
    if offline:
        return
    yield _finding("database", lambda: _database(settings))
    yield _finding("imap", lambda: _imap(settings))
    yield _finding("smtp", lambda: _smtp(settings))


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, look())
    except HelplineError as error:
        return Finding(what, str(error).removeprefix(f"{what}: "), error.exit_code)


def _templates(settings: Settings) -> str:
    folder = settings.path(settings.helpline.templates) if settings.helpline.templates else None
    templates = Templates(folder)
    if problems := templates.check():
        raise ConfigurationError("; ".join(problems))
    return f"all mails can be written, and {len(templates.signposts())} signposting texts can be sent"


def _staff(settings: Settings) -> str:
    if policy(settings).staff_can_answer:
        return f"{len(settings.staff)} can answer by mail"
    return (
        f"{len(settings.staff)} are told, and none can answer by mail: set staff_identity.authserv_id to the name that "
        "your mail server writes first in Authentication-Results"
    )


def _calendar(settings: Settings, now: datetime) -> str:
    hours = policy(settings).hours
    if hours.is_open(now):
        return "open now"
    return f"next open at {spoken_moment(hours.next_opening(now), now, hours.time_zone)}"


def _holidays(settings: Settings, now: datetime) -> Finding:
    decided, division = policy(settings), settings.opening_hours.bank_holidays
    if not division:
        return Finding("holidays", "none but those in opening_hours.extra_bank_holidays")
    if found := shortage(decided.hours, decided.response, now):
        text = f"opening_hours.bank_holidays: {division}: {found.text}; {REMEDY}"
        return Finding("holidays", text, ConfigurationError.exit_code if found.is_over else 0, not found.is_over)
    return Finding("holidays", f"those of {division} are known to {decided.hours.holidays_known_to}")


def _clock(settings: Settings, now: datetime) -> str:
    trusted(lambda: now, settings)()
    return f"it is {now.astimezone(settings.zone):%H:%M on %d %B %Y} at the helpline"


def _database(settings: Settings) -> str:
    store = open_store(settings)
    try:
        at, wanted = revision.current(store), revision.head()
        if at not in (None, wanted):
            raise ConfigurationError(f"at revision {at}, this version needs {wanted}; run: helpline-mail db upgrade")
        return f"at revision {at}" if at else "empty; it is made ready at the first start"
    finally:
        store.close()


def _imap(settings: Settings) -> str:
    reader = mailbox(settings)
    try:
        status = reader.examine(settings.imap.folder)
        held = f"{settings.imap.folder} holds {status.exists} messages"
        if not (sent_folder := settings.imap.sent_folder):
            return held
        try:
            return f"{held}, {sent_folder} {reader.examine(sent_folder).exists}"
        except MissingFolderError as error:
            raise MissingFolderError(missing_sent_folder(error)) from None
    finally:
        reader.close()


def _smtp(settings: Settings) -> str:
    asyncio.run(submission_server(settings).check())
    return "the server takes our login"
