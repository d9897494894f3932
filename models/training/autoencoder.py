"""The recipe of the two autoencoders: VAE 1 of old photographs, VAE 2 of clean ones.

VAE 1 sees two kinds of old photographs at once, real ones (R) and synthetically aged ones (X),
and a critic of latents that must not be able to tell them apart: only then does a translation
learned on synthetic pairs work on real photographs (Wan et al., CVPR 2020, 3.1, eq. 1 and 2).
VAE 2 sees clean photographs (Y) and has no such critic. Both are trained with a KL term and
noise on the latent (the reparametrisation; none at use), L1 and a critic of pictures.

Departures: tone is kept (see `models.training.direct`); a tenth of X is not aged at all, so that
a clean scan has a place among the latents; half of X and R is painted white where a mask says,
as the mapping will show it. The published noise has deviation 1 and holds a wide network's
reconstruction down; here it is a keyword.

The score is the ceiling the design speaks of: how much of a held-out photograph survives the
autoencoder alone, which no translation between the two can exceed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.damage.vae import Autoencoder
from models.device import autocast
from models.layers import Norm
from models.training.critics import LatentCritic, PatchCritic, scores
from models.training.data import Image, batches, random_crop, to_bytes
from models.training.degradation import Severity, Textures
from models.training.direct import HeldOut, faded_sample, psnr, shown_mask
from models.training.loop import Batch, Budget, Training, train
from models.training.losses import absolute, critic_lsgan, generator_lsgan, kl_to_unit
from models.training.start import begin

Domain = Literal["old", "clean"]

_SCALES = (0.5, 2.0)
_UNDAMAGED = 0.1  # of X
_PAINTED = 0.5  # of X and R


def measure(
    network: nn.Module, pictures: HeldOut, domain: Domain, device: torch.device
) -> dict[str, float]:
    """Mean PSNR (dB) of decode(encode(picture)) against the picture itself: the ceiling.

    `domain` old: of the degraded pictures; clean: of the true ones.
    """
    found = []
    for picture in pictures.degraded if domain == "old" else pictures.true:
        with autocast(device):
            again = network(picture.to(device) * 2 - 1)
        found.append(psnr((again.float().cpu().clamp(-1, 1) + 1) / 2, picture))
    ceiling = float(np.mean(found))
    return {"score": ceiling, "worst": min(found)}


def train_autoencoder(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    severity: Severity,
    textures: Textures,
    old: Sequence[Image] = (),
    domain: Domain = "clean",
    width: int = 32,
    norm: Norm = "position",
    noise: float = 0.1,
    kl: float = 0.01,
    pixels: float = 10.0,
    adversarial: float = 0.1,
    alignment: float = 0.1,
    critic_width: int = 32,
    batch: int = 8,
    crop: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    start: Mapping[str, Tensor] | None = None,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train an `Autoencoder(width, norm)`; the best averaged weights.

    `domain` old needs `old`, real old photographs (HxWx3 uint8); clean ignores them. `noise` is
    the deviation of the latent's noise; `kl`, `pixels` (alpha, 10 in the paper), `adversarial`
    and `alignment` weigh the terms; at 0 the critic concerned is not even built. `start` are
    weights to begin from: VAE 2 from VAE 1's, say. The rest as
    `models.training.scratch.train_scratch`. Raises `ValueError` for domain old without `old`.
    """
    if domain == "old" and not len(old):
        raise ValueError("the autoencoder of old photographs needs real old photographs")
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    network = Autoencoder(width=width, norm=norm)
    begin(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.9, 0.99))
    critics = nn.ModuleDict()
    if adversarial:
        critics["pictures"] = PatchCritic(3, critic_width)
    if alignment and domain == "old":
        critics["latents"] = LatentCritic(width, critic_width)
    critics.to(device)
    networks: dict[str, nn.Module] = {"autoencoder": network}
    optimizers: dict[str, torch.optim.Optimizer] = {"autoencoder": optimizer}
    if len(critics):
        networks["critics"] = critics
        optimizers["critics"] = torch.optim.Adam(
            critics.parameters(), lr=learning_rate, betas=(0.5, 0.99)
        )

    def draw(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        pictures = photographs[rng.choice(len(photographs), p=shares)]
        image = random_crop(pictures[int(rng.integers(len(pictures)))], rng, crop, _SCALES)
        degraded, true, mask = faded_sample(image, rng, severity, textures)
        # Drawn with the sample, so that a training that goes on draws the noise it would have.
        shape = (crop // 4, crop // 4, width)
        drawn = {"noise": rng.standard_normal(shape, dtype=np.float32)}
        if domain == "clean":
            return drawn | {"picture": to_bytes(true)}
        picture = true if rng.random() < _UNDAMAGED else degraded
        real = random_crop(old[int(rng.integers(len(old)))], rng, crop, _SCALES)
        # Both painted alike, or the critic of latents would learn to look for paint.
        paint = shown_mask(mask, rng) & (rng.random() < _PAINTED)
        picture = np.where(paint[..., None], np.float32(1), picture)
        return drawn | {
            "picture": to_bytes(picture),
            "real": np.where(paint[..., None], np.uint8(255), real),
            "real_noise": rng.standard_normal(shape, dtype=np.float32),
        }

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        pictures, drawn, synthetic = samples["picture"], samples["noise"], len(samples["picture"])
        if domain == "old":
            pictures = torch.cat([pictures, samples["real"]])
            drawn = torch.cat([drawn, samples["real_noise"]])
        pictures = pictures * 2 - 1
        critics.requires_grad_(False)
        with autocast(device):
            latent = network.encode(pictures)
            again = network.decode(latent + noise * drawn)
            judged = _judge(critics, again, latent)
        terms = {"kl": kl_to_unit(latent), "pixels": absolute(again, pictures)}
        loss = kl * terms["kl"] + pixels * terms["pixels"]
        if adversarial:
            terms["adversarial"] = generator_lsgan(judged["pictures"])
            loss = loss + adversarial * terms["adversarial"]
        if "latents" in critics:
            # Synthetic latents must pass for real ones; the real ones stay where they are.
            terms["alignment"] = generator_lsgan([judged["latents"][0][:synthetic]])
            loss = loss + alignment * terms["alignment"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        parts = {name: term.item() for name, term in terms.items()}
        if len(critics):
            parts |= _critics_step(pictures, again.detach(), latent.detach(), synthetic)
        return parts

    def _critics_step(
        pictures: Tensor, again: Tensor, latent: Tensor, synthetic: int
    ) -> dict[str, float]:
        critics.requires_grad_(True)
        losses = {}
        with autocast(device):
            judged = _judge(critics, torch.cat([pictures, again.to(pictures.dtype)]), latent)
        if "pictures" in critics:
            real, generated = judged["pictures"][0].chunk(2)
            losses["critic"] = critic_lsgan([real], [generated])
        if "latents" in critics:
            found = judged["latents"][0]
            losses["latent_critic"] = critic_lsgan([found[synthetic:]], [found[:synthetic]])
        optimizers["critics"].zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizers["critics"].step()
        return {name: loss.item() for name, loss in losses.items()}

    def start_batches(first: int) -> Iterator[Batch]:
        return batches(draw, batch, seed, first, workers)

    training = Training(
        name=f"autoencoder-{domain}",
        settings={
            "width": width,
            "norm": norm,
            "noise": noise,
            "kl": kl,
            "pixels": pixels,
            "adversarial": adversarial,
            "alignment": alignment,
            "critic_width": critic_width,
            "batch": batch,
            "crop": crop,
            "seed": seed,
        },
        networks=networks,
        optimizers=optimizers,
        averaged=("autoencoder",),
        learning_rate=learning_rate,
        step=step,
        score=lambda held: measure(held["autoencoder"], validation, domain, device),
        batches=start_batches,
        device=device,
    )
    return train(training, folder, budget, **loop)["autoencoder"]


def _judge(critics: nn.ModuleDict, pictures: Tensor, latent: Tensor) -> dict[str, list[Tensor]]:
    """The scores of each critic there is."""
    seen = {"pictures": pictures, "latents": latent}
    return {name: scores(critic(seen[name])) for name, critic in critics.items()}
