import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import face, landscape

from models.contract import BadStageInput, Box
from models.faces.landmarks import fit, landmarks

# of the painted face, in shares of its size
EYE_LEFT, EYE_RIGHT, NOSE = (0.375, 0.483), (0.625, 0.483), (0.5, 0.66)


def _scene(size: int, left: int, top: int) -> tuple[NDArray[np.uint8], Box]:
    scene = landscape()
    scene[top : top + size, left : left + size] = face(size)
    found = 0.21 * size, 0.27 * size, 0.79 * size, 0.85 * size
    return scene, Box(*(round(v + o) for v, o in zip(found, (left, top) * 2, strict=True)))


def _expected(size: int, left: int, top: int) -> NDArray[np.float64]:
    return np.array([EYE_LEFT, EYE_RIGHT, NOSE]) * size + (left, top)


@pytest.mark.parametrize("size", [60, 160, 400])
def test_eyes_and_nose_lie_where_they_were_painted(size: int) -> None:
    scene, box = _scene(size, 120, 50)
    found = landmarks(scene, box)
    assert found is not None and found.shape == (3, 2)
    assert np.abs(found - _expected(size, 120, 50)).max() < 0.06 * size


@pytest.mark.parametrize("angle", [30, -40, 90])
def test_a_turned_face_keeps_its_own_left_and_right(angle: float) -> None:
    scene, box = _scene(160, 240, 160)
    middle = (box.left + box.right - 1) / 2, (box.top + box.bottom - 1) / 2
    matrix = cv2.getRotationMatrix2D(middle, angle, 1.0)
    turned = cv2.warpAffine(scene, matrix, (scene.shape[1], scene.shape[0]))
    found = landmarks(turned, box)
    assert found is not None
    expected = _expected(160, 240, 160) @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(found - expected).max() < 0.09 * 160


def test_depth_and_channels_do_not_matter() -> None:
    scene, box = _scene(160, 240, 160)
    expected = landmarks(scene, box)
    assert expected is not None
    for other in (np.repeat(scene[..., None], 3, axis=2), scene.astype(np.uint16) * 257):
        found = landmarks(other, box)
        assert found is not None and np.abs(found - expected).max() < 0.5


def test_a_face_cut_by_the_frame_gives_points_or_none_but_no_error() -> None:
    scene, box = _scene(160, 240, 160)
    cut = scene[:, box.left + 30 :]
    found = landmarks(np.ascontiguousarray(cut), Box(0, box.top, box.width - 30, box.bottom))
    assert found is None or np.isfinite(found).all()


def test_noise_has_no_landmarks() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    assert landmarks(noise, Box(50, 50, 150, 150)) is None


def test_a_face_is_steadier_than_hills() -> None:
    scene, box = _scene(160, 240, 160)
    on_face = fit(scene, np.array([box.left, box.top, box.right, box.bottom], float))
    assert on_face is not None and on_face.spread < 0.06
    hills = fit(landscape(), np.array([300.0, 200, 400, 300]))
    assert hills is None or hills.spread > 2 * on_face.spread


def test_floats_are_refused() -> None:
    with pytest.raises(BadStageInput):
        landmarks(np.zeros((90, 90), np.float32), Box(0, 0, 80, 80))  # type: ignore[arg-type]
