"""Textures from a folder: read, sorted out, brought to one scale; or refused by name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from models.training.degradation import NoTextures, Textures


def test_no_folder_means_procedural() -> None:
    assert Textures.load(None) == Textures()


def test_masks_and_papers_are_read_and_smears_left_out(tmp_path: Path) -> None:
    line = np.zeros((40, 40), np.uint8)
    line[20] = 255
    cv2.imwrite(str(tmp_path / "mask_line.png"), line)
    cv2.imwrite(str(tmp_path / "mask_smear.png"), np.full((40, 40), 255, np.uint8))
    rough = np.random.default_rng(0).integers(180, 220, (50, 60, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "paper_rough.png"), rough)
    textures = Textures.load(tmp_path)
    (mask,) = textures.masks
    assert mask.dtype == np.float32
    assert mask[20].min() == 1
    assert mask.sum() == 40
    (paper,) = textures.papers
    assert paper.shape == (50, 60)
    assert abs(paper.mean()) < 0.1
    assert paper.std() == pytest.approx(1, abs=0.01)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoTextures, match=tmp_path.name):
        Textures.load(tmp_path)


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "mask_broken.png").write_text("no picture")
    with pytest.raises(NoTextures, match=r"mask_broken\.png"):
        Textures.load(tmp_path)
