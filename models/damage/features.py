"""Where the eyes and the mouth are, from the box of a face alone."""

from __future__ import annotations

from models.contract import Box

_EYES = (0.12, 0.55)
_MOUTH = (0.62, 0.92)
_ASIDE = 0.15  # of the width: spectacles reach beyond the box


def face_features(face: Box) -> tuple[Box, Box]:
    """Bands over the eyes (brows and spectacles with them) and over the mouth.

    `face` is a box as dlib's detector draws it, from the brows to below the chin. Both bands
    are as wide as the box and a little more: a turned or tilted head must be covered, too.
    They may reach beyond the picture.
    """
    aside = round(_ASIDE * face.width)
    eyes, mouth = (
        Box(
            face.left - aside,
            face.top + round(first * face.height),
            face.right + aside,
            face.top + round(last * face.height),
        )
        for first, last in (_EYES, _MOUTH)
    )
    return eyes, mouth
