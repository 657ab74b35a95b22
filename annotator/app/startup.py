"""Opening the window: application, splash, late imports, and what happens to an unexpected error."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from pathlib import Path
from types import TracebackType

from platformdirs import user_log_path
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QPainter, QPixmap
from qtpy.QtWidgets import QApplication, QSplashScreen

from annotator.app.garbage import GarbageCollector
from annotator.app.gl_calls import keep_the_lock
from annotator.app.session import open_session
from annotator.app.window import MainWindow
from annotator.core.errors import AnnotatorError
from annotator.engine.priority import preload_torch
from annotator.settings import load_settings
from annotator.ui.style import PALETTE, apply_style, icon_pixmap

_LOG = logging.getLogger("annotator")


def application() -> QApplication:
    """The running Qt application, or a new one in the dark theme."""
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    # Software OpenGL on remote desktops and virtual machines needs shared contexts to survive a second window.
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_ShareOpenGLContexts)
    made = QApplication(sys.argv[:1])
    made.setApplicationName("Echo Annotator")
    made.setStyle("Fusion")
    apply_style(made)
    return made


def open_window(project: Path | None = None) -> int:
    """Open the window and stay until it is closed.

    Parameters
    ----------
    project
        The project to open; the start page where there is none.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    AnnotatorError
        Where the settings or the project cannot be read.
    """
    qt = application()
    window = make_window(qt)
    # The picture is fitted into the canvas as it is shown, so the window comes first.
    window.show()
    qt.processEvents()
    if project is not None:
        try:
            window.show_session(open_session(project, window.settings, parent=window))
        except AnnotatorError:
            window.close()
            raise
    return int(qt.exec())


def make_window(qt: QApplication) -> MainWindow:
    """The main window, made under a splash that also covers the import of torch.

    Raises
    ------
    BadInput
        Where the settings cannot be read.
    """
    settings = load_settings()
    splash = _splash()
    splash.show()
    qt.processEvents()
    preload_torch()
    # A thread that wants the interpreter waits for so long; the hand that draws must not wait for the learner.
    sys.setswitchinterval(0.002)
    keep_the_lock()
    log = start_log()
    window = MainWindow(settings, on_demo=_demo_project)
    _catch(window, log)
    GarbageCollector(window)
    splash.finish(window)
    return window


def _catch(window: MainWindow, log: Path) -> None:
    """Tell of unexpected errors for as long as the window lives: it may be a guest in another program."""
    former, ours = sys.excepthook, _Excepthook(window, log)

    def give_back() -> None:
        if sys.excepthook is ours:
            sys.excepthook = former

    sys.excepthook = ours
    window.destroyed.connect(give_back)


def start_log() -> Path:
    """Write the application's log into the platform's folder; the file's path."""
    override = os.environ.get("ANNOTATOR_CONFIG_DIR")
    folder = Path(override) if override else user_log_path("annotator", appauthor=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir())
    path = folder / "annotator.log"
    if not any(isinstance(h, logging.FileHandler) and Path(h.baseFilename) == path for h in _LOG.handlers):
        written = logging.FileHandler(path, encoding="utf-8", delay=True)
        written.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        _LOG.addHandler(written)
    return path


class _Excepthook:
    """Turns an error that nobody expected into one sentence, with the traceback in the log."""

    def __init__(self, window: MainWindow, log: Path) -> None:
        self._window = window
        self._log = log

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            QApplication.quit()
            return
        _LOG.error("An error that nobody expected", exc_info=(kind, error, trace))
        if isinstance(error, AnnotatorError):
            sentence = str(error)
        else:
            what = f"Something unexpected happened ({kind.__name__})"
            sentence = f"{what}; your labels are safe, and {self._log} has the details."
        # Outside of whatever event is being handled, since a dialog may follow.
        QTimer.singleShot(0, lambda: self._window.complain(sentence))


def _splash() -> QSplashScreen:
    pixmap = QPixmap(420, 180)
    pixmap.fill(PALETTE.base)
    splash = QSplashScreen(pixmap)
    splash.setPixmap(_with_icon(pixmap))
    splash.showMessage("Echo Annotator is starting…", int(Qt.AlignmentFlag.AlignCenter), PALETTE.text)
    return splash


def _with_icon(pixmap: QPixmap) -> QPixmap:
    painter = QPainter(pixmap)
    painter.drawPixmap(186, 28, icon_pixmap("annotator", PALETTE.accent, 48))
    painter.end()
    return pixmap


def _demo_project() -> Path:
    from annotator.app.demo_project import make_demo_project  # noqa: PLC0415 - the simulator only where it is wanted

    folder = Path(tempfile.mkdtemp(prefix="annotator-demo-")) / "demo"
    make_demo_project(folder)
    return folder
