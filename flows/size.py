"""Numbers of bytes in words."""

from __future__ import annotations


def size_in_words(size: int) -> str:
    """`12.3 MB`, in powers of 1000."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
