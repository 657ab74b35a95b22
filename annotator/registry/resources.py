"""Where the files of ``resources/`` are, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

import annotator
from annotator.core.errors import AnnotatorError


def resource(relative: str) -> Path:
    """Path of a shipped resource.

    Parameters
    ----------
    relative
        Path below ``resources/``, such as ``"recipes/default.toml"``.

    Raises
    ------
    AnnotatorError
        Where the installation lacks it.
    """
    package = Path(annotator.__file__).parent
    for root in (package / "_resources", package.parent / "resources"):
        if (root / relative).exists():
            return root / relative
    raise AnnotatorError(f"The installation lacks its file '{relative}'; install the application again.")
