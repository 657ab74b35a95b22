"""The pointer on the canvas: brush, eraser, fill and the unsure brush, and dragging with the middle button.

Strokes are painted through napari's public ``Labels.paint`` and ``Labels.fill``; when a stroke ends, the
listener reads the layer's array, and nothing reads napari's undo history.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np
from napari.layers import Labels

from annotator.viewer.colours import IS_NOT_MARK, UNSURE_MARK
from annotator.viewer.scene import Scene
from annotator.viewer.state import Tool

LEFT: Final = 1
RIGHT: Final = 2
MIDDLE: Final = 3

Point = tuple[float, float]


class StrokeListener(Protocol):
    """Who decides on strokes.

    Contract: ``begin_stroke`` is called before the first pixel changes; where it says ``False`` nothing is
    painted and ``end_stroke`` is not called. ``end_stroke`` is called once, after the last pixel.
    """

    def begin_stroke(self) -> bool:
        """Prepare the frame for a stroke; whether it may be painted on."""
        ...

    def end_stroke(self) -> None:
        """The stroke is complete; the layer holds it."""
        ...

    def resize_brush(self, by: int) -> None:
        """Make the brush larger or smaller by some steps."""
        ...


class Brush:
    """Turns pointer events on the canvas into strokes.

    Parameters
    ----------
    scene
        Whose layers are painted on.
    listener
        Is told of beginnings and ends.
    """

    def __init__(self, scene: Scene, listener: StrokeListener) -> None:
        self.tool = Tool.BRUSH
        self.value = 1
        """Class index that the brush paints."""
        self._stroke: object | None = None
        """Stands for the stroke under the pen."""
        self._turned = 0.0
        """Notches of the wheel that have not resized the brush yet."""
        self._scene = scene
        self._listener = listener
        # napari's own gestures scroll through dims and zoom on a double click, which two quick dabs look like.
        for callbacks in (
            scene.viewer.mouse_drag_callbacks,
            scene.viewer.mouse_wheel_callbacks,
            scene.viewer.mouse_double_click_callbacks,
        ):
            callbacks.clear()
        scene.viewer.mouse_drag_callbacks.append(self._drag)
        scene.viewer.mouse_wheel_callbacks.append(self._wheel)

    @property
    def is_painting(self) -> bool:
        """Whether a stroke has begun and not ended."""
        return self._stroke is not None

    def lift(self) -> None:
        """End the stroke under the pen, if there is one: it is complete as it is, and further moves paint nothing."""
        if self._stroke is not None:
            self._stroke = None
            # napari redraws nothing where the last point of a stroke changes no pixel, whatever the ones before did.
            self._scene.redraw(self._scene.canvas_layer)
            self._listener.end_stroke()

    def close(self) -> None:
        """End the stroke under the pen and stop listening to the canvas."""
        self.lift()
        self._scene.viewer.mouse_drag_callbacks.remove(self._drag)
        self._scene.viewer.mouse_wheel_callbacks.remove(self._wheel)

    def _drag(self, viewer: Any, event: Any) -> Iterator[None]:
        """One press, its moves and its release; a generator as napari expects."""
        self.lift()
        if event.button == MIDDLE:
            yield from self._pan(viewer, event)
        elif self.tool is not Tool.MOVE and event.button in (LEFT, RIGHT):
            yield from self._paint(event)

    def _paint(self, event: Any) -> Iterator[None]:
        if not self._listener.begin_stroke():
            return
        stroke = self._stroke = object()
        is_erasing = event.button == RIGHT or "Shift" in event.modifiers or self.tool is Tool.ERASER
        try:
            with self._scene.canvas_layer.block_history():
                for _ in self._paint_along(event, is_erasing=is_erasing):
                    yield
                    if self._stroke is not stroke:
                        return
        finally:
            if self._stroke is stroke:
                self.lift()

    def _paint_along(self, event: Any, *, is_erasing: bool) -> Iterator[None]:
        layer = self._scene.canvas_layer
        last = self._point(layer, event)
        self._dab(layer, (last,), is_erasing=is_erasing)
        is_held = True
        while is_held:
            yield
            # Moves are compressed by the window system, so the release may be the only sign of the way there.
            is_held = event.type == "mouse_move"
            here = self._point(layer, event)
            if self.tool is not Tool.FILL and here != last:
                self._dab(layer, steps_between(last, here, layer.brush_size), is_erasing=is_erasing)
                last = here

    def _dab(self, layer: Labels, points: tuple[Point, ...], *, is_erasing: bool) -> None:
        """Paint all points and redraw once; the eraser takes the brush's own value only."""
        if self.tool is Tool.FILL and not is_erasing:
            self._fill(layer, points[0])
            return
        value = self._mark_value() if layer is self._scene.marks else self.value
        layer.selected_label = value
        layer.preserve_labels = is_erasing
        for i, point in enumerate(points, start=1):
            layer.paint(point, 0 if is_erasing else value, refresh=i == len(points))

    def _fill(self, layer: Labels, point: Point) -> None:
        inside = all(0 <= round(p) < size for p, size in zip(point, self._scene.shape, strict=True))
        if inside:
            layer.preserve_labels = False
            layer.fill((round(point[0]), round(point[1])), self.value)

    def _mark_value(self) -> int:
        return IS_NOT_MARK if self.tool is Tool.IS_NOT else UNSURE_MARK

    def _point(self, layer: Labels, event: Any) -> Point:
        row, column = layer.world_to_data(event.position)[-2:]
        return float(row), float(column)

    def _pan(self, viewer: Any, event: Any) -> Iterator[None]:
        start = np.asarray(event.position[-2:])
        is_held = True
        while is_held:
            yield
            is_held = event.type == "mouse_move"
            # The event's position is measured by the camera as it stands, so the start stays under the cursor.
            shift = start - np.asarray(event.position[-2:])
            centre = viewer.scene.camera.center
            viewer.scene.camera.center = (centre[0], centre[1] + shift[0], centre[2] + shift[1])

    def _wheel(self, _viewer: Any, event: Any) -> None:
        """Ctrl and the wheel resize the brush, a step a notch; the wheel alone zooms, in place of napari's own way."""
        if "Control" in event.modifiers:
            # A touchpad sends many small parts of a notch.
            self._turned += event.delta[1]
            steps = int(self._turned)
            if steps:
                self._turned -= steps
                self._listener.resize_brush(steps)
        else:
            row, column = event.position[-2:]
            self._scene.zoom(event.delta[1], at=(float(row), float(column)))
        event.handled = True


def steps_between(start: Point, end: Point, brush_size: float) -> tuple[Point, ...]:
    """Points after ``start`` up to ``end`` (pixels), no further apart than a quarter of the brush."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    n = max(1, int(np.ceil(length / max(brush_size / 4, 1.0))))
    return tuple(
        (start[0] + (end[0] - start[0]) * i / n, start[1] + (end[1] - start[1]) * i / n) for i in range(1, n + 1)
    )
