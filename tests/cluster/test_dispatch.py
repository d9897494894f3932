"""Which actor a page goes to, and when."""

from __future__ import annotations

from typing import Any

import pytest
import ray
from fake_stages import SLOW, Corner, Slow
from lane_setup import crew_of, page

from cluster.calls import IO, Done
from cluster.dispatch import Dispatcher
from cluster.outcome import Outcome

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
    with crew_of({"damage": Slow}, actors={"damage": 2}, threads=4) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        for owner in "abcdef":
            dispatcher.offer_page("damage", page(owner, SLOW))
        dispatcher.wait(0.1)
        places = [call.place for call in dispatcher._calls]
        assert sorted(places) == ["damage", "damage", "damage#2", "damage#2"]


def test_no_more_steps_compute_than_there_are_cpus_and_what_leaves_goes_first() -> None:
    stages = {"damage": Slow, "color": Corner}
    with crew_of(stages, actors={"damage": 2}, threads=2) as crew:
        dispatcher = Dispatcher(crew.lanes[0], 60)
        for owner in ("a", "b", "c"):
            dispatcher.offer_page("damage", page(owner, SLOW))
        dispatcher.offer("d", "look", lambda _: [_ended.remote()])
        dispatcher.offer("e", "write", lambda _: [_ended.remote()])
        done = dispatcher.wait(1.0)
        dispatcher.offer_page("color", page("f"))
        while len(done) < 6:
            done += dispatcher.wait(5.0)
            assert sum(call.place != IO for call in dispatcher._calls) <= 2
    assert done[0].owner == "e"  # a task
    order = [one.owner for one in done]
    assert order.index("f") < order.index("c")
    assert order.index("d") > order.index("f")


def test_actors_that_have_all_stages_look_as_well() -> None:
    asked: list[Any] = []

    def submit(actor: Any) -> list[Any]:
        asked.append(actor)
        return [_ended.remote()]

    stages = {"damage": Slow, "color": Corner}
    with crew_of(stages, actors={"damage": 2}, threads=2) as crew:
        lane = crew.lanes[0]
        assert {len(actors) for actors in lane.places.values()} == {2}
        dispatcher = Dispatcher(lane, 60)
        dispatcher.offer_page("damage", page("slow", SLOW))
        for owner in ("a", "b"):
            dispatcher.offer(owner, "look", submit)
        done = dispatcher.wait(1.0)
        (working,) = (call.place for call in dispatcher._calls if call.pages)
        while len(done) < 3:
            done += dispatcher.wait(5.0)
        free = next(actor for name, actor in lane.actors.items() if name != working)
        assert asked == [free, free], "one after the other, and not behind the slow one"
        dispatcher.offer("c", "read", submit)
        dispatcher.wait(5.0)
    assert asked[2:] == [None], "a task"
    assert [one.owner for one in done] == ["a", "b", "slow"]


@ray.remote(num_cpus=0)
def _ended() -> Outcome:
    return Outcome(0.0)
