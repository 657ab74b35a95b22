"""The pointer without a window: strokes, erasing, dragging the picture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.identity import FrameKey
from annotator.core.status import LabelStatus
from annotator.viewer.brush import LEFT, MIDDLE, RIGHT, steps_between
from annotator.viewer.state import Tool
from annotator.viewer.workbench import Workbench

POINTS = st.tuples(st.floats(-50, 50), st.floats(-50, 50))


@given(POINTS, POINTS, st.integers(1, 40))
def test_steps_end_at_the_end_and_leave_no_gap(start: tuple[float, float], end: tuple[float, float], size: int) -> None:
    steps = steps_between(start, end, size)
    assert np.allclose(steps[-1], end)
    gaps = np.linalg.norm(np.diff(np.array([start, *steps]), axis=0), axis=1)
    assert gaps.max() <= max(size / 4, 1.0) + 1e-9


def drag(bench: Workbench, *points: tuple[float, float], button: int = LEFT, shift: bool = False) -> None:
    """Press at the first point (row, column), move over the others, let go at the last."""
    scale = bench.scene.labels.scale

    def position(point: tuple[float, float]) -> tuple[float, float]:
        return point[0] * scale[0], point[1] * scale[1]

    event: Any = SimpleNamespace(
        button=button, modifiers=("Shift",) if shift else (), type="mouse_press", position=position(points[0])
    )
    (callback,) = bench.scene.viewer.mouse_drag_callbacks
    gesture = callback(bench.scene.viewer, event)
    for point in points:
        next(gesture, None)
        event.type, event.position = "mouse_move", position(point)
    next(gesture, None)
    event.type = "mouse_release"
    next(gesture, None)


def inside(bench: Workbench) -> Any:
    return bench.project.label(FrameKey("clip0", 0))["lv"].inside


def test_a_stroke_is_continuous_and_saved_once(bench: Workbench) -> None:
    before = bench.project.data_revision
    bench.set_brush_size(3)
    drag(bench, (20.0, 5.0), (20.0, 45.0))
    assert inside(bench)[20, 5:46].all()
    assert bench.project.data_revision == before + 1


@pytest.mark.parametrize("how", ["right", "shift", "eraser"])
def test_erasing_takes_only_the_selected_structure(bench: Workbench, how: str) -> None:
    bench.set_brush_size(5)
    drag(bench, (10.0, 5.0), (10.0, 20.0))
    bench.select("la")
    drag(bench, (10.0, 25.0), (10.0, 40.0))
    bench.select("lv")
    if how == "eraser":
        bench.use_tool(Tool.ERASER)
    drag(bench, (10.0, 12.0), (10.0, 40.0), button=RIGHT if how == "right" else LEFT, shift=how == "shift")
    label = bench.project.label(FrameKey("clip0", 0))
    assert not inside(bench)[10, 13:].any()
    assert inside(bench)[10, 5:8].all()
    assert label["la"].inside is not None
    assert label["la"].inside[10, 25:40].all()


def test_fill_takes_the_enclosed_pixels(bench: Workbench) -> None:
    bench.set_brush_size(2)
    drag(bench, (10.0, 10.0), (10.0, 30.0), (30.0, 30.0), (30.0, 10.0), (10.0, 10.0))
    bench.use_tool(Tool.FILL)
    drag(bench, (20.0, 20.0))
    assert inside(bench)[12:29, 12:29].all()
    assert not inside(bench)[0].any()


def test_the_middle_button_moves_the_picture_and_paints_nothing(bench: Workbench) -> None:
    centre = bench.scene.viewer.scene.camera.center
    drag(bench, (10.0, 10.0), (14.0, 20.0), button=MIDDLE)
    assert bench.scene.viewer.scene.camera.center != centre
    assert bench.project.label(FrameKey("clip0", 0)).status("lv") is LabelStatus.UNKNOWN


def test_the_move_tool_paints_nothing_and_leaves_dragging_to_napari(bench: Workbench) -> None:
    bench.use_tool(Tool.MOVE)
    drag(bench, (10.0, 10.0), (14.0, 20.0))
    assert bench.scene.labels.mouse_pan
    assert not bench.scene.labels.data.any()


@pytest.mark.parametrize(("up", "sign"), [(1.0, 1), (-1.0, -1)])
def test_ctrl_and_the_wheel_resize_the_brush(bench: Workbench, up: float, sign: int) -> None:
    (callback,) = bench.scene.viewer.mouse_wheel_callbacks
    size, camera = bench.tool.brush_size, bench.scene.viewer.scene.camera
    zoom = camera.zoom
    for modifiers in ((), ("Control",)):
        event: Any = SimpleNamespace(modifiers=modifiers, delta=(0.0, up), position=(3.0, 4.0), handled=False)
        callback(bench.scene.viewer, event)
        assert event.handled, "napari would zoom without end, until no way led back"
        assert (camera.zoom - zoom) * sign > 0
        assert (bench.tool.brush_size - size) * sign == (0 if not modifiers else max(1, size // 6))


def test_the_small_steps_of_a_touchpad_add_up_to_one_of_the_brush(bench: Workbench) -> None:
    (callback,) = bench.scene.viewer.mouse_wheel_callbacks
    size = bench.tool.brush_size
    for across, up in ((1.0, 0.0), *[(0.0, 0.125)] * 8):
        callback(bench.scene.viewer, SimpleNamespace(modifiers=("Control",), delta=(across, up), handled=False))
    assert bench.tool.brush_size == size + max(1, size // 6)
