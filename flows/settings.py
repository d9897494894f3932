"""What a user can ask of a restoration, validated in one place for command line and flow."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from flows.until import Until
from tasks.errors import UsageError
from tasks.records import STAGE_NAMES, StageName
from tasks.share import Share
from tasks.storage import Location

PIXEL_OPTIONS = (
    "stages",
    "mode",
    "damage_model",
    "strength",
    "tone_strength",
    "colorize",
    "faces",
    "face_detector",
    "face_model",
    "face_strength",
    "color_model",
    "render_factor",
    "saturation",
    "keep_uncertainty",
    "format",
    "keep_masks",
    "skip_unchanged",
)
"""The settings that decide what a derivative looks like, or whether it is there: the recipe."""


DamageModel = Literal[
    "auto",
    "classical",
    "direct",
    "latent",
    "published-quality",
    "published-scratch",
    "published-hr",
]
"""Networks of the damage stage; the same names as `models.damage.choices`, which a test holds
them to."""


FaceDetector = Literal["auto", "dlib", "yunet"]
"""Detectors of faces; the same names as `models.faces.detectors`, which a test holds them to."""


FaceModel = Literal["auto", "direct", "published-256", "published-512"]
"""Networks of the face stage; the same names as `models.faces.choices`, which a test holds them
to."""


ColorModel = Literal["auto", "lite", "published-artistic", "published-stable", "published-video"]
"""Networks of the colour stage; the same names as `models.color.choices`, which a test holds them
to."""


class RestoreSettings(BaseModel):
    """One restoration of one collection.

    Which of `PIXEL_OPTIONS` were given, not only their values, matters: what the user never
    asked for may change with an upgrade, and then restores nothing by itself (DESIGN 3.2).
    Storage options may hold secrets and are never shown or recorded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    destination: str
    stages: tuple[StageName, ...] = STAGE_NAMES
    mode: Literal["repair", "revive"] = "repair"
    damage_model: DamageModel = "auto"
    strength: float | None = Field(None, ge=0, le=1)
    tone_strength: float | None = Field(None, ge=0, le=1)
    colorize: Literal["auto", "always", "never"] = "auto"
    faces: Literal["off", "detect", "enhance"] = "enhance"
    face_detector: FaceDetector = "auto"
    face_model: FaceModel = "auto"
    face_strength: float | None = Field(None, ge=0, le=1)
    color_model: ColorModel = "auto"
    render_factor: int | None = Field(None, ge=4, le=64)
    saturation: float | None = Field(None, ge=0, le=2)
    keep_uncertainty: bool = False
    format: Literal["source", "tiff", "jpeg", "png", "webp", "jp2", "avif"] = "source"
    keep_masks: bool = False
    skip_unchanged: bool = False
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    list_file: str | None = None
    limit: int | None = Field(None, ge=1)
    sample: int | None = Field(None, ge=1)
    refresh: bool = False
    retry_failed: bool = False
    partition_bytes: int = Field(4 << 30, ge=1)
    partition_scans: int = Field(200, ge=1, le=1000)
    lanes: int | None = Field(None, ge=1)
    gpus_per_lane: float | None = Field(None, ge=0)
    lanes_per_gpu: int | None = Field(None, ge=1, le=16)
    gpus_per_stage: dict[StageName, Annotated[float, Field(ge=0, le=1)]] = {}
    actors: dict[StageName, Annotated[int, Field(ge=1, le=8)]] = {}
    io_nodes: str | None = Field(None, min_length=1)
    wait_for_nodes: float | None = Field(None, ge=0)
    ray_address: str | None = None
    object_store_bytes: int | None = Field(None, ge=78_643_200)
    step_seconds: float = Field(900, gt=0)
    max_failed: int | None = Field(None, ge=0)
    until: str | None = None
    verify_source: str | None = None
    restore_withdrawn: bool = False
    notify: str | None = None
    storage_options: dict[str, SecretStr] = {}

    @field_validator("stages")
    @classmethod
    def _in_order(cls, stages: tuple[StageName, ...]) -> tuple[StageName, ...]:
        return tuple(stage for stage in STAGE_NAMES if stage in stages)

    @field_validator("until")
    @classmethod
    def _is_moment(cls, until: str | None) -> str | None:
        if until is not None:
            Until.parse(until)
        return until

    @field_validator("verify_source")
    @classmethod
    def _is_share(cls, share: str | None) -> str | None:
        if share is not None:
            Share.parse(share)
        return share

    def locations(self) -> tuple[Location, Location]:
        """Source and destination with the storage options they need."""
        options = {key: value.get_secret_value() for key, value in self.storage_options.items()}
        return Location.parse(self.source, options), Location.parse(self.destination, options)

    def requested(self) -> dict[str, Any]:
        """The pixel options that were chosen, rather than left to the defaults."""
        return {
            name: getattr(self, name) for name in PIXEL_OPTIONS if name in self.model_fields_set
        }


def parse_stages(text: str) -> tuple[str, ...]:
    """Comma-separated stage names. Raises UsageError for a name that is none."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in STAGE_NAMES]
    if unknown or not names:
        raise UsageError(
            f"--stages wants some of {','.join(STAGE_NAMES)}; "
            + (f"{unknown[0]!r} is none of them." if unknown else "none was given.")
        )
    return names


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_UNITS = {"ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40}


def parse_bytes(option: str, text: str) -> int:
    """`500MB`, `4GiB` or plain bytes as a number. Raises UsageError for anything else."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?)?b?\s*", text.lower())
    if match is None:
        raise UsageError(f"{option} wants a size such as 500MB or 4GiB, not {text!r}.")
    number, unit = match.groups()
    return int(float(number) * (_UNITS | _BINARY_UNITS)[unit or ""])
