"""End-diastole and end-systole from the ``Info_*.cfg`` that public echo sets keep beside their images."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_LINE = re.compile(r"^\s*(ED|ES|NbFrame)\s*:\s*(\d{1,6})\s*$", re.MULTILINE)


def phase_marks(path: Path, n_frames: int) -> Mapping[str, tuple[int, ...]]:
    """Frame marks of a clip, counted from 0; empty where no side file speaks of a clip of this length.

    Only the three frame numbers are read: the files also hold the patient's age and sex.

    Parameters
    ----------
    path
        The image file; ``<patient>_4CH_sequence.nii.gz`` looks for ``Info_4CH.cfg`` in its folder.
    n_frames
        Frames in the clip.
    """
    words = path.name.split(".", 1)[0].split("_")
    if n_frames == 1:
        return {f"{word.lower()}_frames": (0,) for word in words[-1:] if word in ("ED", "ES")}
    for word in words:
        side = path.with_name(f"Info_{word}.cfg")
        try:
            text = side.read_text(encoding="utf-8", errors="replace") if side.is_file() else ""
        except OSError:
            continue
        found = {key: int(value) for key, value in _LINE.findall(text)}
        if found.get("NbFrame") == n_frames and all(1 <= v <= n_frames for v in found.values()):
            return {f"{key.lower()}_frames": (found[key] - 1,) for key in ("ED", "ES") if key in found}
    return {}
