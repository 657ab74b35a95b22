"""Python's garbage is collected in the GUI thread alone.

Python collects in whichever thread happens to allocate. A dialog or a layer that is in a reference cycle would then be
destroyed in the thread of the learner or of an import, and Qt, whose objects belong to the GUI thread, crashes.
"""

from __future__ import annotations

import gc
from typing import Final

from qtpy.QtCore import QObject, QTimer

EVERY_MS: Final = 1000


class GarbageCollector(QObject):
    """Collects on a timer, in place of Python's own trigger, for as long as its parent lives.

    What exists when it begins (the imported libraries) is set aside from collection, so that a full collection is
    short enough to go unseen.

    Parameters
    ----------
    parent
        The window; its end gives Python its own trigger back.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.collect()
        gc.freeze()
        gc.disable()
        parent.destroyed.connect(gc.enable)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.collect)
        self._timer.start(EVERY_MS)

    def collect(self) -> None:
        """Collect the oldest generation that is due by Python's own thresholds."""
        for generation in (2, 1, 0):
            if gc.get_count()[generation] > gc.get_threshold()[generation]:
                gc.collect(generation)
                return
