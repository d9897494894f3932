"""One face over all networks that restore: image and mask in, restored image and reference out.

`restored - reference` is what the network would change; `revive` adds a share of it to the
scan's own samples, so that an autoencoder's own blur never reaches them (DESIGN §5). What lies
under the mask has no sample of its own: there the restored image itself is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from models.damage.attention import AllDamaged
from models.damage.vae import Autoencoder
from models.device import Precision, autocast, channels_last
from models.layers import PooledInstanceNorm, pooled
from models.tiling import ready

_LEAST = 32  # pixels: latents of a quarter, and reflected borders within them


@dataclass(frozen=True, slots=True)
class Translation:
    """What a network makes of a batch; both Bx3xHxW float32, about [0, 1], not clipped.

    `reference` is what the network makes of a picture it changes nothing about.
    """

    restored: Tensor
    reference: Tensor


class Translator(Protocol):
    """A restoring network, ready to run.

    Sides of what it is given are multiples of `multiple` and at least `least`. `weights` maps
    each weight file to its sha256.
    """

    name: str
    multiple: int
    least: int
    weights: Mapping[str, str]

    def __call__(self, image: Tensor, mask: Tensor) -> Translation:
        """`image` Bx3xHxW float32 in [0, 1], `mask` Bx1xHxW of 0 and 1 (1: damaged)."""
        ...

    def draw(self, image: Tensor, mask: Tensor) -> Tensor:
        """The restored image alone, Bx3xHxW."""
        ...

    def pooled(self, image: Tensor, mask: Tensor) -> AbstractContextManager[None]:
        """Inside, tiles share the statistics of this sample of the scan's tiles, where the
        network takes any (instance normalisation); elsewhere nothing happens."""
        ...


class DirectTranslator:
    """A network that maps image and mask straight to the restored image, adding to its input."""

    multiple = 8
    least = _LEAST

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        name: str = "direct",
        weights: Mapping[str, str] | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.name = name
        self.weights: Mapping[str, str] = dict(weights or {})
        self._device, self._precision = device, precision
        self._network = ready(network, device)

    def __call__(self, image: Tensor, mask: Tensor) -> Translation:
        """The reference is the image itself."""
        return Translation(self.draw(image, mask), image)

    def draw(self, image: Tensor, mask: Tensor) -> Tensor:
        """The restored image, on the device of `image`."""
        with torch.inference_mode(), autocast(self._device, self._precision):
            there, marked = image.to(self._device), mask.to(self._device)
            restored = cast(Tensor, self._network(channels_last(there), marked))
        return restored.to(image)

    def pooled(self, image: Tensor, mask: Tensor) -> AbstractContextManager[None]:  # noqa: ARG002
        """Nothing is pooled."""
        return nullcontext()


class LatentTranslator:
    """Deep latent space translation (Wan et al., CVPR 2020, figure 2).

    restored = D2(T(E1(x), mask)), x painted white under the mask; reference = D1(E1(x)). `old`
    is VAE 1, `clean` VAE 2, `mapping` T. Published networks normalise over the instance: their
    tiles must share statistics, see `pooled`.
    """

    least = _LEAST

    def __init__(
        self,
        old: Autoencoder,
        mapping: nn.Module,
        clean: Autoencoder,
        device: torch.device,
        name: str = "latent",
        weights: Mapping[str, str] | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.name = name
        self.weights: Mapping[str, str] = dict(weights or {})
        self.multiple = max(old.multiple, int(getattr(mapping, "multiple", 4)))
        self._device, self._precision = device, precision
        self._old, self._clean = ready(old, device), ready(clean, device)
        self._mapping = ready(mapping, device)

    def __call__(self, image: Tensor, mask: Tensor) -> Translation:
        """Both pictures of one pass through the encoder, on the device of `image`."""
        with torch.inference_mode(), autocast(self._device, self._precision):
            latent, marked = self._encoded(image, mask)
            restored = self._clean.decode(self._mapped(latent, marked))
            reference = self._old.decode(latent)
        return Translation(_unit(restored, image), _unit(reference, image))

    def draw(self, image: Tensor, mask: Tensor) -> Tensor:
        """The restored image, on the device of `image`."""
        with torch.inference_mode(), autocast(self._device, self._precision):
            restored = self._clean.decode(self._mapped(*self._encoded(image, mask)))
        return _unit(restored, image)

    @contextmanager
    def pooled(self, image: Tensor, mask: Tensor) -> Iterator[None]:
        """Inside, all tiles are normalised by the statistics of this batch."""
        parts = (self._old, self._mapping, self._clean)
        with ExitStack() as stack:
            if any(isinstance(m, PooledInstanceNorm) for part in parts for m in part.modules()):
                for part in parts:
                    stack.enter_context(pooled(part))
                self(image, mask)
            yield

    def _encoded(self, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The latent of the painted image, and the mask, both on the device."""
        there, marked = image.to(self._device), mask.to(self._device)
        painted = torch.where(marked > 0, 1.0, 2 * there - 1)
        return self._old.encode(channels_last(painted)), marked

    def _mapped(self, latent: Tensor, marked: Tensor) -> Tensor:
        """T of a batch. Where a mask leaves a tile nothing to go by, it is mapped without one."""
        while True:
            try:
                return cast(Tensor, self._mapping(latent, marked))
            except AllDamaged as error:
                marked = marked.clone()
                marked[error.image] = 0


def _unit(picture: Tensor, like: Tensor) -> Tensor:
    """From [-1, 1] in any float type to [0, 1] in the type and on the device of `like`."""
    return (picture.float() + 1).mul(0.5).to(like)
