"""Pictures that a colour generator has drawn, kept as files for its critic to learn from."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from models.device import autocast
from models.training.color_losses import lightness, srgb
from models.training.data import Draw, Image, batches
from models.training.loop import OtherTraining

_RECORD = "generations.json"
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Generations:
    """Files of pictures SxSx3, and the seconds that making them took."""

    files: tuple[Path, ...]
    seconds: float

    def draw(self, rng: np.random.Generator) -> Image:
        """One of them, mirrored half of the time."""
        picture = cv2.imread(str(self.files[int(rng.integers(len(self.files)))]))
        assert picture is not None
        return np.ascontiguousarray(picture[:, :: -1 if rng.random() < 0.5 else 1, ::-1])


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """Hexadecimal digest of weights by key."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        digest.update(key.encode())
        digest.update(weights[key].detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def as_picture(grey: Tensor, ab: Tensor) -> Tensor:
    """Bx3xHxW in [0, 1] of grey Bx1xHxW and colours Bx2xHxW: what critics are shown."""
    return srgb(lightness(grey), ab)


def generations(
    network: nn.Module,
    draw: Draw,
    folder: Path,
    count: int,
    seconds: float,
    about: Mapping[str, str | int],
    device: torch.device,
    workers: int = 1,
    report: Callable[[str], None] = print,
) -> Generations:
    """At most `count` pictures by `network` in `folder`, made now as far as they are not there.

    After `seconds` no more are made (but a first batch). `about` says of which training they
    are; a folder of another one is refused with `OtherTraining`. Interrupted, the next call goes
    on; complete, the pictures and their number stay as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / _RECORD
    held: dict[str, Any] = (
        json.loads(record.read_text()) if record.exists() else {"about": dict(about)}
    )
    if held["about"] != dict(about):
        raise OtherTraining(
            f"{folder} holds pictures of {held['about']}, not of {dict(about)}; choose another "
            "folder, or remove it with the critic and what followed from it"
        )
    done: int = held.get("files", 0)
    if not held.get("complete"):
        spent = held.get("seconds", 0.0)
        started = time.monotonic() - spent
        network.eval()
        samples = batches(draw, _BATCH, int(about["seed"]), done // _BATCH, workers)
        while done < count and (done == 0 or time.monotonic() - started < seconds):
            batch = next(samples)
            grey = batch["grey"].to(device)
            with torch.inference_mode(), autocast(device):
                ab = network(grey)
            _write(as_picture(grey, ab), folder, done)
            done += _BATCH
            held |= {"files": done, "seconds": time.monotonic() - started}
            _keep(record, held)
        held["complete"] = True
        _keep(record, held)
        report(f"{folder.name}: {done} pictures in {held['seconds']:.0f} s")
    return Generations(tuple(_file(folder, at) for at in range(done)), held["seconds"])


def _write(pictures: Tensor, folder: Path, first: int) -> None:
    shown = (pictures * 255 + 0.5).clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    for at, picture in enumerate(shown):
        cv2.imwrite(str(_file(folder, first + at)), np.ascontiguousarray(picture[..., ::-1]))


def _file(folder: Path, number: int) -> Path:
    return folder / f"{number:05}.png"


def _keep(record: Path, held: Mapping[str, object]) -> None:
    partial = record.with_suffix(".partial")
    partial.write_text(json.dumps(held))
    partial.replace(record)


def seconds_of(minutes: float, steps: int | None, share: float) -> float:
    """How long pictures may take: a share of the minutes; of a training by steps, any time."""
    return float("inf") if steps is not None else 60 * minutes * share
