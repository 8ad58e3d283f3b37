"""What is the same mail, and what only looks like it: nobody's words vanish because others sent them first."""

import pytest

from helpline_mail.adapters.store import schema
from helpline_mail.domain.rations import Rations
from tests.integration.desk import ALICE, Desk, follow_up, mail

MARKS = [{"auto_submitted": "auto-forwarded"}, {"precedence": "auto_reply"}, {"x_autoreply": "yes"}]


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize("message_id", ["<one@school.sch.uk>", None])
def test_a_machines_copy_hides_no_enquiry(desk: Desk, marks: dict[str, str], message_id: str | None) -> None:
    """A forwarder may have put the mark on it, or somebody who does not want it to be answered."""
    desk.receive(
        mail(message_id=message_id, **marks), mail(message_id=message_id), mail(message_id=message_id, **marks)
    )
    assert desk.dispositions() == ["automatic", "new_ticket", "duplicate"]
    assert (len(desk.clocks()), len(desk.sent("acknowledgement"))) == (1, 1)


def test_a_machines_copy_hides_no_follow_up(desk: Desk) -> None:
    desk.receive(mail())
    desk.receive(follow_up(desk, auto_submitted="auto-forwarded"), follow_up(desk), follow_up(desk))
    assert desk.dispositions() == ["new_ticket", "automatic", "follow_up", "duplicate"]


def test_a_form_without_a_date_may_repeat_itself_another_day(desk: Desk) -> None:
    form = b"From: alice@school.sch.uk\r\nMessage-ID: <form@school.sch.uk>\r\nSubject: Call me\r\n\r\nPlease call.\r\n"
    desk.receive(form, b"Received: by another.route\r\n" + form)
    desk.clock.advance(days=21)
    desk.receive(b"Received: later\r\n" + form)
    assert desk.dispositions() == ["new_ticket", "duplicate", "new_ticket"]


def test_a_duplicate_is_found_behind_many_that_share_its_message_id(desk: Desk) -> None:
    desk.receive(*(mail(text=f"Page {number}\n", message_id="<0@printer>") for number in range(30)))
    desk.receive(b"Received: by another.route\r\n" + mail(text="Page 3\n", message_id="<0@printer>"))
    assert desk.dispositions() == ["new_ticket"] * 30 + ["duplicate"]


def test_one_message_id_used_by_many_neither_grows_nor_bars_the_way(desk: Desk) -> None:
    desk.receive(mail(message_id="<same@e.example>"))
    strangers = [f"x{number}@e{number}.example" for number in range(60)]
    desk.receive(*(
        mail(who, f"From {who}", f"I am {who}\n", message_id="<same@e.example>", in_reply_to="<same@e.example>")
        for who in strangers
    ))  # fmt: skip
    related = [row.text for row in desk.rows(schema.event, schema.event.c.code == "possibly_related")]
    assert max(map(len, related)) < 250
    desk.receive(mail(text="More\n", message_id="<2@school.sch.uk>", in_reply_to="<same@e.example>"))
    assert desk.dispositions()[-1] == "follow_up"


def test_oversize_mails_with_the_same_beginning_are_two(desk: Desk) -> None:
    for size in (600_000, 700_000):
        uid = desk.mailbox.append(mail(message_id=None, text="x" * 20_000), desk.clock())
        desk.mailbox.announced_sizes[uid] = size
    desk.collect()
    assert len(desk.rows(schema.raw_content)) == 2


def test_rations_see_one_mailbox_behind_plus_forms_and_a_clock_that_was_set_back(desk: Desk) -> None:
    desk.decide_otherwise(rations=Rations(3, 30, 300))
    desk.receive(*(mail(f"v+{n}@victim.example", f"Mail {n}", message_id=f"<{n}@v.example>") for n in range(8)))
    assert len(desk.sent("acknowledgement")) == 3
    desk.clock.advance(hours=-2)
    desk.receive(mail("V@victim.example", "Once more", message_id="<9@v.example>"))
    assert len(desk.sent("acknowledgement")) == 3
    desk.receive(mail(ALICE))
    assert len(desk.sent("acknowledgement")) == 4
