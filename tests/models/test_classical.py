import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import face, in_color, landscape, rgb, scratched, sixteen
from stage_runs import laid, page, plain_hints

from models.classical import ClassicalRestorer
from models.contract import BadStageInput, Box, Hints, Rectangle, Samples, StageInput

DAMAGED, TRUTH = scratched(landscape(600, 800), seed=3)


def _noisy(picture: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape[:2])
    noise = noise[..., None] if picture.ndim == 3 else noise
    return np.rint(np.clip(picture + noise, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels", [DAMAGED, rgb(DAMAGED), sixteen(DAMAGED), sixteen(rgb(DAMAGED))], ids=str
)
def test_damage_goes_and_the_rest_stays(pixels: Samples) -> None:
    item = page(pixels)
    (result,) = ClassicalRestorer(keep_mask=True, threads=2)([item])
    restored = laid(item, result)
    assert restored.dtype == pixels.dtype
    metrics = result.metrics
    assert metrics["damaged_fraction_before"] > 0.5 * TRUTH.mean()
    assert metrics["damaged_fraction_after"] < 0.1 * metrics["damaged_fraction_before"]
    assert result.mask is not None and set(np.unique(result.mask)) == {0, 255}
    changed = (restored != pixels).reshape(600, 800, -1).any(axis=2)
    assert (result.mask > 0)[changed].all()
    assert metrics["changed_fraction"] == pytest.approx((result.mask > 0).mean())
    near = cv2.dilate(TRUTH.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert near[changed].mean() > 0.95
    if pixels.ndim == 3:
        assert (restored[..., 0] == restored[..., 1]).all()
        assert (restored[..., 0] == restored[..., 2]).all()
    one = 257 if pixels.dtype == np.uint16 else 1
    clean = landscape(600, 800)
    left = restored.reshape(600, 800, -1)[..., 0].astype(float) / one
    assert (
        np.abs(left - clean)[TRUTH].mean()
        < 0.35 * np.abs(DAMAGED - clean.astype(float))[TRUTH].mean()
    )


@pytest.mark.parametrize(
    "pixels", [landscape(700, 900, 1), in_color(), sixteen(in_color())], ids=str
)
@pytest.mark.parametrize("mode", ["repair", "revive"])
def test_a_clean_scan_comes_back_as_it_was(pixels: Samples, mode: str) -> None:
    (result,) = ClassicalRestorer(mode)([page(pixels)])  # type: ignore[arg-type]
    assert result.rectangles == ()
    assert result.metrics["changed_fraction"] == 0
    assert result.metrics["noise_before"] == result.metrics["noise_after"]
    assert result.flags == ()


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_revive_takes_noise_and_keeps_tone(color: bool, deep: bool) -> None:
    picture = _noisy(in_color() if color else rgb(landscape()), 6)
    pixels: Samples = sixteen(picture) if deep else picture
    item = page(pixels)
    (result,) = ClassicalRestorer("revive", strength=0.8)([item])
    restored = laid(item, result)
    assert result.metrics["noise_after"] < 0.6 * result.metrics["noise_before"]
    for channel in range(3):
        before, after = pixels[..., channel].mean(), restored[..., channel].mean()
        assert after == pytest.approx(before, rel=0.003)
    if not color:
        assert (restored == restored[..., :1]).all()
    (untouched,) = ClassicalRestorer("repair")([item])
    assert untouched.metrics["changed_fraction"] < 0.01


def test_results_do_not_depend_on_windows_or_threads() -> None:
    noisy = _noisy(DAMAGED, 4)
    item = page(noisy)
    for mode in ("repair", "revive"):
        (one,) = ClassicalRestorer(mode, window=96, threads=2)([item])  # type: ignore[arg-type]
        (two,) = ClassicalRestorer(mode, window=4096, threads=1)([item])  # type: ignore[arg-type]
        assert (laid(item, one) == laid(item, two)).all()
        assert one.metrics == two.metrics


def test_nothing_outside_the_photograph_changes() -> None:
    pixels = _noisy(DAMAGED, 6)
    area = Box(200, 150, 600, 450)
    item = StageInput(pixels, Hints(area, "monochrome", {}, ()))
    (result,) = ClassicalRestorer("revive")([item])
    changed = laid(item, result) != pixels
    assert changed.any()
    changed[140:460, 190:610] = False  # a rim of the fill may reach across
    assert not changed.any()


def test_earlier_changes_are_what_it_works_on() -> None:
    clean = landscape(600, 800)
    mended = Rectangle(0, 0, clean, np.ones(clean.shape, bool))
    (result,) = ClassicalRestorer()([StageInput(DAMAGED, plain_hints(DAMAGED), (mended,))])
    assert result.metrics["damaged_fraction_before"] == 0
    assert result.rectangles == ()


def test_flags() -> None:
    wounded, _ = scratched(landscape(600, 800), 1, lines=30, specks=100)
    (heavy,) = ClassicalRestorer()([page(wounded)])
    assert heavy.metrics["damaged_fraction_before"] > 0.05
    assert "heavy damage" in heavy.flags
    # Where thirty scratches meet nothing sound is left between them.
    assert "loss too large to fill" in heavy.flags
    assert heavy.metrics["damaged_fraction_after"] > 0
    (light,) = ClassicalRestorer()([page(DAMAGED)])
    assert light.flags == ()
    scarred = landscape(480, 640)
    scarred[60:380, 150:470] = face(320)
    cv2.line(scarred, (210, 20), (400, 450), 254, 2, cv2.LINE_AA)
    item = page(scarred, faces=True)
    assert item.hints.faces
    (over,) = ClassicalRestorer()([item])
    assert "damage over a face" in over.flags


@pytest.mark.parametrize("shape", [(1, 1), (1, 60000), (60000, 1), (3, 400), (400, 3), (2, 2, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", ["repair", "revive"])
def test_thin_pictures_pass(shape: tuple[int, ...], dtype: type, mode: str) -> None:
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, top, shape, dtype=dtype)
    item = page(pixels)
    (result,) = ClassicalRestorer(mode, keep_mask=True)([item])  # type: ignore[arg-type]
    assert laid(item, result).shape == shape
    assert result.mask is not None and result.mask.shape == shape[:2]
    assert all(np.isfinite(value) for value in result.metrics.values())


@pytest.mark.parametrize(
    "options",
    [{"mode": "improve"}, {"strength": 1.5}, {"strength": -0.1}, {"threads": 0}, {"window": 8}],
)
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(BadStageInput):
        ClassicalRestorer(**options)  # type: ignore[arg-type]


def test_floats_are_refused() -> None:
    pixels = np.zeros((9, 9), np.float32)
    with pytest.raises(BadStageInput, match="uint8 or uint16"):
        ClassicalRestorer()([StageInput(pixels, plain_hints(pixels))])  # type: ignore[arg-type]
