"""The line from black to white that a photograph without colours of its own lies on.

A sepia print, or a grey one on yellowed paper, has for every luminance one colour. What is added
to its luminance must move a pixel along that line: the same step in all three channels would
make the lights of a sepia face grey, and the network's own colours would give it red lips.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from models.contract import Samples, Tone
from models.faces.align import Floats

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_SAMPLE = 20_000
_DEGREE = 3
_TAIL = 1.0  # percent of the sample at either end of the line, where a cubic is not trusted


@dataclass(frozen=True, slots=True)
class ToneLine:
    """Each channel less the luminance, as a cubic of the luminance (both in [0, 1]).

    `cubics` is 4x3, the constant first; it holds from `dark` to `light`, and goes on straight.
    """

    cubics: NDArray[np.float64]
    dark: float
    light: float

    @classmethod
    def of(cls, pixels: Samples, largest: np.float32) -> ToneLine:
        """The line of `pixels` hxwx3 from 0 to `largest`, by least squares over some of them."""
        flat = pixels.reshape(-1, 3)
        some = flat[:: max(1, len(flat) // _SAMPLE)].astype(np.float32) / largest
        sample = some.astype(np.float64)
        luma = sample @ _LUMA
        # Scaled to their range, powers of a nearly constant luminance are still told apart.
        powers = np.vander(luma, _DEGREE + 1, increasing=True)
        found = np.linalg.lstsq(powers, sample - luma[:, None], rcond=1e-6)[0]
        cubics: NDArray[np.float64] = np.asarray(found, np.float64)
        dark, light = np.percentile(luma, (_TAIL, 100 - _TAIL)).tolist()
        return cls(cubics, dark, light)

    def colors(self, luma: Floats) -> Floats:
        """Each channel less the luminance, hxwx3, for `luma` hxwx1 in [0, 1]."""
        bound = np.clip(luma, self.dark, self.light)
        found, slope = self.cubics[_DEGREE], np.zeros(3)
        for row in self.cubics[_DEGREE - 1 :: -1]:  # Horner's rule, with the derivative
            slope = slope * bound + found
            found = found * bound + row
        return cast(Floats, (found + slope * (luma - bound)).astype(np.float32))

    def moved(self, samples: Floats, step: Floats, largest: np.float32, tone: Tone) -> Floats:
        """`step` hxwx1 of luminance as a step hxwx3 along the line, both in sample units.

        `samples` hxwx3 in the same. In a monochrome photograph, and where no pixel has a colour,
        the steps of the three channels are equal.
        """
        steps = np.repeat(step, 3, axis=2)
        if tone == "monochrome" or (samples[..., :1] == samples[..., 1:]).all():
            return steps
        luma = (samples @ _LUMA)[..., None]
        along = self.colors((luma + step) / largest) - self.colors(luma / largest)
        return cast(Floats, (steps + along * largest).astype(np.float32))
