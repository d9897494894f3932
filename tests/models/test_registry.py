import subprocess
import sys
from pathlib import Path

import pytest

from models.color.choices import CHOICES as COLOR_CHOICES
from models.contract import BadStageInput
from models.damage.choices import CHOICES, DEFAULT_MODEL, MODELS
from models.faces.choices import CHOICES as FACE_CHOICES
from models.registry import BUILDERS, REVISIONS, build_stage, describe
from models.weights import WeightsError, WeightsMissing, location
from models.weights.networks import NETWORKS
from models.weights.table import WEIGHTS


def is_there(model: str) -> bool:
    """Whether every weight file of a model lies where it belongs."""
    known = {row.name for row in WEIGHTS}
    return all(name in known and location(name).exists() for name in CHOICES[model].weights)


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


def test_faces_that_are_only_detected_need_no_weights() -> None:
    for faces in ("off", "detect"):
        stage = build_stage("faces", faces=faces, model="published-512", strength=0.5)
        assert describe("faces", faces=faces, model="published-512") == (REVISIONS["faces"], {})
        assert (stage.revision, dict(stage.weights)) == (REVISIONS["faces"], {})
    revision, weights = describe("faces", model="direct")
    assert revision == FACE_CHOICES["direct"].revision and set(weights) == {"faces_enhancer"}
    assert describe("faces") == (revision, weights)
    with pytest.raises(BadStageInput, match="no face model"):
        describe("faces", model="prettiest")


def test_what_is_never_colourized_needs_no_weights() -> None:
    stage = build_stage("color", colorize="never", model="published-stable")
    told = describe("color", colorize="never", model="published-stable")
    assert told == (stage.revision, dict(stage.weights)) == (REVISIONS["color"], {})
    revisions = {choice.revision for choice in COLOR_CHOICES.values()}
    assert len(revisions) == len(COLOR_CHOICES) and REVISIONS["color"] not in revisions


@pytest.mark.parametrize("model", [model for model in CHOICES if is_there(model)])
def test_models_with_networks_are_described_as_built(model: str) -> None:
    revision, weights = describe("damage", model=model, mode="revive")
    assert set(weights) == set(CHOICES[model].weights)
    stage = build_stage("damage", model=model, device="cpu")
    assert (revision, dict(weights)) == (stage.revision, dict(stage.weights))


def test_every_model_is_a_revision_of_its_own() -> None:
    revisions = [choice.revision for choice in CHOICES.values()]
    assert len(set(revisions)) == len(CHOICES)
    assert not set(revisions) & set(REVISIONS.values())
    published = {row.name: row for row in WEIGHTS if not row.embedded}
    for name, choice in CHOICES.items():
        if name.startswith("published"):
            assert {published[weight].network for weight in choice.weights} <= set(NETWORKS)
            assert len(choice.reviver) == 3 and len(choice.filler) in (0, 3)


def test_auto_is_the_default_model() -> None:
    assert DEFAULT_MODEL in MODELS and DEFAULT_MODEL != "auto"
    assert describe("damage") == describe("damage", model=DEFAULT_MODEL)


def test_weights_that_were_not_imported_stop_everything(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path))
    for ask in (describe, build_stage):
        for stage, model in (
            ("damage", "published-scratch"),
            ("faces", "published-512"),
            ("color", "published-stable"),
        ):
            with pytest.raises(WeightsMissing, match="albumen weights import"):
                ask(stage, model=model)
    assert issubclass(WeightsMissing, WeightsError)


def test_a_model_keeps_its_own_strength_unless_told() -> None:
    assert build_stage("damage", model="classical").strength == 0.7  # type: ignore[attr-defined]
    told = build_stage("damage", model="classical", strength=0.0, tone_strength=0.5)
    assert told.strength == 0.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sound", {}),
        ("damage", {"model": "sharpest"}),
        ("damage", {"colorize": "auto"}),
        ("damage", {"mode": "improve"}),
        ("color", {"colorize": "maybe"}),
        ("color", {"model": "prettiest"}),
        ("color", {"render_factor": 1}),
        ("color", {"saturation": 9.0}),
        ("faces", {"weights": "x"}),
        ("faces", {"model": "prettiest"}),
        ("faces", {"faces": "beautify"}),
        ("faces", {"strength": -1.0}),
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
        "import sys; from models.registry import describe; describe('damage', model='classical');"
        "describe('faces'); describe('color');"
        "print([m for m in ('cv2', 'dlib', 'scipy', 'torch') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
