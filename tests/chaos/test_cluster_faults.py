"""Nodes of a cluster that die in the middle of a partition, and others that come."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import ray_nodes
from fault_command import Command, sabotaged
from faults import Collection, Note, collection
from ray_nodes import RayNodes

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1200)]

SCANS = 60
A_PARTITION = 10
HELD = "box 0/scan 000.jpg"
"""Of the partition that is begun first."""


@contextmanager
def on_cluster(place: Collection, nodes: int) -> Iterator[RayNodes]:
    with ray_nodes.running(nodes, sabotaged(place.control)) as cluster:
        yield cluster


def options(cluster: RayNodes, *more: str) -> tuple[str, ...]:
    return ("--ray-address", cluster.address, "--partition-scans", str(A_PARTITION), *more)


def joined(cluster: RayNodes) -> dict[str, str]:
    return {"RAY_AUTH_TOKEN": cluster.token}


def held_by(place: Collection, command: Command) -> int:
    """The process that holds the scan HELD, which it does until `release`."""
    command.until_paused()
    return int((place.control / "paused-0").read_text())


def finished(place: Collection) -> int:
    """Scans whose derivative is written."""
    return len(place.written())


def test_a_lost_node_is_replaced_by_one_that_joins(place: Collection, note: Note) -> None:
    """One lane is held up by a scan, the node of the other dies: what is left of the partitions
    waits for the node that joins then."""
    collection(place.source, SCANS)
    place.sabotage({"point": "tasks.images.read_page", "match": HELD, "do": "hold"})
    started = time.monotonic()
    with on_cluster(place, 2) as cluster:
        log = place.base / "log.txt"
        given = options(cluster, "--log-file", str(log), "--log-format", "text")
        with place.restoring(*given, **joined(cluster)) as command:
            busy = held_by(place, command)
            command.until(lambda: finished(place) >= 2 * A_PARTITION, "progress")
            lost, kept = sorted(cluster.nodes, key=lambda node: node.holds(busy))
            assert kept.holds(busy) and not lost.holds(busy)
            lost.kill()
            command.until(lambda: " is lost: its node is gone" in log.read_text(), "word of it")
            cluster.add()
            command.until(lambda: " joins in place of" in log.read_text(), "a lane in its place")
            command.until(lambda: finished(place) == SCANS - 1, "all but the scan that is held")
            place.release()
            code = command.wait(400)
    seconds = round(time.monotonic() - started)
    note("node lost, one joins", code, SCANS, len(place.rows()), place.repeated(), "", seconds)
    assert code == 0, command.errors
    place.assert_whole()
    assert place.repeated() <= A_PARTITION + 2


def test_the_other_lane_takes_over(place: Collection, note: Note) -> None:
    """No node joins."""
    collection(place.source, SCANS)
    place.sabotage({"point": "tasks.images.read_page", "match": HELD, "do": "hold"})
    started = time.monotonic()
    with (
        on_cluster(place, 2) as cluster,
        place.restoring(*options(cluster), **joined(cluster)) as (command),
    ):
        busy = held_by(place, command)
        command.until(lambda: finished(place) >= A_PARTITION, "progress")
        (lost,) = (node for node in cluster.nodes if node.holds(busy))
        lost.kill()  # with the scan that is held
        place.release()
        code = command.wait(400)
    seconds = round(time.monotonic() - started)
    note("node lost, none joins", code, SCANS, len(place.rows()), place.repeated(), "", seconds)
    assert code == 0, command.errors
    place.assert_whole()
    assert place.repeated() <= A_PARTITION + 2


def test_the_last_node_is_lost(place: Collection, note: Note) -> None:
    """The run ends in one line, once nothing has come for as long as it was told to wait."""
    collection(place.source, SCANS)
    place.sabotage({"point": "tasks.images.read_page", "match": HELD, "do": "hold"})
    started = time.monotonic()
    with on_cluster(place, 1) as cluster:
        given = options(cluster, "--wait-for-nodes", "30")
        with place.restoring(*given, **joined(cluster)) as command:
            held_by(place, command)
            command.until(lambda: finished(place) >= 5, "progress")
            cluster.nodes[0].kill()
            code = command.wait(400)
        place.sabotage()
        cluster.add()
        again = place.restore(*options(cluster), seconds=400, **joined(cluster))
    seconds = round(time.monotonic() - started)
    codes = f"{code}, {again.code}"
    note("last node lost", codes, SCANS, len(place.rows()), place.repeated(), "", seconds)
    assert code == 4, command.errors
    (line,) = [one for one in command.errors.splitlines() if one.startswith("albumen: ")]
    assert line.startswith("albumen: no lane is left: their nodes are gone")
    assert again.code == 0, again.errors
    place.assert_whole()
    assert place.repeated() <= A_PARTITION + 2
