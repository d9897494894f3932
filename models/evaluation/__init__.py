"""How well the stages do, measured: indices, detectors, rows of the published tables."""
