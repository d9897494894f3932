"""`kill -9` of what a run consists of, while the driver lives."""

from __future__ import annotations

import random
import time

import pytest
from faults import Collection, Note, collection

pytestmark = pytest.mark.chaos

SCANS = 70
A_PART = 50


@pytest.mark.in_ci
def test_killed_actors_and_a_killed_worker_cost_nothing(place: Collection, note: Note) -> None:
    collection(place.source, SCANS)
    started = time.monotonic()
    with place.restoring() as command:
        command.until(lambda: len(place.written()) >= 10, "progress")
        command.victim("stage actor").kill()
        command.until(lambda: len(place.written()) >= 25, "progress after it")
        command.victim("io worker").kill()
        command.until(lambda: len(place.written()) >= 35, "progress after that")
        command.victim("tally").kill()
        code = command.wait()
    seconds = round(time.monotonic() - started)
    note("actors and worker killed", code, SCANS, len(place.rows()), place.repeated(), "", seconds)
    assert code == 0, command.errors
    assert "raylet" not in command.output + command.errors
    place.assert_whole()
    assert place.repeated() <= 2  # a write that was killed after it had written


@pytest.mark.parametrize("seed", range(8))
def test_random_kills(place: Collection, note: Note, seed: int) -> None:
    """Three kills a round; the run recovers by itself."""
    rng = random.Random(seed)
    collection(place.source, 100)
    options = ("--partition-scans", str(rng.choice([30, 100])))
    goals = sorted(rng.sample(range(2, 85), 3))
    kinds = rng.choices(["stage actor", "io worker", "runner"], k=3)
    if kinds.count("runner") == 3:
        kinds[0] = "stage actor"  # a partition is tried three times
    started = time.monotonic()
    with place.restoring(*options) as command:
        for goal, kind in zip(goals, kinds, strict=True):
            command.until(lambda goal=goal: len(place.written()) >= goal, f"{goal} scans")
            command.victim(kind).kill()
        code = command.wait(240)
    seconds = round(time.monotonic() - started)
    what = ", ".join(f"{kind} at {goal}" for kind, goal in zip(kinds, goals, strict=True))
    note(f"seed {seed}: {what}", code, 100, len(place.rows()), place.repeated(), "", seconds)
    assert code == 0, command.errors
    place.assert_whole()
    assert place.repeated() <= kinds.count("runner") * (A_PART + 2) + 2 * len(kinds)


def test_a_cluster_that_dies_ends_the_run_in_one_line(place: Collection, note: Note) -> None:
    collection(place.source, SCANS)
    started = time.monotonic()
    with place.restoring() as command:
        command.until(lambda: len(place.written()) >= 20, "progress")
        command.victim("raylet").kill()
        code = command.wait(240)
        left = command.outliving(20)
    said = [line for line in command.errors.splitlines() if "scans done" not in line]
    assert code in (4, 6)
    assert len([line for line in said if line]) == 1, command.errors
    assert said[-1].startswith("albumen: the cluster does not answer")
    again = place.restore()
    seconds = round(time.monotonic() - started)
    note(
        "raylet killed",
        f"{code}, {again.code}",
        SCANS,
        len(place.rows()),
        place.repeated(),
        left or "nothing",
        seconds,
    )
    assert again.code == 0, again.errors
    place.assert_whole()
    assert place.repeated() <= A_PART + 2


def test_the_clusters_head_dies(place: Collection, note: Note) -> None:
    """Ray itself ends the driver then, after a minute in which the scans go on."""
    collection(place.source, SCANS)
    started = time.monotonic()
    with place.restoring() as command:
        command.until(lambda: len(place.written()) >= 20, "progress")
        command.victim("gcs").kill()
        code = command.wait(240)
        left = command.outliving(20)
    again = place.restore()
    seconds = round(time.monotonic() - started)
    note(
        "gcs killed",
        f"{code}, {again.code}",
        SCANS,
        len(place.rows()),
        place.repeated(),
        left or "nothing",
        seconds,
    )
    assert code != 0
    assert again.code == 0, again.errors
    place.assert_whole()
    assert place.repeated() <= A_PART + 2


@pytest.mark.timeout(600)
def test_prefects_embedded_server_dies(bare_place: Collection, note: Note) -> None:
    """It is started again, and the run that it records ends well."""
    collection(bare_place.source, SCANS)
    started = time.monotonic()
    with bare_place.restoring() as command:
        command.until(lambda: len(bare_place.written()) >= 20, "progress")
        command.victim("prefect server").kill()
        code = command.wait(300)
        left = command.outliving(20)
    seconds = round(time.monotonic() - started)
    note(
        "prefect server killed",
        code,
        SCANS,
        len(bare_place.rows()),
        bare_place.repeated(),
        left or "nothing",
        seconds,
    )
    assert code == 0, command.errors
    assert "Traceback" not in command.errors
    assert not left
    bare_place.assert_whole()
    assert bare_place.repeated() == 0
