"""Postfix 3.7: the world's listener, submission both ways, delivery by LMTP, and magic recipients."""

import grp
import json
import os
import pwd
import subprocess
import time

from tests.rig.daemon import Daemon, MissingProgramError, free_ports, greets, program, wait_until
from tests.rig.dovecot import Dovecot

OUR_DOMAINS = ("example.org.uk", "school.example", "school.sch.uk", "examplebook.example", "evil.example")

# Postfix accepts any recipient; Dovecot knows its users. So mail to anybody else, bounces@... for one, is
# accepted and then returned, which `default_transport = error:` would not do: that refuses at RCPT.
MAIN = """
compatibility_level = 3.7
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {log}
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org.uk
mydestination =
mynetworks =
inet_protocols = ipv4
smtp_dns_support_level = disabled
# The world is on loopback here: do not complete its headers as if it were one of our own clients.
local_header_rewrite_clients = permit_sasl_authenticated
recipient_delimiter = +
virtual_mailbox_domains = {domains}
virtual_transport = lmtp:inet:127.0.0.1:{lmtp}
default_transport = lmtp:inet:127.0.0.1:{lmtp}
alias_maps =
local_recipient_maps =
message_size_limit = 52428800
mailbox_size_limit = 0
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_session_cache_database =
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
smtpd_sasl_security_options = noanonymous
magic_recipients = check_recipient_access inline:{{
  {{ tempfail@ = 450 4.2.0 The mailbox is busy, try later }}
  {{ refused@ = 550 5.1.1 Nobody of that name here }} }}
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = $magic_recipients, permit
# A user may send as any extension of the own address: helpline+b-xyz@ for helpline@.
smtpd_sender_login_maps = regexp:{folder}/etc/senders
smtpd_error_sleep_time = 0
smtpd_client_event_limit_exceptions = static:all
in_flow_delay = 0
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
transport_retry_time = 1s
notify_classes =
bounce_notice_recipient = nobody@example.org.uk
"""

SENDERS = r"/^([^+@]+)(\+[^@]*)?(@.+)$/ ${1}${3}" + "\n"

SUBMISSION = """
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject
  -o smtpd_sender_restrictions=reject_authenticated_sender_login_mismatch
"""

MASTER = """
127.0.0.1:{world} inet n - n - - smtpd
127.0.0.1:{starttls} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt {submission}
127.0.0.1:{tls} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes {submission}
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

# The queue's folders with their modes; the last two belong to the group postdrop.
PRIVATE = dict.fromkeys(
    (
        "active",
        "bounce",
        "corrupt",
        "defer",
        "deferred",
        "flush",
        "hold",
        "incoming",
        "private",
        "saved",
        "trace",
    ),
    0o700,
)
SHARED = {"maildrop": 0o1730, "public": 0o2710}


class Postfix(Daemon):
    """`world_port` takes mail for `domains` from anybody; the two submission ports want a user of Dovecot's.

    `parameters` are further settings of main.cf; they may be changed before a restart.
    """

    def __init__(self, dovecot: Dovecot, domains: tuple[str, ...] = OUR_DOMAINS) -> None:
        if os.getuid() != 0:
            raise MissingProgramError("Postfix runs only when started as root")
        self._master = program("master", "/usr/lib/postfix/sbin:/usr/libexec/postfix")
        self._postqueue, self._postsuper = program("postqueue"), program("postsuper")
        super().__init__()
        self.dovecot, self.domains = dovecot, domains
        self.world_port, self.starttls_port, self.tls_port = free_ports(3)
        self.parameters: dict[str, str] = {}
        self._etc = self.folder / "etc"
        self._make_folders()

    def _make_folders(self) -> None:
        owner, group = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        self._etc.mkdir()
        for name in ("data", "queue", "queue/pid"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "data", owner, -1)
        for name, mode in (PRIVATE | SHARED).items():
            folder = self.folder / "queue" / name
            folder.mkdir()
            os.chown(folder, owner, group if name in SHARED else -1)
            folder.chmod(mode)  # after chown, which may clear the special bits

    def configure(self) -> None:
        main = MAIN.format(
            folder=self.folder,
            log=self.log_file,
            domains=", ".join(self.domains),
            lmtp=self.dovecot.lmtp_port,
            sasl=self.dovecot.sasl_socket,
            certificate=self.dovecot.certificate.certificate_file,
            key=self.dovecot.certificate.key_file,
        )
        main += "".join(f"{name} = {value}\n" for name, value in self.parameters.items())
        master = MASTER.format(
            world=self.world_port,
            starttls=self.starttls_port,
            tls=self.tls_port,
            submission=SUBMISSION.strip("\n").lstrip(),
        )
        (self._etc / "senders").write_text(SENDERS)
        (self._etc / "master.cf").write_text(master)
        (self._etc / "main.cf").write_text(main)
        # Postfix waits until its main.cf is older than a second or so.
        earlier = time.time() - 60
        os.utime(self._etc / "main.cf", (earlier, earlier))

    def command(self) -> list[str]:
        return [self._master, "-c", str(self._etc), "-d"]

    def is_ready(self) -> bool:
        return greets(self.world_port, b"220")

    def queue(self) -> list[dict[str, object]]:
        """The messages that wait, as `postqueue -j` describes them."""
        return [json.loads(line) for line in self._tool(self._postqueue, "-j").splitlines()]

    def flush(self) -> None:
        """Try every deferred message now."""
        self._tool(self._postqueue, "-f")

    def wait_for_log(self, text: str) -> None:
        """Returns when `text` stands in the log; raises TimeoutError after ten seconds."""
        wait_until(lambda: text in self.log(), f"{text!r} in Postfix's log")

    def empty_queue(self) -> None:
        """Delete every message that waits."""
        self._tool(self._postsuper, "-d", "ALL")

    def _tool(self, path: str, *arguments: str) -> str:
        done = subprocess.run(
            [path, "-c", str(self._etc), *arguments], capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout
