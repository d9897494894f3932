"""Harm on what is sound: clean photographs and clean faces through the damage stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.contract import Box, StageInput
from models.damage.features import face_features
from models.evaluation.cases import Image, given
from models.evaluation.damage import SAME, Contestant, Reading
from models.evaluation.indices import psnr
from models.evaluation.networks import probability, taken_for_damage

Mask = NDArray[np.bool_]


@dataclass(slots=True)
class PhotographHarm:
    """Clean photographs through both modes; `readings` holds what came out."""

    contestants: Sequence[Contestant]
    readings: list[Reading] = field(default_factory=list)

    def measure(self, name: str, photograph: Image, threads: int = 1) -> dict[str, Image]:
        """`photograph` HxWx3 uint8, undamaged; the pictures that came out, by name."""
        item = given(photograph, threads)
        pictures = {"clean": photograph}
        for one in self.contestants:
            revived, repaired = one.revive(item), one.repair(item)
            pictures[f"revive, {one.name}"] = revived.pixels
            pictures[f"repair, {one.name}"] = repaired.pixels
            for measure, value in {
                "PSNR of revive": min(SAME, psnr(revived.pixels, photograph)),
                "changed by repair": float(repaired.changed.mean()),
            }.items():
                self.readings.append(Reading(name, one.name, measure, value))
        return pictures


@dataclass(slots=True)
class FaceHarm:
    """Clean portraits through `repair`; `readings` holds what came out.

    Where the look finds no face, `repair` takes no care of one: the harm is then measured in
    `usual`, the box faces of such crops usually have (shares of width and height), if given.
    """

    contestants: Sequence[Contestant]
    usual: tuple[float, float, float, float] | None = None
    readings: list[Reading] = field(default_factory=list)

    def measure(self, name: str, portrait: Image, threads: int = 1) -> dict[str, Image]:
        """`portrait` HxWx3 uint8, undamaged; the pictures that came out, by name."""
        item = given(portrait, threads)
        seen = len(item.hints.faces) > 0
        pictures = {"clean": portrait}
        boxes = [face.box for face in item.hints.faces]
        if not boxes and self.usual is not None:
            boxes = [usual_box(self.usual, portrait)]
        if not boxes:
            return pictures
        inside = _inside(boxes, portrait.shape)
        features = _inside([part for box in boxes for part in face_features(box)], portrait.shape)
        for one in self.contestants:
            repaired = one.repair(item)
            marked = repaired.changed
            if one.network is not None:
                plane = probability(one.network, item)
                marked = taken_for_damage(plane, item, one.network.thresholds)
                careless = taken_for_damage(plane, item, one.network.thresholds, faces=False)
                self._note(name, one, "face taken for damage, without care", careless[inside])
            self._note(name, one, "face taken for damage", marked[inside])
            touched = repaired.changed[features].any()
            self.readings.append(Reading(name, one.name, "eyes or mouth touched", float(touched)))
            pictures[f"repair, {one.name}"] = repaired.pixels
        method = self.contestants[0].name if self.contestants else ""
        self.readings.append(Reading(name, method, "face seen by the look", float(seen)))
        return pictures

    def _note(self, name: str, one: Contestant, measure: str, marked: Mask) -> None:
        self.readings.append(Reading(name, one.name, measure, float(marked.mean())))


def usual_face(portraits: Sequence[StageInput]) -> tuple[float, float, float, float] | None:
    """The median of the best faces' boxes, as shares of width and height (left, top, right,
    bottom); None where none has a face."""
    boxes = []
    for item in portraits:
        if item.hints.faces:
            box, (height, width) = item.hints.faces[0].box, item.pixels.shape[:2]
            boxes.append(
                (box.left / width, box.top / height, box.right / width, box.bottom / height)
            )
    if not boxes:
        return None
    left, top, right, bottom = np.median(boxes, axis=0).tolist()
    return left, top, right, bottom


def usual_box(usual: tuple[float, float, float, float], portrait: Image) -> Box:
    """The usual face's box in pixels of `portrait`."""
    height, width = portrait.shape[:2]
    left, top, right, bottom = usual
    return Box(
        round(left * width), round(top * height), round(right * width), round(bottom * height)
    )


def _inside(boxes: Sequence[Box], shape: tuple[int, ...]) -> Mask:
    """HxW, true in any of `boxes`, which may reach beyond the picture."""
    inside = np.zeros(shape[:2], bool)
    for box in boxes:
        inside[max(0, box.top) : max(0, box.bottom), max(0, box.left) : max(0, box.right)] = True
    return inside
