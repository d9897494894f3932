"""What can be wrong with weights; each message says what was wrong, where, and what to do."""

from __future__ import annotations


class WeightsError(ValueError):
    """Base of every error about weights. Its message is fit to be shown to the user."""


class WeightsMissing(WeightsError):
    """Weights that are asked for are not there, or no weights have that name."""


class WeightsMismatch(WeightsError):
    """A file holds other keys, shapes, kinds of numbers or bytes than it should."""


class WeightsTruncated(WeightsError):
    """A file is cut off or damaged, or is no checkpoint at all."""


class UnsafeWeights(WeightsError):
    """A file might do harm: a pickle with code in it, an archive with hostile names or sizes."""
