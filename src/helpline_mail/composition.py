"""The composition root: from the configuration to the concrete parts. Only this file and the daemon know them all."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from time import CLOCK_BOOTTIME, clock_gettime

from helpline_mail.adapters.imap import ImapMailbox, tls_context
from helpline_mail.adapters.signing_keys import Key, parsed, rotate, write_first
from helpline_mail.adapters.smtp import SubmissionServer
from helpline_mail.adapters.store import ledger, revision
from helpline_mail.adapters.store.engine import Store
from helpline_mail.config import Settings, credential, opening_hours, read_secret
from helpline_mail.config.sections import CATEGORIES, OUTCOMES, SECTORS, WITHOUT_ANSWER
from helpline_mail.domain.budgets import Budgets
from helpline_mail.domain.errors import ConfigurationError, CredentialError, MissingFileError, TryLaterError
from helpline_mail.domain.message import Address
from helpline_mail.domain.policy import CHANNELS, Partner, Policy, StaffMember
from helpline_mail.domain.rations import Rations
from helpline_mail.domain.responder import OwnAddresses
from helpline_mail.domain.threads import Signer
from helpline_mail.service.collect import CollectLimits
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.timekeeping import Timekeeper, timekeeper
from helpline_mail.wire.templates import Templates

RESTORE_KEYS = "restore the file from a backup, or remove it if this installation has never sent a mail"
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time than this software's own."""
ADDRESS_HOURS_A_DAY = 8
"""A day's ration of one address in hours' rations, so that an unmarked robot is not answered all day."""


def seconds_counted() -> float:
    """Seconds since this machine started, also those that it slept; setting the clock does not change them."""
    return clock_gettime(CLOCK_BOOTTIME)


def utc_now() -> datetime:
    """The time of this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the services of one installation work with."""

    settings: Settings
    store: Store
    correspondence: Correspondence
    limits: CollectLimits
    budgets: Budgets
    clock: Timekeeper


def policy(settings: Settings) -> Policy:
    """The operator's decisions as the domain takes them."""
    zone, start = settings.zone, settings.helpline.start_date
    outcomes = settings.tickets.outcomes or OUTCOMES
    return Policy(
        helpline=Address(settings.helpline.address, settings.helpline.name),
        own=OwnAddresses(settings.helpline.address),
        reference_prefix=settings.helpline.reference_prefix,
        telephone=settings.helpline.telephone,
        skype=settings.helpline.skype,
        hours=opening_hours(settings.opening_hours, zone),
        response=settings.promise.response,
        reminders=settings.promise.reminders,
        overdue_reminders=settings.promise.overdue_reminders,
        update_every=settings.promise.update_every,
        holding_mails=settings.promise.holding_mails,
        estimate=settings.promise.estimate,
        staff=tuple(StaffMember(member.name, member.address, member.role) for member in settings.staff),
        rations=Rations(
            settings.rations.per_address,
            settings.rations.per_domain,
            settings.rations.total,
            per_address_a_day=ADDRESS_HOURS_A_DAY * settings.rations.per_address,
            notices_per_address=settings.rations.notices_per_address,
            notices=settings.rations.notices,
            keeps_reserve=bool(settings.staff_identity.authserv_id),
        ),
        recorded_before=datetime.combine(start, time.min, zone).astimezone(UTC) if start else None,
        authserv_id=settings.staff_identity.authserv_id,
        alarms_to=settings.alarms.to,
        give_up_after=settings.smtp.give_up_after,
        staff_proof=settings.staff_identity.require,
        grants_last=settings.staff_identity.notices_last,
        staff_footer=settings.staff_identity.footer,
        signature=settings.helpline.signature,
        staff_banner=settings.staff_identity.banner,
        outcomes=outcomes,
        outcomes_without_answer=settings.tickets.outcomes_without_answer
        or tuple(outcome for outcome in outcomes if outcome in WITHOUT_ANSWER),
        reopen_within=settings.tickets.reopen_within,
        categories=settings.tickets.categories or CATEGORIES,
        sectors=settings.tickets.sectors or SECTORS,
        channels=(*CHANNELS, *settings.tickets.channels),
        attachments_limit=settings.tickets.attachment_bytes,
        partners=tuple(Partner(partner.name, partner.title, partner.address) for partner in settings.partners),
        partner_silence=settings.tickets.partner_silence,
        minimal_notices=settings.tickets.notices == "minimal",
        first_names=settings.tickets.first_names,
    )


def trusted(clock: Callable[[], datetime], settings: Settings) -> Callable[[], datetime]:
    """The clock, unless it shows a time that cannot be: then whatever asks fails with TryLaterError, and nothing is
    filed, counted or sent by a wrong time. A machine without a battery wakes in 1970."""
    start = policy(settings).recorded_before or EARLIEST

    def now() -> datetime:
        at = clock()
        if at < max(start, EARLIEST):
            raise TryLaterError(
                f"this machine says it is {at:%Y-%m-%d}, before helpline.start_date; set its clock, or the start date"
            )
        return at

    return now


def budgets(settings: Settings) -> Budgets:
    """How much of one message is read."""
    given = settings.budgets
    return Budgets(
        message=settings.imap.message_bytes,
        header=given.header_bytes,
        field=given.field_bytes,
        fields=given.fields,
        depth=given.depth,
        parts=given.parts,
        addresses=given.addresses,
        message_ids=given.message_ids,
        text=given.text_bytes,
        html_tags=given.html_tags,
        attachments=given.attachments,
        cpu_seconds=given.cpu_time.total_seconds(),
    )


def open_store(settings: Settings) -> Store:
    """The database, opened but not looked at. A relative SQLite path starts at the configuration's folder."""
    database = settings.database
    password = _secret(settings, database.password_file) if database.password_file else None
    scheme, separator, file = database.url.partition("sqlite:///")
    url = f"{separator}{settings.path(file)}" if separator and not scheme else database.url
    return Store(url, password)


def assemble(
    settings: Settings, clock: Callable[[], datetime] = utc_now, seconds: Callable[[], float] = seconds_counted
) -> Parts:
    """Everything but the servers. The database must be at this version's revision; a new one is made ready."""
    store = open_store(settings)
    revision.require_current(store)
    signer = Signer(signing_keys(settings, store), settings.helpline.address)
    folder = settings.path(settings.helpline.templates) if settings.helpline.templates else None
    templates = Templates(folder)
    if problems := templates.check():
        raise ConfigurationError("\n".join(f"helpline.templates: {problem}" for problem in problems))
    imap = settings.imap
    correspondence = Correspondence(policy(settings), signer, templates, settings.helpline.plus_addresses)
    return Parts(
        settings=settings,
        store=store,
        correspondence=correspondence,
        limits=CollectLimits(imap.batch_messages, imap.batch_bytes, imap.message_bytes),
        budgets=budgets(settings),
        clock=timekeeper(store, correspondence, trusted(clock, settings), seconds),
    )


def mailbox(settings: Settings) -> ImapMailbox:
    """The mailbox, not yet connected. Raises MissingFileError or CredentialError for a password that cannot be read."""
    imap = settings.imap
    return ImapMailbox(
        imap.host, imap.port, imap.tls, imap.user, _secret(settings, imap.password_file), imap.folder,
        imap.timeout.total_seconds(), tls_context(_ca_file(settings, "imap", imap.ca_file)),
    )  # fmt: skip


def submission_server(settings: Settings) -> SubmissionServer:
    """The submission server, not yet connected. Raises like `mailbox`."""
    smtp = settings.smtp
    return SubmissionServer(
        smtp.host, smtp.port, smtp.tls, smtp.user, _secret(settings, smtp.password_file),
        smtp.timeout.total_seconds(), tls_context(_ca_file(settings, "smtp", smtp.ca_file)),
        settings.helpline.address.rpartition("@")[2],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The signing keys of an installation, the one that signs first, and where they stand."""

    path: Path
    keys: tuple[Key, ...]


def signing_keys(settings: Settings, store: Store) -> tuple[bytes, ...]:
    """The keys of our signatures, the newest first. Made for a database that has seen no mail yet, never replaced."""
    path, is_credential = _key_path(settings)
    if not is_credential and not path.exists():
        with store.read() as connection:
            in_use = sum(ledger.counts(connection).values()) > 0
        if in_use:
            raise MissingFileError(
                f"{path}: the signing keys are missing, without which replies no longer find their tickets; "
                "restore the file from a backup"
            )
        write_first(path, utc_now().date())
    return tuple(key.octets for key in key_file(settings).keys)


def key_file(settings: Settings) -> KeyFile:
    """The signing keys as they stand. Raises MissingFileError, CredentialError or ConfigurationError."""
    path, _ = _key_path(settings)
    if not path.exists():
        raise MissingFileError(
            f"{path}: there are no signing keys; if mail was sent already, restore the file from a backup; else it is "
            "written when the daemon first starts"
        )
    try:
        keys = parsed(_secret(settings, settings.helpline.key_file, RESTORE_KEYS))
    except ValueError:
        raise ConfigurationError(f"{path}: these are not signing keys; {RESTORE_KEYS}") from None
    return KeyFile(path, keys)


def rotate_signing_keys(settings: Settings) -> KeyFile:
    """A new key signs from the next start on, the others still verify. Raises CredentialError if that cannot be."""
    path, is_credential = _key_path(settings)
    if is_credential:
        raise CredentialError(
            f"{path}: systemd hands over a copy of the keys; rotate the file that LoadCredential= names, from a shell"
        )
    return KeyFile(path, rotate(path, utc_now().date(), lambda: key_file(settings).keys))


def _key_path(settings: Settings) -> tuple[Path, bool]:
    """Where the signing keys are read from, and whether that is a credential of systemd's."""
    given = credential(settings.helpline.key_file, _credentials())
    return given or settings.path(settings.helpline.key_file), given is not None


def _credentials() -> str | None:
    return os.environ.get("CREDENTIALS_DIRECTORY")


def _secret(settings: Settings, name: str, *remedy: str) -> str:
    return read_secret(settings, name, _credentials(), *remedy)


def _ca_file(settings: Settings, section: str, name: str) -> str | None:
    if not name:
        return None
    path = settings.path(name)
    if not path.is_file():
        raise MissingFileError(f"{path}: no such file; {section}.ca_file names the certificates that are trusted")
    return str(path)
