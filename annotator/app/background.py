"""Jobs of the window (import, export) in a thread of their own, with progress and cancel."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QProgressDialog, QWidget

from annotator.app.farewell import keep_painting
from annotator.core.errors import AnnotatorError, Cancelled
from annotator.engine.jobs.progress import Progress

_LOG = logging.getLogger(__name__)
_POLL_MS = 50


@dataclass(slots=True)
class _Report:
    """What the thread writes and the window reads; each field is replaced whole."""

    done: int = 0
    total: int = 0
    sentence: str = ""
    is_cancelled: bool = False


class _WatchedProgress:
    def __init__(self, report: _Report, title: str) -> None:
        self._report = report
        self._title = title

    def update(self, done: int, total: int, sentence: str) -> None:
        """See :class:`~annotator.engine.jobs.progress.Progress`.

        Raises
        ------
        Cancelled
            Where the user has cancelled the job.
        """
        if self._report.is_cancelled:
            raise Cancelled(self._title)
        self._report.done, self._report.total, self._report.sentence = done, total, sentence


class BackgroundJob(QObject):
    """Runs one job while the window stays usable.

    Parameters
    ----------
    title
        What it does, such as ``"The import"``.
    job
        Called in the thread; gets the progress to report to.
    on_done, on_error
        Called in the GUI thread, one of them, once.
    parent
        The window.
    can_cancel
        Whether the job reports its progress, and so can be stopped on the way.
    """

    def __init__(
        self,
        title: str,
        job: Callable[[Progress], Any],
        *,
        on_done: Callable[[Any], None],
        on_error: Callable[[AnnotatorError], None],
        parent: QWidget,
        can_cancel: bool = True,
    ) -> None:
        super().__init__(parent)
        self.title, self.can_cancel = title, can_cancel
        self._window = parent
        self._report = _Report()
        self._result: Any = None
        self._error: AnnotatorError | None = None
        self._on_done, self._on_error = on_done, on_error
        self._dialog = QProgressDialog(title, "Cancel", 0, 0, parent)
        self._dialog.setWindowModality(Qt.WindowModality.NonModal)
        self._dialog.setWindowTitle("Echo Annotator")
        self._dialog.setMinimumWidth(380)
        self._dialog.setAutoClose(False)
        self._dialog.setAutoReset(False)
        if not can_cancel:
            self._dialog.setCancelButton(None)
        self._dialog.canceled.connect(self._cancel)
        # Escape hides a dialog that is not the active window without that signal.
        self._dialog.rejected.connect(self._cancel)
        self._thread = threading.Thread(target=self._run, args=(job, title), name="annotator-job", daemon=True)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._poll)

    def start(self) -> None:
        """Start the thread and watch it."""
        self._dialog.show()
        self._thread.start()
        self._timer.start(_POLL_MS)

    def wait(self) -> None:
        """Cancel and wait for the end, before the project closes; the window paints meanwhile."""
        self._cancel()
        self._timer.stop()
        keep_painting(self._thread.join, f"{self.title} is ending…", self._window)
        self._leave()

    @property
    def is_running(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _cancel(self) -> None:
        self._report.is_cancelled = True

    def _run(self, job: Callable[[Progress], Any], title: str) -> None:
        try:
            self._result = job(_WatchedProgress(self._report, title))
        except AnnotatorError as error:
            self._error = error
        except Exception as error:
            _LOG.exception("%s failed", title)
            self._error = AnnotatorError(f"{title} failed unexpectedly ({error}); the log has the details.")

    def _poll(self) -> None:
        report = self._report
        self._dialog.setMaximum(report.total)
        self._dialog.setValue(min(report.done, report.total))
        if report.sentence:
            self._dialog.setLabelText(report.sentence)
        if self._thread.is_alive():
            return
        self._timer.stop()
        self._leave()
        if self._error is not None:
            self._on_error(self._error)
        else:
            self._on_done(self._result)

    def _leave(self) -> None:
        self._dialog.canceled.disconnect(self._cancel)
        self._dialog.rejected.disconnect(self._cancel)
        self._dialog.close()
        self._dialog.deleteLater()
        self.deleteLater()
