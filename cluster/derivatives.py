"""Compose, encode, check and store the derivatives of one scan."""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.stages import described
from models.contract import Rectangle, StageResult
from tasks import images, metrics, storage
from tasks.checksum import sha256_of
from tasks.errors import AlbumenError, SourceChanged
from tasks.metadata import History, SourceType
from tasks.partition import Job
from tasks.paths import derivative_path
from tasks.records import Derivative, DerivativeKind, Photograph, Samples
from tasks.storage import Location
from tasks.version import VERSION

_COLOR, _COLORIZED = "color", "colorized"


@dataclass(slots=True)
class Sheet:
    """One page: how to get its photograph, and what each stage did to it."""

    load: Callable[[], Photograph]
    results: Mapping[str, StageResult]
    columns: dict[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Rectangle, ...]:
        """The rectangles of the restored picture, in the order of the stages.

        Colour is left out: a colorized picture is a derivative beside the restored one.
        """
        return tuple(
            rectangle
            for stage, result in self.results.items()
            if stage != _COLOR
            for rectangle in result.rectangles
        )

    @property
    def colors(self) -> tuple[Rectangle, ...]:
        """What the colour stage lays over the restored picture."""
        return self.results[_COLOR].rectangles if _COLOR in self.results else ()

    def mask(self, stage: str) -> NDArray[np.uint8] | None:
        """The mask that a stage gave, if any."""
        return self.results[stage].mask if stage in self.results else None


def write_all(
    job: Job,
    fetch: Callable[[], Path],
    destination: Location,
    sheets: Sequence[Sheet],
    sha256: str,
    decoded_bytes: int,
) -> tuple[list[dict[str, Any]], list[Derivative]]:
    """Write every derivative of a scan; the manifest columns of each page, and the files.

    A scan that no stage changed, wanted in its own format, is copied byte for byte, or left
    out where the recipe says so. `fetch` gives a local copy of the source; `sha256` is of the
    source as it was read, `decoded_bytes` the size of all its pages decoded. Raises
    DerivativeUnwritable, SourceChanged.
    """
    outputs: list[Derivative] = []
    changed = any(sheet.changes for sheet in sheets)
    pages = _pages_with_companions(job, destination, sheets, outputs)
    with (
        _whole_or_nothing(destination, outputs),
        tempfile.TemporaryDirectory(prefix="albumen-") as folder,
    ):
        work = Path(folder) / "derivative"
        if changed or not _is_native(job, sheets):
            images.write_derivative(
                work,
                pages,
                job.recipe.format,
                _history(job, sheets, sha256, [s for s in job.recipe.stages if s != _COLOR]),
                decoded_bytes,
            )
            for page, sheet in enumerate(sheets):
                sheet.columns |= metrics.compare_outside(work, page, sheet.load(), sheet.changes)
        else:
            deque(pages, maxlen=0)
            if not job.recipe.skip_unchanged:
                shutil.copyfile(fetch(), work)
                if sha256_of(work) != sha256:
                    raise SourceChanged(
                        f"{job.scan.relative_path} changed while it was restored. The next run "
                        f"takes it up again."
                    )
        if work.exists():
            checksum = sha256_of(work)
            outputs.append(
                storage.put_file(destination, job.restored_path, work, "restored", checksum)
            )
            work.unlink()
        if any(sheet.colors for sheet in sheets):
            work = work.with_name(_COLORIZED)
            history = _history(job, sheets, sha256, job.recipe.stages)
            outputs.append(
                _write_colorized(job, destination, sheets, work, history, decoded_bytes, outputs)
            )
    status = "restored" if changed else "unchanged"
    return [{"status": status} | sheet.columns for sheet in sheets], outputs


def _write_colorized(
    job: Job,
    destination: Location,
    sheets: Sequence[Sheet],
    work: Path,
    history: History,
    decoded_bytes: int,
    outputs: list[Derivative],
) -> Derivative:
    """The colorized derivative, all pages in it: those that were not colorized as restored."""
    shapes: list[tuple[tuple[int, ...], np.dtype]] = []

    def pages() -> Iterator[tuple[Photograph, Samples]]:
        for page, sheet in enumerate(sheets):
            photograph = sheet.load()
            composed = images.compose(photograph, (*sheet.changes, *sheet.colors))
            shapes.append((composed.shape, composed.dtype))
            if sheet.colors:
                path = derivative_path("preview", job.scan.relative_path, page, _COLORIZED)
                data = images.preview(composed, photograph)
                outputs.append(storage.put_bytes(destination, path, data, "preview"))
            yield photograph, composed

    # A grey scan has three times its samples in colour.
    images.write_derivative(work, pages(), job.recipe.format, history, 3 * decoded_bytes)
    for page, (shape, dtype) in enumerate(shapes):
        metrics.check_reads_back(work, page, shape, dtype)
    checksum = sha256_of(work)
    return storage.put_file(destination, job.colorized_path, work, "colorized", checksum)


@contextmanager
def _whole_or_nothing(destination: Location, outputs: Sequence[Derivative]) -> Iterator[None]:
    """Take back what was stored of a scan that then fails: its row names no derivatives."""
    try:
        yield
    except Exception:
        for derivative in outputs:
            with suppress(AlbumenError):
                storage.remove(destination, derivative.path)
        raise


def _is_native(job: Job, sheets: Sequence[Sheet]) -> bool:
    source_format = sheets[0].load().format if len(sheets) == 1 else "tiff"
    return job.recipe.format in ("source", source_format)


def _pages_with_companions(
    job: Job, destination: Location, sheets: Sequence[Sheet], outputs: list[Derivative]
) -> Iterator[tuple[Photograph, Samples]]:
    """Each page composed; its previews and masks are stored on the way, while it is at hand."""

    def put(kind: DerivativeKind, data: bytes, page: int, variant: str | None = None) -> None:
        path = derivative_path(kind, job.scan.relative_path, page=page, variant=variant)
        outputs.append(storage.put_bytes(destination, path, data, kind))

    for page, sheet in enumerate(sheets):
        photograph = sheet.load()
        composed = images.compose(photograph, sheet.changes)
        put("preview", images.preview(composed, photograph), page)
        if sheet.changes:
            put("preview", images.preview(photograph.samples, photograph), page, "before")
        kept: dict[str, DerivativeKind] = {"damage": "mask", _COLOR: "uncertainty"}
        for stage, kind in kept.items():
            mask = sheet.mask(stage)
            if mask is not None:
                put(kind, images.write_mask(mask), page)
        if photograph.alpha is not None and job.recipe.format == "jpeg":
            sheet.columns["flags"] = ["transparency left out: JPEG has none"]
        yield photograph, composed


def _history(job: Job, sheets: Sequence[Sheet], sha256: str, stages: Sequence[str]) -> History:
    """What goes into a derivative's processing history: those of `stages` that changed a pixel."""
    acted = [
        stage
        for stage in stages
        if any(sheet.results[stage].rectangles for sheet in sheets if stage in sheet.results)
    ]
    return History(
        software="Albumen",
        version=VERSION,
        steps=tuple((stage, *_described(job, stage)) for stage in acted),
        when=datetime.now(UTC),
        source_sha256=sha256,
        source_type=_source_type(job, acted),
    )


def _source_type(job: Job, acted: Sequence[str]) -> SourceType | None:
    """Filtering and classical in-painting have learned nothing; what has weights has."""
    if not acted:
        return None
    learned = any(_described(job, stage)[1] for stage in acted)
    return "compositeWithTrainedAlgorithmicMedia" if learned else "algorithmicallyEnhanced"


def _described(job: Job, stage: str) -> tuple[str, Mapping[str, str]]:
    """Revision and weights of a stage as this scan's recipe has it."""
    options = {
        "damage": {"model": job.recipe.damage_model},
        "faces": {"model": job.recipe.face_model, "faces": job.recipe.faces},
        _COLOR: {"model": job.recipe.color_model, "colorize": job.recipe.colorize},
    }
    return described(stage, options.get(stage, {}))
