"""The held-out score of a colour network: colours against the true ones, at equal saturation.

A network that is unsure draws colours too weak, and every error measured as a distance rewards
it: leaving a picture grey is the safest answer but one. So the distance is measured at the
saturation setting with which the pictures are 60 % as colourful as the true ones (a setting that
the user has as well), and what is missing of the true distribution of chroma counts against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from models.color.decision import colorfulness, to_lab
from models.color.difference import chroma_psnr, ciede2000
from models.color.space import Floats, chroma, from_ab, luma, rgb_of
from models.device import autocast
from models.training.data import Image, to_bytes
from models.training.request import BadRequest

MATCHED = 0.6
"""Colourfulness, as a share of the true pictures', at which networks are compared."""

_MOST = 4.0  # times the network's own saturation
_HALVINGS = 7
_PALETTE_WEIGHT = 0.25
_EVERY = 2  # the network draws at half size: of its answer every second pixel is measured
_QUANTILES = np.linspace(0.005, 0.995, 100)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Pictures the score is measured on: grey 1x1xHxW in [0, 1], and true HxWx3 uint8."""

    grey: tuple[Tensor, ...]
    true: tuple[Image, ...]


def held_out(photographs: Sequence[Image], multiple: int = 32) -> HeldOut:
    """Each photograph, cut to sides that are multiples of `multiple`, made grey by its luma.

    Raises `BadRequest` for one smaller than that.
    """
    cut = []
    for picture in photographs:
        height, width = (side // multiple * multiple for side in picture.shape[:2])
        if not height * width:
            raise BadRequest(
                f"a held-out photograph of {picture.shape[1]} x {picture.shape[0]} "
                f"pixels is too small: {multiple} are the least"
            )
        cut.append(np.ascontiguousarray(picture[:height, :width]))
    grey = (torch.from_numpy(luma(picture))[None, None] for picture in cut)
    return HeldOut(tuple(grey), tuple(cut))


def drawn(network: nn.Module, pictures: HeldOut, device: torch.device) -> list[Floats]:
    """What `network` answers to each held-out picture: a*, b* HxWx2."""
    answers = []
    for grey in pictures.grey:
        with torch.no_grad(), autocast(device):
            ab = network(grey.to(device)).float().cpu()
        answers.append(np.ascontiguousarray(ab[0].permute(1, 2, 0).numpy()))
    return answers


def measure(answers: Sequence[Floats], pictures: HeldOut) -> dict[str, float]:
    """Measures of a*, b* `answers` to `pictures`, joined to their luma as the stage does it.

    `ciede`: mean CIEDE2000 to the true colours; `grey_ciede`: that of leaving grey;
    `chroma_psnr` (dB) and `grey_psnr`; `colourfulness` (Hasler and Suesstrunk) as a share of the
    true pictures'; `matched_ciede`: at the saturation `matching` that makes this share 0.6 (at
    most fourfold: a network that draws nothing); `palette`: mean distance of the quantiles of
    chroma there from 0.6 of the true ones, CIELAB. `score` is what `matched_ciede` gained over
    grey, less a quarter of `palette`.
    """
    lumas = [grey[0, 0, ::_EVERY, ::_EVERY].numpy() for grey in pictures.grey]
    true = [np.ascontiguousarray(picture[::_EVERY, ::_EVERY]) for picture in pictures.true]
    made = [from_ab(one, ab[::_EVERY, ::_EVERY]) for one, ab in zip(lumas, answers, strict=True)]
    true_labs = [to_lab(picture) for picture in true]
    true_chroma = [chroma(np.asarray(picture / 255, np.float32)) for picture in true]
    wanted = sum(colorfulness(picture) for picture in true)

    def colored(saturation: float) -> list[Image]:
        return [
            to_bytes(rgb_of(one, saturation * own)[0]) for one, own in zip(lumas, made, strict=True)
        ]

    def share(drawings: Sequence[Image]) -> float:
        return sum(colorfulness(picture) for picture in drawings) / max(wanted, 1e-6)

    def distance(labs: Sequence[Floats]) -> float:
        pairs = zip(labs, true_labs, strict=True)
        return float(np.mean([ciede2000(one, other).mean() for one, other in pairs]))

    low, high = 0.0, _MOST
    if share(colored(high)) > MATCHED:
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if share(colored(middle)) < MATCHED else (low, middle)
    own, grey = colored(1.0), colored(0.0)
    matched = [to_lab(picture) for picture in colored(high)]
    grey_ciede = distance([to_lab(picture) for picture in grey])
    matched_ciede = distance(matched)
    palette = float(np.abs(_quantiles(matched) - _quantiles(true_labs) * MATCHED).mean())
    own_psnr = zip(made, true_chroma, strict=True)
    return {
        "score": grey_ciede - matched_ciede - _PALETTE_WEIGHT * palette,
        "ciede": distance([to_lab(picture) for picture in own]),
        "grey_ciede": grey_ciede,
        "matched_ciede": matched_ciede,
        "matching": high,
        "palette": palette,
        "colourfulness": share(own),
        "chroma_psnr": float(np.mean([min(chroma_psnr(*pair), 99.0) for pair in own_psnr])),
        "grey_psnr": float(
            np.mean([min(chroma_psnr(np.zeros_like(one), one), 99.0) for one in true_chroma])
        ),
    }


def _quantiles(labs: Sequence[Floats]) -> Floats:
    """Of the chroma of all pixels."""
    pixels = np.concatenate([lab.reshape(-1, 3)[:, 1:] for lab in labs])
    return np.asarray(np.quantile(np.hypot(*pixels.T), _QUANTILES), np.float32)
