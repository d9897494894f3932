"""Which actor of a stage a page goes to."""

from __future__ import annotations

import pytest
from fake_stages import SLOW, Slow
from lane_setup import crew_of, page

from cluster.calls import Done
from cluster.dispatch import Dispatcher

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_the_last_pages_go_to_whichever_actor_is_free_first() -> None:
    with crew_of({"damage": Slow}, actors={"damage": 2}) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        for owner, first in (("slow", SLOW), ("a", 1), ("b", 1), ("c", 1)):
            dispatcher.offer_page("damage", page(owner, first))
        done: list[Done] = []
        while len(done) < 4:
            done += dispatcher.wait(1.0)
    assert [one.owner for one in done] == ["a", "b", "c", "slow"]


def test_an_actor_has_its_next_page_ready_while_more_are_coming() -> None:
    with crew_of({"damage": Slow}, actors={"damage": 2}) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        for owner in "abcdef":
            dispatcher.offer_page("damage", page(owner, SLOW))
        dispatcher.wait(0.1)
        places = [call.place for call in dispatcher._calls]
        assert sorted(places) == ["damage", "damage", "damage#2", "damage#2"]
