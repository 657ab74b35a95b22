"""Recordings that have only some frames of a clip that is here, as of one that was damaged when it was exported."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from annotator.core.identity import Clip
from annotator.core.labels_document import likeness
from annotator.core.plugin_types import Recording


def whole_clip(clips: Iterable[Clip], recording: Recording) -> Clip | None:
    """The clip of which a recording has some frames, told by the pixels that its file says of the whole."""
    if recording.part is None:
        return None
    said = recording.part.whole
    same = [c for c in clips if c.pixels == said.pixels and c.header.n_frames == said.header.n_frames]
    return max(same, key=likeness(said), default=None)


def as_whole(recording: Recording) -> Recording:
    """What a recording says of its frames, under the numbers that these have in the whole clip; its frames are not.

    Raises
    ------
    BadInput
        Where its file is damaged.
    """
    if recording.part is None:
        return recording
    frames = recording.part.frames
    labels = {frames[i]: label for i, label in recording.labels.items()}
    provenance = {frames[i]: said for i, said in recording.provenance.items()}
    return replace(recording, warnings=(), labels=labels, provenance=provenance)
