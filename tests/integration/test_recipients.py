"""Whatever happens on a ticket: who gets mail, one a mail, and what no outsider ever reads."""

from collections.abc import Callable
from email import message_from_bytes
from email import policy as email_policy
from email.utils import getaddresses

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.engine import Store
from helpline_mail.domain.delivery import Envelope
from tests.integration import staff
from tests.integration.desk import ALICE, AMY, BOB, LEAD, MALLORY, Desk, bounce, header, mail
from tests.integration.staff import ALICES_HOME, CHATTER, EXAMPLEBOOK
from tests.integration.test_partners import from_partner
from tests.integration.test_staff_mail import VOUCHED, reply, with_file

CALLER = "caller@nursery.example"
NAMES = {ALICE: "Alice Quillfeather", BOB: "Bob Thistlewood"}
CANARIES = {ALICE: "canaryalice", BOB: "canarybob"}
INSIDE = ("canarynote", "canaryforged", AMY, LEAD, "+s-", "above this line", "Answer due", "X-Helpline-Token")
COMMANDS = (
    *("#take", "#release", "#assign Lena", "#resolve advice given", "#resolve advertising", "#reopen"),
    *("#category gaming", "#send nudes", "#send", "#partner examplebook", "#partner chatter", "#wait 2d", "#split"),
    *(f"#admit {ALICES_HOME}", "#join {other}", f"#call {CALLER}", "#call a school", "#status", "#help", "#anyway"),
    *("#answer", "#note"),
)  # fmt: skip
WORDS = (
    "", "Dear Alice,\n\nplease call the police.", "She should call somebody.", "Ms Quillfeather reported video 17.",
    "Please remove video 17.",
)  # fmt: skip
Step = Callable[[Desk], None]


def _enquire(desk: Desk, who: str, number: int) -> None:
    text = f"{CANARIES[who]} {number}: what should we do?\n"
    ours = [e for e in desk.letterbox.taken if e.recipient == who]
    thread = {"in_reply_to": header(ours[-1].octets, "Message-ID")} if ours and number % 2 else {}
    sender, subject = f'"{NAMES[who]}" <{who}>', f"{CANARIES[who]} subject"
    desk.receive(mail(sender, subject, text, message_id=f"<{number}@{who.partition('@')[2]}>", **thread))


def _write(desk: Desk, who: str, nth: int, commands: list[str], words: str, proof: str, file: bool) -> None:
    told = [e for e in desk.letterbox.taken if e.recipient == who]
    if not told:
        return
    notice = told[-1 - nth % len(told)]
    references = [ticket["reference"] for ticket in desk.tickets()]
    lines = [line.format(other=references[nth % len(references)]) for line in commands]
    if "#note" in commands:
        words = f"canarynote {words}"
    writer, vouched = {"proved": (None, VOUCHED), "unvouched": (None, ""), "stranger": (MALLORY, VOUCHED),
                       "colleague": (LEAD if who == AMY else AMY, VOUCHED)}[proof]  # fmt: skip
    if proof != "proved":
        words = f"Dear Alice, canaryforged. {words}"
    octets = reply(notice, "\n".join([*lines, words]), writer, vouched)
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
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(lambda who, n: lambda desk: _enquire(desk, who, n), st.sampled_from((ALICE, BOB)), NUMBERS),
    *[
        st.builds(
            lambda who, nth, commands, words, proof, file: lambda desk: _write(
                desk, who, nth, commands, words, proof, file
            ),
            st.sampled_from((AMY, LEAD)), NUMBERS, st.lists(st.sampled_from(COMMANDS), max_size=2, unique=True),
            st.sampled_from(WORDS), st.sampled_from(("proved",) * 6 + ("unvouched", "stranger", "colleague")),
            st.sampled_from((False, False, False, True)),
        )
    ] * 4,
    st.builds(
        lambda n, from_, automatic: lambda desk: _answer_as_partner(desk, n, from_, automatic),
        NUMBERS, st.sampled_from(("", "", MALLORY, CHATTER)), st.sampled_from((False, False, True)),
    ),
    st.builds(lambda n: lambda desk: _bounce(desk, n), NUMBERS),
    st.builds(lambda hours: lambda desk: _wait(desk, hours), st.integers(1, 80)),
)  # fmt: skip


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


def check_recipients(desk: Desk) -> None:
    """Each kind of mail goes to the one whom it is for, and to nobody else."""
    for envelope in desk.letterbox.taken:
        message = message_from_bytes(envelope.octets, policy=email_policy.default)
        addressed = [address for _, address in getaddresses(map(str, message.get_all("To", [])))]
        assert (addressed, message["Cc"], message["Bcc"]) == ([envelope.recipient], None, None)
    content, of = schema.outbox_content, schema.ticket_content
    query = (
        select(schema.outbox.c.kind, content.c.recipient, of.c.requester)
        .join(content, content.c.outbox_id == schema.outbox.c.id)
        .outerjoin(of, of.c.ticket_id == schema.outbox.c.ticket_id)
    )
    with desk.store.read() as connection:
        rows = list(connection.execute(query))
    for row in rows:
        if row.kind in ("answer", "acknowledgement"):
            assert row.recipient == row.requester
        elif row.kind == "partner":
            assert row.recipient in (EXAMPLEBOOK, CHATTER)
        else:
            assert row.recipient in (AMY, LEAD, "ops@example.org.uk"), row.kind


def check_words(desk: Desk, insisted: bool) -> None:
    """No outsider reads what is internal, another's or a partner's; no partner reads who the enquirer is."""
    references = {ticket["reference"] for ticket in desk.tickets()}
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
            found += [name for name in ("Quillfeather", "Thistlewood") if name in whole and not insisted]
        assert found == [], f"{kind} to {envelope.recipient}:\n{whole}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=3, max_size=12))
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
