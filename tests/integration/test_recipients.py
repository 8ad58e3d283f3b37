"""Whatever happens on a ticket: who gets mail, one a mail, and what no outsider ever reads."""

from collections import defaultdict
from collections.abc import Callable
from email import message_from_bytes
from email import policy as email_policy
from email.utils import getaddresses
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row, select

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.delivery import Envelope
from tests.integration import staff
from tests.integration.desk import ALICE, AMY, BOB, LEAD, MALLORY, Desk, bounce, header, mail
from tests.integration.staff import ALICES_HOME, CHATTER, EXAMPLEBOOK
from tests.integration.test_partners import from_partner
from tests.integration.test_staff_mail import VOUCHED, reply, with_file

CALLER = "caller@nursery.example"
NAMES = {ALICE: "Alice Smithers", BOB: "Bob Thistlewood"}
CANARIES = {ALICE: "canaryalice", BOB: "canarybob"}
INSIDE = ("canarynote", "canaryforged", AMY, LEAD, "+s-", "above this line", "Answer due", "X-Helpline-Token")
COMMANDS = (
    *("#take", "#release", "#assign Lena", "#resolve advice given", "#resolve advertising", "#reopen", "#status"),
    *("#category gaming", "#send nudes", "#send", "#partner examplebook", "#partner chatter", "#wait 2d", "#split"),
    *(f"#admit {ALICES_HOME}", "#join {other}", f"#call {CALLER}", "#help", "#anyway", "#answer", "#note"),
)  # fmt: skip
LETTER, HINT, IDENTITY = "Dear Alice,\n\nplease call the police.", "She should call.", "Ms Smithers saw video 17."
WORDS = ("", LETTER, HINT, IDENTITY, "Please remove video 17.")
MEANT = (
    LETTER, f"#answer\n{LETTER}", f"#take\n{LETTER}", f"#take\n{HINT}", "#anyway", "#anyway", "#note\ncanarynote",
    "#partner examplebook\nPlease remove video 17.", "#partner chatter\nPlease look at user 5.",
    f"#partner examplebook\n{IDENTITY}", "#send nudes", f"#send bullying\n{LETTER}", "#split", "#join {other}",
    f"#resolve advice given\n{LETTER}", f"#call {CALLER}\ncanarynote", "#call a school\ncanarynote", "#status",
    f"#reopen\n{LETTER}", f"#admit {ALICES_HOME}",
)  # fmt: skip
"""Mails that staff would write."""
Step = Callable[[Desk], None]


def _enquire(desk: Desk, who: str, number: int) -> None:
    text = f"{CANARIES[who]} {number}: what should we do?\n"
    ours = [e for e in desk.letterbox.taken if e.recipient == who]
    thread = {"in_reply_to": header(ours[-1].octets, "Message-ID")} if ours and number % 2 else {}
    sender, subject = f'"{NAMES[who]}" <{who}>', f"{CANARIES[who]} subject"
    desk.receive(mail(sender, subject, text, message_id=f"<{number}@{who.partition('@')[2]}>", **thread))


def _write(desk: Desk, who: str, nth: int, text: str, proof: str, file: bool) -> None:
    told = [e for e in desk.letterbox.taken if e.recipient == who]
    references = [ticket["reference"] for ticket in desk.tickets()]
    text = text.format(other=references[nth % len(references)])
    writer, vouched = {"proved": (None, VOUCHED), "unvouched": (None, ""), "stranger": (MALLORY, VOUCHED),
                       "colleague": (LEAD if who == AMY else AMY, VOUCHED)}[proof]  # fmt: skip
    if proof != "proved":
        text += "\n\ncanaryforged"
    octets = reply(told[-1 - nth % len(told)], text, writer, vouched)
    desk.receive(with_file(octets, "form.pdf", "application/pdf") if file else octets)


def _answer_as_partner(desk: Desk, nth: int, from_: str, automatic: bool) -> None:
    written = desk.sent("partner")
    if written:
        fields = {"auto_submitted": "auto-replied"} if automatic else {}
        desk.receive(from_partner(written[nth % len(written)], f"canarypartner {nth}", nth, from_, **fields))


def _bounce(desk: Desk, nth: int) -> None:
    outside = [e for e in desk.letterbox.taken if e.recipient not in (AMY, LEAD)]
    if outside:
        failed = outside[nth % len(outside)]
        desk.receive(bounce(failed.recipient, header(failed.octets, "Message-ID")))


def _wait(desk: Desk, hours: int) -> None:
    desk.clock.advance(hours=hours, seconds=1)
    desk.remind()
    desk.digest()
    desk.submit()


NUMBERS = st.integers(0, 9)
RANDOM = st.builds(
    lambda commands, words: "\n".join([*commands, f"canarynote {words}" if "#note" in commands else words]),
    st.lists(st.sampled_from(COMMANDS), max_size=2, unique=True), st.sampled_from(WORDS),
)  # fmt: skip
STAFF_WRITE: st.SearchStrategy[Step] = st.builds(
    lambda who, nth, text, proof, file: lambda desk: _write(desk, who, nth, text, proof, file),
    st.sampled_from((AMY, LEAD)), st.integers(0, 3), st.one_of(*[st.sampled_from(MEANT)] * 4, RANDOM),
    st.sampled_from(("proved",) * 8 + ("unvouched", "stranger", "colleague")),
    st.sampled_from((False, False, False, True)),
)  # fmt: skip
PARTNER_WRITES: st.SearchStrategy[Step] = st.builds(
    lambda n, from_, automatic: lambda desk: _answer_as_partner(desk, n, from_, automatic),
    NUMBERS, st.sampled_from(("", "", MALLORY, CHATTER)), st.sampled_from((False, False, True)),
)  # fmt: skip
OTHERS: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda who, n: lambda desk: _enquire(desk, who, n), st.sampled_from((ALICE, BOB)), NUMBERS),
    st.builds(lambda n: lambda desk: _bounce(desk, n), NUMBERS),
    st.builds(lambda hours: lambda desk: _wait(desk, hours), st.integers(1, 80)),
)
STEPS = st.one_of(*[STAFF_WRITE] * 5, *[PARTNER_WRITES] * 2, OTHERS)


def emptied(store: Store) -> Store:
    with store.write() as connection:
        for table in reversed(schema.metadata.sorted_tables):
            connection.execute(table.delete())
    return store


def read_whole(envelope: Envelope) -> str:
    """Everything that a reader of a mail could find in it, headers and both forms."""
    message = message_from_bytes(envelope.octets, policy=email_policy.default)
    texts = [part.get_content() for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join([*(f"{name}: {value}" for name, value in message.items()), *texts])


def outgoing(desk: Desk) -> list[Row[Any]]:
    """Kind, ticket, recipient and Message-ID of every mail, and the enquirer of its ticket."""
    content, of = schema.outbox_content, schema.ticket_content
    query = (
        select(
            schema.outbox.c.kind,
            schema.outbox.c.ticket_id,
            content.c.recipient,
            content.c.internet_message_id,
            of.c.requester,
        )
        .join(content, content.c.outbox_id == schema.outbox.c.id)
        .outerjoin(of, of.c.ticket_id == schema.outbox.c.ticket_id)
    )
    with desk.store.read() as connection:
        return list(connection.execute(query))


def check_recipients(desk: Desk) -> None:
    """Each kind of mail goes to the one whom it is for, and to nobody else."""
    for envelope in desk.letterbox.taken:
        message = message_from_bytes(envelope.octets, policy=email_policy.default)
        addressed = [address for _, address in getaddresses(map(str, message.get_all("To", [])))]
        assert (addressed, message["Cc"], message["Bcc"]) == ([envelope.recipient], None, None)
    joined_by: dict[int | None, set[str]] = defaultdict(set)
    for ticket in desk.tickets():
        joined_by[ticket["joined_to"]].add(ticket["requester"])
    for row in outgoing(desk):
        if row.kind in ("acknowledgement", "update"):
            assert row.recipient == row.requester
        elif row.kind == "answer":
            assert row.recipient in {row.requester, *joined_by[row.ticket_id]}, "who wrote a message of the ticket"
        elif row.kind == "partner":
            assert row.recipient in (EXAMPLEBOOK, CHATTER)
        else:
            assert row.recipient in (AMY, LEAD, "ops@example.org.uk"), row.kind


def check_words(desk: Desk, insisted: bool) -> None:
    """No outsider reads what is internal, another's or a partner's; no partner reads who the enquirer is."""
    references = {ticket["reference"] for ticket in desk.tickets()}
    requesters = {row.internet_message_id: row.requester for row in outgoing(desk)}
    for envelope in desk.letterbox.taken:
        kind = header(envelope.octets, "X-Helpline-Kind")
        if kind not in ("answer", "acknowledgement", "partner"):
            continue
        whole = read_whole(envelope) + envelope.sender
        found = [canary for canary in (*INSIDE, "canarypartner") if canary in whole]
        found += [canary for who, canary in CANARIES.items() if who != envelope.recipient and canary in whole]
        found += [address for address in (ALICE, BOB, ALICES_HOME, EXAMPLEBOOK, CHATTER, CALLER)
                  if address != envelope.recipient and address in whole]  # fmt: skip
        if kind == "partner":
            found += [reference for reference in references if reference.casefold() in whole.casefold()]
            is_alices = requesters[header(envelope.octets, "Message-ID")] == ALICE
            found += ["Smithers"] if is_alices and "Smithers" in whole and not insisted else []
        assert found == [], f"{kind} to {envelope.recipient}:\n{whole}"


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink whole histories would take minutes
)
@given(steps=st.lists(STEPS, min_size=8, max_size=16))
def test_whatever_happens_mail_goes_to_whom_it_is_for_and_holds_nothing_of_anybody_else(
    sqlite_store: Store, steps: list[Step]
) -> None:
    desk = staff.opened(Desk(emptied(sqlite_store)))
    desk.receive(mail(f'"{NAMES[BOB]}" <{BOB}>', "canarybob", "canarybob\n", message_id="<bob@club.example>"))
    for step in steps:
        step(desk)
        desk.clock.advance(minutes=1)
    triaged = [row.state for row in desk.rows(schema.ledger)]
    assert set(triaged) == {"triaged"}
    check_recipients(desk)
    held = any("#anyway" in (row.text or "") for row in desk.rows(schema.message_content))
    check_words(desk, insisted=held)
