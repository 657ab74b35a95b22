"""The layers: in place, at the right scale, with colours that tell suggestions from labels."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from annotator.core.identity import Spacing
from annotator.core.protocols import LabelProtocol, Structure
from annotator.viewer.colours import LEVELS, suggestion_codes, suggestion_colours
from annotator.viewer.scene import Scene
from annotator.viewer.state import Tool

PROTOCOL = LabelProtocol("full", "Full", tuple(Structure(f"s{i}", f"S{i}", "#4080ff", chr(97 + i)) for i in range(15)))


def test_millimetres_stretch_the_picture_and_unknown_spacing_does_not() -> None:
    scene = Scene(ViewerModel(), PROTOCOL)
    scene.open((30, 40), 1, Spacing(0.5, 0.25))
    assert {tuple(layer.scale) for layer in scene.viewer.layers} == {(0.5, 0.25)}
    assert scene.viewer.canvas.overlays.scale_bar.visible
    scene.open((30, 40), 1, None)
    assert {tuple(layer.scale) for layer in scene.viewer.layers} == {(1.0, 1.0)}
    assert not scene.viewer.canvas.overlays.scale_bar.visible


def test_frames_are_written_into_the_same_buffer() -> None:
    scene = Scene(ViewerModel(), PROTOCOL)
    scene.open((30, 40), 1, None)
    buffer = scene.grey.data
    drawn: list[object] = []
    scene.grey.events.set_data.connect(drawn.append)
    frame = np.full((30, 40), 7, dtype=np.uint8)
    scene.show_image(frame)
    scene.show_image(frame)
    assert scene.grey.data is buffer
    assert np.array_equal(buffer, frame)
    assert len(drawn) == 1, "what did not change is not drawn again"


def test_the_brush_cursor_follows_the_scale() -> None:
    scene = Scene(ViewerModel(), PROTOCOL)
    scene.open((30, 40), 1, Spacing(0.5, 0.5))
    scene.use_tool(Tool.BRUSH, 10)
    assert scene.labels.mode == "paint"
    assert scene.labels.cursor_size == 5
    assert scene.is_fitted
    scene.viewer.scene.camera.zoom *= 2
    assert not scene.is_fitted


def test_codes_of_all_structures_and_levels_are_distinct_and_grow_more_opaque() -> None:
    colours = suggestion_colours(PROTOCOL).color_dict
    assert len(colours) == 2 + 15 * LEVELS * 2
    fills, contours = [], []
    for confidence in (0.1, 0.3, 0.6, 1.0):
        classes = np.zeros((20, 20), dtype=np.uint8)
        classes[5:15, 5:15] = 15
        codes = suggestion_codes(classes, {"s14": confidence}, PROTOCOL)
        assert (codes[classes == 0] == 0).all()
        fills.append(float(colours[int(codes[10, 10])][3]))
        contours.append(float(colours[int(codes[5, 10])][3]))
        assert contours[-1] > fills[-1]
    assert fills == sorted(set(fills))
    assert contours == sorted(set(contours))


@pytest.mark.parametrize("spacing", [None, Spacing(0.3, 0.15)])
def test_zooming_ends_and_the_point_under_the_wheel_stays(spacing: Spacing | None) -> None:
    scene = Scene(ViewerModel(), PROTOCOL)
    scene.open((40, 50), 1, spacing)
    camera, at = scene.viewer.scene.camera, (2.0, 3.0)
    fitted = camera.zoom

    def place() -> tuple[float, ...]:
        """Where the point is on the canvas, from its centre, in pixels."""
        return tuple(camera.zoom * (p - c) for p, c in zip(at, camera.center[1:], strict=True))

    before = place()
    seen = []
    for notches in (1.0, 0.25, -3.0, *[5.0] * 200, *[-5.0] * 400):
        scene.zoom(notches, at=at)
        seen.append(camera.zoom)
        assert place() == pytest.approx(before)
    assert seen[0] > fitted > seen[2]
    assert max(seen) == pytest.approx(100 / min(scene.image.scale))
    assert seen[-1] == pytest.approx(fitted / 8)
    scene.fit()
    assert camera.zoom == fitted
