"""The recipe of the face networks: degraded aligned face to the face as it was.

The terms: distance of samples and of their differences; a patch critic with its features
matched (Wan et al., CVPR 2020, section 3.4, eq. 7), from half of the training on; and a term for
identity. The identity of a face is not in an embedding of it, which is blind to irises that have
moved (DESIGN §6): it is in where the darks of the eyes and the mouth lie. So their windows,
low-passed, must correlate with the true face's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.device import autocast
from models.faces.direct import DirectFaceNet
from models.faces.generator import SpadeGenerator
from models.training.critics import PatchCritic, critic_step, scores
from models.training.data import Image, batches, to_bytes
from models.training.degradation import Severity, Textures
from models.training.direct import faded_sample, psnr
from models.training.face_losses import identity, kept, texture
from models.training.face_samples import face_sample, resized
from models.training.loop import Batch, Budget, Training, train
from models.training.losses import (
    charbonnier,
    feature_matching,
    generator_lsgan,
    multiscale_gradient,
)
from models.training.request import BadRequest
from models.training.start import begin

_MEASURED_AT_ONCE = 8
_KEPT_WEIGHT = 10.0  # a tenth of correlation in eyes and mouth counts as one decibel
_TEXTURE_WEIGHT = 1.0  # so does half as much, or twice as much, texture as there was


@dataclass(frozen=True, slots=True)
class Kind:
    """A network, the keywords that build it, and its width where none is given."""

    network: type[nn.Module]
    width: int
    keywords: tuple[str, ...]
    fixed: Mapping[str, Any]


NETWORKS: Mapping[str, Kind] = {
    "direct": Kind(DirectFaceNet, 48, ("width", "blocks", "side"), {}),
    "spade": Kind(
        SpadeGenerator, 14, ("width", "hidden", "side"), {"norm": "instance", "residual": True}
    ),
}
"""By `kind`; both have about five million parameters, ten megabytes in float16."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Faces the score is measured on: Nx3xSxS degraded and true, in [0, 1]."""

    degraded: Tensor
    true: Tensor


def network_settings(kind: str, width: int, blocks: int, hidden: int, crop: int) -> dict[str, Any]:
    """The keywords that build the network `kind`. Raises `BadRequest` for another kind."""
    if kind not in NETWORKS:
        raise BadRequest(f"no face network {kind!r}; there are {', '.join(NETWORKS)}")
    chosen = NETWORKS[kind]
    given = {"width": width or chosen.width, "blocks": blocks, "hidden": hidden, "side": crop}
    return {name: given[name] for name in chosen.keywords} | dict(chosen.fixed)


def held_out(
    faces: Sequence[Image],
    severity: Severity,
    textures: Textures,
    seed: int = 20261122,
    crop: int = 128,
) -> HeldOut:
    """Each aligned face (SxSx3 uint8) at `crop` pixels, faded and degraded by its own seed."""
    pairs = []
    for index, face in enumerate(faces):
        rng = np.random.default_rng([seed, index])
        degraded, true, _ = faded_sample(resized(face, crop), rng, severity, textures)
        pairs.append((degraded, true))
    stacked = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
    return HeldOut(*(part.permute(0, 3, 1, 2).contiguous() for part in stacked))


def measure(network: nn.Module, faces: HeldOut, device: torch.device) -> dict[str, float]:
    """PSNR and what the degraded input has; `kept`: mean correlation of the low-passed eye and
    mouth windows with the true ones, and the input's; `texture`: octaves by which the restored
    faces have more fine detail than the true ones (below 0: smoother).

    `score` is the gain of PSNR, and that of the correlations, less what is missing of texture:
    a network that averages what it does not know has the best PSNR and no skin.
    """
    restored = []
    for part in torch.split(faces.degraded, _MEASURED_AT_ONCE):
        with autocast(device):
            restored.append((network(part.to(device) * 2 - 1).float().cpu() + 1) / 2)
    answers, degraded, true = torch.cat(restored).clamp(0, 1), faces.degraded, faces.true
    gains = [
        (psnr(answers[n : n + 1], true[n : n + 1]), psnr(degraded[n : n + 1], true[n : n + 1]))
        for n in range(len(true))
    ]
    after, before = np.mean(gains, axis=0).tolist()
    same, was_same = float(kept(answers, true).mean()), float(kept(degraded, true).mean())
    octaves = texture(answers, true)
    return {
        "score": after
        - before
        + _KEPT_WEIGHT * (same - was_same)
        - _TEXTURE_WEIGHT * float(octaves.abs().mean()),
        "psnr": after,
        "input_psnr": before,
        "kept": same,
        "input_kept": was_same,
        "texture": float(octaves.mean()),
    }


def train_faces(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    severity: Severity,
    textures: Textures,
    kind: str = "direct",
    width: int = 0,
    blocks: int = 6,
    hidden: int = 28,
    pixels: float = 10.0,
    likeness: float = 1.0,
    adversarial: float = 0.1,
    matching: float = 1.0,
    critic_from: float = 0.5,
    critic_width: int = 32,
    batch: int = 4,
    crop: int = 128,
    learning_rate: float = 5e-4,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    start: Mapping[str, Tensor] | None = None,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train the network `kind` of `NETWORKS`; the best averaged weights.

    `photographs` are sets of aligned faces (SxSx3 uint8, see `face_samples.read_faces`), drawn
    from in the proportions `shares`; whole faces are shown at `crop` pixels, and that is the
    `side` of the network. `width` 0 is the kind's own. `pixels`, `likeness` (the identity term),
    `adversarial` and `matching` weigh the terms; with the last two at 0 there is no critic, which
    otherwise joins at the share `critic_from` of the training. The rest as
    `models.training.scratch.train_scratch`. Raises `BadRequest` for another kind.
    """
    device = device or torch.device("cpu")
    settings = network_settings(kind, width, blocks, hidden, crop)
    torch.manual_seed(seed)
    network = NETWORKS[kind].network(**settings)
    begin(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    networks: dict[str, nn.Module] = {"faces": network}
    optimizers: dict[str, torch.optim.Optimizer] = {
        "faces": torch.optim.AdamW(
            network.parameters(), lr=learning_rate, betas=(0.9, 0.99), weight_decay=1e-4
        )
    }
    critic = PatchCritic(3, critic_width).to(device)
    if adversarial or matching:
        networks["critic"] = critic
        optimizers["critic"] = torch.optim.Adam(
            critic.parameters(), lr=learning_rate, betas=(0.5, 0.99)
        )

    def draw(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        faces = photographs[rng.choice(len(photographs), p=shares)]
        face = faces[int(rng.integers(len(faces)))]
        degraded, true = face_sample(face, rng, severity, textures, crop)
        return {"degraded": to_bytes(degraded), "true": to_bytes(true)}

    def step(samples: Batch, progress: float) -> dict[str, float]:
        face, true = (
            (samples[name] * 2 - 1).contiguous(memory_format=torch.channels_last)
            for name in ("degraded", "true")
        )
        judged = "critic" in networks and progress >= critic_from
        critic.requires_grad_(False)
        with autocast(device):
            restored = network(face)
            if judged:
                with torch.no_grad():
                    real = critic(true)
                generated = critic(restored)
        terms = {
            "pixels": charbonnier(restored, true) + multiscale_gradient(restored, true),
            "likeness": identity(restored, true),
        }
        loss = pixels * terms["pixels"] + likeness * terms["likeness"]
        if judged:
            terms["adversarial"] = generator_lsgan(scores(generated))
            terms["matching"] = feature_matching(real, generated)
            loss = loss + adversarial * terms["adversarial"] + matching * terms["matching"]
        optimizers["faces"].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizers["faces"].step()
        parts = {name: term.item() for name, term in terms.items()}
        if judged:
            parts["critic"] = critic_step(
                critic, optimizers["critic"], true, restored.detach(), autocast(device)
            )
        return parts

    def start_batches(first: int) -> Iterator[Batch]:
        return batches(draw, batch, seed, first, workers)

    training = Training(
        name="faces",
        settings={
            "kind": kind,
            **settings,
            "pixels": pixels,
            "likeness": likeness,
            "adversarial": adversarial,
            "matching": matching,
            "critic_from": critic_from,
            "critic_width": critic_width,
            "batch": batch,
            "crop": crop,
            "seed": seed,
        },
        networks=networks,
        optimizers=optimizers,
        averaged=("faces",),
        learning_rate=learning_rate,
        step=step,
        score=lambda held: measure(held["faces"], validation, device),
        batches=start_batches,
        device=device,
    )
    return train(training, folder, budget, **loop)["faces"]
