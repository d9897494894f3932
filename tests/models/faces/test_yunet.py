"""OpenCV's own detector on a tiny file of YuNet's layout, imported as the published one is."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_yunet import BLOB, FACE, blobs, use_tiny_yunet

from models.contract import BadStageInput, Box, Face
from models.faces import detect, detectors, yunet
from models.weights import WeightsMismatch, WeightsMissing, location
from models.weights.imports import import_path


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The imported file."""
    cv2.setNumThreads(1)
    import_path(use_tiny_yunet(monkeypatch, tmp_path))
    return location("opencv_yunet")


def _middle(face: Face) -> tuple[float, float]:
    return (face.box.left + face.box.right) / 2, (face.box.top + face.box.bottom) / 2


def _is_at(face: Face, x: float, y: float, scale: float = 1) -> bool:
    """Within the cell the network answers by, and a little below the eyes' middle."""
    right, below = _middle(face)
    size = 0.7 * FACE * scale < face.box.width < 1.1 * FACE * scale
    return size and max(abs(right - x), abs(below - y)) < BLOB / 2 * scale


def test_faces_are_found_once_and_where_they_are() -> None:
    """In one tile, in several, across their borders, and too large for one."""
    places = [(100, 100), (461, 317), (640, 500), (1130, 231), (1150, 720)]
    scene = blobs(800, 1300, [(*place, BLOB) for place in places] + [(250, 600, 160)])
    found = yunet.detect(scene)
    assert len(found) == 6
    for x, y in places:
        assert sum(_is_at(face, x, y) for face in found) == 1
    assert sum(_is_at(face, 250, 600, 2.5) for face in found) == 1
    assert all(0.9 <= face.score <= 1 for face in found)
    assert [face.score for face in found] == sorted((f.score for f in found), reverse=True)


def test_boxes_are_in_pixels_of_the_whole_scan() -> None:
    scene = blobs(2400, 4500, [(1500, 1300, 96)])  # reduced 1.5 times to the base copy
    (found,) = yunet.detect(scene)
    assert _is_at(found, 1500, 1300, 1.5)


def test_depth_and_channels_do_not_matter() -> None:
    scene = blobs(300, 400, [(150, 150, BLOB)])
    expected = yunet.detect(scene)
    assert len(expected) == 1
    assert yunet.detect(np.repeat(scene[..., None], 3, axis=2)) == expected
    deep: NDArray[np.uint16] = scene.astype(np.uint16) * 257
    assert yunet.detect(deep) == expected


@pytest.mark.parametrize("shape", [(1, 1), (9, 400), (400, 9), (1, 60000), (10, 10), (80, 5000)])
def test_pages_of_any_shape_pass(shape: tuple[int, int]) -> None:
    assert yunet.detect(np.full(shape, 90, np.uint8)) == ()


def test_boxes_stay_inside_the_picture() -> None:
    (found,) = yunet.detect(blobs(200, 200, [(32, 32, BLOB)]))
    assert found.box.left == found.box.top == 0
    assert 32 < found.box.right < FACE and 32 < found.box.bottom < FACE


def test_what_a_tile_cuts_is_left_to_its_neighbour() -> None:
    row = np.zeros(15)
    row[:4] = 600, 300, 40, 50
    wide = np.zeros((640, 1000), np.uint8)
    assert yunet._is_cut(row, 0, 0, wide)
    assert not yunet._is_cut(row, 360, 0, wide)  # the picture's own edge
    row[:4] = 0, 300, 40, 50
    assert yunet._is_cut(row, 360, 0, wide) and not yunet._is_cut(row, 0, 0, wide)


@pytest.mark.parametrize("length", [1, 640, 641, 1000, 1072, 3000])
def test_tiles_cover_everything_and_overlap(length: int) -> None:
    starts = yunet._starts(length)
    assert starts[0] == 0 and (length <= yunet.TILE or starts[-1] + yunet.TILE == length)
    steps = np.diff(starts)
    assert (steps > 0).all() and (steps <= yunet.TILE - yunet.OVERLAP).all()


def _points(angle: float, beside: float = 1.0) -> NDArray[np.float64]:
    """YuNet's box and points of a face at 500, 400 whose eyes are 60 pixels apart, turned."""
    face = np.array([[-62, -70], [62, -70], [62, 90], [-62, 90], [-30, 0], [30, 0], [0, 35]])
    mouth = np.array([[-25, 69], [25, 69]])
    made = np.concatenate([face, mouth]).astype(float)
    made[4:, 0] *= beside
    turn = np.deg2rad(angle)
    turned = made @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return turned + np.array([500, 400])


@pytest.mark.parametrize("angle", [0, 30, -90, 180])
def test_boxes_are_squares_as_dlib_gives_them(angle: float) -> None:
    box = yunet._as_dlib(_points(angle), 1000, 1000)
    assert box is not None and box.width == box.height
    eyes = np.array([500, 400])
    middle = np.array([box.left + box.right, box.top + box.bottom]) / 2
    down = np.array([-np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    assert (middle - eyes) @ down == pytest.approx(60 * yunet._MIDDLE, abs=1)
    assert box.width == pytest.approx(60 * yunet._EDGE, abs=1)


def test_a_profile_keeps_its_size() -> None:
    """Its eyes lie close together; the mouth is as far below them as ever."""
    frontal, profile = (yunet._as_dlib(_points(0, beside), 1000, 1000) for beside in (1, 0.2))
    assert profile == frontal


def test_points_that_say_nothing_leave_the_own_box() -> None:
    points = _points(0)
    points[4:] = 500, 400
    assert yunet._as_dlib(points, 1000, 1000) == Box(420, 330, 580, 490)
    assert yunet._as_dlib(points + 3000, 1000, 1000) is None


def test_lying_faces_are_looked_for_where_none_is_upright(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The published network answers to upright faces; the tiny one to blobs turned anyhow."""
    real, angles = yunet._on_copy, []

    def only_lying(network: object, copies: object, copy: yunet.Copy) -> list[Face]:
        angles.append(copy.look.angle)
        return real(network, copies, copy) if copy.look.angle == 90 else []  # type: ignore[arg-type]

    monkeypatch.setattr(yunet, "_on_copy", only_lying)
    (found,) = yunet.detect(blobs(500, 800, [(600, 120, BLOB)]))
    assert {0, 90, -90} == set(angles)
    # On its left: the head's top points to the left, and the square lies towards the right.
    assert abs(_middle(found)[0] - 600) < BLOB and abs(_middle(found)[1] - 120) < BLOB


def test_an_altered_file_detects_nothing(file: Path) -> None:
    held = bytearray(file.read_bytes())
    held[-1] ^= 1
    file.write_bytes(held)
    with pytest.raises(WeightsMismatch, match="altered"):
        yunet.detect(blobs(300, 300, []))
    file.unlink()
    with pytest.raises(WeightsMissing, match="albumen weights import"):
        yunet.detect(blobs(300, 300, []))


def test_detectors_are_known_by_name() -> None:
    assert detectors.detector_of("yunet") is yunet.detect
    assert detectors.detector_of("auto") is detectors.detector_of("dlib") is detect.detect
    assert detectors.described("auto") == (None, {})
    assert set(detectors.described("yunet")[1]) == {"opencv_yunet"}
    for asked in (detectors.detector_of, detectors.described):
        with pytest.raises(BadStageInput, match="no face detector"):
            asked("keenest")
