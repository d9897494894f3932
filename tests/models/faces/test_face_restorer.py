import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import face, landscape, rgb, sixteen
from stage_runs import page

from models.contract import BadStageInput, Rectangle, StageInput
from models.faces.restorer import REASON, FaceInspector


@pytest.fixture(scope="module")
def inspector() -> FaceInspector:
    return FaceInspector()


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    scene = landscape(400, 500)
    scene[40:360, 90:410] = face(320)
    return scene


def _change(before: np.ndarray, after: np.ndarray) -> Rectangle:
    mask = (before != after).reshape(*before.shape[:2], -1).any(axis=2)
    return Rectangle(0, 0, after, mask)


def test_rows_have_the_fields_of_the_manifest(
    inspector: FaceInspector, portrait: NDArray[np.uint8]
) -> None:
    item = page(portrait, faces=True)
    (result,) = inspector([item])
    (found,) = item.hints.faces
    assert result.metrics["face_count"] == 1
    assert result.metrics["faces"] == [
        {
            "left": found.box.left,
            "top": found.box.top,
            "width": found.box.width,
            "height": found.box.height,
            "score": found.score,
            "correlations": None,
            "applied": False,
            "reason": REASON,
        }
    ]
    assert (result.rectangles, result.flags, result.mask) == ((), (), None)


@pytest.mark.parametrize("depth", ["grey 8", "rgb 8", "grey 16", "rgb 16"])
def test_an_erased_mouth_and_eyes_are_flagged(
    inspector: FaceInspector, portrait: NDArray[np.uint8], depth: str
) -> None:
    erased = portrait.copy()
    cv2.rectangle(erased, (195, 180), (305, 310), 190, -1)
    before, after = (rgb(p) if "rgb" in depth else p for p in (portrait, erased))
    if "16" in depth:
        before, after = before.astype(np.uint16) * 257, after.astype(np.uint16) * 257
    (result,) = inspector([page(before, (_change(before, after),), faces=True)])
    assert result.flags == ("face changed by repair",)
    assert result.rectangles == ()


def test_a_change_beside_the_face_or_too_faint_is_not(
    inspector: FaceInspector, portrait: NDArray[np.uint8]
) -> None:
    beside = portrait.copy()
    beside[:30] = 255
    faint = portrait.copy()
    faint[200:202, 150:350] += 2
    for after in (beside, faint):
        (result,) = inspector([page(portrait, (_change(portrait, after),), faces=True)])
        assert result.flags == ()


def test_a_batch_keeps_its_order(inspector: FaceInspector, portrait: NDArray[np.uint8]) -> None:
    empty, full = page(landscape(), faces=True), page(sixteen(portrait), faces=True)
    assert [r.metrics["face_count"] for r in inspector([empty, full, empty])] == [0, 1, 0]


def test_floats_are_refused(inspector: FaceInspector, portrait: NDArray[np.uint8]) -> None:
    hints = page(portrait).hints
    with pytest.raises(BadStageInput):
        inspector([StageInput(portrait.astype(np.float32), hints)])  # type: ignore[arg-type]
