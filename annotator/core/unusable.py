"""A reader that cannot be used, in its place among those that can: it takes no file, and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.core.errors import BrokenPlugin
from annotator.core.identity import Pseudonymiser
from annotator.core.plugin_types import Reader, Recording


@dataclass(slots=True)
class UnusableReader:
    """Takes no file; ``error`` says why.

    Parameters
    ----------
    name
        Of the reader that it stands for.
    error
        What is wrong with that one.
    """

    name: str
    error: BrokenPlugin

    def recognises(self, path: Path) -> bool:
        """Never."""
        return False

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """Nothing.

        Raises
        ------
        BrokenPlugin
            Always: why it cannot be used.
        """
        raise self.error

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """Nothing.

        Raises
        ------
        BrokenPlugin
            Always: why it cannot be used.
        """
        raise self.error


def unusable(readers: Mapping[str, Reader]) -> tuple[BrokenPlugin, ...]:
    """What is wrong with each of some readers that cannot be used."""
    return tuple(reader.error for reader in readers.values() if isinstance(reader, UnusableReader))
