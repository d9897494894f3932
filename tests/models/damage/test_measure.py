import cv2
import numpy as np
import pytest
from painted_scenes import landscape

from models.contract import Box, Samples
from models.damage.denoise import denoised, has_impulses
from models.damage.measure import noise, sample_windows, sharpness


def _noise(pixels: Samples) -> np.ndarray:
    whole = Box(0, 0, pixels.shape[1], pixels.shape[0])
    return noise(lambda b: pixels[b.top : b.bottom, b.left : b.right].copy(), whole)


@pytest.mark.parametrize("sigma", [2.0, 5.0, 12.0])
def test_noise_is_measured_in_8_bit_levels(sigma: float) -> None:
    scene = cv2.GaussianBlur(np.clip(landscape(600, 800), 60, 200), (0, 0), 2).astype(np.float64)
    noisy = scene + np.random.default_rng(0).normal(0, sigma, scene.shape)
    assert _noise(np.rint(noisy).clip(0, 255).astype(np.uint8))[0] == pytest.approx(sigma, rel=0.1)
    deep = np.rint(noisy * 257).clip(0, 65535).astype(np.uint16)
    assert _noise(deep)[0] == pytest.approx(sigma, rel=0.1)
    assert len(_noise(np.stack([deep] * 3, axis=2))) == 3


@pytest.mark.parametrize("level", [0, 255])
def test_clipped_pictures_have_no_measurable_noise(level: int) -> None:
    assert _noise(np.full((300, 300), level, np.uint8)) == pytest.approx([0])


@pytest.mark.parametrize("shape", [(1, 1), (1, 60000), (5, 3, 3)])
def test_thin_pictures_pass(shape: tuple[int, ...]) -> None:
    assert np.isfinite(_noise(np.full(shape, 90, np.uint8))).all()
    assert sharpness(np.full(shape[:2], 90, np.uint8)) == 0


def test_sharpness_falls_with_blur() -> None:
    scene = landscape(600, 800)
    assert sharpness(scene) > 2 * sharpness(cv2.GaussianBlur(scene, (0, 0), 2))


def test_windows_lie_inside() -> None:
    area = Box(7, 11, 900, 333)
    windows = sample_windows(area)
    assert len(windows) > 6
    for box in windows:
        assert area.left <= box.left < box.right <= area.right
        assert area.top <= box.top < box.bottom <= area.bottom


def test_denoising_takes_noise_and_keeps_tone_and_edges() -> None:
    scene = np.where(np.arange(400) < 200, 80.0, 170.0) * np.ones((300, 1))
    noisy = np.clip(scene + np.random.default_rng(0).normal(0, 6, scene.shape), 0, 255)
    noisy8 = np.rint(noisy).astype(np.uint8)
    clean = denoised(noisy8, np.array([6.0]), 1.0, False).astype(float)
    assert clean[:, 20:180].std() < 3
    assert clean.mean() == pytest.approx(noisy8.mean(), abs=0.2)
    assert np.abs(clean[:, 203:210].mean() - 170) < 3
    half = denoised(noisy8, np.array([6.0]), 0.5, False).astype(float)
    assert clean[:, 20:180].std() < half[:, 20:180].std() < noisy8[:, 20:180].std()
    assert (denoised(noisy8, np.array([6.0]), 0.0, False) == noisy8).all()


def test_salt_and_pepper_is_recognised_and_highlights_are_not() -> None:
    random = np.random.default_rng(0)
    scene = cv2.GaussianBlur(landscape(300, 400), (0, 0), 1.5)
    wrong = random.random(scene.shape) < 0.02
    peppered = np.where(wrong, random.choice([0, 255], scene.shape), scene).astype(np.uint8)
    windows = sample_windows(Box(0, 0, 400, 300))
    cut = lambda picture: [picture[b.top : b.bottom, b.left : b.right] for b in windows]  # noqa: E731
    assert has_impulses(cut(peppered))
    assert not has_impulses(cut(scene))
    starry = scene.copy()
    starry[::60, ::60] = 255
    assert not has_impulses(cut(starry))
    clean = denoised(peppered, np.array([1.0]), 1.0, True)
    assert np.abs(clean.astype(int) - scene)[wrong].mean() < 10
