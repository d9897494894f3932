"""`kill -9` of the process that works on a scan, in every step and stage of its way, once."""

from __future__ import annotations

import time
from typing import Any

import pytest
from faults import Collection, Note, collection

pytestmark = pytest.mark.chaos

SCANS = 24
EVERY_STAGE = ("--damage-model", "classical", "--faces", "detect", "--colorize", "never")


@pytest.mark.parametrize(
    ("moment", "rule", "most_repeated"),
    [
        ("probe", {"point": "tasks.images.probe"}, 0),
        ("read", {"point": "tasks.images.read_page"}, 0),
        ("look", {"point": "models.look.look"}, 0),
        ("damage", {"point": "models.classical.ClassicalRestorer.__call__"}, 0),
        ("faces", {"point": "models.faces.restorer.FaceRestorer.__call__"}, 0),
        ("color", {"point": "models.color.restorer.ColorRestorer.__call__"}, 0),
        ("write, nothing written", {"point": "cluster.derivatives.write_all"}, 0),
        ("write, all written", {"point": "cluster.derivatives.write_all", "when": "after"}, 2),
        ("commit, nothing written", {"point": "tasks.ledger.write_part"}, SCANS),
        ("commit, all written", {"point": "tasks.ledger.write_part", "when": "after"}, 0),
    ],
)
def test_every_step(
    place: Collection, note: Note, moment: str, rule: dict[str, Any], most_repeated: int
) -> None:
    collection(place.source, SCANS)
    later = {"skip": 7} if "commit" not in moment else {}
    place.sabotage(rule | later | {"do": "kill", "once": True})
    started = time.monotonic()
    code = place.restore(light=EVERY_STAGE, seconds=280).code
    seconds = round(time.monotonic() - started)
    rows, repeated = place.rows(), place.repeated()
    note(f"killed in {moment}", code, SCANS, len(rows), repeated, "", seconds)
    assert code == 0
    assert (place.control / "calls-0").stat().st_size > later.get("skip", 0)  # it was killed
    place.assert_whole()
    assert repeated <= most_repeated
