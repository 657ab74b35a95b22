"""A plain napari viewer with the same layers, to compare with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import napari
import numpy as np
from qtpy.QtWidgets import QWidget

from annotator import registry
from annotator.bench.clockwork import wait
from annotator.bench.subject import LONG_CLIP_FRAMES, PATIENTS
from annotator.core.indexed import to_indexed


@contextmanager
def plain_viewer() -> Iterator[tuple[QWidget, Callable[[int], None], int]]:
    """A stock napari window with an image and two labels layers of the benchmark's long clip.

    Yields
    ------
    QWidget
        Its OpenGL widget.
    callable
        Shows a frame, as napari's own slider does.
    int
        Number of frames.
    """
    simulator = registry.simulator("echo")
    protocol = registry.protocol(simulator.protocol)
    made = simulator.simulate(patient=PATIENTS, domain=simulator.domains[0], seed=5, n_frames=LONG_CLIP_FRAMES)
    values = protocol.default_values()
    masks = np.stack([to_indexed(made.labels[i], protocol, values) for i in range(LONG_CLIP_FRAMES)])
    viewer = napari.Viewer(show=False)
    viewer.add_image(np.stack(list(made.frames)), contrast_limits=(0, 255))
    viewer.add_labels(masks.copy(), opacity=0.5)
    labels = viewer.add_labels(np.zeros_like(masks))
    labels.mode, labels.brush_size = "paint", 14
    viewer.window.resize(1366, 728)
    viewer.show()
    wait(1.0)
    canvas: QWidget = viewer.window._qt_viewer.canvas.native
    try:
        yield canvas, lambda frame: viewer.dims.set_current_step(0, frame), LONG_CLIP_FRAMES
    finally:
        viewer.close()
        wait(0.2)
