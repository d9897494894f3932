"""Recall and false alarms of the face detector on labelled photographs.

Labels are a CSV with the columns folder, file, split, left, top, right, bottom and kind; boxes
as the detector gives them, in pixels of the file. Kinds: `face` (both eyes to be seen), `profile`
(one eye; pointed at by a visitor, not what the detector was made for), `ignore` (turned away,
hidden, out of focus, smaller than 20 pixels: neither asked for nor counted against it) and `none`
(a picture without a face, no box).
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from models.contract import Box, Face
from models.faces import mmod_search
from models.faces.detect import detect_hog
from models.faces.detectors import FACE_DETECTORS, detector_of
from models.training.data import read_photographs

if TYPE_CHECKING:
    from models.faces.detectors import Detector

KINDS = ("face", "profile", "ignore", "none")

PARTS: Mapping[str, Detector] = {"hog": detect_hog, "mmod": mmod_search.detect}
"""The halves of dlib's detector by name, to be measured alone; no user is offered them."""

DETECTORS = (*FACE_DETECTORS, *PARTS)
"""Every name that can be measured."""
_ENOUGH = 0.3  # intersection over union: boxes are drawn by hand


class BadLabels(ValueError):
    """A row of the labels that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Label:
    """A box somebody drew, and what lies in it."""

    box: Box
    kind: str


@dataclass(slots=True)
class DetectionTally:
    """Counts over pictures: labelled and found by kind, and what else was found."""

    pictures: int = 0
    labelled: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    alarms: int = 0

    def add(self, faces: Sequence[Face], labels: Sequence[Label]) -> None:
        """Count a picture. Each label is found once; a second face on it is a false alarm."""
        self.pictures += 1
        left = [label for label in labels if label.kind in ("face", "profile")]
        self.labelled.update(label.kind for label in left)
        for face in faces:
            best = max(left, key=lambda label: _overlap(face.box, label.box), default=None)
            if best is not None and _overlap(face.box, best.box) >= _ENOUGH:
                left.remove(best)
                self.found[best.kind] += 1
            elif not any(one.kind == "ignore" and _middle_in(face.box, one.box) for one in labels):
                self.alarms += 1

    def recall(self, *kinds: str) -> float:
        """Share of the labels of `kinds` (all by default) that were found; nan without any."""
        wanted = kinds or ("face", "profile")
        total = sum(self.labelled[kind] for kind in wanted)
        return sum(self.found[kind] for kind in wanted) / total if total else float("nan")

    @property
    def alarms_a_picture(self) -> float:
        """False alarms by picture; nan without pictures."""
        return self.alarms / self.pictures if self.pictures else float("nan")

    def __str__(self) -> str:
        parts = [
            f"{kind} {self.found[kind]} of {self.labelled[kind]}" for kind in ("face", "profile")
        ]
        return (
            f"{self.pictures} pictures: {', '.join(parts)}; recall of faces "
            f"{self.recall('face'):.1%}, with profiles {self.recall():.1%}; "
            f"{self.alarms} false alarms, {self.alarms_a_picture:.2f} a picture"
        )


def read_labels(file: Path, splits: Collection[str]) -> Mapping[tuple[str, str], list[Label]]:
    """Labels of every picture (folder, file) of `splits`; empty for one without a face.

    Raises `BadLabels` for an unknown kind or a box that is none.
    """
    labels: dict[tuple[str, str], list[Label]] = defaultdict(list)
    with file.open(newline="", encoding="utf-8") as rows:
        for row in csv.DictReader(rows):
            if row["split"] not in splits:
                continue
            kept = labels[row["folder"], row["file"]]
            if row["kind"] not in KINDS:
                raise BadLabels(f"{file}: kind {row['kind']!r} of {row['file']} is none of {KINDS}")
            if row["kind"] == "none":
                continue
            try:
                box = Box(*(int(row[side]) for side in ("left", "top", "right", "bottom")))
            except ValueError as error:
                raise BadLabels(f"{file}: the box of {row['file']}: {error}") from error
            if box.width <= 0 or box.height <= 0:
                raise BadLabels(f"{file}: the box of {row['file']} is empty: {box}")
            kept.append(Label(box, row["kind"]))
    return labels


def detector_called(name: str) -> Detector:
    """The detector of that name among `DETECTORS`. Raises `BadStageInput` for another."""
    return PARTS.get(name) or detector_of(name)


def measure_detection(
    photographs: Path,
    labels: Path,
    splits: Collection[str],
    folders: Collection[str] = (),
    say: Callable[[str], None] = print,
    detector: str = "auto",
) -> DetectionTally:
    """Recall and false alarms on the labelled pictures of `splits` below `photographs`.

    `folders` limits them to these, where given; `detector` is one of `DETECTORS`. Says one line a
    picture and the sum. Raises `BadLabels`, `BadStageInput` for an unknown detector, `WeightsError`
    for one whose file is missing or altered, and `NoPhotographs` where a picture is missing.
    """
    detect = detector_called(detector)
    tally = DetectionTally()
    for (folder, name), boxes in sorted(read_labels(labels, splits).items()):
        if folders and folder not in folders:
            continue
        (image,) = read_photographs([photographs / folder / name])
        faces = detect(image)
        alone = DetectionTally()
        for each in (tally, alone):
            each.add(faces, boxes)
        found, asked = sum(alone.found.values()), sum(alone.labelled.values())
        say(f"{folder}/{name}: {found} of {asked}, {alone.alarms} false alarms")
    say(str(tally))
    return tally


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    common = width * height
    return common / (one.width * one.height + other.width * other.height - common)


def _middle_in(box: Box, region: Box) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return region.left <= x < region.right and region.top <= y < region.bottom
