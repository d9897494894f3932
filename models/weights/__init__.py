"""Weights: one table, safe loading, import of published files. Importing this is light.

Nothing is ever downloaded here, and nothing runs on weights that are missing, altered,
partly loaded or random: `load` raises instead.
"""

from models.weights.errors import (
    UnsafeWeights,
    WeightsError,
    WeightsMismatch,
    WeightsMissing,
    WeightsTruncated,
)
from models.weights.networks import build
from models.weights.row import WeightFile
from models.weights.store import export, load
from models.weights.table import WEIGHTS, location, sha256_of, weights_folder

__all__ = [
    "WEIGHTS",
    "UnsafeWeights",
    "WeightFile",
    "WeightsError",
    "WeightsMismatch",
    "WeightsMissing",
    "WeightsTruncated",
    "build",
    "export",
    "load",
    "location",
    "sha256_of",
    "weights_folder",
]
