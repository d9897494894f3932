"""The options of the command line that are for one stage: its network, and how far it may go."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from flows.settings import ColorModel, DamageModel, FaceDetector, FaceModel

_HOW = "How to restore"

DamageModelName = Annotated[
    DamageModel | None,
    typer.Option(
        "--damage-model",
        help="Networks of the damage stage: 'auto' the embedded default, 'direct' and 'latent' "
        "embedded ones, 'classical' none at all, 'published-...' the authors' weights, once "
        "they are imported with 'albumen weights import'.",
        show_default="auto",
        rich_help_panel=_HOW,
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        help="With 'revive': how much of the correction of noise and blur is applied, 0 to 1.",
        show_default="the model's own",
        rich_help_panel=_HOW,
    ),
]
ToneStrength = Annotated[
    float | None,
    typer.Option(
        help="With 'revive': how much of the correction of fading and color casts, 0 to 1.",
        show_default="1",
        rich_help_panel=_HOW,
    ),
]
Colorize = Annotated[
    Literal["auto", "always", "never"] | None,
    typer.Option(
        help="'auto' colorizes what is monochrome or toned, never what is in color; a colorized "
        "picture lies beside the restored one, under colorized/.",
        show_default="auto",
        rich_help_panel=_HOW,
    ),
]
ColorModelName = Annotated[
    ColorModel | None,
    typer.Option(
        "--color-model",
        help="Network that colorizes: 'auto' the embedded default, 'lite' the embedded one, "
        "'published-...' DeOldify's generators, once they are imported with 'albumen weights "
        "import'.",
        show_default="auto",
        rich_help_panel=_HOW,
    ),
]
RenderFactor = Annotated[
    int | None,
    typer.Option(
        help="How finely colors are drawn: 16 pixels of a square's side each, 4 to 64. More is "
        "slower, and not always better: fine details, paler colors.",
        show_default="chosen from the scan",
        rich_help_panel=_HOW,
    ),
]
Saturation = Annotated[
    float | None,
    typer.Option(
        help="What invented colors are multiplied with, 0 to 2.",
        show_default="the model's own",
        rich_help_panel=_HOW,
    ),
]
KeepUncertainty = Annotated[
    bool,
    typer.Option(
        "--keep-uncertainty",
        help="Keep a map of how unsure the network is of its colors under uncertainty/.",
        rich_help_panel=_HOW,
    ),
]
Faces = Annotated[
    Literal["off", "detect", "enhance"] | None,
    typer.Option(
        help="'enhance' faces as far as they stay the same person's, only 'detect' them (boxes "
        "in the manifest), or 'off'.",
        show_default="enhance",
        rich_help_panel=_HOW,
    ),
]
FaceDetectorName = Annotated[
    FaceDetector | None,
    typer.Option(
        "--face-detector",
        help="What finds faces: 'auto' the default, 'dlib' the one that comes with Albumen, "
        "'yunet' OpenCV's, once its file is imported with 'albumen weights import'.",
        show_default="auto",
        rich_help_panel=_HOW,
    ),
]
FaceModelName = Annotated[
    FaceModel | None,
    typer.Option(
        "--face-model",
        help="Network that enhances faces: 'auto' the embedded default, 'direct' the embedded "
        "one, 'published-...' the authors' generators of 256 or 512 pixels, once they are "
        "imported with 'albumen weights import'.",
        show_default="auto",
        rich_help_panel=_HOW,
    ),
]
FaceStrength = Annotated[
    float | None,
    typer.Option(
        help="How strongly faces are enhanced, 0 to 1: at most, for a small face and one that "
        "the identity guard refuses are enhanced less or not at all.",
        show_default="1",
        rich_help_panel=_HOW,
    ),
]
