"""Manifest rows as a night of restoring would leave them, made from a seed."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from tasks.manifest import SCHEMA
from tasks.paths import derivative_path

ERRORS = {
    "CorruptImage": "the file ends after 18,220 of 40,118 bytes of image data; fetch it again",
    "NotAnImage": "the content is text, not an image; rename or remove it",
    "SourceUnreadable": "permission denied; the next run tries again",
}


def output(kind: str, path: str) -> dict[str, Any]:
    return {"kind": kind, "path": path, "sha256": _sha256(kind + path), "bytes": 120_345}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def restored(path: str, *, colorized: bool = False, **changes: Any) -> dict[str, Any]:
    """A row with the derivatives the destination's layout gives it."""
    page = changes.get("page", 0)
    outputs = [
        output("restored", derivative_path("restored", path)),
        output("mask", derivative_path("mask", path, page)),
        output("preview", derivative_path("preview", path, page, "before")),
        output("preview", derivative_path("preview", path, page)),
    ]
    if colorized:
        outputs.append(output("colorized", derivative_path("colorized", path)))
        outputs.append(output("preview", derivative_path("preview", path, page, "colorized")))
    row = {
        "run_id": "0f3c",
        "run_sequence": 2,
        "partition_id": "00000-5be1",
        "committed": datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC),
        "recipe": "9c1f" * 16,
        "requested": json.dumps({"stages": ["damage", "color"]}),
        "settings": json.dumps({"stages": {"damage": {"revision": 1}}}),
        "source_uri": f"file:///archive/{path}",
        "relative_path": path,
        "page": 0,
        "page_count": 1,
        "source_sha256": _sha256(path),
        "source_bytes": 40_000_000,
        "source_modified": datetime(2019, 5, 6, tzinfo=UTC),
        "width": 320,
        "height": 240,
        "bit_depth": 16,
        "channels": 1,
        "source_format": "tiff",
        "tone": "monochrome",
        "status": "restored",
        "flags": [],
        "notes": ["xmp replaced: it is not well-formed XML"],
        "outputs": outputs,
        "damaged_fraction_before": 0.02,
        "damaged_fraction_after": 0.001,
        "changed_fraction": 0.03,
        "psnr_outside_mask": float("inf"),
        "ssim_outside_mask": 1.0,
        "noise_before": 3.5,
        "noise_after": 3.4,
        "sharpness_before": 140.0,
        "sharpness_after": 139.0,
        "light_range": 1.25,
        "fading": 0.75,
        "tone_applied": 0.5,
        "face_count": 0,
        "faces_enhanced": 0,
        "faces": [],
        "colorfulness": 0.0,
        "cast_before": [0.1, 2.5],
        "cast_after": [0.1, 2.4],
        "tone_measures": json.dumps({"chroma": 0.4}),
        "colorized": colorized,
        "colorize_reason": "monochrome" if colorized else "not colorized: no weights",
        "colorfulness_colorized": 21.5,
        "chroma_colorized": 11.2,
        "color_doubt": 0.31,
        "color_uncertain": 0.004,
        "color_clipped": 0.012,
        "color_skin": 0.85,
        "render_factor": 20,
        "seconds_read": 0.8,
        "seconds_look": 0.2,
        "seconds_damage": 2.5,
        "seconds_faces": 0.1,
        "seconds_color": 0.05,
        "seconds_write": 1.1,
        "device": "cpu",
        "damage_tile": 256,
        "software": "albumen 0.1.0",
    }
    return {**row, **changes}


def failed(
    path: str, error: str = "CorruptImage", status: str = "failed", **changes: Any
) -> dict[str, Any]:
    """A row of a scan that gave no picture: what could not be read is null."""
    kept = ("run_id", "run_sequence", "partition_id", "committed", "recipe", "requested",
            "settings", "source_uri", "relative_path", "source_bytes", "source_modified",
            "software")  # fmt: skip
    row = {name: value for name, value in restored(path).items() if name in kept}
    row |= {
        "page": 0,
        "status": status,
        "error_class": error,
        "error_message": f"{path}: {ERRORS.get(error, 'it went wrong; see the log')}",
        "transient": error == "SourceUnreadable",
    }
    return {**row, **changes}


def batch(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


def many(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """`count` rows sorted by path, every status, flag and measure among them."""
    random = np.random.default_rng(seed)
    flags = ["loss too large", "possible negative", "uneven light", "low resolution"]
    for number in range(count):
        path = f"{number // 500:05d} Album/{number:07d} photograph.tif"
        draw = random.random()
        if draw < 0.01:
            yield failed(path, list(ERRORS)[number % 3])
            continue
        if draw < 0.012:
            yield failed(path, "WorkerDied", "quarantined")
            continue
        damage = float(random.beta(0.6, 18)) if draw < 0.8 else 0.0
        lossy = random.random() < 0.3
        yield restored(
            path,
            colorized=bool(random.random() < 0.2),
            status="restored" if damage else "unchanged",
            flags=[flags[number % 4]] if random.random() < 0.1 else [],
            damaged_fraction_before=damage,
            damaged_fraction_after=damage * float(random.random()) * 0.3,
            changed_fraction=min(1.0, damage * 1.4),
            psnr_outside_mask=float(random.normal(46, 3)) if lossy else float("inf"),
            noise_before=float(random.gamma(3, 1.3)),
            noise_after=float(random.gamma(3, 1.1)),
            sharpness_before=float(random.lognormal(5, 1)),
            sharpness_after=float(random.lognormal(5, 1)),
            seconds_damage=float(random.gamma(2, 1.2)),
            run_sequence=1 + number % 3,
        )


def write_preview(destination: Path, path: str, color: tuple[int, int, int]) -> None:
    """A small real JPEG where the report will look for it."""
    target = destination / path
    target.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    Image.new("RGB", (64, 48), color).save(data, "JPEG")
    target.write_bytes(data.getvalue())
