import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from painted_scenes import face

from models.contract import BadStageInput
from models.faces.align import crop, similarity
from models.faces.descriptor import descriptor_distance
from models.faces.guard import Limits, check
from models.faces.texture import _GRAIN_SHARE, _band, texture_kept

Crop = NDArray[np.float32]


def _portrait(side: int = 256, seed: int = 0) -> Crop:
    """The painted face, aligned, with pores."""
    points = np.array([[0.375, 0.483], [0.625, 0.483], [0.5, 0.66]]) * 480
    aligned = crop(face(480), similarity(points, side), side)
    pores = np.random.default_rng(seed).normal(0, 1, (side, side))
    pores = cv2.GaussianBlur(pores, (0, 0), 1.5 * side / 256)
    skin = aligned + (0.02 * pores / pores.std())[..., None]
    return np.clip(skin, 0, 1).astype(np.float32)


def _blurred(crop: Crop, sigma: float) -> Crop:
    return cv2.GaussianBlur(crop, (0, 0), sigma).reshape(crop.shape).astype(np.float32)


def _with_mouth_erased(crop: Crop) -> Crop:
    erased = crop.copy()
    erased[174:216, 88:168] = crop[150:160, 88:168].mean()
    return erased


def _with_eyes_shifted(crop: Crop, pixels: int) -> Crop:
    shifted = crop.copy()
    for x in (91, 165):
        shifted[98:126, x - 22 + pixels : x + 22 + pixels] = crop[98:126, x - 22 : x + 22]
    return shifted


@pytest.mark.parametrize("side", [256, 512])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_and_a_sharpened_face_pass(side: int, channels: int) -> None:
    portrait = np.repeat(_portrait(side), channels, axis=2)
    sharp = np.clip(2 * portrait - _blurred(portrait, 1.5), 0, 1).astype(np.float32)
    same = check(portrait, portrait)
    assert same.passed and same.reason == "" and same.distance is None
    assert min(same.correlations) > 0.999
    assert check(portrait, sharp).passed


def test_what_a_blurred_scan_was_made_from_passes() -> None:
    portrait = _portrait()
    verdict = check(_blurred(portrait, 2.5), portrait)
    assert verdict.passed, verdict.reason


def test_a_change_of_tone_is_none_of_the_face() -> None:
    portrait = _portrait()
    verdict = check((0.2 + 0.5 * portrait).astype(np.float32), portrait)
    assert verdict.passed, verdict.reason


def test_moved_eyes_are_named() -> None:
    verdict = check(_portrait(), _with_eyes_shifted(_portrait(), 4))
    assert not verdict.passed
    assert "left eye changed" in verdict.reason and "right eye changed" in verdict.reason
    assert "mouth" not in verdict.reason


def test_an_erased_mouth_is_named_even_where_the_scan_is_poor() -> None:
    portrait = _portrait()
    for before in (portrait, _blurred(portrait, 2.0)):
        verdict = check(before, _with_mouth_erased(portrait))
        assert not verdict.passed and "mouth changed" in verdict.reason
        assert verdict.eye_left > 0.95 and verdict.eye_right > 0.95


def test_waxen_skin_is_named() -> None:
    verdict = check(_portrait(), _blurred(_portrait(), 3.0))
    assert not verdict.passed and "skin smoothed" in verdict.reason


def test_removed_grain_is_not_removed_texture() -> None:
    portrait = _portrait()
    grain = np.random.default_rng(1).normal(0, 0.04, (256, 256, 1))
    grainy = np.clip(portrait + grain, 0, 1).astype(np.float32)
    assert texture_kept(grainy[..., 0], portrait[..., 0]) > 0.85
    laid_over = np.clip(_blurred(portrait, 3.0) + grain, 0, 1).astype(np.float32)
    assert texture_kept(portrait[..., 0], laid_over[..., 0]) < 0.8


def test_the_share_of_grain_in_the_band_is_what_it_is() -> None:
    noise = np.random.default_rng(0).normal(0, 1, (512, 512)).astype(np.float32)
    assert _band(noise, 1.5, 4.0).std() == pytest.approx(_GRAIN_SHARE, rel=0.03)


def test_a_distance_is_asked_for_only_where_given() -> None:
    portrait = _portrait()
    verdict = check(portrait, portrait, Limits(distance=0.5), distance=lambda *_: 0.7)
    assert not verdict.passed and verdict.distance == 0.7 and "another face" in verdict.reason


def test_descriptors_see_the_same_face_as_no_distance() -> None:
    portrait = _portrait()
    assert descriptor_distance(portrait, portrait) == 0.0
    larger = np.repeat(cv2.resize(portrait, (512, 512))[..., None], 3, axis=2)
    assert 0 < descriptor_distance(portrait, larger) < 0.2


def test_a_blank_crop_has_nothing_to_compare_but_inventing_on_it_shows() -> None:
    blank = np.full((256, 256, 3), 0.5, np.float32)
    verdict = check(blank, blank)
    assert all(np.isnan(score) for score in verdict.correlations)
    verdict = check(np.repeat(_portrait(), 3, axis=2), blank)
    assert not verdict.passed


@pytest.mark.parametrize("shape", [(256, 256), (256, 200, 3), (32, 32, 3), (256, 256, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    wrong = np.zeros(shape, np.float32)
    with pytest.raises(BadStageInput):
        check(wrong, wrong)
    with pytest.raises(BadStageInput, match="different"):
        check(_portrait(256), _portrait(128))
