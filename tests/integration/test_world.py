"""A simulated year of a helpline: whatever people, servers and operators do, these things stay true.

`HELPLINE_MAIL_SEEDS=20 uv run pytest tests/integration/test_world.py` plays so many other years, each of them larger.
"""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from helpline_mail.adapters.store import revision
from helpline_mail.adapters.store.engine import Store
from tests.integration import world_clocks, world_mails
from tests.integration.world import World
from tests.integration.world_history import History
from tests.integration.world_people import People
from tests.integration.world_truths import check_calendar, check_now

MANY = os.environ.get("HELPLINE_MAIL_SEEDS")
ENQUIRIES_A_YEAR = 300 if MANY else 24
TRUTHS = (
    world_mails.each_mail_became_what_it_should,
    world_mails.mail_goes_only_where_it_belongs,
    world_mails.no_words_go_where_they_do_not_belong,
    world_mails.one_acknowledgement_at_most,
    world_mails.reminders_are_few_and_true,
    world_mails.holding_mails_are_honest,
    world_mails.everything_left_in_the_end,
    world_clocks.reached_steps_were_told,
    world_clocks.breaches_were_preceded_by_every_reminder,
    world_clocks.verdicts_are_true,
    world_clocks.what_goes_on_has_what_was_left,
    world_clocks.partners_are_awaited_until_they_answer,
    world_clocks.clock_histories_are_whole,
    world_clocks.no_query_is_forgotten,
)


def play(store: Store, seed: int, *, days: int, enquiries: int, troubles: int = 1) -> World:
    """Plays a world to its end. A failure names the seed and what happened last."""
    random.seed(seed)  # the pauses of the outbox
    world = World(store, seed, days, troubles)
    People(world, enquiries)
    try:
        world.run(check_now)
        check_calendar(world)
        history = History(world)
        for truth in TRUTHS:
            truth(history)
    except BaseException as error:
        story = "\n".join(world.story)
        error.add_note(f"seed {seed}, at {world.clock()}, after\n{story}")
        raise
    return world


@pytest.fixture
def hasty_store(tmp_path: Path) -> Iterator[Store]:
    """A database that waits for no disk: no power is cut in this world, and its year has many transactions."""
    store = Store(f"sqlite:///{tmp_path / 'world.db'}")
    event.listen(store._engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    revision.require_current(store)
    yield store
    store.close()


@pytest.mark.parametrize("seed", range(int(MANY or 1)))
def test_a_year_leaves_every_promise_true(hasty_store: Store, seed: int) -> None:
    world = play(hasty_store, seed, days=365, enquiries=ENQUIRIES_A_YEAR)
    assert len(world.desk.tickets()) >= ENQUIRIES_A_YEAR
    assert {"answer", "acknowledgement", "reminder", "overdue", "update"} <= {mail.kind for mail in world.server.left}


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_three_weeks_are_the_same_on_postgresql(store: Store) -> None:
    play(store, 1, days=21, enquiries=8, troubles=4)
