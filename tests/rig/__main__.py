"""`python -m tests.rig`: every server up until Ctrl-C, for trying things by hand."""

import signal
import sys
from contextlib import ExitStack

from tests.rig.daemon import MissingProgramError
from tests.rig.mail_servers import MailServers, running_dovecot, running_mail_servers
from tests.rig.postgres import running_postgres


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            print(describe(stack.enter_context(running_mail_servers(stack.enter_context(running_dovecot())))))
            print(f"PostgreSQL         {stack.enter_context(running_postgres()).create_database('helpline')}")
            print("Ctrl-C ends everything and removes its files.", flush=True)
            signal.pause()
    except MissingProgramError as error:
        print(f"The rig needs a server: {error}.", file=sys.stderr)
        return 69
    except KeyboardInterrupt:
        pass
    return 0


def describe(servers: MailServers) -> str:
    """Addresses, passwords and files, one a line."""
    lines = [
        f"IMAPS              {servers.host}:{servers.imaps_port}",
        f"IMAP, STARTTLS     {servers.host}:{servers.imap_port}",
        f"SMTP, world        {servers.host}:{servers.world_port} for {', '.join(servers.postfix.domains)}",
        f"SMTP, STARTTLS     {servers.host}:{servers.submission_port}",
        f"SMTP, implicit TLS {servers.host}:{servers.submissions_port}",
        f"CA                 {servers.ca_file}",
        f"Logs               {servers.dovecot.log_file} {servers.postfix.log_file}",
    ]
    lines += [f"User               {user.address} {user.password}" for user in servers.dovecot.users.values()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
