"""A network of YuNet's inputs and outputs that answers to bright blobs, as an ONNX file.

The published file is not at hand in tests. This one has the same outputs (score, objectness, box
and five points on grids of 8, 16 and 32 pixels), so that OpenCV's own `FaceDetectorYN` reads and
runs it. ONNX is a protocol buffer; the few messages needed are written here by hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.weights import table
from models.weights.published import YUNET
from models.weights.row import WeightFile

BLOB, FACE = 64, 128
"""Pixels of a bright square that is answered, and of the face it is answered with."""

_SIDE = 640
_CELL = 32  # only the coarsest grid answers
_POINTS = ((-0.2, -0.2), (1.2, -0.2), (0.5, 0.8), (0.0, 1.5), (1.0, 1.5))
"""Eyes, nose and corners of the mouth, in cells from the corner of the middle one."""

_LARGER = float(np.log(FACE / _CELL))
_FLOAT, _INT64 = 1, 7  # of TensorProto
_INTS = 7  # of AttributeProto


def tiny_yunet() -> bytes:
    """The ONNX file."""
    nodes, tensors, outputs = [], [], []
    for stride in (8, 16, 32):
        cells = (_SIDE // stride) ** 2
        square = (stride, stride)
        pooled = f"means_{stride}"
        nodes.append(_node("AveragePool", ["input"], pooled, kernel_shape=square, strides=square))
        for name, bias in (
            ("cls", [0.0]),
            ("obj", [1.0]),
            ("bbox", [0.5, 0.5, _LARGER, _LARGER]),
            ("kps", [value for point in _POINTS for value in point]),
        ):
            out, channels = f"{name}_{stride}", len(bias)
            kernel = np.zeros((channels, 3, 5, 5), np.float32)
            if name == "cls" and stride == _CELL:  # a bright cell in dark surroundings
                kernel[:] = -2.4 / 24
                kernel[..., 2, 2] = 1.0
                kernel *= 1.4 / (3 * 255)
            tensors += [
                _tensor(f"{out}.weight", kernel),
                _tensor(f"{out}.bias", np.array(bias, np.float32)),
                _tensor(f"{out}.shape", np.array([1, cells, channels], np.int64)),
            ]
            given = [pooled, f"{out}.weight", f"{out}.bias"]
            nodes += [
                _node("Conv", given, f"{out}.grid", kernel_shape=(5, 5), pads=(2, 2, 2, 2)),
                _node("Transpose", [f"{out}.grid"], f"{out}.last", perm=(0, 2, 3, 1)),
                _node("Reshape", [f"{out}.last", f"{out}.shape"], out),
            ]
            outputs.append(_value(out, (1, cells, channels)))
    graph = b"".join(
        [
            *(_bytes(1, node) for node in nodes),
            _bytes(2, b"blobs"),
            *(_bytes(5, tensor) for tensor in tensors),
            _bytes(11, _value("input", (1, 3, _SIDE, _SIDE))),
            *(_bytes(12, output) for output in outputs),
        ]
    )
    return _number(1, 8) + _bytes(8, _bytes(1, b"") + _number(2, 13)) + _bytes(7, graph)


def blobs(height: int, width: int, places: Iterable[tuple[float, float, int]]) -> NDArray[np.uint8]:
    """A dark picture HxW with bright squares: middle x, middle y, edge."""
    picture = np.zeros((height, width), np.uint8)
    for x, y, edge in places:
        left, top = round(x - edge / 2), round(y - edge / 2)
        picture[top : top + edge, left : left + edge] = 255
    return picture


def tiny_row(held: bytes) -> WeightFile:
    """YuNet's row of the table, for the file `held`."""
    return replace(YUNET, size=len(held), sha256=hashlib.sha256(held).hexdigest())


def use_tiny_yunet(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """The tiny file under its published name, as the one the table knows; not yet imported."""
    held = tiny_yunet()
    rows = tuple(tiny_row(held) if row.name == YUNET.name else row for row in table.WEIGHTS)
    monkeypatch.setattr(table, "WEIGHTS", rows)
    monkeypatch.setenv("ALBUMEN_WEIGHTS", str(folder / "weights"))
    path = folder / str(YUNET.member)
    path.write_bytes(held)
    return path


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _tensor(name: str, values: NDArray[np.generic]) -> bytes:
    kind = _INT64 if values.dtype == np.int64 else _FLOAT
    dims = b"".join(_number(1, size) for size in values.shape)
    return dims + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, values.tobytes())


def _node(kind: str, inputs: Sequence[str], output: str, **attributes: tuple[int, ...]) -> bytes:
    made = b"".join(_bytes(1, name.encode()) for name in inputs)
    made += _bytes(2, output.encode()) + _bytes(3, output.encode()) + _bytes(4, kind.encode())
    for name, values in attributes.items():
        ints = b"".join(_number(8, value) for value in values)
        made += _bytes(5, _bytes(1, name.encode()) + ints + _number(20, _INTS))
    return made


def _value(name: str, shape: Sequence[int]) -> bytes:
    dims = b"".join(_bytes(1, _number(1, size)) for size in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, _FLOAT) + _bytes(2, dims)))
