"""One deed of a member of staff, made true in the caller's transaction, with its event in the trail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from textwrap import wrap
from typing import Any

from sqlalchemy import Connection

from helpline_mail.adapters.store import events, messages, tickets
from helpline_mail.domain import commands, deeds
from helpline_mail.domain.choices import SPOKEN
from helpline_mail.domain.choices import labels as labels_of
from helpline_mail.domain.deeds import Deed
from helpline_mail.domain.message import Enclosure
from helpline_mail.domain.policy import StaffMember
from helpline_mail.domain.staff import Grant
from helpline_mail.service import clockwork, reshape, standing
from helpline_mail.service.correspondence import Correspondence
from helpline_mail.service.replies import Words

HELP_WIDTH = 72


@dataclass(frozen=True, slots=True)
class Whose:
    """Whom an answer is for, and the subject of the message that it answers."""

    addressee: str | None
    subject: str
    several: bool = False
    """Several people wrote to the ticket, and nobody can tell whose message is meant."""


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that a deed needs to be done."""

    connection: Connection
    correspondence: Correspondence
    ticket: Mapping[str, Any] | None
    writer: StaffMember
    message_id: int
    grant: Grant
    now: datetime
    covers_until: datetime
    """What came later was not known to the writer."""
    whose: Whose
    files: tuple[Enclosure, ...] = ()
    html: str = ""
    left_out: Sequence[str] = ()
    """What did not go along, in sentences."""

    def record(self, code: str, text: str) -> None:
        """Notes in the trail what was done."""
        ticket_id = self.ticket["id"] if self.ticket else None
        events.record(self.connection, self.now, code, text, ticket_id=ticket_id)

    @property
    def about(self) -> Mapping[str, Any]:
        """The ticket; only what is decided for one asks for it."""
        assert self.ticket is not None  # noqa: S101  decided for a ticket
        return self.ticket


def do(work: Work, deed: Deed) -> None:
    """Makes one deed true."""
    match deed:
        case deeds.Refuse():
            _refuse(work, deed)
        case deeds.Tell(what):
            _tell(work, what)
        case deeds.LeaveOut():
            pass  # the writer is told
        case deeds.OpenCall():
            reshape.open_call(work.connection, work.correspondence, deed, work.writer, work.message_id, work.now)
        case deeds.Note() | deeds.Relay() | deeds.WritePartner() | deeds.Hold():
            _words(work, deed)
        case _:
            _change(work, deed)


def _words(work: Work, deed: deeds.Note | deeds.Relay | deeds.WritePartner | deeds.Hold) -> None:
    """What becomes of the writer's words."""
    connection, correspondence, ticket = work.connection, work.correspondence, work.about
    match deed:
        case deeds.Note():
            messages.classify(connection, work.message_id, "note")
            work.record("note", "a note was kept; it stays among staff")
        case deeds.Relay(text, _, closing):
            messages.classify(connection, work.message_id, "staff_answer")
            words = Words(text, work.html, work.files)
            correspondence.answer(
                connection, ticket, work.whose.addressee or "", work.whose.subject, words, work.message_id, work.writer,
                work.covers_until, work.now, closing=closing,
            )  # fmt: skip
        case deeds.WritePartner(partner, text):
            messages.classify(connection, work.message_id, "staff_partner")
            words = Words(text, "", work.files)
            correspondence.write_partner(connection, ticket, partner, words, work.message_id, work.writer, work.now)
        case deeds.Hold(text):
            messages.classify(connection, work.message_id, "staff_held", text)
            work.record("staff_held", "words below a command were held; their writer was asked")


def _change(work: Work, deed: Deed) -> None:
    """What changes in the ticket."""
    connection, ticket_id = work.connection, work.about["id"]
    match deed:
        case deeds.Assign(to):
            tickets.assign(connection, ticket_id, to.address if to else None)
            if to is not None and to != work.writer:
                work.correspondence.tell_assigned(connection, work.about, to, work.writer, work.now)
            work.record("assigned", f"{to.name} has it now" if to else "nobody has it now")
        case deeds.Resolve(outcome, ending):
            reshape.resolve(connection, work.correspondence.policy, work.about, outcome, ending, work.now)
        case deeds.Reopen():
            policy = work.correspondence.policy
            clockwork.reopen(connection, policy, ticket_id, work.now, "a member of staff opened it again")
        case deeds.Categorise(label, name):
            tickets.categorise(connection, ticket_id, label, name)
            work.record("categorised", f"the {SPOKEN[label]} is: {name}")
        case deeds.Wait(until):
            clockwork.wait(connection, ticket_id, until, work.now)
            work.record("waiting", "the enquirer's next update was set")
        case deeds.Admit(addr_spec):
            tickets.admit(connection, ticket_id, addr_spec)
            work.record("admitted", "a second address of the enquirer takes part now")
        case deeds.Join(reference):
            reshape.join(connection, work.correspondence.policy, work.about, reference, work.now)
        case deeds.Split():
            reshape.split(connection, work.correspondence, work.about, work.grant, work.now)


def _refuse(work: Work, refused: deeds.Refuse) -> None:
    """Nothing is done; the writer is told why, and of an answer that is held what the colleague wrote."""
    messages.classify(
        work.connection, work.message_id, "staff_held" if refused.held else "staff_refused", refused.held or None
    )
    words = refused.answered.text if refused.answered else ""
    work.correspondence.refuse_why(
        work.connection, work.ticket, work.writer, refused.why, words, work.message_id, work.now
    )
    work.record("staff_refused", "a mail of staff did nothing; its writer was told why")


def _tell(work: Work, what: str) -> None:
    if what == "help":
        labels = (line for lists in labels_of(work.correspondence.policy) for line in wrap(lists, HELP_WIDTH))
        lines = [*commands.help_text().split("\n"), "", *labels]
    elif what == "signposts":
        lines = work.correspondence.signpost_list()
    else:
        lines = standing.lines(work.connection, work.correspondence.policy, work.about, work.now)
    work.correspondence.tell(work.connection, work.ticket, work.writer, what, lines, work.message_id, work.now)
