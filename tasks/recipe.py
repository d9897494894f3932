"""The recipe of a scan: everything that determines its derivatives, and what the user chose.

The digest covers stages, options, revisions and weights, never lanes, device or software
version. `requested` holds only the options chosen explicitly: a scan whose recipe differs
while the choices are the same differs by an upgrade's new defaults, and is restored again by
`--refresh` alone (DESIGN 3.2).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tasks.errors import UsageError
from tasks.records import STAGE_NAMES, StageName

Mode = Literal["repair", "revive"]
Colorize = Literal["auto", "always", "never"]
Faces = Literal["off", "detect", "enhance"]
Format = Literal["source", "tiff", "jpeg", "png", "webp", "jp2", "avif"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "mode": get_args(Mode),
    "colorize": get_args(Colorize),
    "faces": get_args(Faces),
    "format": get_args(Format),
}

_PAIRS = ("revisions", "weights", "face_weights", "detector_weights", "color_weights")
"""Fields that may be given as mappings."""


@dataclass(frozen=True)
class Recipe:
    """How one scan is restored.

    `revisions` maps stages to their revision, `weights` weight files to their sha256,
    `requested` the options that were chosen explicitly to their values. All may be given as
    mappings; they are kept as sorted pairs. `damage_model` and `face_model` are known by their
    revisions and weights; `strength` and `tone_strength` (0 to 1, None: the model's own) count in
    `revive` alone; `face_revision`, `face_weights` and `face_strength`, of the network that
    enhances faces, count in place of the stage's own where `faces` is enhance;
    `detector_revision` and `detector_weights`, of another face detector than the default, where
    faces are looked for; `color_revision` and `color_weights`, of the network that colorizes,
    with `render_factor`, `saturation` (None: the model's own) and `keep_uncertainty`, where
    `colorize` is not never. Raises UsageError for an unknown value.
    """

    stages: tuple[StageName, ...] = STAGE_NAMES
    mode: Mode = "repair"
    colorize: Colorize = "auto"
    faces: Faces = "enhance"
    format: Format = "source"
    keep_masks: bool = False
    skip_unchanged: bool = False
    damage_model: str = "auto"
    strength: float | None = None
    tone_strength: float | None = None
    face_detector: str = "auto"
    face_model: str = "auto"
    face_strength: float | None = None
    color_model: str = "auto"
    render_factor: int | None = None
    saturation: float | None = None
    keep_uncertainty: bool = False
    revisions: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    weights: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    face_revision: str | None = None
    face_weights: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    detector_revision: str | None = None
    detector_weights: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    color_revision: str | None = None
    color_weights: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    requested: Mapping[str, Any] | tuple[tuple[str, str], ...] = ()
    digest: str = field(init=False, compare=False)
    requested_json: str = field(init=False, compare=False)
    settings_json: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UsageError(f"{name} is one of {', '.join(known)}, not {getattr(self, name)}.")
        self._keep("stages", in_order(self.stages))
        for name in _PAIRS:
            self._keep(name, tuple(sorted(dict(getattr(self, name)).items())))
        chosen = self.requested
        if isinstance(chosen, Mapping):
            chosen = tuple(sorted((name, _canonical(value)) for name, value in chosen.items()))
        self._keep("requested", chosen)
        # Values are canonical JSON already, as pairs; this only joins them.
        joined = ",".join(f"{json.dumps(name)}:{value}" for name, value in chosen)
        self._keep("requested_json", f"{{{joined}}}")
        self._keep("settings_json", _canonical(self._settings()))
        self._keep("digest", hashlib.sha256(self.settings_json.encode()).hexdigest()[:32])

    @property
    def active_stages(self) -> tuple[StageName, ...]:
        """The stages this scan goes through, in order."""
        return tuple(s for s in self.stages if s != "faces" or self.faces != "off")

    @property
    def looks_for_faces(self) -> bool:
        """Whether faces are detected: the damage stage too is more careful inside them."""
        return self.faces != "off" and not {"damage", "faces"}.isdisjoint(self.stages)

    @property
    def may_colorize(self) -> bool:
        """Whether there is a network that colorizes the scan, if it is monochrome or toned."""
        asked = "color" in self.stages and self.colorize != "never"
        return asked and self.color_revision is not None

    @property
    def stage_options(self) -> dict[str, str]:
        """What the stages need to know of this scan in particular."""
        return {"mode": self.mode, "colorize": self.colorize, "faces": self.faces}

    def override(
        self,
        stages: Iterable[str] | None = None,
        colorize: str | None = None,
        faces: str | None = None,
    ) -> Recipe:
        """The recipe of a scan for which a list asks something else; None keeps what is here.

        What a list asks for counts as chosen explicitly.
        """
        asked: dict[str, Any] = {}
        if stages is not None:
            asked["stages"] = in_order(stages)
        if colorize is not None:
            asked["colorize"] = colorize
        if faces is not None:
            asked["faces"] = faces
        chosen = dict(self.requested) | {name: _canonical(v) for name, v in asked.items()}
        return dataclasses.replace(self, **asked, requested=tuple(sorted(chosen.items())))

    def _settings(self) -> dict[str, Any]:
        active = self.active_stages
        more: dict[str, float | str | bool | None] = {}
        if self.mode == "revive":
            more |= {"strength": self.strength, "tone_strength": self.tone_strength}
        revisions = {s: r for s, r in dict(self.revisions).items() if s in active}
        weights = dict(self.weights)
        if "faces" in active and self.faces == "enhance":
            more["face_strength"] = self.face_strength
            revisions |= {"faces": self.face_revision} if self.face_revision else {}
            weights |= dict(self.face_weights)
        if self.looks_for_faces:
            more["face_detector"] = self.detector_revision
            weights |= dict(self.detector_weights)
        if self.may_colorize:
            more |= {"render_factor": self.render_factor, "saturation": self.saturation}
            more["keep_uncertainty"] = self.keep_uncertainty or None
            revisions |= {"color": self.color_revision} if self.color_revision else {}
            weights |= dict(self.color_weights)
        return {
            "stages": active,
            "mode": self.mode,
            "colorize": self.colorize,
            "faces": self.faces,
            "format": self.format,
            "keep_masks": self.keep_masks,
            "skip_unchanged": self.skip_unchanged,
            "revisions": revisions,
            "weights": weights,
            # Only where they were chosen: what was restored before they existed stays done.
            **{name: value for name, value in more.items() if value is not None},
        }

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def in_order(stages: Iterable[str]) -> tuple[StageName, ...]:
    """Stage names once each, in the order of the pipeline. Raises UsageError for others."""
    wanted = tuple(stages)
    unknown = [name for name in wanted if name not in STAGE_NAMES]
    if unknown:
        raise UsageError(f"{unknown[0]!r} is no stage. The stages are {', '.join(STAGE_NAMES)}.")
    return tuple(name for name in STAGE_NAMES if name in wanted)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
