"""Weights published by the authors of the methods: imported by the user, never shipped.

"Bringing Old Photos Back to Life" (Wan et al., CVPR 2020), release v1.0 of its code. Its
authors publish no hashes; the one given here is what independent copies of the file agree on.
The archive's own is not known, so a download is held to its length, the checksums inside the
zip, and the keys and shapes of every network.

DeOldify (Antic): its README links the three generators. Sizes and hashes are again what
independent copies agree on.

YuNet (Wu, Peng, Yu 2023): a face detector in OpenCV's own collection of models, an ONNX file that
OpenCV runs and Albumen keeps as it is. Size and hash: as above.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.weights.row import Setting, WeightFile

GLOBAL_CHECKPOINTS = (
    "https://github.com/microsoft/Bringing-Old-Photos-Back-to-Life/releases/download/v1.0/"
    "global_checkpoints.zip"
)
FACE_CHECKPOINTS = GLOBAL_CHECKPOINTS.replace("global_", "face_")
_SOURCE = "github.com/microsoft/Bringing-Old-Photos-Back-to-Life, release v1.0"
_VAE: Mapping[str, Setting] = {"width": 64, "norm": "instance"}
_MAPPING: Mapping[str, Setting] = {"latent": 64, "width": 512, "norm": "instance"}
_CHAIN: Mapping[str, Setting] = {**_MAPPING, "blocks": 6}


def _bopbl(
    name: str,
    network: str,
    settings: Mapping[str, Setting],
    parameters: int,
    member: str,
    sub_key: str | None = None,
    sha256: str | None = None,
) -> WeightFile:
    return WeightFile(
        name=f"bopbl_{name}",
        stage="damage",
        network=network,
        settings=settings,
        parameters=parameters,
        licence="MIT",
        source=_SOURCE,
        embedded=False,
        sha256=sha256,
        url=GLOBAL_CHECKPOINTS,
        member=member,
        sub_key=sub_key,
    )


def _face(side: int, member: str) -> WeightFile:
    """A face generator; those of 256 and of 512 pixels are one layout."""
    return WeightFile(
        name=f"bopbl_face_{side}",
        stage="faces",
        network="SpadeGenerator",
        settings={"width": 64, "hidden": 128, "norm": "batch", "side": side},
        parameters=92_059_587,
        licence="MIT",
        source=_SOURCE,
        embedded=False,
        url=FACE_CHECKPOINTS,
        member=member,
    )


_DEOLDIFY = "github.com/jantic/DeOldify, completed generator weights"
_ARTISTIC: Mapping[str, Setting] = {"encoder": "resnet34", "decoder": "deep", "growth": 1.5}
_STABLE: Mapping[str, Setting] = {"encoder": "resnet101", "decoder": "wide", "width": 512}


def _deoldify(
    name: str,
    settings: Mapping[str, Setting],
    parameters: int,
    folder: str,
    size: int,
    sha256: str,
) -> WeightFile:
    """A generator of DeOldify; those for pictures (`stable`) and films are one layout."""
    member = f"Colorize{name.capitalize()}_gen.pth"
    return WeightFile(
        name=f"deoldify_{name}",
        stage="color",
        network="ColorUNet",
        settings=settings,
        parameters=parameters,
        licence="MIT",
        source=_DEOLDIFY,
        embedded=False,
        size=size,
        sha256=sha256,
        url=f"{folder}/{member}{'?dl=1' if 'dropbox' in folder else ''}",
        member=member,
        sub_key="model",  # where training code saved its optimizer too; else the file is bare
    )


PUBLISHED: tuple[WeightFile, ...] = (
    _bopbl(
        "scratch_detection",
        "ScratchUNet",
        {"width": 64, "depth": 4},
        37_626_177,
        "FT_Epoch_latest.pt",
        sub_key="model_state",
        sha256="b2d7ab04e9b3885c6b1991bb7a0b823129dd6e3ac078a9fd059ebd2a7ba59a95",
    ),
    _bopbl("vae_a_quality", "Autoencoder", _VAE, 872_131, "VAE_A_quality/latest_net_G.pth"),
    _bopbl("vae_b_quality", "Autoencoder", _VAE, 872_131, "VAE_B_quality/latest_net_G.pth"),
    _bopbl("vae_b_scratch", "Autoencoder", _VAE, 872_131, "VAE_B_scratch/latest_net_G.pth"),
    _bopbl(
        "mapping_quality",
        "QualityMapping",
        _CHAIN,
        36_135_232,
        "mapping_quality/latest_net_mapping_net.pth",
    ),
    _bopbl(
        "mapping_scratch",
        "ScratchMapping",
        _CHAIN,
        51_344_704,
        "mapping_scratch/latest_net_mapping_net.pth",
    ),
    _bopbl(
        "mapping_patch_attention",
        "PatchMapping",
        _MAPPING,
        73_904_448,
        "mapping_Patch_Attention/latest_net_mapping_net.pth",
    ),
    _face(256, "Setting_9_epoch_100/latest_net_G.pth"),
    _face(512, "FaceSR_512/latest_net_G.pth"),
    _deoldify(
        "artistic",
        _ARTISTIC,
        63_646_881,
        "https://data.deepai.org/deoldify",
        255_144_681,
        "3f750246fa220529323b85a8905f9b49c0e5d427099185334d048fb5b5e22477",
    ),
    _deoldify(
        "stable",
        _STABLE,
        218_222_197,
        "https://www.dropbox.com/s/usf7uifrctqw9rl",
        874_066_230,
        "ca9cd7f43fb8b222c9a70f7b292e305a000694b0ff9d2ae4a6747b1a2e1ee5af",
    ),
    _deoldify(
        "video",
        _STABLE,
        218_222_197,
        "https://data.deepai.org/deoldify",
        874_066_230,
        "e3d98bb6a222354c79f95485c2f078a89dc724e9183662506d9e0f5aafac83ad",
    ),
)

YUNET = WeightFile(
    name="opencv_yunet",
    stage="faces",
    network="FaceDetectorYN",
    settings={},
    parameters=54_608,
    licence="MIT",
    source="github.com/opencv/opencv_zoo, models/face_detection_yunet",
    embedded=False,
    size=232_589,
    sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2023mar.onnx",
    member="face_detection_yunet_2023mar.onnx",
    form="onnx",
)

KEPT: tuple[WeightFile, ...] = (YUNET,)
"""Published files that are not converted: whoever runs them reads them as they are."""
