"""One row of the table of weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Setting = int | float | str | bool
Stage = Literal["damage", "faces", "color"]
Form = Literal["safetensors", "onnx"]

_FLOAT32 = 4
_COPIES = 4  # weights, their running mean and Adam's two moments, as training code saves them
_OVERHEAD = 16 << 20


@dataclass(frozen=True, slots=True)
class WeightFile:
    """Weights of one network: what builds it, where the file comes from, how it is known.

    `network` and `settings` are class and flat keywords of the network. An embedded file lies
    in the package; any other is published elsewhere and lies, once imported, in the folder of
    imported weights. `size` (bytes) and `sha256` are those of the file as it is distributed:
    of our safetensors where it is embedded, of the published file before conversion where it is
    not, None where nobody knows. `url` is the download that holds it, `member` how its path
    ends in there, `sub_key` the entry of the checkpoint that holds the weights (None: the
    checkpoint is a bare `state_dict`). `parameters` counts floats, buffers left out.

    `form` is that of the file in its folder. What is published as ONNX is kept as it is, byte by
    byte, for a library that runs it by itself: such a row builds no network here, `size` and
    `sha256` are known, and no other file is taken for it.
    """

    name: str
    stage: Stage
    network: str
    settings: Mapping[str, Setting]
    parameters: int
    licence: str
    source: str
    embedded: bool
    size: int | None = None
    sha256: str | None = None
    url: str | None = None
    member: str | None = None
    sub_key: str | None = None
    recipe: str = ""
    form: Form = "safetensors"

    @property
    def file(self) -> str:
        """Name of the file in its folder."""
        return f"{self.name}.{self.form}"

    @property
    def limit(self) -> int:
        """Bytes that a checkpoint of this network can have for honest reasons.

        Four times its float32 weights (training code saves its own state beside them) and
        16 MiB; what is larger is not read. A file that is kept as it is has its own size.
        """
        if self.form == "onnx":
            return self.size or 0
        return _COPIES * _FLOAT32 * self.parameters + _OVERHEAD
