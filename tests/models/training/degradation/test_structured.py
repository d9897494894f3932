"""Every kind of damage leaves a mark, in the footprint alone, and until enough is covered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from painted_photograph import painted_photograph

from models.training.degradation import EVALUATION, Textures
from models.training.degradation.severity import Severity
from models.training.degradation.sheet import THRESHOLD, Sheet
from models.training.degradation.structured import PAINTERS, damage


def sheet(scale: float = 1.0, side: int = 96) -> Sheet:
    picture = painted_photograph(side, side).astype(np.float32) / 255
    return Sheet(picture.copy(), picture.copy(), scale, (0.5, 1.0))


@pytest.mark.parametrize("kind", PAINTERS)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_each_kind_paints_where_its_footprint_is(kind: str, scale: float) -> None:
    covered = []
    for seed in range(12):
        print_ = sheet(scale)
        PAINTERS[kind](print_, np.random.default_rng(seed))
        covered.append(print_.covered())
        assert np.isfinite(print_.picture).all()
        changed = np.abs(print_.picture - print_.undamaged).max(axis=2) > 0.12
        # A crease is shaded beside its line; all else changes only what it paints.
        if kind != "crease":
            assert not (changed & (print_.footprint == 0)).any()
    assert max(covered) > 0.001
    assert np.mean(covered) < 0.4


def test_stains_and_tape_tint_the_undamaged_print_too() -> None:
    for kind in ("stain", "tape"):
        print_ = sheet()
        before = print_.undamaged.copy()
        for seed in range(5):
            PAINTERS[kind](print_, np.random.default_rng(seed))
        assert (print_.undamaged < before - 0.005).any()


def test_painting_goes_on_until_the_share_is_reached() -> None:
    severity = replace(EVALUATION, coverage=(0.05, 0.05))
    for seed in range(6):
        print_ = sheet(side=160)
        kinds = damage(print_, np.random.default_rng(seed), severity, Textures())
        assert print_.covered() >= 0.05 or len(kinds) == severity.most_defects
        assert set(kinds) <= set(PAINTERS)


def test_weights_choose_the_kinds() -> None:
    nothing = dict.fromkeys((*PAINTERS, "mask"), 0.0)
    severity = replace(EVALUATION, **{**nothing, "hole": 1.0})
    print_ = sheet()
    assert set(damage(print_, np.random.default_rng(1), severity, Textures())) == {"hole"}


def test_masks_from_a_folder_are_painted_in_their_shape() -> None:
    nothing = dict.fromkeys(PAINTERS, 0.0)
    severity = replace(EVALUATION, **{**nothing, "mask": 1.0}, most_defects=1)
    mask = np.zeros((200, 200), np.float32)
    mask[90:110, :] = 1
    found = []
    for seed in range(8):
        print_ = sheet()
        kinds = damage(print_, np.random.default_rng(seed), severity, Textures(masks=(mask,)))
        assert kinds == ["mask"]
        found.append((print_.footprint > THRESHOLD).any())
    assert sum(found) >= 4  # some are placed off the picture


def test_every_kind_has_a_weight() -> None:
    assert {*PAINTERS, "mask"} <= set(Severity.__dataclass_fields__)


def test_only_colour_prints_have_dye_layers() -> None:
    picture = painted_photograph(96, 96).astype(np.float32) / 255
    sepia = picture.mean(axis=2, keepdims=True) ** np.array([0.7, 1.1, 1.5], np.float32)
    assert Sheet(picture, picture, 1.0, (1, 1)).coloured
    assert not Sheet(sepia, sepia, 1.0, (1, 1)).coloured
