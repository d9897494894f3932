"""Draws sampled stacks as an icicle: one SVG without scripts, a box for each function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from html import escape

_WIDTH, _ROW = 1200, 18
_LEAST = 3.0  # pixels of a box that is still drawn
_LETTER = 6.2
_COLORS = {
    "flows/": "#c9d7ea",
    "cluster/": "#cfe6d2",
    "tasks/": "#f4e1b8",
    "models/": "#efc7b8",
}


def draw(stacks: Mapping[tuple[str, ...], int], seconds: float) -> str:
    """`stacks` (outermost first) with their numbers of samples, each of so many `seconds`."""
    boxes: list[str] = []
    deepest = _row(stacks, 0, 0.0, _WIDTH / max(1, sum(stacks.values())), seconds, boxes)
    height = (deepest + 1) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'font-family="monospace" font-size="10">\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n' + "".join(boxes) + "</svg>\n"
    )


def _row(
    stacks: Mapping[tuple[str, ...], int],
    depth: int,
    left: float,
    scale: float,
    seconds: float,
    boxes: list[str],
) -> int:
    """Append the boxes at `depth` and below, those that take longest first; the last depth."""
    below: dict[str, Counter[tuple[str, ...]]] = {}
    for stack, samples in stacks.items():
        if stack:
            below.setdefault(stack[0], Counter())[stack[1:]] += samples
    deepest = depth
    for name, inner in sorted(below.items(), key=lambda item: -item[1].total()):
        width = inner.total() * scale
        if width < _LEAST:
            break
        boxes.append(_box(name, depth, left, width, inner.total() * seconds))
        deepest = max(deepest, _row(inner, depth + 1, left, scale, seconds, boxes))
        left += width
    return deepest


def _box(name: str, depth: int, left: float, width: float, seconds: float) -> str:
    color = next((c for start, c in _COLORS.items() if name.startswith(start)), "#e4e4e4")
    y = depth * _ROW
    text = f"{name} {seconds:.1f} s"
    shown = text[: int((width - 4) / _LETTER)] if width > 30 else ""
    return (
        f'<g><title>{escape(text)}</title><rect x="{left:.1f}" y="{y}" width="{width - 0.5:.1f}" '
        f'height="{_ROW - 1}" fill="{color}"/>'
        f'<text x="{left + 2:.1f}" y="{y + 12}">{escape(shown)}</text></g>\n'
    )
