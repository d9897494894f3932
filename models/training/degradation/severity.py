"""How badly photographs are worn: the numbers the synthesis draws from, and three presets."""

from __future__ import annotations

from dataclasses import dataclass, replace

Range = tuple[float, float]
"""Lowest and highest value, drawn uniformly unless a field says otherwise."""


@dataclass(frozen=True, slots=True)
class Severity:
    """Probabilities (0 to 1), ranges, and relative weights of the kinds of damage.

    Tones are shares of the full range (1.0 = white), lengths pixels of a picture whose long
    edge is at most 640 pixels.
    """

    untouched: float = 0.2
    """Share of pictures that stay as they are, or nearly (JPEG of high quality)."""
    structured: float = 0.85
    """Share of the others that are scratched, torn, stained..."""
    unstructured: float = 0.85
    """Share of the others that are faded, blurred, noisy..."""

    coverage: Range = (0.002, 0.09)
    """Share of the pixels painted over by damage; drawn log-uniformly."""
    most_defects: int = 60
    """Painting stops after so many defects, even where `coverage` is not reached."""
    opacity: Range = (0.35, 1.0)
    """Of scratches, dust and the like; drawn towards the upper end."""
    zoom: Range = (0.75, 1.5)
    """Factor on all sizes, so that one crop size stands for scans of many resolutions."""

    scratch: float = 4.0
    hairline: float = 3.0
    tramline: float = 1.0
    crack: float = 1.5
    craquelure: float = 0.4
    crease: float = 1.5
    tear: float = 0.7
    dust: float = 2.5
    hair: float = 1.5
    spot: float = 1.0
    hole: float = 1.0
    corner: float = 0.3
    edge: float = 0.4
    tape: float = 0.3
    stain: float = 0.5
    foxing: float = 0.5
    mask: float = 0.6
    """Weight of damage masks from a folder of textures; nothing without one."""

    monochrome: float = 0.3
    """Share of pictures made grey (also the clean one: restoring is not colourizing)."""
    toned: float = 0.4
    """Share of the monochrome ones that get a sepia or other uniform tone, clean one included."""
    grey_scan: float = 0.5
    """Share of the other monochrome ones scanned in grey: no cast, no coloured noise."""
    fade: float = 0.7
    fade_black: Range = (0.0, 0.22)
    fade_white: Range = (0.72, 1.0)
    fade_gamma: Range = (0.7, 1.4)
    cast: float = 0.6
    cast_strength: Range = (0.0, 0.10)
    """Spread of black, white and gamma between the three dye layers."""
    uneven: float = 0.4
    uneven_strength: Range = (0.02, 0.15)
    paper: float = 0.3
    paper_strength: Range = (0.01, 0.06)
    blur: float = 0.5
    blur_sigma: Range = (0.3, 1.8)
    grain: float = 0.5
    grain_strength: Range = (0.01, 0.07)
    noise: float = 0.5
    noise_strength: Range = (0.004, 0.05)
    resample: float = 0.3
    resample_factor: Range = (1.1, 2.2)
    jpeg: float = 0.6
    jpeg_quality: Range = (40, 95)
    visible: float = 8 / 255
    """Damage is counted where it changes any channel by more than this."""

    def without_fading(self) -> Severity:
        """The same, tone and light left alone: not greyed, toned, faded or unevenly lit."""
        return replace(self, monochrome=0.0, fade=0.0, uneven=0.0)


TRAINING = Severity()
"""Everything, often mild, one picture in five untouched."""

STRUCTURED_ONLY = replace(TRAINING, untouched=0.1, structured=1.0, unstructured=0.0)
"""Scratches, tears, holes... on pictures that are otherwise as sharp and clear as they were."""

EVALUATION = Severity(
    untouched=0.0,
    structured=1.0,
    unstructured=1.0,
    coverage=(0.018, 0.07),
    opacity=(0.5, 1.0),
    zoom=(1.0, 1.0),
    fade=1.0,
    fade_black=(0.0, 0.12),
    fade_white=(0.85, 1.0),
    fade_gamma=(0.87, 1.22),
    cast=0.8,
    cast_strength=(0.0, 0.055),
    uneven=0.3,
    uneven_strength=(0.02, 0.10),
    blur=0.7,
    blur_sigma=(0.3, 1.6),
    grain=0.7,
    grain_strength=(0.01, 0.06),
    noise=0.6,
    noise_strength=(0.004, 0.04),
    jpeg=0.8,
)
"""Frozen: the published figures are made with it (mean input PSNR 20 dB on eval_photos)."""
