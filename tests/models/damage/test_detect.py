import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import face, landscape, scratched

from models.contract import Box, Rectangle
from models.damage.detect import DefectDetector


def _found(
    plane: NDArray[np.uint8],
    area: Box | None = None,
    faces: tuple[Box, ...] = (),
    window: int = 1024,
) -> NDArray[np.bool_]:
    area = area or Box(0, 0, plane.shape[1], plane.shape[0])
    return DefectDetector(plane.copy(), area, faces, 1, window).detect().mask > 0


def test_scratches_and_dust_are_found_and_little_else() -> None:
    plane, truth = scratched(landscape(800, 1000), seed=2)
    mask = _found(plane)
    assert mask[truth].mean() > 0.8
    near = cv2.dilate(truth.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert near[mask].mean() > 0.95


def test_black_damage_is_found_too() -> None:
    plane, truth = scratched(255 - landscape(800, 1000), seed=2)
    assert _found(255 - plane)[truth].mean() > 0.6


@pytest.mark.parametrize("seed", range(4))
def test_a_clean_picture_has_none(seed: int) -> None:
    assert not _found(landscape(700, 900, seed)).any()


def test_coarse_damage_on_a_large_scan_is_found() -> None:
    plane = cv2.resize(landscape(750, 1000), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    cv2.line(plane, (900, 400), (1200, 2500), 250, 14, cv2.LINE_AA)
    cv2.line(plane, (2600, 300), (2500, 2400), 250, 3, cv2.LINE_AA)
    mask = _found(plane)
    assert mask[900:2000, 950:1150].any(axis=1).mean() > 0.9
    assert mask[900:2000, 2500:2600].any(axis=1).mean() > 0.9


def test_fabric_and_foliage_are_no_damage() -> None:
    random = np.random.default_rng(0)
    plane = landscape(600, 800)
    rows, columns = np.mgrid[0:600, 0:800]
    plane[200:500, 100:500] = (128 + 60 * (((rows // 3) + (columns // 3)) % 2))[200:500, 100:500]
    leaves = cv2.GaussianBlur(random.normal(0, 1, (600, 800)).astype(np.float32), (0, 0), 1.5)
    plane[200:500, 520:780] = np.clip(110 + 40 * leaves / leaves.std(), 0, 255)[200:500, 520:780]
    mask = _found(plane)
    assert mask[210:490, 110:490].mean() == 0
    assert mask[210:490, 530:770].mean() < 0.002


def test_eyes_and_lips_are_no_damage() -> None:
    for size in (80, 160, 320):
        plane = landscape(480, 640)
        plane[60 : 60 + size, 150 : 150 + size] = face(size)
        box = Box(150 + size // 5, 60 + size // 4, 150 + size * 4 // 5, 60 + size)
        assert not _found(plane, faces=(box,)).any()


def test_a_long_scratch_over_a_face_is_found_and_said() -> None:
    plane = landscape(480, 640)
    plane[60:380, 150:470] = face(320)
    cv2.line(plane, (210, 20), (400, 450), 254, 2, cv2.LINE_AA)
    box = Box(200, 140, 420, 370)
    detector = DefectDetector(plane, Box(0, 0, 640, 480), (box,), 1)
    defects = detector.detect()
    assert defects.over_face
    assert (defects.mask[150:360, 200:420] > 0).any(axis=1).mean() > 0.5


def test_nothing_outside_the_photograph() -> None:
    plane, truth = scratched(landscape(600, 800), seed=5)
    area = Box(200, 150, 600, 450)
    mask = _found(plane, area)
    assert truth[160:440, 210:590].any() and mask.any()
    mask[150:450, 200:600] = False
    assert not mask.any()


@pytest.mark.parametrize("window", [64, 100, 257])
def test_windows_leave_no_trace(window: int) -> None:
    plane, _ = scratched(landscape(700, 900), seed=7)
    noise = np.random.default_rng(0).normal(0, 6, plane.shape)
    plane = np.clip(plane + noise, 0, 255).astype(np.uint8)
    assert (_found(plane, window=window) == _found(plane, window=4096)).all()


def test_after_an_update_only_the_changed_part_is_new() -> None:
    clean = landscape(900, 1400)
    plane, _ = scratched(clean, seed=1)
    area = Box(0, 0, 1400, 900)
    detector = DefectDetector(plane.copy(), area, (), 1, window=256)
    before = detector.detect().pixels
    mended = Rectangle(100, 50, clean[100:700, 50:900].copy(), np.ones((600, 850), bool))
    detector.update([mended])
    plane[100:700, 50:900] = clean[100:700, 50:900]
    fresh = DefectDetector(plane, area, (), 1, window=4096)
    fresh._tones, fresh._dusty = detector._tones, detector._dusty
    again = detector.detect().mask
    assert (again == fresh.detect().mask).all()
    assert 0 <= again.sum() < before


@pytest.mark.parametrize("shape", [(1, 1), (1, 60000), (60000, 1), (3, 400), (400, 3), (64, 64)])
def test_thin_pictures_pass(shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert _found(plane).shape == shape
