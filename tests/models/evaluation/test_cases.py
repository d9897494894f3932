"""Degraded cases are frozen: the same picture and number, the same damage, on any day."""

from __future__ import annotations

import numpy as np
from painted_scenes import in_color

from models.evaluation.cases import degraded_case
from models.training.degradation import Textures

SCENE = in_color(120, 160)


def test_a_case_depends_on_picture_and_number_alone() -> None:
    first, again = (degraded_case("a", SCENE, 4, Textures()) for _ in range(2))
    other = degraded_case("a", SCENE, 5, Textures())
    assert np.array_equal(first.degraded, again.degraded)
    assert np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.degraded, other.degraded)


def test_a_case_is_what_a_stage_is_given() -> None:
    case = degraded_case("a", SCENE, 4, Textures())
    assert case.mask.any() and not (case.mask & case.ignore).any()
    assert case.degraded.shape == SCENE.shape and case.degraded.dtype == np.uint8
    assert not case.item.pixels.flags.writeable
    assert case.item.hints.photograph.width > 0
    # Damage is what sets the degraded picture apart from the worn one.
    outside = ~(case.mask | case.ignore)
    assert np.array_equal(case.degraded[outside], case.worn[outside]) or (
        np.abs(case.degraded[outside].astype(int) - case.worn[outside]).max() <= 9
    )
    assert (case.degraded[case.mask] != case.worn[case.mask]).any()
