"""Which lane a partition gets, as lanes come, fall into doubt and are lost. Needs no cluster."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from cluster.lanes import Lane
from cluster.resources import LaneResources
from cluster.roster import Roster
from tasks.errors import ClusterError


def lane(number: int) -> Lane:
    group: Any = None  # nothing is placed
    return Lane(number, group, {}, {}, LaneResources(), 1)


def fail(roster: Roster) -> Lane:
    """Let the process of a partition die, and say on which lane."""
    with pytest.raises(ClusterError), roster.lane() as lent:
        raise ClusterError("the process of a partition died")
    assert lent is not None
    return lent


@pytest.fixture
def roster() -> Roster:
    watched = Roster([lane(0), lane(1)], gives_back=True)
    watched.is_watched = True
    return watched


def test_a_lane_in_doubt_is_lent_again_once_it_is_trusted(roster: Roster) -> None:
    doubted = fail(roster)
    assert roster.doubted == (doubted,) and len(roster.lanes) == 2
    for _ in range(3):
        with roster.lane() as lent:
            assert lent is not None and lent.number != doubted.number
            assert roster.are_out()
    assert not roster.are_out()
    roster.trust(doubted)
    assert roster.doubted == ()
    with roster.lane() as one, roster.lane() as other:
        assert {lent.number for lent in (one, other) if lent} == {0, 1}


def test_without_a_look_out_nothing_is_doubted() -> None:
    roster = Roster([lane(0)])
    fail(roster)
    with roster.lane() as lent:
        assert lent is not None


def test_a_lost_lane_is_never_lent(roster: Roster) -> None:
    roster.lose(lane(0))  # while it is free
    with roster.lane() as lent:
        assert lent is not None and lent.number == 1
        roster.lose(lent)  # while it is lent
        assert roster.is_lost(lent) and roster.lanes == ()
    assert roster.bereft_seconds() > 0
    came = threading.Timer(0.1, lambda: roster.add(lane(2)))
    came.start()
    with roster.lane() as lent:
        assert lent is not None and lent.number == 2
    assert roster.bereft_seconds() == 0


def test_a_lane_lost_in_doubt(roster: Roster) -> None:
    doubted = fail(roster)
    roster.lose(doubted)
    assert roster.doubted == () and len(roster.lanes) == 1


def test_who_waits_in_vain_is_sent_away(roster: Roster) -> None:
    for number in (0, 1):
        roster.lose(lane(number))
    roster.stopping = True
    with roster.lane() as lent:
        assert lent is None


def test_how_many_are_enough(roster: Roster) -> None:
    assert not roster.has_enough
    roster.keep(1)
    assert roster.has_enough and len(roster.lanes) == 1
    roster.lose(roster.lanes[0])
    assert not roster.has_enough  # the last partition needs one
