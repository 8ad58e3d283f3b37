"""What `check` looks at, one finding each: what it is, a line that says how, an exit code if it is not well."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import datetime

from helpline_mail.adapters.store import revision
from helpline_mail.composition import mailbox, open_store, policy, submission_server, trusted
from helpline_mail.config import Settings
from helpline_mail.domain.errors import ConfigurationError, HelplineError, MissingFolderError
from helpline_mail.domain.promise import spoken_moment
from helpline_mail.service.alarms import missing_sent_folder
from helpline_mail.wire.bank_holidays import known_until
from helpline_mail.wire.templates import Templates

Finding = tuple[str, str, int]


def findings(settings: Settings, *, offline: bool, now: datetime) -> Iterator[Finding]:
    """Each finding as (what, text, exit code), where 0 is well. Offline, no server and no database is asked."""
    yield "configuration", "every key is known and makes sense", 0
    yield _finding("templates", lambda: _templates(settings))
    yield _finding("staff", lambda: _staff(settings))
    yield _finding("clock", lambda: _clock(settings, now))
    yield _finding("calendar", lambda: _calendar(settings, now))
    if offline:
        return
    yield _finding("database", lambda: _database(settings))
    yield _finding("imap", lambda: _imap(settings))
    yield _finding("smtp", lambda: _smtp(settings))


def _finding(what: str, look: Callable[[], str]) -> Finding:
    try:
        return what, look(), 0
    except HelplineError as error:
        return what, str(error).removeprefix(f"{what}: "), error.exit_code


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
    opens = f"next open at {spoken_moment(hours.next_opening(now), now, hours.time_zone)}"
    division = settings.opening_hours.bank_holidays
    year = known_until(division) if division else None
    if division and year is not None and year <= now.year:
        raise ConfigurationError(
            f"opening_hours.bank_holidays: {division} is known to {year} only; upgrade the holidays package"
        )
    return "open now" if hours.is_open(now) else opens


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
