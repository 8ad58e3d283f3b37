"""What operators are told, in words."""

from datetime import timedelta

from helpline_mail.adapters.store import schema
from helpline_mail.service.inquire import coming, status
from tests.integration.desk import FOLDER, Desk, mail


def problems(desk: Desk) -> list[str]:
    found: list[str] = status(desk.store, FOLDER, timedelta(minutes=1), desk.clock())["problems"]
    return found


def test_the_schedule_says_each_step_in_words(desk: Desk) -> None:
    desk.receive(mail())
    found = coming(desk.store, desk.correspondence.policy, desk.clock())
    assert [f"{item['at']:%H:%M} {item['what']}" for item in found] == [
        "11:40 reminder, 1 hour 30 minutes left",
        "12:40 reminder, 30 minutes left",
        "13:00 reminder, 10 minutes left",
        "13:10 answer due",
        "13:10 overdue reminder",
        "14:10 overdue reminder, 1 hour past",
        "16:00 update to the enquirer due; a holding mail, if nobody has written",
    ]


def test_one_problem_is_said_of_one_thing(desk: Desk) -> None:
    desk.receive(mail())
    assert problems(desk) == []
    with desk.store.write() as connection:
        connection.execute(schema.ledger.update().values(state="quarantined"))
        connection.execute(
            schema.outbox.update().where(schema.outbox.c.kind == "acknowledgement").values(state="failed")
        )
    assert problems(desk) == [
        "1 mail could not be sent; see: helpline-mail outbox list",
        "1 message could not be read; see: helpline-mail quarantine list",
    ]
    with desk.store.write() as connection:
        connection.execute(schema.outbox.update().values(state="unknown"))
    assert problems(desk)[0] == "3 mails may or may not have been sent; see: helpline-mail outbox list"
