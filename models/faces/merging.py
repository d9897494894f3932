"""Proposals of one face made one."""

from __future__ import annotations

from collections.abc import Sequence

from models.contract import Box, Face

_OVERLAP = 0.35  # intersection over union from which on two boxes are one face
_INSIDE = 0.6  # of the smaller box: so much inside a better one, it is a part of that face


def merged(faces: Sequence[Face], trusted: Sequence[Face] = ()) -> tuple[Face, ...]:
    """`trusted` and those of `faces` that are none of them, duplicates left out.

    Of two boxes on one face the better score stays, but a trusted one before any other, whatever
    its score: scores of two detectors cannot be compared. Best score first.
    """
    kept: list[Face] = []
    for some in (trusted, faces):
        for face in sorted(some, key=lambda face: -face.score):
            if not any(_same(face.box, other.box) for other in kept):
                kept.append(face)
    return tuple(sorted(kept, key=lambda face: -face.score))


def _same(one: Box, other: Box) -> bool:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return False
    common = width * height
    areas = one.width * one.height, other.width * other.height
    return common > _OVERLAP * (sum(areas) - common) or common > _INSIDE * min(areas)
