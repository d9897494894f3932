from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from painted_scenes import SEPIA, face, in_color, landscape, rgb, scratched, sixteen, toned
from stage_runs import laid, page, plain_hints
from tiny_networks import Averaging, Broken, model, white_things

from models.contract import BadStageInput, Box, Hints, Rectangle, Samples, StageInput, StageResult
from models.damage.restorer import DamageRestorer
from models.damage.revival import Gate
from models.tiling import BadNetworkOutput

CLEAN = landscape(480, 640)
DAMAGED, TRUTH = scratched(CLEAN, seed=3)


def restored(item: StageInput, mode: str = "repair", **options: object) -> StageResult:
    options = {"model": model(), "tone_strength": 0.0, "window": 192} | options
    (result,) = DamageRestorer(mode, **options)([item])  # type: ignore[arg-type]
    return result


def noisy(picture: NDArray[np.uint8], sigma: float = 6) -> NDArray[np.uint8]:
    noise = np.random.default_rng(0).normal(0, sigma, picture.shape[:2])
    noise = noise[..., None] if picture.ndim == 3 else noise
    return np.rint(np.clip(picture + noise, 0, 255)).astype(np.uint8)


@pytest.mark.parametrize(
    "pixels",
    [DAMAGED, rgb(DAMAGED), sixteen(DAMAGED), sixteen(rgb(DAMAGED))],
    ids=["grey", "rgb", "deep grey", "deep rgb"],
)
def test_damage_goes_and_the_rest_stays(pixels: Samples) -> None:
    item = page(pixels)
    result = restored(item, keep_mask=True)
    after = laid(item, result)
    assert after.dtype == pixels.dtype
    metrics = result.metrics
    assert metrics["damaged_fraction_before"] > 0.9 * TRUTH.mean()
    assert metrics["damaged_fraction_after"] < 0.05 * metrics["damaged_fraction_before"]
    assert metrics["device"] == "cpu" and metrics["damage_tile"] is None
    assert result.mask is not None and set(np.unique(result.mask)) == {0, 255}
    changed = (after != pixels).reshape(480, 640, -1).any(axis=2)
    assert np.array_equal(result.mask > 0, changed)
    assert metrics["changed_fraction"] == pytest.approx(changed.mean())
    near = cv2.dilate(TRUTH.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert near[changed].all()
    one = 257 if pixels.dtype == np.uint16 else 1
    left = after.reshape(480, 640, -1).astype(float) / one
    assert (left == left[..., :1]).all()
    before = np.abs(DAMAGED - CLEAN.astype(float))[TRUTH].mean()
    assert np.abs(left[..., 0] - CLEAN)[TRUTH].mean() < 0.06 * before


@pytest.mark.parametrize("mode", ["repair", "revive"])
@pytest.mark.parametrize(
    "pixels", [CLEAN, in_color(), sixteen(in_color())], ids=["grey", "rgb", "deep"]
)
def test_a_clean_scan_comes_back_as_it_was(pixels: Samples, mode: str) -> None:
    result = restored(page(pixels), mode)
    assert result.rectangles == ()
    assert set(result.flags) <= {"faded"}  # which a painted scene may well be
    assert result.metrics["changed_fraction"] == 0
    assert result.metrics["noise_before"] == result.metrics["noise_after"]


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_revive_takes_noise_and_keeps_tone(color: bool, deep: bool) -> None:
    picture = noisy(in_color() if color else rgb(landscape()))
    pixels: Samples = sixteen(picture) if deep else picture
    item = page(pixels)
    result = restored(item, "revive")
    after = laid(item, result)
    assert result.metrics["noise_after"] < 0.4 * result.metrics["noise_before"]
    for channel in range(3):
        assert after[..., channel].mean() == pytest.approx(pixels[..., channel].mean(), rel=0.002)
    if not color:
        assert (after == after[..., :1]).all()
    if deep:
        assert len(np.unique(after % 257)) > 200
    half = restored(item, "revive", strength=0.5).metrics["noise_after"]
    assert result.metrics["noise_after"] < half < result.metrics["noise_before"]
    assert restored(item, "revive", strength=0.0).rectangles == ()
    assert restored(item, "repair").metrics["changed_fraction"] < 0.001


def test_a_toned_print_keeps_its_tone() -> None:
    pixels = noisy(toned(landscape(), *SEPIA))
    item = page(pixels)
    assert item.hints.tone == "toned"
    result = restored(item, "revive")
    change = laid(item, result).astype(int) - pixels
    assert (change != 0).any()
    unclipped = ((pixels > 20) & (pixels < 235)).all(axis=2)
    assert np.ptp(change[unclipped], axis=1).max() <= 1  # all channels alike, but for rounding


def test_the_larger_the_scan_the_wider_what_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blotches wider than a network's reach are corrected on smaller copies."""
    random = np.random.default_rng(0).normal(0, 1, (400, 1100)).astype(np.float32)
    blotches = cv2.GaussianBlur(random, (0, 0), 2)
    pixels = np.clip(130 + 6 * blotches / blotches.std(), 0, 255).astype(np.uint8)
    gate = Gate(nothing=0, all=0.01)
    item = StageInput(pixels, plain_hints(pixels))
    both = laid(item, restored(item, "revive", model=model(gate=gate)))
    monkeypatch.setattr("models.damage.revival._COARSEST", 5000)
    alone = laid(item, restored(item, "revive", model=model(gate=gate)))
    assert np.std(both) < 0.85 * np.std(alone)
    assert np.std(alone) < 0.95 * np.std(pixels)


def test_the_gate_decides_between_clean_and_worn() -> None:
    item = page(noisy(CLEAN, 3))
    closed = model(gate=Gate(nothing=10, all=20))
    assert restored(item, "revive", model=closed).rectangles == ()
    opened = restored(item, "revive", model=model(gate=Gate(nothing=0, all=0.01)))
    assert opened.metrics["noise_after"] < 0.4 * opened.metrics["noise_before"]


def test_results_do_not_depend_on_windows() -> None:
    item = page(noisy(DAMAGED, 4))
    for mode in ("repair", "revive"):
        one = restored(item, mode, window=192)
        two = restored(item, mode, window=1024)
        apart = laid(item, one).astype(int) - laid(item, two)
        assert np.abs(apart).mean() < 0.05
        assert one.metrics["damaged_fraction_before"] == pytest.approx(
            two.metrics["damaged_fraction_before"], abs=1e-4
        )


def test_torch_is_given_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    restored(page(CLEAN[:64, :64]), threads=3)
    assert given == [3]


def test_nothing_outside_the_photograph_changes() -> None:
    pixels = noisy(DAMAGED)
    area = Box(200, 100, 500, 400)
    item = StageInput(pixels, Hints(area, "monochrome", {}, ()))
    for mode in ("repair", "revive"):
        changed = laid(item, restored(item, mode, tone_strength=1.0)) != pixels
        assert changed[area.top : area.bottom, area.left : area.right].any()
        changed[98:402, 198:502] = False  # a rim of the fill may reach across
        assert not changed.any()


def test_earlier_changes_are_what_it_works_on() -> None:
    mended = Rectangle(0, 0, CLEAN, np.ones(CLEAN.shape, bool))
    item = StageInput(DAMAGED, plain_hints(DAMAGED), (mended,))
    for mode in ("repair", "revive"):
        result = restored(item, mode)
        assert result.metrics["damaged_fraction_before"] == 0
        assert result.rectangles == ()


def test_fading_is_corrected_and_reported() -> None:
    faded = (90 + in_color().astype(float) * 0.35).astype(np.uint8)
    item = page(faded)
    result = restored(item, "revive", tone_strength=1.0)
    assert result.metrics["fading"] > 0.5 and "faded" in result.flags
    assert len(result.metrics["cast_before"]) == len(result.metrics["cast_after"]) == 2
    assert np.ptp(laid(item, result)) > 1.3 * np.ptp(faded)
    assert restored(item, "revive").rectangles == ()  # tone_strength 0
    assert "fading" not in restored(item, "repair", tone_strength=1.0).metrics


def test_flags() -> None:
    lost = DAMAGED.copy()
    lost[100:260, 200:400] = 255
    result = restored(page(lost), model=replace(model(), detector=white_things))
    assert (laid(page(lost), result)[120:240, 220:380] == 255).all()
    assert {"loss too large to fill", "heavy damage"} <= set(result.flags)
    scarred = landscape(480, 640)
    scarred[60:380, 150:470] = face(320)
    item = page(scarred, faces=True)
    assert item.hints.faces
    eyes = item.hints.faces[0].box
    found = restored(item)
    inside = laid(item, found)[eyes.top : eyes.bottom, eyes.left : eyes.right]
    assert np.array_equal(inside, scarred[eyes.top : eyes.bottom, eyes.left : eyes.right])
    cv2.line(scarred, (210, 20), (400, 450), 254, 2, cv2.LINE_AA)
    over = restored(StageInput(scarred, item.hints))
    assert {"damage over a face", "damage over an eye or mouth"} <= set(over.flags)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9000), (9000, 1), (3, 400), (2, 2, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("mode", ["repair", "revive"])
def test_thin_pictures_pass(shape: tuple[int, ...], dtype: type, mode: str) -> None:
    top = np.iinfo(dtype).max
    pixels = np.random.default_rng(0).integers(0, top, shape, dtype=dtype)
    item = page(pixels)
    result = restored(item, mode, keep_mask=True, tone_strength=1.0)
    assert laid(item, result).shape == shape
    assert result.mask is not None and result.mask.shape == shape[:2]
    numbers = [value for value in result.metrics.values() if isinstance(value, float)]
    assert len(numbers) >= 7 and all(np.isfinite(number) for number in numbers)


def test_nan_from_a_network_ends_the_scan_with_a_reason() -> None:
    with pytest.raises(BadNetworkOutput, match="NaN"):
        restored(page(DAMAGED), model=model(Broken()))


def test_memory_that_does_not_suffice_is_recorded() -> None:
    class Scarce(Averaging):
        def draw(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            if image.shape[2] > 64:
                raise torch.OutOfMemoryError("CUDA out of memory (simulated)")
            return super().draw(image, mask)

    item = page(DAMAGED)
    result = restored(item, model=model(Scarce()))
    assert result.metrics["damage_tile"] == 64
    apart = laid(item, result).astype(int) - laid(item, restored(item))
    assert np.abs(apart)[TRUTH].mean() < 1.5


@pytest.mark.parametrize(
    "options",
    [{"mode": "improve"}, {"strength": 1.5}, {"tone_strength": -0.1}, {"grain": 2}, {"threads": 0},
     {"window": 8}, {"model": "sharpest"}, {"model": "classical"}],
)  # fmt: skip
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(BadStageInput):
        DamageRestorer(**{"model": model(), **options})  # type: ignore[arg-type]


def test_floats_are_refused() -> None:
    pixels = np.zeros((9, 9), np.float32)
    with pytest.raises(BadStageInput, match="uint8 or uint16"):
        restored(StageInput(pixels, plain_hints(pixels)))  # type: ignore[arg-type]
