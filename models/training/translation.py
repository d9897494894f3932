"""What a translation between latents makes of held-out pictures, as a scan would receive it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from models.device import autocast
from models.training.direct import HeldOut, psnr


def translate(
    old: nn.Module, mapping: nn.Module, clean: nn.Module, image: Tensor, mask: Tensor
) -> Tensor:
    """D2(T(E1(image painted white under mask), mask)): Bx3xHxW in [-1, 1] to the same."""
    painted = torch.where(mask > 0, torch.ones_like(image), image)
    translated: Tensor = clean.decode(mapping(old.encode(painted), mask))  # type: ignore[operator]
    return translated


def added(image: Tensor, translated: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """What a scan receives: `translated` in the mask, elsewhere the image plus its change from
    `reference` = D1(E1(image)). All Bx3xHxW in one range, `mask` Bx1xHxW."""
    return torch.where(mask > 0, translated, image + translated - reference)


def measure(
    old: nn.Module,
    mapping: nn.Module,
    clean: nn.Module,
    pictures: HeldOut,
    device: torch.device,
) -> dict[str, float]:
    """Mean PSNR (dB) of what a scan receives, with the true mask; `score` as in
    `models.training.direct`: the mean of the gain over all pixels and in the masks.

    `plain` is D2(T(E1)) everywhere, `ceiling` D2(E2(true)), `filled` the masked pixels.
    """
    rows = []
    for degraded, true, mask in zip(pictures.degraded, pictures.true, pictures.mask, strict=True):
        image, wanted, holes = degraded.to(device) * 2 - 1, true.to(device) * 2 - 1, mask.to(device)
        with autocast(device):
            translated = translate(old, mapping, clean, image, holes).float()
            reference, again = old(image).float(), clean(wanted).float()
        received = _unit(added(image, translated, reference, holes))
        rows.append(
            (
                psnr(received, true),
                psnr(degraded, true),
                psnr(received, true, mask),
                psnr(degraded, true, mask),
                psnr(_unit(translated), true),
                psnr(_unit(again), true),
            )
        )
    after, before, filled, damaged, plain, ceiling = np.nanmean(np.array(rows), axis=0).tolist()
    return {
        "score": (after - before + filled - damaged) / 2,
        "psnr": after,
        "input_psnr": before,
        "filled_psnr": filled,
        "damaged_psnr": damaged,
        "plain_psnr": plain,
        "ceiling": ceiling,
    }


def _unit(image: Tensor) -> Tensor:
    return (image.cpu().clamp(-1, 1) + 1) / 2
