"""A published file that is kept as it is: imported byte by byte, and no other in its place."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from checkpoints import reason, statuses
from tiny_yunet import use_tiny_yunet

from models.weights import WeightsMismatch, WeightsMissing, location, sha256_of
from models.weights.imports import import_path
from models.weights.store import checked_file, file_sha256

NAME = "opencv_yunet"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file as it was downloaded."""
    return use_tiny_yunet(monkeypatch, tmp_path)


def test_the_bytes_are_kept_and_recorded(given: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"yunet_2023mar\.onnx"):
        sha256_of(NAME)
    assert statuses(import_path(given)) == {NAME: "imported"}
    assert location(NAME).name == "opencv_yunet.onnx"
    assert location(NAME).read_bytes() == given.read_bytes()
    assert sha256_of(NAME) == file_sha256(given)
    assert checked_file(NAME) == location(NAME)
    assert json.loads(location(NAME).with_suffix(".json").read_text())["published"] is True
    assert statuses(import_path(given)) == {NAME: "present"}


def test_it_is_found_in_folders_and_zips(given: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "zoo.zip", "w") as archive:
        archive.write(given, f"opencv_zoo/models/{given.name}")
    assert statuses(import_path(tmp_path / "zoo.zip"))[NAME] == "imported"
    assert statuses(import_path(tmp_path))[NAME] == "present"


@pytest.mark.parametrize("change", ["a bit", "shorter", "longer"])
def test_another_file_is_refused(given: Path, change: str) -> None:
    held = bytearray(given.read_bytes())
    if change == "a bit":
        held[len(held) // 2] ^= 1
    given.write_bytes({"shorter": held[:-1], "longer": held + b"\0"}.get(change, held))
    outcomes = import_path(given)
    assert statuses(outcomes) == {NAME: "refused"}
    said = "more than the" if change == "longer" else "not the published"
    assert said in reason(outcomes, NAME)
    assert not location(NAME).exists()
    assert not location(NAME).with_suffix(".json").exists()


def test_a_record_does_not_make_another_file_the_published_one(given: Path) -> None:
    import_path(given)
    held = bytearray(given.read_bytes())
    held[-1] ^= 1
    location(NAME).write_bytes(held)
    record = location(NAME).with_suffix(".json")
    told = json.loads(record.read_text()) | {"sha256": file_sha256(location(NAME))}
    record.write_text(json.dumps(told))
    with pytest.raises(WeightsMismatch, match="altered"):
        checked_file(NAME)
    assert statuses(import_path(given)) == {NAME: "imported"}
    assert checked_file(NAME).read_bytes() == given.read_bytes()
