"""Learning curves of a benchmark as a picture."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_WIDTH: Final = 1100
_HEIGHT: Final = 620


def plot_curves(entries: Sequence[Mapping[str, Any]], path: Path, *, unit: str) -> bool:
    """Draw mean Dice against what was spent, one line for each entry, with a bar of one standard deviation.

    Parameters
    ----------
    entries
        From :func:`annotator.bench.learning.report.summary`.
    path
        A ``.png`` file.
    unit
        ``"s"`` or ``"steps"``.

    Returns
    -------
    bool
        Whether there was a curve to draw.
    """
    drawn = [e for e in entries if len(e["curve"]) > 1]
    if not drawn:
        return False
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    import pyqtgraph as pg  # noqa: PLC0415 - Qt only where a picture is drawn
    from qtpy.QtCore import Qt  # noqa: PLC0415

    application = pg.mkQApp()
    pg.setConfigOptions(background="w", foreground="k", antialias=True)
    canvas = pg.GraphicsLayoutWidget()
    canvas.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
    canvas.resize(_WIDTH, _HEIGHT)
    plot = canvas.addPlot()
    plot.setLabel("left", "mean Dice on test patients")
    plot.setLabel("bottom", "training time, s" if unit == "s" else "training steps")
    plot.setLogMode(x=True)
    plot.getAxis("left").enableAutoSIPrefix(enable=False)
    marks = sorted({point["at"] for entry in drawn for point in entry["curve"] if point["at"] > 0})
    plot.getAxis("bottom").setTicks([[(math.log10(mark), f"{mark:g}") for mark in marks]])
    plot.showGrid(x=True, y=True, alpha=0.25)
    plot.addLegend(offset=(-10, -10))
    for number, entry in enumerate(drawn):
        _draw(pg, plot, entry, pg.intColor(number, hues=max(6, len(drawn)), maxValue=190))
    canvas.show()
    application.processEvents()
    canvas.grab().save(str(path))
    canvas.close()
    return True


def _draw(pg: Any, plot: Any, entry: Mapping[str, Any], colour: Any) -> None:
    import numpy as np  # noqa: PLC0415

    points = [p for p in entry["curve"] if p["at"] > 0 and p["mean_dice"]["mean"] is not None]
    x = np.array([p["at"] for p in points], dtype=float)
    y = np.array([p["mean_dice"]["mean"] for p in points])
    spread = np.array([p["mean_dice"]["sd"] or 0.0 for p in points])
    name = f"{entry['row']}, {entry['labels']} labels"
    plot.plot(x, y, pen=pg.mkPen(colour, width=2), symbol="o", symbolSize=6, symbolBrush=colour, name=name)
    # Bars take no logarithm of their own.
    plot.addItem(pg.ErrorBarItem(x=np.log10(x), y=y, height=2 * spread, beam=0.01, pen=pg.mkPen(colour)))
