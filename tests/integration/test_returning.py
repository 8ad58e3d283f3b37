"""Enquirers who reply to a closed ticket: soon, and it is open again; late, and another ticket follows it."""

from typing import Any

import pytest
from sqlalchemy import insert, inspect
from sqlalchemy.exc import IntegrityError

from helpline_mail.adapters.store import schema
from helpline_mail.adapters.store.chains import line
from helpline_mail.service.inquire import explained, ticket_shown, tickets_listed
from tests.integration.desk import ALICE, AMY, BOB, MALLORY, Desk, bounce, follow_up, header, mail, words
from tests.integration.staff import ALICES_HOME, kinds, runs, tell, ticket, to, trail
from tests.integration.test_staff_mail import reply, to_alice


@pytest.fixture
def closed(asked: Desk) -> Desk:
    """Amy closed Alice's enquiry with words, on 24 November."""
    tell(asked, "#resolve advice given\n\nGlad that we could help.")
    return asked


def closing_id(desk: Desk) -> str:
    return header(to_alice(desk)[0].octets, "Message-ID")


def reply_late(desk: Desk, number: int = 2, from_: str = ALICE, *, days: int = 31, **fields: str) -> None:
    """A reply to the first closing words, so many days later."""
    desk.clock.advance(days=days)
    desk.receive(follow_up(desk, number, from_, **{"in_reply_to": closing_id(desk), **fields}))


def test_a_closed_ticket_says_when_and_an_open_one_nothing(closed: Desk) -> None:
    assert (ticket(closed).resolved_at, ticket(closed).outcome) == (closed.clock(), "advice given")
    shown = ticket_shown(closed.store, ticket(closed).reference)
    assert (shown["resolved_at"], shown["outcome"], shown["follows"]) == (closed.clock(), "advice given", None)
    tell(closed, "#reopen")
    assert (ticket(closed).state, ticket(closed).resolved_at, ticket(closed).outcome) == ("open", None, None)


def test_a_reply_on_the_thirtieth_day_opens_the_ticket_again(closed: Desk) -> None:
    reply_late(closed, days=30)
    assert closed.dispositions()[-1] == "follow_up"
    assert [(t["state"], t["resolved_at"]) for t in closed.tickets()] == [("open", None)]
    assert runs(closed)


def test_a_later_reply_is_a_ticket_of_its_own_that_follows(closed: Desk) -> None:
    reply_late(closed)
    old, new = closed.tickets()
    assert (old["state"], new["state"], new["follows"]) == ("resolved", "open", old["id"])
    assert kinds(closed, 1) == ["enquiry", "acknowledgement"]
    assert (runs(closed), runs(closed, 1)) == (False, True)
    assert [e.recipient for e in closed.sent("acknowledgement")] == [ALICE, ALICE]
    assert new["reference"] in header(closed.sent("acknowledgement")[1].octets, "Subject")
    assert ticket_shown(closed.store, new["reference"])["follows"] == old["reference"]


def test_its_notice_names_the_earlier_ticket_and_shows_nothing_of_it(closed: Desk) -> None:
    old = ticket(closed).reference
    reply_late(closed)
    notice = words(to(closed, AMY, "notice")[-1])
    assert f"It follows {old}, which was closed on Tuesday 24 November (advice given)." in notice
    assert "Possibly related" not in notice
    assert "Glad that we could help" not in notice


def test_both_trails_and_the_explanation_say_why(closed: Desk) -> None:
    reply_late(closed)
    old, new = ticket(closed).reference, ticket(closed, 1).reference
    assert f"its enquirer wrote again: {new} follows it" in trail(closed)
    assert f"it follows {old}, which was closed on Tuesday 24 November (advice given)" in trail(closed, 1)
    told = [e["text"] for e in explained(closed.store, closed.correspondence.policy, new)["events"]]
    assert f"{old} was closed over 30 days before: a new ticket follows it" in told


def test_the_days_are_those_of_the_configuration(closed: Desk) -> None:
    closed.decide_otherwise(reopen_within=7)
    reply_late(closed, days=8)
    assert closed.dispositions()[-1] == "new_ticket"


def test_more_replies_to_the_old_thread_go_on_in_the_ticket_that_follows(closed: Desk) -> None:
    reply_late(closed)
    reply_late(closed, 3, days=1)
    assert closed.dispositions()[-2:] == ["new_ticket", "follow_up"]
    assert kinds(closed, 1)[-1] == "follow_up"
    assert f"and {ticket(closed, 1).reference} follows it" in trail(closed, 1)
    assert len(closed.sent("acknowledgement")) == 2


def test_a_reply_that_names_both_threads_belongs_to_the_later_one(closed: Desk) -> None:
    reply_late(closed)
    references = f"<one@school.sch.uk> {closing_id(closed)}"
    closed.receive(follow_up(closed, 3, in_reply_to=closed.acknowledgement_id(1), references=references))
    assert closed.dispositions()[-1] == "follow_up"
    assert kinds(closed, 1)[-1] == "follow_up"


def test_the_ticket_that_follows_is_opened_again_as_any_other(closed: Desk) -> None:
    reply_late(closed)
    tell(closed, "#resolve advice given\n\nDear Alice, that is for the police.")
    reply_late(closed, 3, days=5)
    assert [t["state"] for t in closed.tickets()] == ["resolved", "open"]
    tell(closed, "#resolve advice given\n\nDear Alice, they will call you.")
    reply_late(closed, 4, days=40)
    first, second, third = closed.tickets()
    assert (second["follows"], third["follows"]) == (first["id"], second["id"])
    assert [t["state"] for t in closed.tickets()] == ["resolved", "resolved", "open"]


def test_if_the_ticket_that_follows_was_joined_replies_go_there(closed: Desk) -> None:
    reply_late(closed)
    closed.receive(mail(ALICES_HOME, "The other matter", message_id="<home@mail.example>"))
    notice = next(e for e in to(closed, AMY, "notice") if ticket(closed, 1).reference.encode() in e.octets)
    closed.receive(reply(notice, f"#join {ticket(closed, 2).reference}"))
    reply_late(closed, 3, days=1)
    assert kinds(closed, 2)[-1] == "follow_up"
    assert len(closed.tickets()) == 3


def test_if_it_was_joined_to_the_old_ticket_that_one_is_open_again(closed: Desk) -> None:
    reply_late(closed)
    tell(closed, f"#join {ticket(closed).reference}")
    with closed.store.read() as connection:
        assert [one.reference for one in line(connection, ticket(closed).id, ALICE)] == [ticket(closed).reference]
    reply_late(closed, 3, days=1)
    assert [t["state"] for t in closed.tickets()] == ["open", "resolved"]
    assert kinds(closed)[-1] == "follow_up"


def test_a_stranger_with_the_old_thread_gets_a_ticket_that_follows_nothing(closed: Desk) -> None:
    reply_late(closed, from_=MALLORY)
    assert (ticket(closed, 1).follows, kinds(closed)[-1]) == (None, "answer")
    assert f"Possibly related to {ticket(closed).reference}." in words(to(closed, AMY, "notice")[-1])


def test_a_stranger_with_the_old_thread_never_reaches_the_ticket_that_follows(closed: Desk) -> None:
    reply_late(closed)
    reply_late(closed, 3, MALLORY, days=1)
    assert (ticket(closed, 2).follows, kinds(closed, 1)) == (None, ["enquiry", "acknowledgement"])


def test_another_participant_has_a_line_of_tickets_of_their_own(closed: Desk) -> None:
    tell(closed, f"#admit {BOB}")
    reply_late(closed)
    reply_late(closed, 3, BOB, days=1)
    reply_late(closed, 4, ALICE, days=1)
    reply_late(closed, 5, BOB, days=1)
    assert [t["follows"] for t in closed.tickets()[1:]] == [ticket(closed).id] * 2
    assert (kinds(closed, 1)[-1], kinds(closed, 2)[-1]) == ("follow_up", "follow_up")


def test_machines_and_bounces_never_open_or_begin_a_ticket(closed: Desk) -> None:
    reply_late(closed, auto_submitted="auto-replied")
    assert (closed.dispositions()[-1], kinds(closed)[-1], len(closed.tickets())) == ("automatic", "automatic", 1)
    closed.receive(bounce(ALICE, closed.acknowledgement_id()))
    assert [t["state"] for t in closed.tickets()] == ["resolved"]


def test_a_forged_sender_gets_a_ticket_that_follows_nothing(closed: Desk) -> None:
    forged = "mx.example.org.uk; dmarc=fail header.from=school.sch.uk"
    reply_late(closed, authentication_results=forged)
    assert ticket(closed, 1).follows is None
    assert len(closed.sent("acknowledgement")) == 1


def test_staff_open_an_old_ticket_again_from_its_notice(closed: Desk) -> None:
    closed.decide_otherwise(reopen_within=5)
    notice = to(closed, AMY, "notice")[0]
    reply_late(closed, days=10)
    closed.receive(reply(notice, "#reopen"))
    assert [t["state"] for t in closed.tickets()] == ["open", "open"]
    reply_late(closed, 3, days=1)
    assert kinds(closed)[-1] == "follow_up", "the ticket that it replies to takes it"


def test_nothing_is_closed_without_an_outcome_or_has_one_while_it_is_open(closed: Desk) -> None:
    at = closed.clock()
    row = {"reference": "POSH-222222", "channel": "email", "created_at": at}
    wrong: tuple[dict[str, Any], ...] = (
        {"state": "resolved"}, {"state": "resolved", "outcome": "advice given"},
        {"state": "resolved", "resolved_at": at}, {"state": "open", "outcome": "advice given"},
        {"state": "open", "resolved_at": at}, {"state": "lost"},
    )  # fmt: skip
    for values in wrong:
        with pytest.raises(IntegrityError), closed.store.write() as connection:
            connection.execute(insert(schema.ticket).values(row | values))


def test_the_database_has_the_checks_that_the_tables_name(closed: Desk) -> None:
    with closed.store.read() as connection:
        found = {check["name"] for check in inspect(connection).get_check_constraints("ticket")}
    assert found == {"ck_ticket_closed_with_an_outcome"}


def test_whatever_is_open_is_listed_with_what_is_due(closed: Desk) -> None:
    reply_late(closed)
    tell(closed, "Dear Alice, we are looking into it.")
    tell(closed, "#reopen")
    closed.receive(mail(BOB, "Another matter", message_id="<bob@club.example>"))
    tell(closed, f"#join {ticket(closed).reference}")
    found = tickets_listed(closed.store, "open")
    assert [one["reference"] for one in found] == [ticket(closed).reference, ticket(closed, 1).reference]
    assert None not in [one["update_due_at"] for one in found]
    assert [one["outcome"] for one in found] == [None, None]
