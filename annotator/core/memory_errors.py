"""Memory that ran short, told by what an exception says: torch raises one kind for this and for much else."""

from __future__ import annotations

from typing import Final

_SIGNS: Final = ("out of memory", "can't allocate memory", "not enough memory", "_alloc_failed")
"""Of a GPU, of the machine, of the machine under Windows, and of the libraries on a GPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that a device, or the machine, has no memory left."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in _SIGNS)
