"""A whole installation in a temporary folder: configuration, password, database, and the real services in passes."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from helpline_mail import config
from helpline_mail.adapters.imap import ImapMailbox, tls_context
from helpline_mail.adapters.smtp import SubmissionServer
from helpline_mail.composition import Parts, assemble, mailbox, submission_server
from helpline_mail.demo.servers import HOST, MailServers
from helpline_mail.service.collect import Doubts, collect
from helpline_mail.service.submit import submit
from helpline_mail.service.sweep import SWEEP
from helpline_mail.service.triage import triage

HELPLINE, ADVISER, LEAD = "helpline@example.org.uk", "adviser@example.org.uk", "lead@example.org.uk"
TIMEOUT_SECONDS = 10.0

CONFIGURATION = """\
[helpline]
name = "Professionals Online Safety Helpline"
address = "{helpline}"
reference_prefix = "POSH"
telephone = "0844 381 4772"
skype = "professionalshelpline"
templates = "{templates}"

[opening_hours]
monday = ["10:00-16:00"]
tuesday = ["10:00-16:00"]
wednesday = ["10:00-16:00"]
thursday = ["10:00-16:00"]
friday = ["10:00-16:00"]

[imap]
host = "{host}"
port = {imap_port}
tls = "none"
user = "{helpline}"
password_file = "password"

[smtp]
host = "{host}"
port = {smtp_port}
tls = "none"
user = "{helpline}"
password_file = "password"

[staff_identity]
require = "token"  # no mail here ever leaves this machine's own server

[[staff]]
name = "Ann Adviser"
address = "{adviser}"

[[staff]]
name = "Leo Lead"
address = "{lead}"
role = "lead"
"""


@dataclass(slots=True)
class Installation:
    """The service as an operator would have it; `work` is what the daemon's loops do, once each."""

    parts: Parts
    reader: ImapMailbox
    submitter: SubmissionServer
    _doubts: Doubts = field(default_factory=Doubts)

    async def work(self) -> None:
        """One pass: whatever has arrived and whatever is due now."""
        parts = self.parts
        await asyncio.to_thread(self._read_and_decide)
        await submit(parts.store, self.submitter, parts.correspondence, parts.clock, parts.settings.smtp.connections)

    def _read_and_decide(self) -> None:
        parts = self.parts
        collect(parts.store, self.reader, parts.settings.imap.folder, parts.limits, self._doubts, parts.clock)
        triage(parts.store, parts.correspondence, parts.budgets, parts.clock)
        for work in SWEEP:
            work(parts.store, parts.correspondence, parts.clock)

    async def close(self) -> None:
        """Leaves both servers and the database."""
        await self.submitter.close()
        await asyncio.to_thread(self.reader.close)
        self.parts.store.close()


def install(folder: Path, servers: MailServers, clock: Callable[[], datetime], templates: str) -> Installation:
    """Writes what an operator would write, and starts from that."""
    path, password = folder / "config.toml", folder / "password"
    path.write_text(
        CONFIGURATION.format(
            host=HOST, imap_port=servers.imap_port, smtp_port=servers.smtp_port, templates=templates,
            helpline=HELPLINE, adviser=ADVISER, lead=LEAD,
        ), "utf-8",
    )  # fmt: skip
    password.write_text(servers.passwords[HELPLINE], "utf-8")
    password.chmod(0o600)
    settings = config.load(path, clock().date())
    parts = assemble(settings, clock, lambda: clock().timestamp())  # whoever moves this clock lets time pass
    return Installation(parts, mailbox(settings), submission_server(settings))


def mailbox_of(address: str, servers: MailServers) -> ImapMailbox:
    """Anybody's mailbox, as that person's mail client would open it."""
    password, context = servers.passwords[address], tls_context(None)
    return ImapMailbox(HOST, servers.imap_port, "none", address, password, "INBOX", TIMEOUT_SECONDS, context)
