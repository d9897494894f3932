from pathlib import Path

import cv2
import numpy as np
import pytest
from painted_scenes import face, in_color, landscape, rgb, sixteen
from tiny_yunet import BLOB, blobs, use_tiny_yunet

from models.contract import BadStageInput, Box
from models.look import look
from models.weights import WeightsMissing
from models.weights.imports import import_path


@pytest.mark.parametrize("shape", [(1, 1), (1, 60000), (60000, 1), (300, 3), (2, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_thin_pictures_pass(shape: tuple[int, int], dtype: type, channels: int) -> None:
    pixels = np.full(shape if channels == 1 else (*shape, 3), 100, dtype)
    hints = look(pixels)
    assert hints.photograph == Box(0, 0, shape[1], shape[0])
    assert hints.tone == "monochrome"
    assert hints.faces == ()


def test_boxes_are_in_pixels_of_the_whole_scan() -> None:
    scene = np.clip(landscape(480, 640), 60, 190)
    scene[100:340, 200:440] = face(240)
    scan = cv2.resize(scene, (2560, 1920), interpolation=cv2.INTER_CUBIC)
    scan = cv2.copyMakeBorder(scan, 90, 90, 120, 120, cv2.BORDER_CONSTANT, value=0)
    scan = sixteen(rgb(scan))
    scan.setflags(write=False)
    hints = look(scan, threads=2)
    area = hints.photograph
    assert abs(area.left - 120) <= 12 and abs(area.bottom - 2010) <= 12
    (found,) = hints.faces
    middle = (found.box.left + found.box.right) / 2, (found.box.top + found.box.bottom) / 2
    assert abs(middle[0] - (120 + 4 * 320)) < 60
    assert abs(middle[1] - (90 + 4 * 230)) < 120
    assert 350 < found.box.width < 800
    assert hints.tone == "monochrome"


def test_faces_are_left_out_on_request() -> None:
    scene = landscape()
    scene[100:340, 200:440] = face(240)
    assert look(scene, detect_faces=False).faces == ()
    assert len(look(scene).faces) == 1


def test_the_detector_can_be_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scene = blobs(400, 500, [(200, 150, BLOB)])
    path = use_tiny_yunet(monkeypatch, tmp_path)
    with pytest.raises(WeightsMissing, match="albumen weights import"):
        look(scene, detector="yunet")
    import_path(path)
    (found,) = look(scene, detector="yunet").faces
    assert abs(found.box.left + found.box.right - 400) <= BLOB
    assert look(scene).faces == look(scene, detector="dlib").faces == ()
    with pytest.raises(BadStageInput, match="no face detector 'keenest'"):
        look(scene, detector="keenest")


def test_a_colored_mount_does_not_make_a_grey_print_colored() -> None:
    mount = np.empty((700, 900, 3), np.uint8)
    mount[:] = (250, 238, 228)
    mount[100:580, 120:760] = rgb(np.clip(landscape(), 40, 190))
    assert look(mount, detect_faces=False).tone == "monochrome"
    mount[100:580, 120:760] = in_color()
    assert look(mount, detect_faces=False).tone == "color"


def test_floats_are_refused() -> None:
    with pytest.raises(BadStageInput, match="uint8 or uint16"):
        look(np.zeros((8, 8), np.float32))  # type: ignore[arg-type]
