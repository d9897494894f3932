"""How the damage stage tiles each of its networks: in one place, for the stage and its measures."""

from __future__ import annotations

from models.damage.model import DamageModel
from models.damage.translator import Translator
from models.tiling import Tiler

_DETECTOR_TILE, _DETECTOR_OVERLAP = 768, 96  # it looks far: what lies beyond a tile matters
_FILL_TILE, _REVIVE_TILE, _OVERLAP = 256, 512, 64


def detecting(model: DamageModel, window: int | None = None, batch: int = 1) -> Tiler:
    """The tiling of the detector; `window` is the side of the tiles where it is not the usual."""
    tile = window or _DETECTOR_TILE
    return Tiler(model.multiple, tile, min(_DETECTOR_OVERLAP, tile // 4), batch, model.least)


def filling(translator: Translator | None, window: int | None = None, batch: int = 1) -> Tiler:
    """The tiling of the network that fills: small tiles, for most of a scan needs none."""
    return _tiler(translator, min(window or _FILL_TILE, _FILL_TILE), batch)


def reviving(translator: Translator | None, window: int | None = None, batch: int = 1) -> Tiler:
    """The tiling of the network that takes off ageing."""
    return _tiler(translator, window or _REVIVE_TILE, batch)


def _tiler(translator: Translator | None, tile: int, batch: int) -> Tiler:
    """Tiles for a network; of any kind where there is none to run."""
    if translator is None:
        return Tiler(1, tile, min(_OVERLAP, tile // 2), batch)
    overlap = min(_OVERLAP, tile // 2)
    return Tiler(translator.multiple, tile, overlap, batch, translator.least)
