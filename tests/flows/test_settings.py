"""What a user can ask of the stages is what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from cli import ask
from tiny_colors import embed_tiny, without_embedded
from tiny_yunet import use_tiny_yunet

from flows.cli import _settings
from flows.planning import color_network, face_detector, face_network, stage_options
from flows.settings import (
    PIXEL_OPTIONS,
    ColorModel,
    DamageModel,
    FaceDetector,
    FaceModel,
    RestoreSettings,
)
from flows.settings_file import NAMES
from models.color.choices import CHOICES as COLOR_CHOICES
from models.color.choices import COLOR_MODELS
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
    assert set(get_args(ColorModel)) == set(COLOR_MODELS)


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


def test_color_options_reach_the_stage_that_is_built(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    embed_tiny(monkeypatch, tmp_path)
    settings = RestoreSettings(
        source="a",
        destination="b",
        color_model="lite",
        render_factor=12,
        saturation=0.8,
        keep_uncertainty=True,
    )
    stage = build_stage("color", **stage_options(settings)["color"])
    assert (stage.render_factor, stage.saturation, stage.keep_uncertainty) == (12, 0.8, True)  # type: ignore[attr-defined]
    assert stage.revision == COLOR_CHOICES["lite"].revision
    assert settings.requested() == {
        "color_model": "lite",
        "render_factor": 12,
        "saturation": 0.8,
        "keep_uncertainty": True,
    }


def test_the_color_network_counts_where_some_scan_wants_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def network(wish: str | None = None, **words: Any) -> tuple[str | None, Any]:
        chosen = Selection(wishes={"a.tif": Wish(colorize=wish)})
        return color_network(RestoreSettings(source="a", destination="b", **words), chosen)

    without_embedded(monkeypatch)
    assert network() == network("always") == (None, {})
    sha256 = embed_tiny(monkeypatch, tmp_path)
    revision, weights = network()
    assert revision is not None and revision.endswith(COLOR_CHOICES["lite"].revision)
    assert weights == {"color_generator": sha256}
    assert network("auto", colorize="never") == network("never") == (revision, weights)
    assert network(colorize="never") == network("never", colorize="never") == (None, {})
    assert network(stages=("damage",)) == (None, {})


def test_a_settings_file_speaks_for_a_collection(tmp_path: Path) -> None:
    file = tmp_path / "collection.toml"
    file.write_text(
        'colorize = "never"\nstages = ["color", "damage"]\nkeep-masks = true\n'
        'partition_bytes = "2GiB"\ninclude = "box 1/**"\nlist = "chosen.csv"\n'
    )
    given = {"source": "a", "destination": "b", "settings_file": file}
    settings = _settings(given)
    assert (settings.colorize, settings.keep_masks) == ("never", True)
    assert settings.stages == ("damage", "color") and settings.include == ("box 1/**",)
    assert (settings.partition_bytes, settings.list_file) == (2 << 30, "chosen.csv")
    assert set(settings.requested()) == {"colorize", "stages", "keep_masks"}
    told = _settings(given | {"colorize": "always", "stages": None, "keep_masks": False})
    assert (told.colorize, told.keep_masks) == ("always", True)
    assert "storage_options" not in NAMES and "source" not in NAMES


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('colourize = "never"', "'colourize' is no setting"),
        ('source = "s3://elsewhere"', "'source' is no setting"),
        ("[color]\nmodel = 1", "'color' is no setting"),
        ("[faces]\nmodel = 1", "faces is a table"),
        ('colorize = "sometimes"', "--colorize"),
        ("colorize = never", "is no TOML"),
        ('stages = "sound"', "--stages"),
        (None, "cannot be read"),
    ],
)
def test_a_settings_file_with_a_mistake(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "collection.toml"
    if text is not None:
        file.write_text(text)
    (tmp_path / "scans").mkdir()
    done = ask("plan", tmp_path / "scans", tmp_path / "out", "--settings", file)
    assert done.code == 2 and said in done.err, done


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
        (["--color-model", "published-stable"], "albumen weights import"),
        (["--color-model", "prettiest"], "prettiest"),
        (["--render-factor", "3"], "--render-factor"),
        (["--saturation", "3"], "--saturation"),
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
