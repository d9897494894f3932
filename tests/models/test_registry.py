import subprocess
import sys

import pytest

from models.contract import BadStageInput
from models.registry import BUILDERS, REVISIONS, build_stage, describe


@pytest.mark.parametrize("name", ["damage", "faces", "color"])
def test_what_is_described_is_what_is_built(name: str) -> None:
    stage = build_stage(name)
    assert describe(name) == (stage.revision, dict(stage.weights))
    assert stage.bytes_per_pixel > 0
    assert stage([]) == []


def test_flat_keywords_reach_the_stage() -> None:
    stage = build_stage("damage", mode="revive", strength=0.4, keep_mask=True, threads=2)
    assert (stage.mode, stage.strength, stage.keep_mask, stage.threads) == (  # type: ignore[attr-defined]
        "revive",
        0.4,
        True,
        2,
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sound", {}),
        ("damage", {"colorize": "auto"}),
        ("damage", {"mode": "improve"}),
        ("color", {"colorize": "maybe"}),
        ("faces", {"weights": "x"}),
    ],
)
def test_wrong_names_and_options(name: str, options: dict[str, object]) -> None:
    with pytest.raises(BadStageInput):
        build_stage(name, **options)


def test_the_tables_agree() -> None:
    assert set(BUILDERS) == set(REVISIONS)
    with pytest.raises(BadStageInput, match="no stage"):
        describe("sound")


def test_describing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from models.registry import describe; describe('damage');"
        "print([m for m in ('cv2', 'dlib', 'scipy', 'torch') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
