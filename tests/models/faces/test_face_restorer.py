"""The face stage: what is enhanced, what is left exactly as it was, and what its rows say."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from face_pages import box_of, face_page, painted
from numpy.typing import NDArray
from painted_scenes import SEPIA, landscape, rgb, sixteen, toned
from stage_runs import laid
from tiny_enhancers import (
    Broken,
    EyesMoved,
    MouthErased,
    Sharper,
    Swapped,
    Watched,
    enhancer,
)

from models.contract import BadStageInput, Box, Rectangle, Samples, StageInput, StageResult
from models.faces.candidates import CUT_OFF, NO_LANDMARKS
from models.faces.choices import DETECT_REVISION
from models.faces.restorer import NO_STRENGTH, NOTHING_TO_DO, ONLY_DETECTED, FaceRestorer
from models.tiling import BadNetworkOutput
from models.weights import WeightsMissing
from tasks.manifest import SCHEMA


def stage(network: Watched | None = None, **words: object) -> FaceRestorer:
    return FaceRestorer(model=enhancer(network or Sharper()), **words)  # type: ignore[arg-type]


def reasons(result: StageResult) -> list[str | None]:
    return [row["reason"] for row in result.metrics["faces"]]


def changed(item: StageInput, result: StageResult) -> NDArray[np.bool_]:
    """HxW: where the page is another one after the stage than before it."""
    before = laid(item, StageResult())
    differs: NDArray[np.bool_] = laid(item, result) != before
    return differs if differs.ndim == 2 else differs.any(axis=2)


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    return painted()


def test_a_face_is_enhanced_inside_its_oval_and_nowhere_else(portrait: NDArray[np.uint8]) -> None:
    item = face_page(portrait)
    (result,) = stage()([item])
    (row,) = result.metrics["faces"]
    box = item.hints.faces[0].box
    assert (row["left"], row["top"]) == (box.left, box.top)
    assert (row["width"], row["height"], row["score"]) == (box.width, box.height, 1.0)
    assert row["applied"] and row["strength"] == 1.0 and row["reason"] is None
    assert len(row["correlations"]) == 3 and min(row["correlations"]) > 0.95
    assert set(row) == {field.name for field in SCHEMA.field("faces").type.value_type}
    assert (result.metrics["face_count"], result.metrics["faces_enhanced"]) == (1, 1)
    assert result.flags == () and len(result.rectangles) == 1
    where = changed(item, result)
    assert where[200:260, 200:300].mean() > 0.5
    assert not where[:, :100].any() and not where[:, 400:].any() and not where[:60].any()


@pytest.mark.parametrize("kind", ["grey", "grey 16", "rgb", "rgb 16", "sepia 16"])
def test_depth_and_tone_are_kept(portrait: NDArray[np.uint8], kind: str) -> None:
    pixels: Samples = portrait
    if "rgb" in kind:
        pixels = rgb(portrait)
    if "sepia" in kind:
        pixels = toned(portrait, *SEPIA)
    if "16" in kind:
        pixels = sixteen(pixels)
    item = face_page(pixels, tone="toned" if "sepia" in kind else "monochrome")
    (result,) = stage(Sharper(blush=0.2))([item])
    (rectangle,) = result.rectangles
    assert rectangle.pixels.dtype == pixels.dtype
    made = laid(item, result)
    if "rgb" in kind:
        assert (made[..., 0] == made[..., 1]).all() and (made[..., 0] == made[..., 2]).all()
    if "sepia" in kind:
        order = rectangle.pixels[rectangle.mask].astype(int)
        assert (order[:, 0] >= order[:, 1]).mean() > 0.99  # lights and shades of one print
        assert (order[:, 1] >= order[:, 2]).mean() > 0.99
    if "16" in kind:  # not levels of 8 bits blown up
        assert len(np.unique(made[changed(item, result)] % 257)) > 200


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (EyesMoved(), "eye changed"),
        (MouthErased(), "mouth changed"),
        (Swapped(), "eye changed"),
    ],
)
def test_lies_are_caught_and_not_a_bit_changes(
    portrait: NDArray[np.uint8], network: Watched, said: str
) -> None:
    for pixels in (portrait, sixteen(rgb(portrait))):
        (result,) = stage(network)([face_page(pixels)])
        assert result.rectangles == () and result.flags == ("face left as it was",)
        (row,) = result.metrics["faces"]
        assert not row["applied"] and row["strength"] == 0.0
        assert row["reason"].startswith("left as it was: ") and said in row["reason"]
        assert len(row["correlations"]) == 3
        assert result.metrics["faces_enhanced"] == 0


def test_a_lie_about_one_face_leaves_the_others_enhanced() -> None:
    class OneLie(Sharper):
        def enhanced(self, x):  # type: ignore[no-untyped-def]
            made = super().enhanced(x)
            made[0] = MouthErased().enhanced(x)[0]
            return made

    item = face_page(painted(400, 720, [(20, 40), (380, 40)]), [box_of(20, 40), box_of(380, 40)])
    (result,) = stage(OneLie())([item])
    assert [row["applied"] for row in result.metrics["faces"]] == [False, True]
    assert result.flags == ("face left as it was",)
    where = changed(item, result)
    assert not where[:, :360].any() and where[:, 400:].any()


def test_overlapping_faces_share_what_lies_between_them() -> None:
    places = [(20, 40), (190, 40)]
    scene = painted(400, 540, places)
    boxes = [box_of(*place) for place in places]
    both = face_page(scene, boxes[::-1])
    (result,) = stage()([both])
    assert [row["applied"] for row in result.metrics["faces"]] == [True, True]
    first, second = result.rectangles
    overlap = (
        max(first.left, second.left),
        min(first.left + first.mask.shape[1], second.left + second.mask.shape[1]),
    )
    assert overlap[1] - overlap[0] > 20
    made = laid(both, result).astype(int)
    alone = [laid(one, stage()([one])[0]).astype(int) for one in
             (face_page(scene, [box]) for box in boxes)]  # fmt: skip
    assert np.array_equal(made[:, : overlap[0]], alone[0][:, : overlap[0]])
    assert np.array_equal(made[:, overlap[1] :], alone[1][:, overlap[1] :])
    most = np.maximum(*(np.abs(one - scene) for one in alone))
    assert (np.abs(made - scene) <= most + 2).all()


def test_faces_of_several_scans_go_through_together_with_the_same_result() -> None:
    three = [
        face_page(painted(400, 720, [(20, 40), (380, 40)]), [box_of(20, 40), box_of(380, 40)]),
        face_page(landscape(), []),
        face_page(sixteen(painted(blur=2.0))),
    ]
    network = Sharper()
    together = stage(network)(three)
    assert [shape[0] for shape in network.seen] == [3]
    for item, one in zip(three, together, strict=True):
        (alone,) = stage()([item])
        assert alone.metrics == one.metrics and alone.flags == one.flags
        assert np.array_equal(laid(item, alone), laid(item, one))
    assert [result.metrics["face_count"] for result in together] == [2, 0, 1]


def test_strength_scales_the_change_and_nought_changes_nothing(
    portrait: NDArray[np.uint8],
) -> None:
    item, sums = face_page(portrait), []
    for strength in (1.0, 0.5):
        (result,) = stage(strength=strength)([item])
        assert result.metrics["faces"][0]["strength"] == strength
        sums.append(np.abs(laid(item, result).astype(int) - portrait).sum())
    assert 0.35 < sums[1] / sums[0] < 0.65
    network = Sharper()
    (result,) = stage(network, strength=0.0)([item])
    assert (result.rectangles, result.flags, network.seen) == ((), (), [])
    assert reasons(result) == [NO_STRENGTH]


def test_a_scan_s_own_option_overrides_the_stage_s(portrait: NDArray[np.uint8]) -> None:
    for built in ("off", "detect", "enhance"):
        made = stage(faces=built)
        assert (made.weights != {}) == (built == "enhance")
        results = made(
            [face_page(portrait, options={"faces": one}) for one in ("off", "detect", "enhance")]
        )
        assert [len(result.rectangles) for result in results] == [0, 0, 1]
        assert results[0].metrics == {}
        assert reasons(results[1]) == [ONLY_DETECTED]
        assert results[1].metrics["faces"][0]["correlations"] is None
    assert stage(faces="detect").revision == DETECT_REVISION
    assert stage().revision == "tiny/1"
    with pytest.raises(BadStageInput, match="off, detect, enhance"):
        stage()([face_page(portrait, options={"faces": "beautify"})])


def test_detecting_loads_no_network(
    portrait: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(tmp_path))
    made = FaceRestorer("detect", model="published-256")
    assert made([face_page(portrait)])[0].metrics["face_count"] == 1
    with pytest.raises(WeightsMissing, match="albumen weights import"):
        made([face_page(portrait, options={"faces": "enhance"})])
    with pytest.raises(WeightsMissing, match="albumen weights import"):
        FaceRestorer("enhance", model="published-256")


def test_the_embedded_network_has_a_row_as_well(portrait: NDArray[np.uint8]) -> None:
    item = face_page(rgb(portrait))
    made = FaceRestorer(device="cpu")
    (result,) = made([item])
    assert set(made.weights) == {"faces_enhancer"} and made.bytes_per_pixel > 0
    (row,) = result.metrics["faces"]
    assert row["reason"] is None or "changed" in row["reason"] or "smoothed" in row["reason"]
    assert row["applied"] == (len(result.rectangles) == 1)
    assert not changed(item, result)[:, :100].any()


def test_what_is_no_face_or_hardly_one_is_left_with_a_reason(portrait: NDArray[np.uint8]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), dtype=np.uint8)
    tiny = painted(200, 200, [(90, 90)], size=15, blur=0.3)
    cases = [
        (face_page(noise, [Box(50, 50, 150, 150)]), NO_LANDMARKS),
        (face_page(landscape(), [Box(300, 200, 400, 300)]), NO_LANDMARKS),
        (face_page(landscape(), []), None),
        (face_page(tiny, [box_of(90, 90, 15)]), None),
        (face_page(portrait, [Box(0, 0, 2, 2)]), NO_LANDMARKS),
    ]
    network = Sharper()
    for item, reason in cases:
        (result,) = stage(network)([item])
        assert (result.rectangles, result.flags) == ((), ())
        assert len(result.metrics["faces"]) == len(item.hints.faces)
        for said in reasons(result):
            assert (
                said == reason
                or (reason is None and said and "too small" in said)
                or (reason is None and said == NO_LANDMARKS)
            )
    assert network.seen == []


def test_a_small_face_is_enhanced_less() -> None:
    scene = painted(200, 200, [(60, 60)], size=80, blur=0.6)
    item = face_page(scene, [box_of(60, 60, 80)])
    (row,) = stage()([item])[0].metrics["faces"]
    assert row["applied"] and 0.2 < row["strength"] < 0.8


@pytest.mark.parametrize("left", [-60, -150, -220])
def test_a_face_cut_by_the_frame_is_whole_enough_or_left_alone(left: int) -> None:
    scene = painted(400, 300, [(left, 40)])
    full = box_of(left, 40)
    item = face_page(scene, [Box(max(0, full.left), full.top, full.right, full.bottom)])
    (result,) = stage()([item])
    (row,) = result.metrics["faces"]
    if row["applied"]:
        assert left == -60
    else:
        assert row["reason"] in (CUT_OFF, NO_LANDMARKS) or "left as it was" in row["reason"]
    (rows, columns) = np.nonzero(changed(item, result))
    assert row["applied"] == (len(rows) > 0) and (columns >= 0).all()


def test_one_face_found_twice_is_enhanced_once(portrait: NDArray[np.uint8]) -> None:
    box = box_of(90, 40)
    again = Box(box.left + 8, box.top + 6, box.right + 12, box.bottom + 10)
    network = Sharper()
    (result,) = stage(network)([face_page(portrait, [box, again])])
    assert network.seen[0][0] == 1 and len(result.rectangles) == 1
    assert reasons(result) == [None, f"the same face as the one at {box.left}, {box.top}"]
    assert [row["applied"] for row in result.metrics["faces"]] == [True, False]


def test_a_network_that_changes_nothing_and_one_that_breaks(portrait: NDArray[np.uint8]) -> None:
    (result,) = stage(Watched())([face_page(portrait)])
    assert reasons(result) == [NOTHING_TO_DO] and (result.rectangles, result.flags) == ((), ())
    with pytest.raises(BadNetworkOutput):
        stage(Broken())([face_page(portrait)])


@pytest.mark.parametrize("depth", ["grey 8", "rgb 16"])
def test_an_eye_and_mouth_that_a_repair_erased_are_flagged(
    portrait: NDArray[np.uint8], depth: str
) -> None:
    erased = portrait.copy()
    cv2.rectangle(erased, (195, 180), (305, 310), 190, -1)
    before, after = (rgb(p) if "rgb" in depth else p for p in (portrait, erased))
    if "16" in depth:
        before, after = before.astype(np.uint16) * 257, after.astype(np.uint16) * 257
    item = face_page(before, changes=(_change(before, after),))
    (result,) = stage(faces="detect")([item])
    assert result.flags == ("face changed by repair",) and result.rectangles == ()


def test_a_change_beside_the_face_or_too_faint_is_not(portrait: NDArray[np.uint8]) -> None:
    beside = portrait.copy()
    beside[:30] = 255
    faint = portrait.copy()
    faint[200:202, 150:350] += 2
    for after in (beside, faint):
        item = face_page(portrait, changes=(_change(portrait, after),))
        assert stage(faces="detect")([item])[0].flags == ()


def test_wrong_options_and_pixels_are_refused(portrait: NDArray[np.uint8]) -> None:
    for words in ({"strength": 1.5}, {"faces": "beautify"}, {"threads": 0}):
        with pytest.raises(BadStageInput):
            stage(**words)
    hints = face_page(portrait).hints
    with pytest.raises(BadStageInput):
        stage()([StageInput(portrait.astype(np.float32), hints)])  # type: ignore[arg-type]


def _change(before: np.ndarray, after: np.ndarray) -> Rectangle:
    mask = (before != after).reshape(*before.shape[:2], -1).any(axis=2)
    return Rectangle(0, 0, after, mask)
