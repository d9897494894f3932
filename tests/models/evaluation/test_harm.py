"""Harm is seen where there is some, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_kit import told
from numpy.typing import NDArray
from painted_scenes import face, in_color, rgb
from tiny_networks import model

from models.contract import StageInput
from models.damage.features import face_features
from models.evaluation.cases import given
from models.evaluation.contestants import of_model
from models.evaluation.damage import SAME
from models.evaluation.harm import FaceHarm, PhotographHarm, usual_box, usual_face
from models.evaluation.report import harm_rows
from models.evaluation.tables import figures

Image = NDArray[np.uint8]
SCENE = in_color(120, 160)
USUAL = (0.25, 0.2, 0.75, 0.8)


def untouched(item: StageInput) -> Image:
    return np.array(item.pixels, np.uint8)


def test_a_stage_that_leaves_clean_photographs_alone_does_no_harm() -> None:
    harm = PhotographHarm([told("idle", untouched)])
    harm.measure("scene", SCENE)
    known = figures(harm.readings)
    assert known["idle", "PSNR of revive"].mean == SAME
    assert known["idle", "changed by repair"].mean == 0
    assert all(row.met for row in harm_rows(harm, None))


def test_a_stage_that_paints_over_clean_photographs_is_caught() -> None:
    def paints(item: StageInput) -> Image:
        made = untouched(item)
        made[:12, :16] = 255 - made[:12, :16]
        return made

    harm = PhotographHarm([told("paints", paints)])
    harm.measure("scene", SCENE)
    assert figures(harm.readings)["paints", "changed by repair"].mean == pytest.approx(
        12 * 16 / (120 * 160)
    )
    assert [row.met for row in harm_rows(harm, None)] == [False, False]


@pytest.mark.parametrize(("part", "expected"), [("eye", 1.0), ("chin", 0.0), ("ground", 0.0)])
def test_one_changed_pixel_over_an_eye_counts_as_touched(part: str, expected: float) -> None:
    box = usual_box(USUAL, SCENE)
    eyes, mouth = face_features(box)
    place = {
        "eye": (eyes.top + 2, box.left + 2),
        "chin": (mouth.bottom + 1, box.left + 5),
        "ground": (118, 2),
    }[part]

    def touches(item: StageInput) -> Image:
        made = untouched(item)
        made[place] = 255 - made[place]
        return made

    harm = FaceHarm([told("touches", touches)], USUAL)
    harm.measure("scene", SCENE)
    known = figures(harm.readings)
    assert known["touches", "eyes or mouth touched"].mean == expected
    inside = 1 / (box.width * box.height) if part != "ground" else 0
    assert known["touches", "face taken for damage"].mean == pytest.approx(inside)
    assert known["touches", "face seen by the look"].mean == 0.0


def test_a_portrait_is_looked_at_as_in_a_run() -> None:
    portrait = rgb(face())
    item = given(portrait)
    assert item.hints.faces
    usual = usual_face([item])
    assert usual is not None
    found = usual_box(usual, portrait)
    box = item.hints.faces[0].box
    assert abs(found.left - box.left) <= 1 and abs(found.bottom - box.bottom) <= 1
    harm = FaceHarm([of_model(model())])
    harm.measure("portrait", portrait)
    measures = {reading.measure for reading in harm.readings}
    assert "face taken for damage, without care" in measures
    assert figures(harm.readings)["tiny", "face seen by the look"].mean == 1.0


def test_without_a_face_and_a_usual_place_nothing_is_claimed() -> None:
    harm = FaceHarm([told("idle", untouched)])
    harm.measure("scene", SCENE)
    assert harm.readings == [] and usual_face([given(SCENE)]) is None
