import numpy as np
from painted_scenes import face, landscape

from models.contract import Box, Face
from models.faces.merging import merged
from models.faces.mmod_search import SEARCHED, detect, proposals, searched
from models.faces.pyramid import Look, base


def _share(one: Box, left: int, top: int, size: int) -> float:
    """How much of a painted face's middle (0.6 of it) is in the box, and the reverse."""
    low, high = top + 0.25 * size, top + 0.95 * size
    width = min(one.right, left + 0.85 * size) - max(one.left, left + 0.15 * size)
    height = min(one.bottom, high) - max(one.top, low)
    return max(0.0, width) * max(0.0, height) / max((0.7 * size) ** 2, one.width * one.height)


def test_faces_are_found_once_and_where_they_are() -> None:
    scene = landscape(400, 520)
    places = ((10, 90, 40), (60, 20, 80), (160, 40, 150))
    for left, top, size in places:
        scene[top : top + size, left : left + size] = face(size)
    found = detect(scene)
    assert len(found) == len(places)
    for place in places:
        assert sum(_share(one.box, *place) > 0.45 for one in found) == 1
    assert all(0.3 < one.score < 1.3 for one in found)
    assert list(found) == sorted(found, key=lambda one: -one.score)


def test_a_face_cut_by_the_edge_has_its_box_inside() -> None:
    scene = landscape(160, 200)
    scene[20:140, :95] = face(120)[:, 25:]
    (found,) = detect(scene)
    assert found.box.left == 0 and 0 < found.box.right <= 100


def test_the_copy_is_bounded_and_small_faces_need_it_large() -> None:
    scene = landscape(160, 200)
    scene[60:108, 80:128] = face(48)
    copies = base(scene)
    assert copies.copy(SEARCHED).plane.size == 16 * scene.size
    assert len(proposals(copies, (SEARCHED,), 0.0)) == 1
    assert proposals(copies, (Look("small", 0.0, 4.0, scene.size),), 0.0) == ()


def test_the_smallest_scans_are_enlarged_less() -> None:
    assert searched(base(landscape(480, 640))) == SEARCHED
    assert searched(base(landscape(240, 320))).most == 2


def test_no_face_in_a_landscape_or_an_empty_page() -> None:
    assert detect(landscape(200, 240)) == ()
    assert detect(np.full((100, 120, 3), 255, np.uint8)) == ()


def test_trusted_boxes_stay_whatever_their_score() -> None:
    trusted, weaker = Face(Box(10, 10, 110, 110), -0.5), Face(Box(15, 12, 118, 115), -0.6)
    same, other = Face(Box(15, 12, 118, 115), 1.0), Face(Box(200, 10, 260, 70), 0.9)
    assert merged([other, same], trusted=[weaker, trusted]) == (other, trusted)
