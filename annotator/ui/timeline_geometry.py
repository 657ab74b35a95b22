"""Where the timeline's cells, marks and axis are: pure arithmetic between frames and pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

HEADER: Final = 16
"""Height of the strip with the ED and ES marks, in pixels."""
AXIS: Final = 22
"""Height of the time axis, in pixels."""
ROW_GAP: Final = 2
"""Between two rows, in pixels."""
MAX_ROW: Final = 26
"""Rows do not grow beyond this height, in pixels."""
MARK: Final = 3
"""Least width at which what a person said of a frame is found at a glance, in pixels."""
_NICE: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Geometry:
    """Layout of one timeline.

    Parameters
    ----------
    left, width
        Start and width of the cells, in device-independent pixels.
    height
        Height of the whole canvas.
    n_frames, n_rows
        Frames of the clip and structures.
    """

    left: int
    width: int
    height: int
    n_frames: int
    n_rows: int

    @property
    def row_height(self) -> int:
        """Height of one cell, in pixels, at least 6."""
        room = (self.height - HEADER - AXIS) // max(1, self.n_rows) - ROW_GAP
        return max(6, min(MAX_ROW, room))

    @property
    def rows_bottom(self) -> int:
        """Lower edge of the last row."""
        return HEADER + self.n_rows * (self.row_height + ROW_GAP)

    def frame_left(self, frame: int) -> int:
        """Left edge of a frame's cell."""
        return self.left + frame * self.width // max(1, self.n_frames)

    def frame_width(self, frame: int) -> int:
        """Width of a frame's cell, at least one pixel; a gap of one is left where there is room."""
        room = self.frame_left(frame + 1) - self.frame_left(frame)
        return max(1, room - 1 if room >= 5 else room)

    @property
    def is_crowded(self) -> bool:
        """Whether cells are too narrow to be found, or share a pixel."""
        return self.width < MARK * self.n_frames

    def mark(self, frame: int) -> tuple[int, int]:
        """Left edge and width of what stands for a frame that must be found; it may lie over the frames beside it."""
        left, width = self.frame_left(frame), self.frame_width(frame)
        if width >= MARK:
            return left, width
        return max(self.left, min(left - (MARK - width) // 2, self.left + self.width - MARK)), MARK

    def marks_at(self, x: float) -> range:
        """The frames whose marks cover a horizontal position."""
        first, last = self.frame_at(x - MARK), self.frame_at(x + MARK)
        covering = [f for f in range(first, last + 1) if self.mark(f)[0] <= x < sum(self.mark(f))]
        return range(covering[0], covering[-1] + 1) if covering else range(0)

    def row_top(self, row: int) -> int:
        """Upper edge of a row."""
        return HEADER + row * (self.row_height + ROW_GAP)

    def frame_at(self, x: float) -> int:
        """The frame under a horizontal position, clamped to the clip."""
        frame = int((x - self.left) * self.n_frames // max(1, self.width))
        # frame_left rounds down, so the division may name the neighbour at an edge.
        if frame + 1 < self.n_frames and x >= self.frame_left(frame + 1):
            frame += 1
        return max(0, min(self.n_frames - 1, frame))

    def row_at(self, y: float) -> int | None:
        """The row under a vertical position, ``None`` between and beyond the rows."""
        row = int((y - HEADER) // (self.row_height + ROW_GAP))
        return row if y >= HEADER and 0 <= row < self.n_rows else None


def side_by_side(middles: Sequence[int], width: int, end: int) -> list[int | None]:
    """Left edges of labels that do not lie on each other, each over its mark or beside the label next to it.

    Parameters
    ----------
    middles
        Of the marks, ascending, in pixels.
    width
        Of a label, in pixels.
    end
        Where the room for labels ends, in pixels.

    Returns
    -------
    list of int or None
        One for each mark; ``None`` where its label would be farther away than 1.5 of its width, and so name another.
    """
    best = [middle - width // 2 for middle in middles]
    free, lefts = best[0] if best else 0, list[int | None]()
    for place in best:
        left = max(place, free)
        lefts.append(left if left - place <= 1.5 * width else None)
        free = left + width if lefts[-1] is not None else free
    for i in reversed(range(len(best))):
        at = lefts[i]
        if at is not None:
            left = min(at, end - width)
            lefts[i] = left if best[i] - left <= 1.5 * width else None
            end = left if lefts[i] is not None else end
    return lefts


def tick_step(span: float, room: float) -> float:
    """Distance of the ticks of an axis, in its own unit.

    Parameters
    ----------
    span
        Length of the axis in its unit.
    room
        How many ticks fit.

    Returns
    -------
    float
        The smallest of 1, 2, 5, 10, 20, ... that gives at most ``room`` ticks.
    """
    step = 1.0
    while True:
        for factor in _NICE:
            if span / (step * factor) <= max(1.0, room):
                return step * factor
        step *= 10


def axis_ticks(geometry: Geometry, times_ms: tuple[float, ...]) -> tuple[tuple[int, str], ...]:
    """Ticks of the axis as (frame, text): time where the clip has frame times, frames from 1 otherwise."""
    room = geometry.width / 64
    if len(times_ms) != geometry.n_frames or geometry.n_frames < 2 or times_ms[-1] <= times_ms[0]:
        step = max(1, int(tick_step(geometry.n_frames, room)))
        return tuple((f, str(f + 1)) for f in range(0, geometry.n_frames, step))
    start, span = times_ms[0], times_ms[-1] - times_ms[0]
    step_ms = tick_step(span, room)
    ticks, frame = [], 0
    for i in range(int(span // step_ms) + 1):
        while frame + 1 < geometry.n_frames and times_ms[frame] - start < i * step_ms - 1e-6:
            frame += 1
        ticks.append((frame, time_words(i * step_ms)))
    return tuple(ticks)


def time_words(ms: float) -> str:
    """``"40 ms"`` below a second, ``"1.2 s"`` from there on."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:g} s"
