"""What a partition says of its scans, as the driver, the node's log and Prometheus get it."""

from __future__ import annotations

import logging
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
import ray
from fake_stages import RAISE, Corner, Nothing
from lane_setup import crew_of, order_for, picture, run

from cluster.calls import Done
from cluster.driver import Crew
from cluster.journey import Journey
from cluster.metrics import METRICS, Meter
from cluster.progress import Progress
from cluster.witness import Witness
from tasks.events import Event
from tasks.partition import Job
from tasks.recipe import Recipe
from tasks.records import Scan

STAGES = {"damage": Corner, "color": Nothing}

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_every_scan_is_told_of_with_run_and_partition(tmp_path: Path) -> None:
    source, destination = tmp_path / "scans", tmp_path / "out"
    destination.mkdir()
    for number in range(4):
        picture(source / "box 1" / f"{number}.png", seed=number)
    picture(source / "raises.png", RAISE)
    picture(source / "killed.png")
    (source / "text.png").write_text("Dear Anna,")
    order = order_for(source, destination, strikes={"killed.png": 2})
    with crew_of(STAGES) as crew:
        run(crew, order)
        told = _all_told(crew, 7)
        assert told.by_error == {"StageFailed": 1, "NotAnImage": 1, "WorkerDied": 1}
        assert told.flights == () and crew.progress().events == ()
    common = {"run": order.run.name, "partition": "p0", "lane": 0}
    assert all(common.items() <= one.fields.items() for one in told.events)
    ended = {one.fields["scan"]: one for one in told.events}
    assert {scan: one.level for scan, one in ended.items()} == {
        f"box 1/{number}.png": logging.INFO for number in range(4)
    } | {"text.png": logging.WARNING, "raises.png": logging.ERROR, "killed.png": logging.ERROR}
    assert ended["box 1/0.png"].fields["pixels"] == 48 * 32
    assert "does not like this picture" in ended["raises.png"].trace
    assert "fake_stages.py" in ended["raises.png"].trace
    lines = [line for line in _log_of_the_node() if order.run.name in line]
    assert any('"scan": "raises.png"' in line and '"traceback"' in line for line in lines)


def _all_told(crew: Crew, events: int) -> Progress:
    """Progress with the last report, which the partition does not wait for."""
    happened: list[Event] = []
    while True:
        told = crew.progress()
        happened += told.events
        if len(happened) >= events:
            return replace(told, events=tuple(happened))
        time.sleep(0.1)


def _log_of_the_node() -> list[str]:
    folder = Path(ray._private.worker._global_node.get_logs_dir_path())
    files = folder.glob("worker-*.err")
    return [line for path in files for line in path.read_text().splitlines()]


def test_prometheus_is_answered_without_a_dashboard() -> None:
    (node,) = (node for node in ray.nodes() if node["Alive"])
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    wanted = {name for metric in METRICS for name in metric.exported}
    found: set[str] = set()
    meter = Meter("a collection", 7)
    deadline = time.monotonic() + 60
    while not wanted <= found and time.monotonic() < deadline:
        meter.scan([{"status": "failed", "error_class": "TooLarge", "width": 9, "height": 9}])
        meter.step("read", 0.1)
        meter.death("read")
        meter.flight(scans=1, held_bytes=2, waiting=3, queued=4)
        time.sleep(1)  # Ray fetches every few seconds
        text = opener.open(url, timeout=10).read().decode()
        ours = [line for line in text.splitlines() if 'collection="a collection"' in line]
        found = {line.partition("{")[0] for line in ours}
    assert wanted <= found
    assert any(line.startswith("ray_albumen_queued_scans{") and " 4.0" in line for line in ours)


def test_a_death_is_told_of_every_scan_it_concerns(monkeypatch: pytest.MonkeyPatch) -> None:
    deaths: list[str] = []
    monkeypatch.setattr(Meter, "death", lambda _, step: deaths.append(step))
    witness = Witness("000001-a", "p0", 0, "out")
    scan = Scan("/in/a.tif", "a.tif", 10, None, None)
    for alone in (False, True):
        journey = Journey(Job(scan, Recipe(), "restored/a.tif"), alone=alone)
        witness.step(Done(journey, "damage", None, death="its process died (crash or kill)"))
    together, lone = witness.take_events()
    assert deaths == ["damage", "damage"]
    assert together.level == logging.WARNING and together.fields["scan"] == "a.tif"
    assert "tried again, one at a time" in together.message
    assert "tried again" not in lone.message
    assert witness.take_events() == ()
