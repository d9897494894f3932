import numpy as np
import pytest
from face_kit import case, place, portrait
from painted_scenes import in_color

from models.evaluation.face_cases import face_case, place_of, sharper_half, sharpness
from models.evaluation.indices import psnr
from models.training.degradation import Textures


def test_the_face_lies_where_it_was_painted() -> None:
    rows, columns = np.nonzero(place().mask)
    assert abs(rows.mean() - 87) < 12 and abs(columns.mean() - 80) < 6
    assert 0.1 < place().mask.mean() < 0.6
    aligned = place().crop(portrait())
    eyes = aligned[105:119, [91, 165]].mean()  # in the template the eyes lie here, and are dark
    assert eyes < aligned[130:150, [91, 165]].mean()


def test_a_picture_without_a_face_is_no_case() -> None:
    scene = in_color(160, 160)
    assert place_of(scene) is None
    assert face_case("scene", scene, 0, Textures()) is None


def test_a_case_follows_from_its_number_and_keeps_its_tone() -> None:
    first, other = case(3), case(4)
    again = face_case("one", portrait(), 3, Textures())
    assert again is not None
    assert np.array_equal(first.degraded, again.degraded)
    assert not np.array_equal(first.degraded, other.degraded)
    for one in (first, other):
        kept = psnr(one.degraded, one.true, one.place.mask)
        assert 15 < kept < 45  # worn, and still the same portrait
        tones = [picture[one.place.mask].mean(axis=0) for picture in (one.degraded, one.true)]
        assert tones[0] == pytest.approx(tones[1], abs=6)


def test_sharpness_ranks_portraits() -> None:
    sharp = place().crop(portrait())
    soft = (sharp + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1)) / 3
    assert sharpness(sharp) > 1.2 * sharpness(soft)
    assert sharper_half([1.0, 5.0, 2.0, 4.0]) == [False, True, False, True]
    assert sharper_half([]) == []
