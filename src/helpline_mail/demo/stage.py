"""Where the demo is seen: servers and an installation put together, and what happens printed."""

import asyncio
import secrets
import tempfile
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from helpline_mail import daemon, logs
from helpline_mail.composition import utc_now
from helpline_mail.demo.claims import claims, gather
from helpline_mail.demo.day import LONDON, PEOPLE, TEACHER, Day, MovingClock, live, on_tuesday
from helpline_mail.demo.installation import ADVISER, HELPLINE, LEAD, install
from helpline_mail.demo.servers import HOST, mail_servers

BROKEN_CLAIM = 70


class Stage:
    """Prints what happens, one line each. Mails with the same words to several people are one line."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, markup=False)
        self._arrivals: dict[tuple[datetime, str, str], list[str]] = defaultdict(list)
        self._shown_in_full = False

    def tell(self, at: datetime, who: str, what: str) -> None:
        """One thing that happened."""
        self.show_arrivals()
        line = Table.grid(padding=(0, 2))
        line.add_column(width=9, no_wrap=True)
        line.add_column(width=25)
        line.add_column(ratio=1)
        line.add_row(Text(f"{at.astimezone(LONDON):%a %H:%M}", "cyan"), Text(who, "bold"), Text(what))
        self.console.print(line)

    def note_arrival(self, at: datetime, sender: str, recipient: str, octets: bytes) -> None:
        """A mail that the mail server has just put into a mailbox."""
        mail = message_from_bytes(octets, policy=policy.default)
        kind = str(mail["X-Helpline-Kind"] or "")
        writer = "helpline" if kind else PEOPLE[sender]
        what = f"{kind}: {mail['Subject']}" if kind else str(mail["Subject"])
        if (at, writer, what) not in self._arrivals:
            self.show_arrivals()
        self._arrivals[at, writer, what].append(PEOPLE[recipient])
        if kind == "acknowledgement" and not self._shown_in_full:
            self._shown_in_full = True
            self.show_arrivals()
            self.console.print(Panel(Text(mail.get_content().strip()), title=Text(f"to the {PEOPLE[recipient]}")))

    def show_arrivals(self) -> None:
        """What arrived and has not been printed yet."""
        arrivals, self._arrivals = self._arrivals, defaultdict(list)
        for (at, writer, what), recipients in arrivals.items():
            self.tell(at, f"{writer} to {', '.join(recipients)}", what)

    def judge(self, what: str, holds: bool) -> None:
        """A claim with a tick or a cross."""
        plain = self.console.options.ascii_only
        tick, cross = ("ok    ", "FAILED") if plain else ("\N{CHECK MARK}", "\N{BALLOT X}")
        line = Table.grid(padding=(0, 1))
        line.add_row(Text(tick, "green") if holds else Text(cross, "bold red"), Text(what))
        self.console.print(line)


def scripted_day(templates: str) -> int:
    """The day, then the claims. Returns 0 if all hold."""
    stage = Stage()
    with tempfile.TemporaryDirectory(prefix="helpline-demo-") as folder:
        held = asyncio.run(_scripted_day(Path(folder), stage, templates))
    if all(held):
        stage.console.print(f"All {len(held)} claims hold.")
        return 0
    stage.console.print(f"{held.count(False)} of {len(held)} claims do not hold.")
    return BROKEN_CLAIM


async def _scripted_day(folder: Path, stage: Stage, templates: str) -> list[bool]:
    clock = MovingClock(on_tuesday(9, 30))
    stage.console.print(
        "Tuesday 24 November 2026. The helpline is open from 10:00 to 16:00 and answers within 3 hours."
    )
    async with mail_servers(_passwords(), clock, stage.note_arrival) as servers:
        installation = await asyncio.to_thread(install, folder, servers, clock, templates)
        try:
            await live(Day(servers, installation, clock, stage.tell))
            stage.show_arrivals()
            evidence = await asyncio.to_thread(gather, installation.parts.store, servers)
        finally:
            await installation.close()
    stage.console.print("\nWhat really happened, read from the mailboxes and the database:")
    held = []
    for what, holds in claims(evidence):
        stage.judge(what, holds)
        held.append(holds)
    return held


def playground(templates: str) -> int:
    """The real daemon on the real clock, until Ctrl-C."""
    logs.configure("text", "warning")
    stage = Stage()
    with tempfile.TemporaryDirectory(prefix="helpline-demo-") as folder, suppress(KeyboardInterrupt):
        asyncio.run(_playground(Path(folder), stage, templates))
    return 0


async def _playground(folder: Path, stage: Stage, templates: str) -> None:
    def note_arrival(at: datetime, sender: str, recipient: str, octets: bytes) -> None:
        stage.note_arrival(at, sender, recipient, octets)
        stage.show_arrivals()

    async with mail_servers(_passwords(), utc_now, note_arrival) as servers:
        installation = await asyncio.to_thread(install, folder, servers, utc_now, templates)
        stage.console.print(
            f"IMAP {HOST} port {servers.imap_port}, SMTP {HOST} port {servers.smtp_port}, no encryption."
        )
        stage.console.print(f"Write to {HELPLINE}. Mail accounts, the user's name being the address:")
        for address in (TEACHER, ADVISER, LEAD):
            stage.console.print(f"  {PEOPLE[address]:8} {address:25} password {servers.passwords[address]}")
        stage.console.print("Nothing leaves this machine, and all of it is forgotten at the end: press Ctrl-C.")
        await daemon.run(installation.parts)


def _passwords() -> dict[str, str]:
    return {address: secrets.token_hex(8) for address in PEOPLE}
