"""What a user can ask of the stages is what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from cli import ask
from tiny_yunet import use_tiny_yunet

from flows.planning import face_detector, face_network, stage_options
from flows.settings import PIXEL_OPTIONS, DamageModel, FaceDetector, FaceModel, RestoreSettings
from models.damage.choices import MODELS
from models.faces.choices import CHOICES, FACE_MODELS
from models.faces.detectors import FACE_DETECTORS
from models.registry import build_stage
from models.weights import sha256_of
from models.weights.imports import import_path
from tasks.recipe import Recipe
from tasks.selection import Selection, Wish


def test_the_models_on_the_command_line_are_those_there_are() -> None:
    assert set(get_args(DamageModel)) == set(MODELS)
    assert set(get_args(FaceModel)) == set(FACE_MODELS)
    assert set(get_args(FaceDetector)) == set(FACE_DETECTORS)


def test_every_pixel_option_is_part_of_the_recipe() -> None:
    assert set(PIXEL_OPTIONS) <= {*RestoreSettings.model_fields}
    assert set(PIXEL_OPTIONS) <= {*Recipe.__dataclass_fields__}


def test_options_reach_the_stage_that_is_built() -> None:
    settings = RestoreSettings(
        source="a",
        destination="b",
        mode="revive",
        keep_masks=True,
        damage_model="classical",
        strength=0.25,
        tone_strength=0.5,
    )
    stage = build_stage("damage", **stage_options(settings)["damage"])
    assert (stage.mode, stage.strength, stage.keep_mask) == ("revive", 0.25, True)  # type: ignore[attr-defined]
    assert settings.requested() == {
        "mode": "revive",
        "keep_masks": True,
        "damage_model": "classical",
        "strength": 0.25,
        "tone_strength": 0.5,
    }


def test_face_options_reach_the_stage_that_is_built() -> None:
    settings = RestoreSettings(
        source="a", destination="b", faces="detect", face_model="direct", face_strength=0.25
    )
    stage = build_stage("faces", **stage_options(settings)["faces"])
    assert (stage.faces, stage.strength) == ("detect", 0.25)  # type: ignore[attr-defined]
    assert settings.requested() == {
        "faces": "detect",
        "face_model": "direct",
        "face_strength": 0.25,
    }


def test_the_face_network_counts_where_some_scan_wants_it() -> None:
    def network(wish: str | None = None, **words: Any) -> tuple[str | None, Any]:
        wishes = {"a.tif": Wish(faces=wish)} if wish else None
        settings = RestoreSettings(source="a", destination="b", **words)
        return face_network(settings, Selection(wishes))

    revision, weights = network()
    assert set(weights) == {"faces_enhancer"}
    assert revision is not None and revision.endswith(CHOICES["direct"].revision)
    assert network(faces="off") == network(faces="detect") == (None, {})
    assert network(stages=("damage",)) == (None, {})
    assert network("enhance", faces="off") == network("detect") == (revision, weights)


def test_another_detector_counts_where_some_scan_is_looked_at_for_faces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import_path(use_tiny_yunet(monkeypatch, tmp_path))

    def detector(wish: str | None = None, **words: Any) -> tuple[str | None, Any]:
        wishes = {"a.tif": Wish(faces=wish)} if wish else None
        settings = RestoreSettings(source="a", destination="b", **words)
        return face_detector(settings, Selection(wishes))

    chosen = detector(face_detector="yunet")
    assert chosen == ("yunet/1", {"opencv_yunet": sha256_of("opencv_yunet")})
    assert detector() == detector(face_detector="dlib") == (None, {})
    assert detector(face_detector="yunet", faces="off") == (None, {})
    assert detector(face_detector="yunet", stages=("color",)) == (None, {})
    assert detector("detect", face_detector="yunet", faces="off") == chosen
    assert detector(face_detector="yunet", stages=("damage",)) == chosen


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--damage-model", "published-scratch"], "albumen weights import"),
        (["--damage-model", "sharpest"], "sharpest"),
        (["--strength", "1.5"], "--strength"),
        (["--tone-strength", "-1"], "--tone-strength"),
        (["--face-model", "published-512"], "albumen weights import"),
        (["--face-strength", "2"], "--face-strength"),
        (["--face-detector", "yunet"], "albumen weights import"),
        (["--face-detector", "keenest"], "keenest"),
    ],
)
def test_what_cannot_be_is_said_before_anything_starts(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    said: str,
) -> None:
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(folder / "weights"))
    (folder / "scans").mkdir()
    for command in ("restore", "plan"):
        done = ask(command, folder / "scans", folder / "out", *options)
        assert done.code == 2 and said in done.err, done
    assert not (folder / "out").exists()
