"""How much of a collection is looked at again: `1%` or `200`."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.errors import UsageError


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a collection a run looks at: a share of it, or a number of scans."""

    fraction: float | None = None
    scans: int | None = None

    @staticmethod
    def parse(text: str) -> Share:
        """`1%`, `0.5%` or `200`. Raises UsageError."""
        try:
            if text.strip().endswith("%"):
                fraction = float(text.strip()[:-1]) / 100
                if 0 < fraction <= 1:
                    return Share(fraction=fraction)
            elif int(text) > 0:
                return Share(scans=int(text))
        except ValueError:
            pass
        raise UsageError(
            f"--verify-source wants a share or a number of scans, such as 1% or 200, not {text!r}."
        )

    def of(self, total: int) -> int:
        """How many of `total` scans, at least one."""
        count = self.scans if self.fraction is None else round(self.fraction * total)
        return min(total, max(1, count or 0))
