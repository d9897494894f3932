"""NoGAN, first step: the colour generator alone, grey picture to a* and b*.

NoGAN (Antic, Howard, Manor: "Decrappification, DeOldification, and Super Resolution", fast.ai,
2019) gets most of what a critic can give from little of it: the generator is first trained as
far as it goes without one (here), the critic then alone (`color_critic`), and only then, for a
short while, one against the other (`color_adversarial`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.color.efficientnet import EfficientNetLite0
from models.color.generator import ColorUNet
from models.color.imagenet import load_imagenet
from models.device import autocast
from models.training.color_losses import ColorLoss, Perceptual
from models.training.color_measures import HeldOut, drawn, measure
from models.training.color_samples import drawing
from models.training.color_sheet import write_sheet
from models.training.data import Image, batches
from models.training.loop import Batch, Budget, Training, train
from models.training.request import BadRequest
from models.training.start import begin
from models.weights.errors import WeightsMissing

ENCODERS = ("imagenet", "nothing")
_PRETRAINED_RATE = 0.3  # of the learning rate, for an encoder that has learnt already


def network_settings(width: int, bridge: int) -> dict[str, Any]:
    """The keywords of `ColorUNet` for the networks of this recipe."""
    return {
        "encoder": "efficientnet-lite0",
        "decoder": "wide",
        "width": width,
        "bridge": bridge,
        "planes": "ab",
        "reach": 110.0,
        "spectral": False,
        "full": False,
    }


def color_loss(
    vivid: float,
    saturation: float,
    perceptual: float,
    device: torch.device,
    report: Callable[[str], None],
) -> ColorLoss:
    """The loss, its perceptual term left out, and that said, where its network is missing."""
    network: Perceptual | None = None
    if perceptual:
        try:
            network = Perceptual().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        except WeightsMissing as missing:
            report(f"without the perceptual loss: {missing}")
    return ColorLoss(vivid, saturation, perceptual, network)


def train_generator(
    photographs: Sequence[Sequence[Image]],
    shares: Sequence[float],
    validation: HeldOut,
    folder: Path,
    budget: Budget,
    encoder: str = "imagenet",
    width: int = 192,
    bridge: int = 192,
    vivid: float = 1.0,
    saturation: float = 0.0,
    perceptual: float = 0.5,
    batch: int = 16,
    crop: int = 128,
    learning_rate: float = 6e-4,
    seed: int = 1,
    workers: int = 1,
    device: torch.device | None = None,
    start: Mapping[str, Tensor] | None = None,
    name: str = "generator",
    report: Callable[[str], None] = print,
    **loop: Any,
) -> dict[str, Tensor]:
    """Train a `ColorUNet` of `network_settings`; the best averaged weights.

    `photographs` are sets of pictures in colour (see `color_samples.in_color`), drawn from in
    the proportions `shares`. `encoder`: begins from the weights of "imagenet", or from
    "nothing"; `start` has weights for all of it. `vivid`, `saturation` and `perceptual` weigh
    the terms of `color_losses.ColorLoss`. The rest as `models.training.scratch.train_scratch`.
    Raises `BadRequest` for another encoder, `WeightsMissing` where its weights are not installed.
    """
    device = device or torch.device("cpu")
    torch.manual_seed(seed)
    network = ColorUNet(**network_settings(width, bridge))
    _begin_encoder(network, encoder if start is None else "nothing")
    begin(network, start)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss_of = color_loss(vivid, saturation, perceptual, device, report)
    optimizer = torch.optim.AdamW(
        _groups(network, 1.0 if encoder == "nothing" else _PRETRAINED_RATE),
        lr=learning_rate,
        betas=(0.9, 0.99),
        weight_decay=1e-3,
    )
    draw = drawing(photographs, shares, crop)

    def step(samples: Batch, progress: float) -> dict[str, float]:
        del progress
        with autocast(device):
            made = network(samples["grey"])
        terms = loss_of(samples["grey"], made, samples["ab"])
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return {term: value.item() for term, value in terms.items()}

    def score(networks: Mapping[str, nn.Module]) -> dict[str, float]:
        answers = drawn(networks[name], validation, device)
        write_sheet(folder / f"{name}-pictures.png", answers, validation)
        return measure(answers, validation)

    def start_batches(first: int) -> Iterator[Batch]:
        return batches(draw, batch, seed, first, workers)

    training = Training(
        name=name,
        settings={
            "encoder": encoder,
            "width": width,
            "bridge": bridge,
            "vivid": vivid,
            "saturation": saturation,
            "perceptual": perceptual if loss_of.network is not None else 0.0,
            "batch": batch,
            "crop": crop,
            "seed": seed,
        },
        networks={name: network},
        optimizers={name: optimizer},
        averaged=(name,),
        learning_rate=learning_rate,
        step=step,
        score=score,
        batches=start_batches,
        device=device,
    )
    return train(training, folder, budget, report=report, **loop)[name]


def _begin_encoder(network: ColorUNet, encoder: str) -> None:
    if encoder not in ENCODERS:
        raise BadRequest(
            f"no beginning {encoder!r} for an encoder; there are {', '.join(ENCODERS)}"
        )
    if encoder == "imagenet" and isinstance(network.encoder, EfficientNetLite0):
        load_imagenet(network.encoder)


def _groups(network: ColorUNet, encoder_rate: float) -> list[dict[str, Any]]:
    encoder = list(network.encoder.parameters())
    known = {id(parameter) for parameter in encoder}
    rest = [parameter for parameter in network.parameters() if id(parameter) not in known]
    return [{"params": encoder, "relative_rate": encoder_rate}, {"params": rest}]
