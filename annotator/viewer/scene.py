"""The napari layers of the canvas, owned by reference and reused between clips.

Layers hold the visible frame only, in buffers that are overwritten in place: assigning ``layer.data``
recomputes extents and dims, and a layer that is removed and added again leaks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.settings import get_settings
from numpy.typing import NDArray

from annotator.core.identity import Spacing
from annotator.core.protocols import LabelProtocol
from annotator.viewer.colours import label_colours, mark_colours, suggestion_colours
from annotator.viewer.state import Tool

_LABEL_OPACITY = 0.5
_NOTCH = 1.2
"""How much larger a notch of the wheel makes the picture."""
_LARGEST_PIXEL = 100.0
"""Size of a frame's pixel on the canvas, beyond which nothing more is to be seen."""
_SMALLEST_PART = 1 / 8
"""Of the fitted picture's size; much farther out OpenGL's numbers end, and no way leads back."""
_MARK_TOOLS = (Tool.UNSURE, Tool.IS_NOT)


class Scene:
    """Image, suggestions, labels and marks of the frame on screen.

    Parameters
    ----------
    viewer
        napari's model; the scene adds its layers to it and is their only writer.
    protocol
        Gives colours and class indices.
    """

    def __init__(self, viewer: ViewerModel, protocol: LabelProtocol) -> None:
        get_settings().experimental.async_ = False
        self.viewer = viewer
        self.shape = (2, 2)
        self.spacing: Spacing | None = None
        self._fitted: tuple[float, ...] | None = None
        blank = np.zeros(self.shape, dtype=np.uint8)
        self.grey: Image = viewer.add_image(blank.copy(), name="image", contrast_limits=(0, 255))
        rgb = np.zeros((*self.shape, 3), dtype=np.uint8)
        self.rgb: Image = viewer.add_image(rgb, name="image (colour)", rgb=True, visible=False)
        self.suggestions: Labels = viewer.add_labels(
            blank.copy(), name="suggestions", colormap=suggestion_colours(protocol), opacity=0.7
        )
        self.labels: Labels = viewer.add_labels(
            blank.copy(), name="labels", colormap=label_colours(protocol), opacity=_LABEL_OPACITY
        )
        self.marks: Labels = viewer.add_labels(blank.copy(), name="marks", colormap=mark_colours(), opacity=0.8)
        for layer in self._layers:
            layer.units = ("mm", "mm")
        self._hide_napari_tools()
        self._silence_napari_keys()
        self._own_the_pointer()

    @property
    def canvas_layer(self) -> Labels:
        """The layer that receives the pointer."""
        active: Labels | None = self.viewer.layers.selection.active
        return self.marks if active is self.marks else self.labels

    @property
    def _layers(self) -> tuple[Image | Labels, ...]:
        return self.grey, self.rgb, self.suggestions, self.labels, self.marks

    @property
    def image(self) -> Image:
        """The image layer in use."""
        return self.rgb if self.rgb.visible else self.grey

    def open(self, shape: tuple[int, int], channels: int, spacing: Spacing | None) -> None:
        """Make room for frames of a clip and fit them into the view.

        Parameters
        ----------
        shape
            (H, W), pixels.
        channels
            1 or 3.
        spacing
            mm/px, or ``None`` where it is not known: pixels are then shown square.
        """
        scale = (1.0, 1.0) if spacing is None else (spacing.y, spacing.x)
        is_same = shape == self.shape and spacing == self.spacing and (channels == 3) == self.rgb.visible
        if is_same:
            return
        self.spacing, self.shape = spacing, shape
        blank = np.zeros(shape, dtype=np.uint8)
        self.grey.data = blank.copy()
        self.rgb.data = np.zeros((*shape, 3), dtype=np.uint8)
        for layer in (self.suggestions, self.labels, self.marks):
            layer.data = blank.copy()
        for each in self._layers:
            each.scale = scale
        self.rgb.visible, self.grey.visible = channels == 3, channels == 1
        self.viewer.canvas.overlays.scale_bar.visible = spacing is not None
        self.fit()

    def fit(self) -> None:
        """Fit the picture into the canvas."""
        self.viewer.reset_view()
        self._fitted = self._camera

    def zoom(self, notches: float, *, at: tuple[float, float]) -> None:
        """Zoom in, or out where ``notches`` is negative, and keep the point ``at`` (y, x, in mm) where it is."""
        camera = self.viewer.scene.camera
        before, (depth, y, x) = float(camera.zoom), camera.center
        fitted = before if self._fitted is None else self._fitted[0]
        most = max(fitted, _LARGEST_PIXEL / float(min(self.image.scale)))
        after = min(max(before * _NOTCH**notches, fitted * _SMALLEST_PART), most)
        camera.center = (depth, *(p + (c - p) * before / after for p, c in zip(at, (y, x), strict=True)))
        camera.zoom = after

    @property
    def is_fitted(self) -> bool:
        """Whether nobody zoomed or moved the picture since it was fitted."""
        return self._fitted is not None and bool(np.allclose(self._fitted, self._camera))

    @property
    def _camera(self) -> tuple[float, ...]:
        camera = self.viewer.scene.camera
        return float(camera.zoom), *(float(c) for c in camera.center)

    def show_image(self, frame: NDArray[np.uint8]) -> None:
        """Show a frame.

        Parameters
        ----------
        frame
            (H, W) or (H, W, 3) uint8, of the clip's size.
        """
        _push(self.rgb if frame.ndim == 3 else self.grey, frame)

    def blank(self) -> None:
        """Show nothing, in place of a frame that is not the one on screen any more."""
        for layer in self._layers:
            _push(layer, np.zeros_like(layer.data))

    def show_labels(self, labels: NDArray[np.uint8]) -> None:
        """Show (H, W) uint8 class indices as filled labels."""
        _push(self.labels, labels)

    def show_suggestions(self, codes: NDArray[np.uint8]) -> None:
        """Show (H, W) uint8 display codes of :func:`~annotator.viewer.colours.suggestion_codes`."""
        _push(self.suggestions, codes)

    def show_marks(self, marks: NDArray[np.uint8]) -> None:
        """Show (H, W) uint8 marks of :func:`~annotator.viewer.resolve.mark_array`."""
        _push(self.marks, marks)

    def redraw(self, layer: Labels) -> None:
        """Draw a layer as its array is now."""
        _redraw(layer)

    def painted_labels(self) -> NDArray[np.uint8]:
        """(H, W) uint8 copy of the labels layer as it is on screen, strokes included."""
        return np.array(self.labels.data, dtype=np.uint8)

    def painted_marks(self) -> NDArray[np.uint8]:
        """(H, W) uint8 copy of the marks layer as it is on screen, strokes included."""
        return np.array(self.marks.data, dtype=np.uint8)

    def use_tool(self, tool: Tool, brush_size: int) -> None:
        """Give the pointer to the layer that the tool paints on, with the cursor of its brush.

        Parameters
        ----------
        tool
            What a press does.
        brush_size
            Diameter in image pixels.
        """
        layer = self.marks if tool in _MARK_TOOLS else self.labels
        self.viewer.layers.selection.active = layer
        for each in (self.labels, self.marks):
            each.brush_size = brush_size
        match tool:
            case Tool.MOVE:
                layer.mode = "pan_zoom"
            case Tool.FILL:
                layer.mode = "fill"
            case Tool.ERASER:
                layer.mode = "erase"
            case Tool.BRUSH | Tool.UNSURE | Tool.IS_NOT:
                layer.mode = "paint"
        self._own_the_pointer()

    def set_suggestion_look(self, opacity: float, *, is_hidden: bool) -> None:
        """Show suggestions at an opacity of 0..1, or hide them; contours stay legible above 0."""
        self.suggestions.opacity = 0.0 if opacity <= 0 else 0.4 + 0.6 * min(1.0, opacity)
        if self.suggestions.visible is is_hidden:
            self.suggestions.visible = not is_hidden

    def _hide_napari_tools(self) -> None:
        """Hide what napari draws of its own labels tools: the polygon's markers stay on the picture otherwise."""
        for layer in (self.suggestions, self.labels, self.marks):
            for tool in ("polygon", "brush_stroke"):
                layer._overlays[tool].visible = False

    def _silence_napari_keys(self) -> None:
        """Bind a catch-all, since napari's own keys (1, 2, delete, ...) would change layers behind the project."""
        for owner in (self.viewer, *self._layers):
            owner.bind_key(..., _ignore_key, overwrite=True)

    def _own_the_pointer(self) -> None:
        """Drop napari's painting callbacks: the brush paints, so that one place knows where a stroke ends."""
        for layer in (self.labels, self.marks):
            layer.mouse_drag_callbacks.clear()


def _ignore_key(_owner: Any) -> None:
    """Swallow a key."""


def _push(layer: Image | Labels, array: NDArray[np.uint8]) -> None:
    """Overwrite a layer's buffer and redraw it, only where it differs; a hidden one is drawn when it is shown."""
    if np.array_equal(layer.data, array):
        return
    np.copyto(layer.data, array)
    if isinstance(layer, Labels) and layer.visible:
        # As napari's own brush draws: a fifth of the time of a refresh, which computes all transforms anew.
        layer.events.labels_update(data=layer.data, offset=[0, 0])
    else:
        _redraw(layer)


def _redraw(layer: Image | Labels) -> None:
    layer.refresh(thumbnail=False, highlight=False, extent=False)
