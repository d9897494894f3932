"""The recipe of the face networks: killed and resumed, learning, measures and losses by hand."""

from __future__ import annotations

import csv
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training_kit import (
    LOOP,
    Killed,
    check_same,
    checkpoint,
    dies_after,
    in_float32,
    pictures,
    write_pictures,
)

from models.faces.direct import DirectFaceNet
from models.training import face_samples, faces
from models.training.data import NoPhotographs, photograph_files
from models.training.degradation import STRUCTURED_ONLY, Textures
from models.training.face_losses import identity, kept, texture, windows
from models.training.face_samples import (
    FACE_EVALUATION,
    FACE_TRAINING,
    LISTING,
    face_sample,
    read_faces,
    write_aligned,
)
from models.training.faces import HeldOut, held_out, measure, network_settings, train_faces
from models.training.loop import Budget
from models.training.request import BadRequest
from models.weights.networks import construct

CPU = torch.device("cpu")
TINY: dict[str, Any] = {
    "severity": FACE_TRAINING, "width": 2, "blocks": 1, "hidden": 4, "batch": 2, "crop": 64,
    "critic_width": 4,
} | LOOP  # fmt: skip


@pytest.fixture(scope="module")
def validation() -> HeldOut:
    return held_out(pictures(2, 96, 96, seed=9), FACE_EVALUATION, Textures(), crop=64)


def learn(folder: Path, validation: HeldOut, steps: int, **words: Any) -> dict[str, Tensor]:
    return train_faces(
        [pictures(3, 96, 96), pictures(2, 96, 96, seed=4)],
        [0.7, 0.3],
        validation,
        folder,
        Budget(1, steps),
        textures=Textures(),
        **(TINY | words),
    )


@pytest.mark.parametrize("kind", faces.NETWORKS)
def test_killed_and_resumed_equals_one_go(
    kind: str, tmp_path: Path, validation: HeldOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_float32(monkeypatch, faces)
    whole = learn(tmp_path / "whole", validation, 4, kind=kind)
    dies_after(monkeypatch, faces, 3)  # the critic has joined in
    with pytest.raises(Killed):
        learn(tmp_path / "halves", validation, 4, kind=kind)
    held = checkpoint(tmp_path / "halves", "faces")
    assert held["step"] == 3
    check_same(whole, learn(tmp_path / "halves", validation, 4, kind=kind))


def test_what_was_trained_is_built_from_its_settings(tmp_path: Path, validation: HeldOut) -> None:
    sizes = {"width": 2, "blocks": 1, "hidden": 4, "crop": 64}
    for kind, of in faces.NETWORKS.items():
        weights = learn(tmp_path / kind, validation, 1, kind=kind)
        network = construct(of.network.__name__, network_settings(kind, **sizes))
        network.load_state_dict(weights)
        assert network.side == 64
    assert network_settings("direct", 0, 6, 28, 128)["width"] == 48


def test_another_kind_is_refused(tmp_path: Path, validation: HeldOut) -> None:
    with pytest.raises(BadRequest, match="no face network 'pix'; there are direct, spade"):
        learn(tmp_path, validation, 1, kind="pix")


def test_the_score_rises_with_the_first_steps(tmp_path: Path) -> None:
    noisy = replace(STRUCTURED_ONLY, structured=0.0, unstructured=1.0, untouched=0.0)
    noisy = replace(noisy, blur=0.0, grain=0.0, resample=0.0, jpeg=0.0, noise=1.0)
    noisy = replace(noisy, noise_strength=(0.1, 0.12), paper=0.0)
    validation = held_out(pictures(2, 96, 96, seed=9), noisy, Textures(), crop=64)
    words = {"width": 8, "learning_rate": 1e-2, "adversarial": 0.0, "matching": 0.0}
    weights = learn(tmp_path, validation, 60, severity=noisy, **words)
    network = DirectFaceNet(width=8, blocks=1, side=64)
    with torch.inference_mode():
        before = measure(network, validation, CPU)
        network.load_state_dict(weights)
        after = measure(network, validation, CPU)
    assert after["psnr"] > before["psnr"] + 0.5
    assert after["score"] > before["score"] + 0.5


def test_the_critic_joins_when_it_is_told(tmp_path: Path, validation: HeldOut) -> None:
    def columns(folder: Path, **words: Any) -> set[str]:
        learn(folder, validation, 2, **words)
        with (folder / "faces.csv").open(newline="") as file:
            return set(next(csv.reader(file)))

    assert {"adversarial", "matching", "critic"} <= columns(tmp_path / "late")
    assert not {"critic"} & columns(tmp_path / "never", adversarial=0.0, matching=0.0)
    assert not {"critic"} & columns(tmp_path / "after", critic_from=2.0)


def test_held_out_faces_are_the_same_every_time(validation: HeldOut) -> None:
    again = held_out(pictures(2, 96, 96, seed=9), FACE_EVALUATION, Textures(), crop=64)
    assert torch.equal(validation.degraded, again.degraded)
    assert torch.equal(validation.true, again.true)
    assert validation.true.shape == (2, 3, 64, 64)
    assert 0 <= float(validation.degraded.min()) <= float(validation.degraded.max()) <= 1
    assert not torch.equal(validation.degraded, validation.true)


class _Shift(nn.Module):
    """Adds 0.02 of the range [0, 1]."""

    def forward(self, face: Tensor) -> Tensor:
        return face + 0.04


def test_measures_by_hand() -> None:
    generator = torch.Generator().manual_seed(0)
    true = 0.3 + 0.4 * torch.rand(2, 3, 64, 64, generator=generator)
    degraded = true - 0.1
    found = measure(_Shift(), HeldOut(degraded, true), CPU)
    assert found["input_psnr"] == pytest.approx(20.0, abs=0.01)
    assert found["psnr"] == pytest.approx(-20 * math.log10(0.08), abs=0.05)
    assert found["kept"] == pytest.approx(1.0, abs=0.01)
    assert found["input_kept"] == pytest.approx(1.0, abs=0.01)
    assert found["texture"] == pytest.approx(0.0, abs=0.02)
    assert found["score"] == pytest.approx(found["psnr"] - found["input_psnr"], abs=0.2)


def eyes(shift: int = 0, mouth: bool = True) -> Tensor:
    """1x3x256x256 in [0, 1]: a bright oval with dark irises and a dark mouth."""
    face = np.full((256, 256), 0.3, np.float32)
    cv2.ellipse(face, (128, 140), (80, 105), 0, 0, 360, 0.7, -1)
    for x in (91, 165):
        cv2.ellipse(face, (x, 112), (17, 8), 0, 0, 360, 0.9, -1)
        cv2.circle(face, (x + shift, 112), 6, 0.1, -1)
    if mouth:
        cv2.ellipse(face, (128, 194), (24, 7), 0, 0, 360, 0.3, -1)
    return torch.from_numpy(face).expand(1, 3, -1, -1).clone()


def test_the_identity_term_sees_irises_that_moved_and_a_mouth_that_vanished() -> None:
    true = eyes()
    assert identity(true, true).item() == pytest.approx(0, abs=1e-3)
    assert identity(0.5 * true + 0.2, true).item() == pytest.approx(0, abs=2e-2)  # contrast, light
    soft = torch.nn.functional.avg_pool2d(true, 5, 1, 2, count_include_pad=False)
    assert identity(soft, true).item() < 0.03
    moved = kept(eyes(shift=5), true)[0]
    assert (moved[:2] < 0.9).all() and moved[2] > 0.99
    erased = kept(eyes(mouth=False), true)[0]
    assert (erased[:2] > 0.99).all() and erased[2] < 0.3


def test_the_identity_term_moves_an_iris_back() -> None:
    """Its gradient, followed, restores what it is about."""
    true, picture = eyes(), eyes(shift=5).requires_grad_()
    optimizer = torch.optim.Adam([picture], lr=0.02)
    first = identity(picture, true)
    for _ in range(10):
        optimizer.zero_grad()
        identity(picture, true).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert identity(picture, true).item() < 0.5 * first.item()
    rows, columns = windows(256)[0]
    assert picture.grad is not None
    assert picture.grad[..., rows, columns].abs().sum() > 0
    assert picture.grad[..., :60, :].abs().sum() == 0  # the forehead is no matter of it


def test_windows_scale_with_the_crop() -> None:
    for (rows, columns), (small_rows, small_columns) in zip(
        windows(256), windows(128), strict=True
    ):
        for large, small in ((rows, small_rows), (columns, small_columns)):
            assert abs(large.start - 2 * small.start) <= 1
            assert abs(large.stop - 2 * small.stop) <= 1


def test_texture_counts_octaves() -> None:
    true = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert texture(0.5 * true, true).item() == pytest.approx(-1.0, abs=1e-4)
    assert texture(2 * true, true).item() == pytest.approx(1.0, abs=1e-4)


def test_samples_are_seeded_moved_a_little_and_degraded() -> None:
    face = pictures(1, 96, 96)[0]
    first, again, other = (
        face_sample(face, np.random.default_rng(seed), FACE_EVALUATION, Textures(), 64)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first[0], again[0]) and np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    assert first[0].shape == first[1].shape == (64, 64, 3)
    assert not np.array_equal(*first)


def test_aligned_faces_are_read_as_they_are_and_splits_keep_their_meaning(tmp_path: Path) -> None:
    made = pictures(3, 64, 64)
    folder = write_pictures(tmp_path / "faces", made)
    (folder / LISTING).write_text("file,scale\np000.png,1.0\np001.png,0.7\np002.png,1.2\n")
    files = photograph_files(folder)
    assert all(map(np.array_equal, read_faces(files, 64), made))
    assert [face.shape for face in read_faces(files[:1], 32)] == [(32, 32, 3)]


def stand_in(**functions: Any) -> ModuleType:
    """A module of these functions, in the place of one that needs dlib."""
    made = ModuleType("stand_in")
    vars(made).update(functions)
    return made


def test_pictures_without_faces_are_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "models.faces.detect", stand_in(detect=lambda _: ()))
    files = photograph_files(write_pictures(tmp_path / "views", pictures(2)))
    with pytest.raises(NoPhotographs, match="no face large enough was found in 2 photographs"):
        read_faces(files)
    assert write_aligned(files, tmp_path / "out") == 0
    assert (tmp_path / "out" / LISTING).read_text().split() == ["file,scale"]


def test_a_face_found_is_aligned_and_one_too_small_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.contract import Box, Face

    photograph = pictures(1, 300, 400)[0]
    found = (Face(Box(100, 80, 200, 180), 1.0), Face(Box(10, 10, 30, 30), 0.5))

    def points(_pixels: object, box: Box) -> Any:
        shape = np.array([[0.3, 0.35], [0.7, 0.35], [0.5, 0.65]])
        return shape * box.width + [box.left, box.top]

    detector, finder = stand_in(detect=lambda _: found), stand_in(landmarks=points)
    monkeypatch.setitem(sys.modules, "models.faces.detect", detector)
    monkeypatch.setitem(sys.modules, "models.faces.landmarks", finder)
    ((face, enlarged),) = face_samples.aligned([photograph], 256)
    assert face.shape == (256, 256, 3)
    assert enlarged == pytest.approx(74 / 40, rel=0.05)
    folder = write_pictures(tmp_path / "faces", [photograph])
    assert write_aligned(photograph_files(folder), tmp_path / "out") == 1
    stored = read_faces(photograph_files(tmp_path / "out"))[0]
    assert np.array_equal(stored, face)  # PNG, as the file it came from
