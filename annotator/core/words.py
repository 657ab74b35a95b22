"""Numbers in sentences."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """``"1 clip"``, ``"2 clips"``, ``"12,034 frames"``; ``what`` takes an s."""
    return f"{count:,} {what}{'s' if count != 1 else ''}"
