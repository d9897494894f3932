from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.contract import Box
from models.damage.features import face_features
from models.damage.regions import Regions, Thresholds, regions

Plane = NDArray[np.uint8]

FACE = Box(200, 150, 320, 270)
EYES, MOUTH = face_features(FACE)
EXACT = Thresholds(grown=0)


def nothing(height: int = 600, width: int = 800) -> Plane:
    return np.zeros((height, width), np.uint8)


def found(
    probability: Plane,
    faces: tuple[Box, ...] = (),
    thresholds: Thresholds = EXACT,
    area: Box | None = None,
) -> Regions:
    height, width = probability.shape
    return regions(probability, area or Box(0, 0, width, height), faces, thresholds)


def test_weak_suspicion_counts_beside_strong() -> None:
    probability = nothing()
    probability[100:300, 50:53] = 110  # weak
    probability[150:155, 50:53] = 250  # and strong somewhere
    probability[100:300, 400:403] = 110  # weak all along
    probability[400, 600] = 250  # grain
    mask = found(probability).mask
    assert (mask[100:300, 50:53] == 1).all()
    assert mask.sum() == 600
    assert found(probability, thresholds=replace(EXACT, strong=0.4)).mask.sum() == 1200
    assert found(probability, thresholds=replace(EXACT, smallest=1)).mask.sum() == 601


def test_the_mask_covers_a_defects_soft_edge() -> None:
    probability = nothing()
    probability[100:300, 50:53] = 250
    assert found(probability, thresholds=Thresholds()).mask[200].sum() == 5
    large = np.zeros((600, 4000), np.uint8)
    large[100:300, 50:53] = 250
    assert found(large, thresholds=Thresholds()).mask[200].sum() == 7


def test_numbers_are_no_damage_and_scratches_among_them_are() -> None:
    probability = nothing()
    for number, letter in enumerate("4711"):
        place = (100 + 16 * number, 500)
        cv2.putText(probability, letter, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 190, 2)
    probability[200:400, 300:303] = 250
    mask = found(probability).mask
    assert mask[470:520, 90:180].sum() == 0
    assert (mask[200:400, 300:303] == 1).all()
    assert found(probability, thresholds=replace(EXACT, written=0.5)).mask[470:520].any()


def test_faces_ask_for_more() -> None:
    probability = nothing()
    probability[160:260, 220:223] = 180
    assert found(probability).pixels == 300
    inside = found(probability, (FACE,))
    assert inside.pixels == 0 and not inside.over_face
    probability[262:268, 215:225] = 240  # the chin: in the box, off eyes and mouth
    sure = found(probability, (FACE,))
    assert sure.pixels == 60 and sure.over_face and not sure.over_feature


@pytest.mark.parametrize("band", [EYES, MOUTH], ids=["eyes", "mouth"])
def test_eyes_and_mouths_are_left_alone_and_flagged(band: Box) -> None:
    probability = nothing()
    middle = (band.top + band.bottom) // 2
    probability[middle - 3 : middle + 3, band.left + 20 : band.right - 20] = 250
    assert found(probability).pixels > 0
    spared = found(probability, (FACE,))
    assert spared.pixels == 0 and spared.over_feature and not spared.over_face
    probability[probability > 0] = 190  # seen, but far from certain: no flag either
    assert not found(probability, (FACE,)).over_feature


def test_brows_that_reach_out_of_the_band_support_nothing() -> None:
    probability = nothing()
    probability[EYES.top - 6 : EYES.top + 20, 220:250] = 250
    assert found(probability, (FACE,)).pixels == 0


def test_spectacles_that_reach_from_eye_to_mouth_support_nothing() -> None:
    probability = nothing()
    cv2.line(probability, (230, EYES.top + 8), (250, MOUTH.bottom - 8), 250, 3)
    assert found(probability).pixels > 0
    assert found(probability, (FACE,)).pixels == 0


def test_what_just_sticks_out_on_both_sides_supports_nothing() -> None:
    probability = nothing()
    row = (EYES.top + EYES.bottom) // 2
    probability[row : row + 3, EYES.left - 4 : EYES.right + 4] = 250  # the arms of spectacles
    assert found(probability, (FACE,)).pixels == 0


def test_two_faces_vouch_for_neither() -> None:
    other = Box(360, 150, 480, 270)
    probability = nothing()
    row = (EYES.top + EYES.bottom) // 2
    probability[row : row + 3, 230:450] = 250  # from eye to eye, 4 pixels between the bands
    assert found(probability, (FACE, other)).pixels == 0


def test_a_scratch_across_a_face_is_damage_to_its_end() -> None:
    probability = nothing()
    cv2.line(probability, (300, 20), (230, 500), 250, 2)
    crossing = found(probability, (FACE,))
    assert crossing.pixels == int((probability > 0).sum())
    assert crossing.over_face and crossing.over_feature


def test_a_loss_over_an_eye_is_left_alone_with_the_rest_of_it_filled() -> None:
    probability = nothing()
    cv2.line(probability, (300, 20), (230, 500), 250, 2)
    cv2.circle(probability, (280, 190), 14, 250, -1)
    torn = found(probability, (FACE,))
    assert torn.over_feature
    assert torn.mask[190, 280] == 0
    assert (torn.mask[30:140][probability[30:140] > 0] == 1).all()


def test_faces_at_the_edge_of_the_picture() -> None:
    probability = nothing()
    probability[0:40, 0:40] = 250
    probability[560:, 760:] = 250
    edge = found(probability, (Box(-30, -20, 70, 80), Box(740, 540, 860, 660)))
    assert edge.mask.shape == probability.shape


def test_the_cut_edge_of_a_photograph_is_no_scratch() -> None:
    probability = nothing()
    area = Box(100, 80, 700, 520)
    probability[:, 100:102] = 255
    probability[80:82] = 255
    assert found(probability, area=area).pixels == 0
    probability[200:300, 400:403] = 255
    assert found(probability, area=area).pixels == 300
    uncut = nothing()
    uncut[:, 0:2] = 255  # here the scan itself ends
    assert found(uncut).pixels == 1200


@pytest.mark.parametrize("area", [Box(5, 5, 6, 6), Box(0, 0, 1, 1), Box(0, 0, 800, 1)])
def test_hardly_any_photograph(area: Box) -> None:
    probability = np.full((600, 800), 255, np.uint8)
    assert found(probability, area=area, thresholds=Thresholds()).mask.shape == (600, 800)


def test_strips_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    probability = np.random.default_rng(0).integers(0, 256, (300, 400), dtype=np.uint8)
    probability = cv2.GaussianBlur(probability, (0, 0), 2)  # type: ignore[assignment]
    span = (float(probability.min()), float(np.ptp(probability)))
    probability = ((probability - span[0]) / span[1] * 255).astype(np.uint8)
    once = found(probability, (Box(100, 60, 220, 180),), Thresholds()).mask
    monkeypatch.setattr("models.pixels._STRIP_PIXELS", 5000)
    assert np.array_equal(found(probability, (Box(100, 60, 220, 180),), Thresholds()).mask, once)
    assert once.any()
