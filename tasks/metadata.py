"""Embedded metadata of derivatives: the source's, carried over, and what was done to it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from tasks import exif as exif_blocks
from tasks.jpeg_segments import PAYLOAD_LIMIT
from tasks.profiles import CMYK_CONVERTED, srgb_profile
from tasks.records import Embedded, Photograph, Samples
from tasks.xmp import Packet

SourceType = Literal["algorithmicallyEnhanced", "compositeWithTrainedAlgorithmicMedia"]

INVENTED = "Colours are invented by software, not recorded by the photograph."
"""What a colorized picture says of itself, after its own description and in its history."""

_COLOR = "color"  # the stage that invents them

_VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# The most generative step wins, also over what the source already says of itself.
_GENERATIVE = (
    "algorithmicallyEnhanced",
    "compositeSynthetic",
    "compositeWithTrainedAlgorithmicMedia",
    "algorithmicMedia",
    "trainedAlgorithmicMedia",
)
_NAMESPACE = uuid.UUID("6f5cb0c2-8d0f-5b0a-9c55-0b1f0a6b7f3e")


@dataclass(frozen=True, slots=True)
class History:
    """The processing history that goes into a derivative.

    `steps` are (stage, revision, weights) of the stages that changed a pixel; weights map a
    file's name to its sha256. `source_type` is a term of IPTC's digital source types, None
    where no pixel changed.
    """

    software: str
    version: str
    steps: Sequence[tuple[str, str, Mapping[str, str]]]
    when: datetime
    source_sha256: str
    source_type: SourceType | None

    @property
    def agent(self) -> str:
        """The software with its version."""
        return f"{self.software} {self.version}".strip()

    @property
    def parameters(self) -> str:
        """The stages, their revisions and weights, and the source, in one line."""
        words = []
        for stage, revision, weights in self.steps:
            named = ", ".join(f"{name} sha256:{digest}" for name, digest in sorted(weights.items()))
            words.append(f"{stage} {revision}" + (f" ({named})" if named else ""))
        if self.invents_color:
            words.append(INVENTED.rstrip("."))
        return "; ".join([*words, f"source sha256:{self.source_sha256}"])

    @property
    def invents_color(self) -> bool:
        """Whether the derivative is a colorized one."""
        return any(stage == _COLOR for stage, _, _ in self.steps)


def review_notes(embedded: Embedded) -> list[str]:
    """Review flags for blocks that cannot be carried over as they are."""
    notes = []
    if embedded.xmp is not None:
        try:
            Packet(embedded.xmp)
        except ValueError as error:
            notes.append(f"xmp replaced: {error}")
    if embedded.exif is not None:
        try:
            exif_blocks.neutralised(embedded.exif, 1, 1)
        except ValueError as error:
            notes.append(f"exif left out: {error}")
        if len(embedded.exif) + 6 > PAYLOAD_LIMIT:
            notes.append("exif of more than 64 KB: left out of a JPEG derivative")
    return notes


def for_derivative(photograph: Photograph, samples: Samples, history: History) -> Embedded:
    """The blocks that a derivative of `photograph` showing `samples` (HxW or HxWx3) carries.

    Orientation is written as 1 everywhere, pixel sizes are true, thumbnails are gone. The ICC
    profile is the source's own, or sRGB where the samples were brought to sRGB: converted
    from CMYK, or colorized from grey.
    """
    source = photograph.embedded
    height, width = samples.shape[:2]
    to_srgb = CMYK_CONVERTED in photograph.notes or samples.ndim > photograph.samples.ndim
    return replace(
        source,
        icc=srgb_profile() if to_srgb else source.icc,
        exif=_exif(source, width, height),
        xmp=extended_xmp(source.xmp, history, width, height),
    )


def extended_xmp(source: bytes | None, history: History, width: int, height: int) -> bytes:
    """The source's packet with this processing written into it; a new one if it is broken."""
    try:
        packet = Packet(source)
    except ValueError:
        packet = Packet()
    when = history.when.isoformat(timespec="seconds")
    if packet.get("tiff", "Orientation") is not None:
        packet.set("tiff", "Orientation", "1")
    for prefix, name, value in (
        ("tiff", "ImageWidth", width),
        ("tiff", "ImageLength", height),
        ("exif", "PixelXDimension", width),
        ("exif", "PixelYDimension", height),
    ):
        if packet.get(prefix, name) is not None:
            packet.set(prefix, name, str(value))
    packet.remove("xmp", "Thumbnails")
    if history.invents_color:
        packet.append_text("dc", "description", INVENTED)
    _set_source_type(packet, history)
    _set_identity(packet, history, when)
    packet.set("xmp", "MetadataDate", when)
    return packet.to_bytes()


def _set_source_type(packet: Packet, history: History) -> None:
    if history.source_type is None:
        return
    said = (packet.get("Iptc4xmpExt", "DigitalSourceType") or "").rpartition("/")[2]
    rank = {name: number for number, name in enumerate(_GENERATIVE)}
    if rank.get(said, -1) <= rank[history.source_type]:
        packet.set("Iptc4xmpExt", "DigitalSourceType", _VOCABULARY + history.source_type)
    if history.source_type == "compositeWithTrainedAlgorithmicMedia":
        learned = [f"{stage} {revision}" for stage, revision, weights in history.steps if weights]
        packet.set("Iptc4xmpExt", "AISystemUsed", history.software)
        packet.set(
            "Iptc4xmpExt",
            "AISystemVersionUsed",
            history.version + (f" ({'; '.join(learned)})" if learned else ""),
        )


def _set_identity(packet: Packet, history: History, when: str) -> None:
    """A new document derived from the old one, by the rules of ISO 16684-2 section 8."""
    previous = {
        f"stRef:{field}": value
        for field, name in (("documentID", "DocumentID"), ("instanceID", "InstanceID"))
        if (value := packet.get("xmpMM", name))
    }
    seed = f"{history.agent}\n{when}\n{history.parameters}".encode(errors="replace").decode()
    document = f"xmp.did:{uuid.uuid5(_NAMESPACE, seed)}"
    instance = f"xmp.iid:{uuid.uuid5(_NAMESPACE, seed + '/instance')}"
    if packet.get("xmpMM", "OriginalDocumentID") is None and "stRef:documentID" in previous:
        packet.set("xmpMM", "OriginalDocumentID", previous["stRef:documentID"])
    previous.setdefault("stRef:documentID", f"urn:sha256:{history.source_sha256}")
    packet.set_structure("xmpMM", "DerivedFrom", previous)
    packet.set("xmpMM", "DocumentID", document)
    packet.set("xmpMM", "InstanceID", instance)
    packet.set("albumen", "SourceSHA256", history.source_sha256)
    packet.append_event(
        {
            "stEvt:action": "edited",
            "stEvt:when": when,
            "stEvt:softwareAgent": history.agent,
            "stEvt:instanceID": instance,
            "stEvt:changed": "/",
            "stEvt:parameters": history.parameters,
        }
    )


def _exif(source: Embedded, width: int, height: int) -> bytes | None:
    if source.exif is not None:
        try:
            return exif_blocks.neutralised(source.exif, width, height)
        except ValueError:
            # A block nobody can vouch for might turn the picture again: review_notes says so.
            return None
    return None
