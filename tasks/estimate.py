"""How long a plan may take and how much it may write: measured where there is something to
measure, said to be assumed where there is not."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.done import Experience

_ASSUMED_SECONDS_PER_MIB = 0.7
_ASSUMED_OUTPUT_PER_BYTE = 1.1
_PREVIEW_BYTES = 200_000
_ENOUGH_SCANS = 20


@dataclass(frozen=True, slots=True)
class Estimate:
    """Wall-clock seconds, bytes to be written, and what both were derived from."""

    seconds: float
    output_bytes: int
    basis: str


def estimate(experience: Experience, scans: int, source_bytes: int, lanes: int) -> Estimate:
    """The estimate for so many scans of so many bytes together, on that many lanes.

    Seconds are those of all steps of a scan one after the other; a lane overlaps them, so the
    run is rather faster.
    """
    if experience.scans >= _ENOUGH_SCANS and experience.source_bytes:
        share = source_bytes / experience.source_bytes
        return Estimate(
            experience.seconds * share / lanes,
            round(experience.output_bytes * share),
            f"measured on {experience.scans} scans restored before",
        )
    seconds = source_bytes / (1 << 20) * _ASSUMED_SECONDS_PER_MIB / lanes
    return Estimate(
        seconds,
        round(source_bytes * _ASSUMED_OUTPUT_PER_BYTE) + scans * 2 * _PREVIEW_BYTES,
        f"assumed {_ASSUMED_SECONDS_PER_MIB} s for each MiB: fewer than {_ENOUGH_SCANS} scans "
        f"have been restored here yet; --sample restores a few first",
    )
