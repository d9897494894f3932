from __future__ import annotations

import logging

from cluster.progress import Count, Flight, News
from tasks.events import event


def test_a_partition_that_died_holds_nothing_any_more() -> None:
    count = Count()
    happened = (event(logging.INFO, "restored", scan="a.tif"),)
    flight = Flight(0, 2, 10, (("a.tif", 3.0),))
    count.take("p0", News({"failed": 1}, 100.0, {"TooLarge": 1}, flight=flight))
    count.take("p1", News({"restored": 2}, 130.0))
    told = count.progress(happened)
    assert (told.done, told.failed, told.flights) == (3, 1, (flight,))
    assert told.events == happened
    count.take("p1", News({"restored": 3}, 170.0))
    told = count.progress()
    assert (told.done, told.by_error, told.flights, told.events) == (4, {"TooLarge": 1}, (), ())
    assert told.timeline == ((100.0, 1), (170.0, 4))


def test_a_partition_that_is_tried_again_is_not_counted_twice() -> None:
    count = Count()
    count.take("p0", News({"restored": 30}, 100.0))
    count.take("p0", News({"restored": 20}, 200.0))
    assert count.progress().by_status == {"restored": 20}


def test_the_end_of_a_partition_counts_whatever_is_heard_later() -> None:
    count = Count()
    flight = Flight(0, 2, 10)
    count.close("unheard", {"restored": 7}, 100.0)
    count.close("p0", {"restored": 5}, 100.0)
    late = News({"restored": 3}, 99.0, {"TooLarge": 1}, bytes_in_flight_peak=9, flight=flight)
    count.take("p0", late)
    told = count.progress()
    assert told.by_status == {"restored": 12} and told.flights == ()
    assert (told.by_error, told.bytes_in_flight_peak) == ({"TooLarge": 1}, 9)
