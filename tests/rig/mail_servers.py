"""Dovecot and Postfix together, with a small population."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.rig.clock import Clock
from tests.rig.daemon import LOOPBACK
from tests.rig.dovecot import Dovecot
from tests.rig.postfix import Postfix

HELPLINE = "helpline@example.org.uk"
ADVISER = "adviser@example.org.uk"
LEAD = "lead@example.org.uk"
OPERATOR = "ops@example.org.uk"
ALICE = "alice@school.example"
PARTNER = "safety@examplebook.example"
STRANGER = "mallory@evil.example"
OVER_QUOTA = "overquota@school.example"

POPULATION = (HELPLINE, ADVISER, LEAD, OPERATOR, ALICE, PARTNER, STRANGER)


@contextmanager
def running_dovecot(clock: Clock | None = None) -> Iterator[Dovecot]:
    """Dovecot with its population, by the true time or by a clock. Raises MissingProgramError where it cannot run."""
    dovecot = Dovecot()
    try:
        if clock is not None:
            dovecot.environment = clock.environment
            dovecot.mail_location = "sdbox:~/mail"  # the dates in a Maildir are the file system's
        for address in POPULATION:
            dovecot.add_user(address)
        dovecot.add_user(OVER_QUOTA, quota_bytes=10)
        dovecot.start()
        yield dovecot
    finally:
        dovecot.close()


class MailServers:
    """Dovecot with Postfix before it; `certificates` are the same for both.

    Magic recipients, in any domain: tempfail@ (450 at RCPT), refused@ (550 at RCPT), bounces@ (accepted, then
    returned as unknown); and overquota@school.example (accepted, then returned as full).
    """

    host = LOOPBACK

    def __init__(self, dovecot: Dovecot) -> None:
        self.dovecot = dovecot
        self.postfix = Postfix(dovecot)
        self.certificates, self.ca_file = dovecot.certificates, dovecot.ca_file

    @property
    def imaps_port(self) -> int:
        return self.dovecot.imaps_port

    @property
    def imap_port(self) -> int:
        return self.dovecot.imap_port

    @property
    def world_port(self) -> int:
        return self.postfix.world_port

    @property
    def submission_port(self) -> int:
        return self.postfix.starttls_port

    @property
    def submissions_port(self) -> int:
        return self.postfix.tls_port

    def password(self, user: str) -> str:
        return self.dovecot.users[user].password

    def start(self) -> None:
        self.dovecot.start()
        self.postfix.start()

    def reset(self) -> None:
        """Both servers up, no mail in the queue nor in any mailbox."""
        self.start()
        self.postfix.empty_queue()
        self.dovecot.reset()


@contextmanager
def running_mail_servers(dovecot: Dovecot) -> Iterator[MailServers]:
    """Postfix added to a Dovecot. Raises MissingProgramError where it cannot run."""
    servers = MailServers(dovecot)
    try:
        servers.start()
        yield servers
    finally:
        servers.postfix.close()
