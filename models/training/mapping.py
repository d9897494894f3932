"""The recipe of the mapping network, from latents of old photographs to those of clean ones.

Both autoencoders are frozen; latents are computed on the fly. As published (Wan et al., CVPR
2020, 3.2, eq. 5; TPAMI 2022): L1 between mapped and clean latents (60), a critic of pictures
with feature matching (10), and a perceptual distance where a network for it is given. The
damaged picture goes in with its mask painted white, as at use.

Departures: also a distance of the pictures that a scan will really receive, weighted towards
the damage. Where there is damage that is the decoded translation, D2(T(E1(painted))); elsewhere
it is the scan plus what the translation changes, x + D2(T(E1(painted))) - D1(E1(x)), so that the
autoencoders' own blur need not reach the scan (`added`, at `pixels`). One network with the
partial non-local block serves both modes of the stage: without a mask that block does nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.damage.mapping import QualityMapping, ScratchMapping
from models.damage.vae import Autoencoder
from models.device import autocast
from models.layers import Norm
from models.training.critics import PatchCritic, critic_step, scores
from models.training.data import Image, batches, random_crop, to_bytes
from models.training.degradation import Severity, Textures
from models.training.direct import HeldOut, faded_sample, shown_mask
from models.training.loop import Batch, Budget, Training, train
from models.training.losses import (
    absolute,
    charbonnier,
    feature_matching,
    generator_lsgan,
    multiscale_gradient,
)
from models.training.request import BadRequest
from models.training.start import begin
from models.training.translation import added, measure

Perceptual = Callable[[Tensor], Sequence[Tensor]]
"""Bx3xHxW in [-1, 1] to features, the finest first; its weights are not trained."""

MAPPINGS: Mapping[str, type[QualityMapping] | type[ScratchMapping]] = {
    "scratch": ScratchMapping,
    "quality": QualityMapping,
}

_SCALES = (0.5, 2.0)
_FILLING = 4.0  # weight of a masked pixel against one that shows itself
_HIDDEN = 0.75  # share of latent positions under the mask above which none is shown


def train_mapping(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    severity: Severity,
    textures: Textures,
    old: Autoencoder,
    clean: Autoencoder,
    kind: str = "scratch",
    width: int = 128,
    norm: Norm = "position",
    blocks: int = 6,
    latents: float = 60.0,
    adversarial: float = 1.0,
    matching: float = 10.0,
    pixels: float = 60.0,
    perceptual: Perceptual | None = None,
    perception: float = 10.0,
    critic_width: int = 32,
    batch: int = 8,
    crop: int = 96,
    learning_rate: float = 1e-3,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    start: Mapping[str, Tensor] | None = None,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train a mapping (`kind` of `MAPPINGS`) between the latents of `old` and `clean`; the best
    averaged weights.

    `old` and `clean` are VAE 1 and VAE 2, trained; they are frozen here. `latents`,
    `adversarial`, `matching`, `pixels` and `perception` weigh the terms; with `adversarial` and
    `matching` at 0 no critic is built. The rest as `models.training.scratch.train_scratch`.
    Raises `BadRequest` for an unknown `kind`, `ValueError` for autoencoders of different latents.
    """
    if kind not in MAPPINGS:
        raise BadRequest(f"mapping {kind!r}: say {' or '.join(MAPPINGS)}")
    if old.latent != clean.latent:
        raise ValueError(f"the latents have {old.latent} and {clean.latent} channels")
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    network = MAPPINGS[kind](latent=old.latent, width=width, norm=norm, blocks=blocks)
    begin(network, start)
    for module in (network, old, clean):
        module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for frozen in (old, clean):
        frozen.requires_grad_(False).eval()
    networks: dict[str, nn.Module] = {"mapping": network}
    optimizers: dict[str, torch.optim.Optimizer] = {
        "mapping": torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.9, 0.99))
    }
    critic = PatchCritic(3, critic_width).to(device)
    if adversarial or matching:
        networks["critic"] = critic
        optimizers["critic"] = torch.optim.Adam(
            critic.parameters(), lr=learning_rate, betas=(0.5, 0.99)
        )

    def draw(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        pictures = photographs[rng.choice(len(photographs), p=shares)]
        image = random_crop(pictures[int(rng.integers(len(pictures)))], rng, crop, _SCALES)
        degraded, true, mask = faded_sample(image, rng, severity, textures)
        shown = fillable(shown_mask(mask, rng))
        return {"degraded": to_bytes(degraded), "true": to_bytes(true), "mask": shown}

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        image, true = samples["degraded"] * 2 - 1, samples["true"] * 2 - 1
        mask = samples["mask"]
        critic.requires_grad_(False)
        with autocast(device):
            with torch.no_grad():
                painted = torch.where(mask > 0, torch.ones_like(image), image)
                before, wanted = old.encode(painted), clean.encode(true)
                reference = old(image).float() if pixels else image
            mapped = network(before, mask)
            translated = clean.decode(mapped)
            terms = {"latents": absolute(mapped, wanted)}
            loss = latents * terms["latents"]
            if "critic" in networks:
                with torch.no_grad():
                    real = critic(true)
                generated = critic(translated)
                terms["adversarial"] = generator_lsgan(scores(generated))
                terms["matching"] = feature_matching(real, generated)
                loss = loss + adversarial * terms["adversarial"] + matching * terms["matching"]
            if perceptual is not None:
                with torch.no_grad():
                    seen = perceptual(true)
                terms["perception"] = feature_matching(
                    [[*seen, true]], [[*perceptual(translated), translated]]
                )
                loss = loss + perception * terms["perception"]
        if pixels:
            received = added(image, translated.float(), reference, mask)
            terms["pixels"] = charbonnier(received, true, 1 + _FILLING * mask)
            terms["edges"] = multiscale_gradient(received, true)
            loss = loss + pixels * (terms["pixels"] + terms["edges"])
        optimizers["mapping"].zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 20.0)
        optimizers["mapping"].step()
        parts = {name: term.item() for name, term in terms.items()}
        if "critic" in networks:
            parts["critic"] = critic_step(
                critic, optimizers["critic"], true, translated.detach(), autocast(device)
            )
        return parts

    def start_batches(first: int) -> Iterator[Batch]:
        return batches(draw, batch, seed, first, workers)

    training = Training(
        name="mapping",
        settings={
            "kind": kind,
            "width": width,
            "norm": norm,
            "blocks": blocks,
            "latents": latents,
            "adversarial": adversarial,
            "matching": matching,
            "pixels": pixels,
            "perception": perception if perceptual else 0.0,
            "critic_width": critic_width,
            "batch": batch,
            "crop": crop,
            "seed": seed,
            "autoencoders": fingerprint(old, clean),
        },
        networks=networks,
        optimizers=optimizers,
        averaged=("mapping",),
        learning_rate=learning_rate,
        step=step,
        score=lambda held: measure(old, held["mapping"], clean, validation, device),
        batches=start_batches,
        device=device,
    )
    return train(training, folder, budget, **loop)["mapping"]


def fillable(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """`mask` HxW, or an empty one where it would leave too little of a crop to fill it from."""
    height, width = mask.shape
    # INTER_AREA leaves something of every damaged pixel, as a position of the latent sees it.
    reduced = cv2.resize(
        mask.astype(np.float32), (width // 4, height // 4), interpolation=cv2.INTER_AREA
    )
    return mask if (reduced > 0).mean() <= _HIDDEN else np.zeros_like(mask)


def fingerprint(*networks: nn.Module) -> str:
    """Hex digest of the values of all weights: a mapping belongs to its two autoencoders."""
    digest = hashlib.sha256()
    for network in networks:
        for name, value in sorted(network.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
