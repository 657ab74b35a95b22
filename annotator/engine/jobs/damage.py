"""Frames of a project that cannot be read: left out and named, where that is meant."""

from __future__ import annotations

from annotator.core.errors import CorruptProject
from annotator.core.identity import FrameKey
from annotator.core.plugin_types import Frame
from annotator.core.words import counted
from annotator.project import Project


class SoundFrames:
    """The frames of a project that can be read.

    Parameters
    ----------
    project
        Whose they are.
    skip_damaged
        Leave damaged ones out, unless all are.
    """

    def __init__(self, project: Project, *, skip_damaged: bool) -> None:
        self._project, self._skip_damaged = project, skip_damaged
        self._damaged: dict[str, list[CorruptProject]] = {}
        self._count = 0

    def __len__(self) -> int:
        """How many were read."""
        return self._count

    def read(self, key: FrameKey) -> Frame | None:
        """(H, W) or (H, W, 3) uint8; ``None`` where the frame is damaged and left out.

        Raises
        ------
        CorruptProject
            Where it is damaged and must not be left out.
        """
        try:
            frame = self._project.read_frame(key)
        except CorruptProject as error:
            if not self._skip_damaged:
                raise
            self._damaged.setdefault(key.clip, []).append(error)
            return None
        self._count += 1
        return frame

    def left_out(self) -> tuple[str, ...]:
        """A sentence on each clip of which frames were left out.

        Raises
        ------
        CorruptProject
            Where not one frame was sound.
        """
        clips = self._damaged.values()
        if clips and not self._count:
            raise next(iter(clips))[0]
        return tuple(f"Left out {counted(len(errors), 'frame')}. {errors[0]}" for errors in clips)
