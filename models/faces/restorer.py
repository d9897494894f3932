"""The face stage: faces found, aligned, enhanced, watched over and blended back.

All faces of all scans of a batch go through the network together. A face is enhanced only where
its eyes and nose were found, where it is large enough to show something, and as far as the
identity guard lets pass; every face has a row that says what was done, and why not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2

from models.contract import BadStageInput, Face, Rectangle, StageInput, StageResult
from models.faces.align import Floats
from models.faces.candidates import Candidate, candidates, placed
from models.faces.choices import DETECT_REVISION, FaceHandling, handling, resolved
from models.faces.descriptor import descriptor_distance
from models.faces.ladder import Enhancement, aligned, climb
from models.faces.repairs import changed_by_repair
from models.pixels import check_input

if TYPE_CHECKING:
    from models.faces.enhancer import Enhancer

BYTES_PER_PIXEL: Mapping[FaceHandling, float] = {"off": 1.0, "detect": 1.0, "enhance": 28.0}
"""Private bytes per pixel of a large scan beyond the scan itself and the networks. Measured: 25 for
a face that fills a scan of 25 megapixels in 48-bit colour, 5 in 8-bit grey."""

BATCH: Mapping[str, int] = {"cpu": 1, "cuda": 8}
"""Pages of one call, by the kind of device: what is gained is a full batch of faces on a GPU."""

ONLY_DETECTED = "faces are detected, not enhanced"
NO_STRENGTH = "not enhanced: the strength asked for is 0"
NOTHING_TO_DO = "enhancing changes nothing"

_AT_ONCE = 32  # faces whose crops are in memory: 25 MB at 256 pixels, 100 at 512
_DESCRIBED = 18.0  # pixels between the eyes: in smaller faces a descriptor is chance


class FaceRestorer:
    """Reports faces, watches over what repairs did to them, and enhances them.

    `faces` is what is done where a scan's own option does not say otherwise: `off`, `detect`
    (rows alone) or `enhance`. `strength` (0 to 1) scales the enhancement, `model` is a name of
    `models.faces.choices` or an enhancer that is loaded already; `device` as
    `models.device.pick_device` understands it; `threads` is what torch and OpenCV may use on the
    CPU. The network is loaded at once where faces are to be enhanced, else when the first scan
    asks for it. Raises `BadStageInput` for options out of range, `WeightsError` for weights that
    are missing or altered, `BadDevice`; `FaceModelMissing` where dlib's files are not installed
    when they are first needed.
    """

    def __init__(
        self,
        faces: FaceHandling = "enhance",
        strength: float = 1.0,
        model: str | Enhancer = "auto",
        device: str = "auto",
        threads: int = 1,
    ) -> None:
        if not 0 <= strength <= 1:
            raise BadStageInput(f"strength must lie between 0 and 1, not {strength}")
        if threads < 1:
            raise BadStageInput(f"threads={threads} is too small")
        self.faces = handling(faces)
        self.strength, self.threads = strength, threads
        self._name = resolved(model) if isinstance(model, str) else model.name
        self._device = device
        self._loaded: Enhancer | None = None if isinstance(model, str) else model
        self.revision = DETECT_REVISION
        self.weights: Mapping[str, str] = {}
        if faces == "enhance":
            self.revision, self.weights = self._enhancer.revision, dict(self._enhancer.weights)
        self.bytes_per_pixel = BYTES_PER_PIXEL[faces]
        self.batch = BATCH[self._enhancer.device.type] if faces == "enhance" else 1

    def __call__(self, batch: Sequence[StageInput]) -> list[StageResult]:
        """One result for each input, in order; `BadStageInput` where pixels and hints do not
        fit, `BadNetworkOutput` where the network answers with NaN."""
        cv2.setNumThreads(self.threads)
        for item in batch:
            check_input(item)
        pages = [_Page(item, handling(item.options.get("faces", self.faces))) for item in batch]
        asked = [page for page in pages if page.faces == "enhance" and page.item.hints.faces]
        if asked:
            self._enhance(asked)
        return [page.result() for page in pages]

    @property
    def _enhancer(self) -> Enhancer:
        if self._loaded is None:
            from models.faces.enhancer import load_enhancer

            self._loaded = load_enhancer(self._name, self._device)
        return self._loaded

    def _enhance(self, pages: Sequence[_Page]) -> None:
        """Every face of `pages`, some at a time, whatever page they are on."""
        if self.strength == 0:
            for page in pages:
                page.reasons = dict.fromkeys(range(len(page.item.hints.faces)), NO_STRENGTH)
            return
        import torch  # where faces are only detected, nothing needs it

        torch.set_num_threads(self.threads)
        enhancer = self._enhancer
        for page in pages:
            page.find(enhancer.side)
        waiting = [(page, candidate) for page in pages for candidate in page.candidates]
        for start in range(0, len(waiting), _AT_ONCE):
            some = waiting[start : start + _AT_ONCE]
            before = [aligned(page.item, one.matrix, enhancer.side) for page, one in some]
            after = enhancer(before)
            for (page, one), old, new in zip(some, before, after, strict=True):
                page.blend(one, old, new, self.strength, enhancer)


class _Page:
    """One page on its way through the stage."""

    def __init__(self, item: StageInput, faces: FaceHandling) -> None:
        self.item, self.faces = item, faces
        self.candidates: list[Candidate] = []
        self.reasons: dict[int, str] = {}
        self._made: dict[int, Enhancement] = {}
        self._rectangles: list[Rectangle] = []

    def find(self, side: int) -> None:
        """Align the faces to crops of `side` pixels."""
        self.candidates, self.reasons = candidates(self.item, side)

    def blend(
        self, face: Candidate, before: Floats, after: Floats, strength: float, enhancer: Enhancer
    ) -> None:
        """Lay an enhanced face into the page, as far as the guard allows."""
        changes = (*self.item.changes, *self._rectangles)
        made = climb(
            StageInput(self.item.pixels, self.item.hints, changes),
            placed(face, self.candidates, enhancer.side),
            before,
            after,
            strength * face.strength,
            enhancer.limits,
            descriptor_distance if face.apart >= _DESCRIBED else None,
        )
        self._made[face.number] = made
        if made.rectangle is not None:
            self._rectangles.append(made.rectangle)

    def result(self) -> StageResult:
        """Rectangles, rows and flags; nothing at all where faces are off."""
        if self.faces == "off":
            return StageResult()
        rows = [self._row(number, face) for number, face in enumerate(self.item.hints.faces)]
        flags = []
        if any(changed_by_repair(self.item, face.box) for face in self.item.hints.faces):
            flags.append("face changed by repair")
        if any(made.refused and made.rectangle is None for made in self._made.values()):
            flags.append("face left as it was")
        return StageResult(
            rectangles=tuple(self._rectangles),
            metrics={
                "face_count": len(rows),
                "faces_enhanced": len(self._rectangles),
                "faces": rows,
            },
            flags=tuple(flags),
        )

    def _row(self, number: int, face: Face) -> dict[str, Any]:
        made = self._made.get(number)
        verdict = made.verdict if made else None
        box = face.box
        return {
            "left": box.left,
            "top": box.top,
            "width": box.width,
            "height": box.height,
            "score": face.score,
            "correlations": None if verdict is None else _shown(verdict.correlations),
            "applied": made is not None and made.rectangle is not None,
            "strength": made.strength if made else 0.0,
            "reason": self._reason(number, made),
        }

    def _reason(self, number: int, made: Enhancement | None) -> str | None:
        """Why a face was not enhanced, or not as strongly as it might have been."""
        if made is None:
            return self.reasons.get(number, ONLY_DETECTED)
        if made.rectangle is not None:
            return f"weaker: at full strength {made.refused}" if made.refused else None
        if made.refused and made.verdict is not None:
            return f"left as it was: {made.verdict.reason or made.refused}"
        return NOTHING_TO_DO


def _shown(correlations: Iterable[float]) -> list[float | None]:
    """None where there was nothing to compare."""
    return [None if math.isnan(score) else score for score in correlations]
