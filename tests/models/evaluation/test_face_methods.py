import cv2
import numpy as np
import pytest
from face_kit import Told, case, place, portrait

from models.evaluation.cases import given
from models.evaluation.face_cases import FaceCase
from models.evaluation.face_methods import BareNetwork, Unsharp, best_unsharp, seen_crops
from models.evaluation.face_rows import face_psnr

_SAME = Told(lambda crop: crop)
_LIGHTER = Told(lambda crop: np.clip(crop + 0.1, 0, 1))


def test_unsharp_masking_sharpens_and_reducing_softens() -> None:
    picture = portrait()
    item = given(picture)
    sharp, soft = Unsharp(1, 1, 1)(item), Unsharp(3, 1, 0)(item)
    fine = [cv2.Laplacian(one, cv2.CV_32F).std() for one in (soft.pixels, picture, sharp.pixels)]
    assert fine == sorted(fine)
    assert sharp.pixels.dtype == np.uint8 and sharp.changed.any() and sharp.seconds > 0


def test_the_baseline_suits_the_calibration_portraits() -> None:
    true = portrait()
    blurred = np.asarray(cv2.GaussianBlur(true, (0, 0), 1.5), np.uint8)
    noise = np.random.default_rng(0).normal(0, 25, true.shape)
    noisy = np.clip(true + noise, 0, 255).astype(np.uint8)
    cases = [FaceCase("one", true, given(worn), place()) for worn in (blurred, noisy)]
    first, second = (best_unsharp([case], face_psnr, "baseline") for case in cases)
    assert first.factor == 1 and first.amount >= 1
    assert second.factor > 1 and second.amount < 1
    assert first.name == "baseline"


def test_the_network_alone_may_do_what_the_stage_may_not() -> None:
    one = case()
    assert one.item.hints.faces
    face = one.place.mask
    outside = ~cv2.dilate(face.astype(np.uint8), np.ones((61, 61))).astype(bool)
    assert outside.any()
    for method in (BareNetwork("blended", _LIGHTER), BareNetwork("alone", _LIGHTER, blend=False)):
        made = method(one.item)
        assert made.pixels.shape == one.degraded.shape and made.pixels.dtype == np.uint8
        assert np.array_equal(made.pixels[outside], one.degraded[outside])
        lighter = (made.pixels[face].mean() - one.degraded[face].mean()) / 255
        assert lighter == pytest.approx(0.1 if method.name == "alone" else 0, abs=0.02)


@pytest.mark.parametrize("blend", [True, False])
def test_an_enhancer_that_changes_nothing_leaves_every_pixel(blend: bool) -> None:
    item = case().item
    made = BareNetwork("idle", _SAME, blend)(item)
    assert np.array_equal(made.pixels, item.pixels) and not made.changed.any()


def test_what_the_guard_is_shown_is_what_would_be_seen() -> None:
    scan = place().crop(portrait())
    before, seen = seen_crops(_SAME)(scan)
    assert before.shape == (128, 128, 3) and np.array_equal(before, seen)
    # light and tone stay the scan's, so that a lighter face is none to judge
    before, seen = seen_crops(_LIGHTER)(scan)
    middle = slice(40, 100)
    assert np.abs(seen - before)[middle, middle].max() < 0.02
    sharper = Told(lambda crop: np.clip(2 * crop - cv2.GaussianBlur(crop, (0, 0), 1), 0, 1))
    before, seen = seen_crops(sharper)(scan)
    assert seen[middle, middle].std() > before[middle, middle].std()
    assert np.array_equal(before[0], seen[0])  # beyond the mask nothing is changed
