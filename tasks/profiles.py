"""Colour: from a source's ICC profile to the sRGB working space, and back.

All transforms are Little CMS, relative colorimetric, without its 16-bit shortcuts: those
interpolate a 33-point cube, and were measured to miss by 5,431 of 65,535 levels on saturated
Adobe RGB, also through libvips; the full pipeline is within half a level.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

import imagecodecs
import numpy as np
import pyvips
from numpy.typing import NDArray

from tasks.records import Samples
from tasks.threads import workers

_RELATIVE = 1
_EXACT, _BLACK_POINT = 0x0100, 0x2000
_SPACES = {1: (b"GRAY", "gray"), 3: (b"RGB ", "rgb"), 4: (b"CMYK", "cmyk")}
# A profile this close to sRGB everywhere is sRGB: half a level of 8 bits.
_SAME = 0.5 / 255
_STRIPE_PIXELS = 1 << 18

CMYK_CONVERTED = "cmyk converted"
"""The review flag of a photograph whose samples were brought from CMYK to sRGB."""

Floats = NDArray[np.float32]


@cache
def srgb_profile() -> bytes:
    """libvips' built-in sRGB profile (the compact v4 one, CC0): 480 bytes, always the same."""
    return cast(bytes, pyvips.Operation.call("profile_load", "srgb"))


@dataclass(frozen=True, slots=True)
class Space:
    """A source's colour space as this module will treat it.

    `icc` is None where the samples are taken as sRGB as they stand; `problem` says why, where
    there was a profile that could not be used.
    """

    icc: bytes | None
    problem: str | None = None


@lru_cache(maxsize=64)
def space_of(icc: bytes | None, channels: int) -> Space:
    """How to treat a profile on samples of 1 (grey) or 3 (RGB) channels; never raises."""
    if icc is None:
        return Space(None)
    problem = _header_problem(icc, channels)
    if problem:
        return Space(None, problem)
    grid = _grid(channels)
    try:
        there = _transform(grid, icc, srgb_profile(), channels, 3)
        working = _mean(there) if channels == 1 else there
        back = _from_working(np.clip(working, 0, 1), icc, channels)
    except (imagecodecs.CmsError, ValueError) as error:
        return Space(None, f"it cannot be applied in both directions ({error})")
    if not (np.isfinite(working).all() and np.isfinite(back).all()):
        return Space(None, "it maps colours to no number")
    if np.abs(working - grid).max() <= _SAME:
        return Space(None)
    again = _transform(back, icc, srgb_profile(), channels, 3)
    again = _mean(again) if channels == 1 else again
    if np.median(np.abs(again - np.clip(working, 0, 1))) > 0.02:
        return Space(None, "its two directions do not agree")
    return Space(icc)


def to_working(samples: Samples, icc: bytes | None) -> Samples:
    """`samples` (HxW or HxWx3) in sRGB, or grey with the sRGB curve, at the same depth.

    The same array object comes back where they already are, or where the profile is unusable
    (see `space_of`). Colours outside sRGB are clipped here; `compose` does not lose them.
    """
    channels = 1 if samples.ndim == 2 else 3
    space = space_of(icc, channels)
    if space.icc is None:
        return samples
    icc = space.icc
    if channels == 1:
        forward = _grey_tables(icc, samples.dtype.str)[0]
        return _striped(samples, (), lambda part: forward[part])
    return _striped(samples, (3,), lambda part: _to_srgb(part, icc, "rgb"))


def from_working(values: Samples, icc: bytes | None) -> Floats:
    """Working values (N or Nx3) in the source's own space, 0 to 1, unclipped and unrounded."""
    space = space_of(icc, 1 if values.ndim == 1 else 3)
    if space.icc is None:
        return (values / np.float32(np.iinfo(values.dtype).max)).astype(np.float32)
    if values.ndim == 1:
        return _grey_tables(space.icc, values.dtype.str)[1][values]
    scaled = (values / np.float32(np.iinfo(values.dtype).max)).astype(np.float32)
    return _from_working(scaled, space.icc, 3)


def cmyk_to_srgb(ink: Samples, icc: bytes | None) -> tuple[Samples, list[str]]:
    """CMYK samples (HxWx4, full scale meaning full ink) in sRGB, and the review flags raised."""
    notes = [CMYK_CONVERTED]
    problem = "it has none" if icc is None else _header_problem(icc, 4)
    profile = icc
    if problem is None and icc is not None:
        try:
            _to_srgb(ink[:1, :1], icc, "cmyk")
        except (imagecodecs.CmsError, ValueError) as error:
            problem = str(error)
    if problem is not None:
        profile = cast(bytes, pyvips.Operation.call("profile_load", "cmyk"))
        notes.append(f"generic cmyk profile assumed: {problem}")
    return _striped(ink, (3,), lambda part: _to_srgb(part, cast(bytes, profile), "cmyk")), notes


def _header_problem(icc: bytes, channels: int) -> str | None:
    signature, name = _SPACES[channels]
    if len(icc) < 132 or icc[36:40] != b"acsp":
        return "it is no icc profile"
    if int.from_bytes(icc[:4], "big") > len(icc) + 3:
        return "it is cut off"
    if icc[16:20] != signature:
        return f"a profile for {icc[16:20].decode('latin-1').strip()!r} on {name} samples"
    return None


def _striped(
    samples: Samples, channels: tuple[int, ...], convert: Callable[[Samples], Samples]
) -> Samples:
    height, width = samples.shape[:2]
    result = np.empty((height, width, *channels), samples.dtype)
    rows = max(1, _STRIPE_PIXELS // max(1, width))

    def one(top: int) -> None:
        result[top : top + rows] = convert(samples[top : top + rows])

    with ThreadPoolExecutor(workers()) as pool:
        for _ in pool.map(one, range(0, height, rows)):
            pass
    return result


def _to_srgb(part: Samples, icc: bytes, space: str) -> Samples:
    # Eight-bit matrix profiles have an exact fast path in Little CMS: within one level.
    flags = _BLACK_POINT | (_EXACT if part.dtype == np.uint16 else 0)
    return cast(
        Samples,
        imagecodecs.cms_transform(
            np.ascontiguousarray(part),
            icc,
            srgb_profile(),
            colorspace=space,
            outcolorspace="rgb",
            intent=_RELATIVE,
            flags=flags,
        ),
    )


def _from_working(values: Floats, icc: bytes, channels: int) -> Floats:
    colors = np.repeat(values[:, None], 3, axis=1) if channels == 1 else values
    back = _transform(colors, srgb_profile(), icc, 3, channels)
    return back[:, 0] if back.ndim == 2 and channels == 1 else back


def _transform(values: Floats, icc: bytes, to: bytes, channels: int, out: int) -> Floats:
    if not len(values):
        return np.empty((0,) if out == 1 else (0, out), np.float32)
    shape = (1, len(values)) if channels == 1 else (1, len(values), channels)
    result: NDArray[Any] = imagecodecs.cms_transform(
        np.ascontiguousarray(values, np.float32).reshape(shape),
        icc,
        to,
        colorspace=_SPACES[channels][1],
        outcolorspace=_SPACES[out][1],
        intent=_RELATIVE,
        flags=_EXACT,
    )
    return cast(Floats, result.reshape(len(values)) if out == 1 else result.reshape(-1, out))


def _mean(rgb: Floats) -> Floats:
    return cast(Floats, rgb.mean(axis=1, dtype=np.float64).astype(np.float32))


def _grid(channels: int) -> Floats:
    if channels == 1:
        return np.linspace(0, 1, 256, dtype=np.float32)
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)


@lru_cache(maxsize=16)
def _grey_tables(icc: bytes, dtype: str) -> tuple[Samples, Floats]:
    """Both directions of a grey profile for every possible sample, to be indexed with it."""
    top = np.iinfo(dtype).max
    ramp = np.linspace(0, 1, top + 1, dtype=np.float32)
    there = _mean(_transform(ramp, icc, srgb_profile(), 1, 3))
    forward = np.rint(np.clip(there, 0, 1) * top).astype(dtype)
    return forward, _from_working(ramp, icc, 1)
