"""Dovecot 2.3: IMAPS, IMAP with STARTTLS, LMTP for Postfix's deliveries, SASL for Postfix's submission."""

import grp
import os
import pwd
import signal
import ssl
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from imapclient import IMAPClient

from tests.rig.certificates import make_certificates
from tests.rig.daemon import LOOPBACK, Daemon, free_ports, greets, program, wait_until

# Nobody's own number: Dovecot refuses to read mail as root or as one of its own users.
MAIL_UID = 5000

CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {log}
protocols = imap lmtp
import_environment = $import_environment LD_PRELOAD RIG_CLOCK
# Seen from 127.0.0.1, the listener on 127.0.0.2 behaves as a remote server does: no cleartext login.
listen = 127.0.0.1, 127.0.0.2
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
auth_mechanisms = plain login
auth_verbose = yes
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {users}
}}
mail_location = {mail_location}
mail_fsync = never
mail_plugins = quota
mail_max_userip_connections = 200
recipient_delimiter = +
plugin {{
  quota = count:User quota
  quota_vsizes = yes
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
protocol lmtp {{
  postmaster_address = postmaster@example.org.uk
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
  mailbox Junk {{
    auto = subscribe
    special_use = \\Junk
  }}
}}
service imap-login {{
  {unprivileged}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service auth {{
  unix_listener sasl {{
    mode = 0666
  }}
}}
service anvil {{
  {unprivileged}
  # Without this a test's wrong passwords delay every later login.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

# An ordinary user has no other users to drop privileges to, and may not chroot.
OWN_USERS = "default_internal_user = {user}\ndefault_login_user = {user}\ndefault_internal_group = {group}\n"


@dataclass(frozen=True)
class User:
    """A mailbox; `quota_bytes` None is no limit."""

    address: str
    password: str
    quota_bytes: int | None = None


class Dovecot(Daemon):
    """`users` by address. `certificate` may be changed to another of `certificates` before a restart."""

    mail_location = "maildir:~/Maildir"

    host = LOOPBACK
    remote_host = "127.0.0.2"  # as from a machine elsewhere: no cleartext login

    def __init__(self) -> None:
        self._program, self._doveadm = program("dovecot"), program("doveadm")
        super().__init__()
        self.certificates = make_certificates(self.folder)
        self.ca_file, self.certificate = self.certificates.ca_file, self.certificates.server
        self.imaps_port, self.imap_port, self.lmtp_port = free_ports(3)
        self.users: dict[str, User] = {}
        self.sasl_socket = self.folder / "run" / "sasl"
        self._configuration = self.folder / "dovecot.conf"
        self._users_file = self.folder / "users"
        self._uid, self._gid = (MAIL_UID, MAIL_UID) if os.getuid() == 0 else (os.getuid(), os.getgid())
        self._mail = self.folder / "mail"
        self._mail.mkdir()
        os.chown(self._mail, self._uid, self._gid)

    def configure(self) -> None:
        run = self.folder / "run"
        run.mkdir(exist_ok=True)
        (run / "master.pid").unlink(missing_ok=True)  # left over by kill -9
        text = CONFIGURATION.format(
            folder=self.folder,
            log=self.log_file,
            certificate=self.certificate.certificate_file,
            key=self.certificate.key_file,
            users=self._users_file,
            imap=self.imap_port,
            imaps=self.imaps_port,
            lmtp=self.lmtp_port,
            mail_location=self.mail_location,
            unprivileged="" if os.getuid() == 0 else "chroot =",
        )
        if os.getuid() != 0:
            text += OWN_USERS.format(user=_name_of_user(), group=_name_of_group())
        self._configuration.write_text(text)
        self._write_users()

    def command(self) -> list[str]:
        return [self._program, "-F", "-c", str(self._configuration)]

    def is_ready(self) -> bool:
        return greets(self.imap_port, b"* OK") and greets(self.lmtp_port, b"220")

    def add_user(self, address: str, password: str = "", quota_bytes: int | None = None) -> User:
        """Add or replace a user, known to the server on return. Default password: LOCAL-PART-password."""
        user = User(address, password or f"{address.partition('@')[0]}-password", quota_bytes)
        self.users[address] = user
        self._write_users()
        if self.running:
            # Dovecot sees a change of the file after up to 1.1 s.
            wait_until(lambda: self._accepts(user), f"Dovecot accepting {address}")
        return user

    def _write_users(self) -> None:
        lines = [self._passwd_line(user) for user in self.users.values()]
        self._users_file.write_text("".join(lines))
        self._users_file.chmod(0o644)  # read by Dovecot's own user

    def _passwd_line(self, user: User) -> str:
        quota = "" if user.quota_bytes is None else f"userdb_quota_rule=*:bytes={user.quota_bytes}"
        home = self._mail / user.address
        return f"{user.address}:{{PLAIN}}{user.password}:{self._uid}:{self._gid}::{home}::{quota}\n"

    def _accepts(self, user: User) -> bool:
        return self._run("auth", "test", user.address, user.password).returncode == 0

    def doveadm(self, *arguments: str) -> str:
        """What `doveadm ARGUMENTS` prints. Raises RuntimeError with its complaint."""
        done = self._run(*arguments)
        if done.returncode != 0:
            raise RuntimeError(f"doveadm {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self._doveadm, "-c", str(self._configuration), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=20)

    def kill_imap(self) -> int:
        """kill -9 of every IMAP session, the server itself stays. Returns how many there were."""
        sessions = self.processes("imap")
        for session in sessions:
            with suppress(ProcessLookupError):
                os.kill(session, signal.SIGKILL)
        return len(sessions)

    def set_uidvalidity(self, user: str, value: int, folder: str = "INBOX") -> None:
        """Give the folder another UIDVALIDITY, as a restored or rebuilt mailbox has."""
        self.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(value), folder)

    def empty(self, user: str) -> None:
        """Delete every message in every folder of the user; UIDVALIDITY stays, UIDs go on."""
        self.doveadm("expunge", "-u", user, "mailbox", "*", "all")

    def reset(self) -> None:
        """Running, and every mailbox empty."""
        self.start()
        self.doveadm("expunge", "-A", "mailbox", "*", "all")

    def connect(self, user: str) -> IMAPClient:
        """A logged-in IMAPS client; use it in a `with` statement."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        client = IMAPClient(self.host, self.imaps_port, ssl=True, ssl_context=context, timeout=10)
        try:
            client.login(user, self.users[user].password)
        except BaseException:
            client.shutdown()
            raise
        return client

    def append(self, user: str, raw: bytes, folder: str = "INBOX", internal_date: datetime | None = None) -> None:
        """Put a message into a folder; `internal_date` is aware, and not later than Dovecot's own clock."""
        if internal_date is not None and internal_date.tzinfo is None:
            raise ValueError("internal_date has no time zone")
        with self.connect(user) as client:
            client.append(folder, raw, msg_time=internal_date)

    def fetch_all(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """Every message of a folder in order of UID, as stored; no flag is changed."""
        with self.connect(user) as client:
            client.select_folder(folder, readonly=True)
            fetched = client.fetch(client.search(), ["BODY.PEEK[]"])
            return [fetched[number][b"BODY[]"] for number in sorted(fetched)]

    def wait_for_mail(self, user: str, count: int = 1, folder: str = "INBOX") -> list[bytes]:
        """`fetch_all` as soon as there are `count` messages; raises TimeoutError after ten seconds."""
        found: list[bytes] = []

        def arrived() -> bool:
            found[:] = self.fetch_all(user, folder)
            return len(found) >= count

        wait_until(arrived, f"{count} messages for {user}")
        return found


def _name_of_user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _name_of_group() -> str:
    return grp.getgrgid(os.getgid()).gr_name
