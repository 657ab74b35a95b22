"""What a plugin's own exception says, in a clause that its author can act on."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

_HERE: Final = str(Path(__file__).parents[1])


def blame(error: BaseException) -> str:
    """``"failed (KeyError: 'x', in module.py at line 3)"``: the kind of error, its words and where it arose."""
    words = " ".join(str(error).split())
    said = f"{type(error).__name__}: {words}" if words else type(error).__name__
    # Frames of the import machinery have no file, and those of this program are not the plugin's.
    places = [p for p in traceback.extract_tb(error.__traceback__) if not p.filename.startswith((_HERE, "<"))]
    place = f", in {Path(places[-1].filename).name} at line {places[-1].lineno}" if places else ""
    return f"failed ({said}{place})"
