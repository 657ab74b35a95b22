"""The main window: its pages, menus and keys, and one open project at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QApplication, QFileDialog, QMainWindow, QMenu, QMessageBox, QStackedWidget, QWidget

import annotator
from annotator import registry
from annotator.app.farewell import keep_painting
from annotator.app.keys import KeyFilter
from annotator.app.session import Session, open_session
from annotator.app.shortcuts import ACTIONS, MENU_KEYS, action_keys, changed_keys, keys_in_use
from annotator.core.errors import AnnotatorError
from annotator.project import Project
from annotator.settings import UserSettings, save_changes
from annotator.ui.dialogs import AuthorDialog, Choice, NewProjectDialog, ShortcutsDialog
from annotator.ui.drops import accept_as_copy, dropped_paths, has_files
from annotator.ui.start_page import StartPage
from annotator.ui.style import apply_style, icon
from annotator.viewer.state import Tool

_SIZE: Final = QSize(1366, 728)
_ABOUT: Final = (
    f"Version {annotator.__version__}. Label some structures of some frames; a model learns in the background and "
    "suggests the rest.\n\nIt is a tool for research and for making data sets, and not a medical device: do not use "
    "its outlines, areas or models to diagnose or treat anyone."
)


class MainWindow(QMainWindow):
    """Start page or work page; menus; keys.

    Parameters
    ----------
    settings
        The user's; kept up to date and written at the end.
    on_demo
        Called for 'Try the demo'; makes a project and returns its folder.
    """

    def __init__(self, settings: UserSettings, *, on_demo: Callable[[], Path] | None = None) -> None:
        super().__init__()
        self.settings = self._stored = settings
        self.session: Session | None = None
        self._on_demo = on_demo
        self._is_waiting = False
        self._shortcuts: list[QShortcut] = []
        self._keys = KeyFilter(self._end_hold, self)
        self.start_page = StartPage()
        self._pages = QStackedWidget()
        self._pages.addWidget(self.start_page)
        self.setCentralWidget(self._pages)
        # Qt replaces a window shown without OpenGL at its first canvas: it flickers and loses the keyboard.
        QOpenGLWidget(self).hide()
        self.setWindowTitle("Echo Annotator")
        self.setWindowIcon(icon("annotator"))
        self.setAcceptDrops(True)
        apply_style(self)
        self._project_actions: list[QAction] = []
        self._make_menus()
        self._take_start_page()
        self.show_start_page()
        self.resize(_SIZE.boundedTo(self.screen().availableSize()))
        self._install_keys()

    # --- projects -------------------------------------------------------------------------------------

    def show_start_page(self) -> None:
        """Show recent projects and the ways to begin."""
        self.start_page.show_state(self.settings.recent_projects)
        self._pages.setCurrentWidget(self.start_page)
        self._bind_keys()

    def open_project(self, path: Path) -> bool:
        """Open a project in place of the one that is open, which a folder that is none leaves so; whether it worked."""
        try:
            Project.protocol_of(path)
            if not self.close_project():
                return False
            session = open_session(path, self.settings, parent=self)
        except AnnotatorError as error:
            if self.session is None:
                self.show_start_page()
            self.complain(str(error))
            return False
        self.show_session(session)
        return True

    def show_session(self, session: Session) -> None:
        """Put a project on screen."""
        self.session = session
        self._pages.addWidget(session.page)
        self._pages.setCurrentWidget(session.page)
        path = session.project.path
        self.setWindowTitle(f"{path.name} — Echo Annotator{' (read-only)' if session.project.is_read_only else ''}")
        self.settings = self.settings.with_recent(path)
        self._bind_keys()
        session.start()
        # Whatever ends the program, the project is among the recent ones.
        self.save_settings()
        session.page.canvas.native.setFocus()

    def close_project(self) -> bool:
        """Close the project that is open; ``False`` where the person would rather stay, to save first."""
        session = self.session
        if self._is_waiting:
            return False
        if session is None:
            return True
        if session.transfer.unfinished and not self._leave_unfinished(session.transfer.unfinished):
            return False
        if not session.save() and not self._leave_unsaved():
            return False
        self.settings = self.settings.model_copy(update={"brush_size": session.bench.tool.brush_size})
        self._is_waiting = True
        try:
            session.stop()
        finally:
            self._is_waiting = False
        self._pages.setCurrentWidget(self.start_page)
        session.close()
        self._pages.removeWidget(session.page)
        session.page.deleteLater()
        self.session = None
        self.setWindowTitle("Echo Annotator")
        self._bind_keys()
        return True

    def complain(self, sentence: str) -> None:
        """Say that something failed."""
        if self.session is not None:
            self.session.bench.desk.complain(AnnotatorError(sentence))
        else:
            QMessageBox.warning(self, "Echo Annotator", sentence)

    def _leave_unsaved(self) -> bool:
        return self._ask_discard("Not saved", "Some strokes could not be saved. Close all the same, and lose them?")

    def _leave_unfinished(self, title: str) -> bool:
        return self._ask_discard(
            "Not finished", f"{title} is still running. Close all the same, and keep nothing of it?"
        )

    def _ask_discard(self, title: str, question: str) -> bool:
        buttons = QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel
        answer = QMessageBox.question(self, title, question, buttons, QMessageBox.StandardButton.Cancel)
        return answer == QMessageBox.StandardButton.Discard

    def _take_start_page(self) -> None:
        self.start_page.new_requested.connect(self._new_project)
        self.start_page.open_requested.connect(self._choose_project)
        self.start_page.demo_requested.connect(self._demo)
        self.start_page.recent_chosen.connect(lambda folder: self.open_project(Path(folder)))

    def _new_project(self, paths: tuple[Path, ...] = ()) -> None:
        """Ask for a new project and what to import into it, with files that are already known."""
        try:
            protocols = tuple(
                Choice(p.name, p.title, ", ".join(s.name for s in p.structures)) for p in registry.protocols().values()
            )
        except AnnotatorError as error:
            self.complain(str(error))
            return
        asked = NewProjectDialog.ask(protocols, folder=Path.home(), parent=self)
        if asked is None:
            return
        try:
            Project.create(asked.folder, registry.protocol(asked.protocol)).close()
        except AnnotatorError as error:
            self.complain(str(error))
            return
        if self.open_project(asked.folder) and self.session is not None:
            self.session.transfer.ask_import(paths)

    def _choose_project(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a project", str(Path.home()))
        if folder:
            self.open_project(Path(folder))

    def _demo(self) -> None:
        on_demo, made = self._on_demo, list[Path]()
        if on_demo is None:
            return
        self._is_waiting = True
        try:
            keep_painting(lambda: made.append(on_demo()), "Simulating recordings…", self)
        except AnnotatorError as error:
            self.complain(str(error))
        finally:
            self._is_waiting = False
        for folder in made:
            self.open_project(folder)

    # --- menus and keys -------------------------------------------------------------------------------

    def _make_menus(self) -> None:
        bar = self.menuBar()
        file = bar.addMenu("&File")
        self._add(file, "&New project…", self._new_project, "new_project")
        self._add(file, "&Open a project…", self._choose_project, "open_project")
        file.addSeparator()
        self._add(file, "&Import clips…", lambda: self._with(lambda s: s.transfer.ask_import()), "import", needs=True)
        self._add(file, "&Export labels or model…", lambda: self._with(lambda s: s.transfer.ask_export()), needs=True)
        file.addSeparator()
        self._add(file, "&Close project", self._back_to_start, "close_project", needs=True)
        self._add(file, "&Quit", self.close, "quit")
        edit = bar.addMenu("&Edit")
        self._add(edit, "&Undo", lambda: self._do("undo"), needs=True)
        self._add(edit, "&Redo", lambda: self._do("redo"), needs=True)
        edit.addSeparator()
        self._add(edit, "&Your name…", self._ask_author)
        view = bar.addMenu("&View")
        self._add(view, "&Fit the picture", lambda: self._do("fit"), needs=True)
        self._add(view, "&Hide or show suggestions", lambda: self._do("hide_suggestions"), needs=True)
        self._add(view, "&Save a screenshot…", self._save_screenshot, "screenshot", needs=True)
        helping = bar.addMenu("&Help")
        self._add(helping, "&Keyboard shortcuts…", self._ask_shortcuts, "shortcuts")
        self._add(helping, "&About", lambda: QMessageBox.about(self, "Echo Annotator", _ABOUT))

    def _add(
        self, menu: QMenu | None, text: str, slot: Callable[[], object], name: str = "", *, needs: bool = False
    ) -> None:
        if menu is None:
            return
        action = QAction(text, self)
        action.triggered.connect(lambda _checked=False: slot())
        if name:
            action.setShortcut(QKeySequence(MENU_KEYS[name]))
        if needs:
            self._project_actions.append(action)
        menu.addAction(action)

    def _with(self, use: Callable[[Session], object]) -> None:
        if self.session is not None:
            use(self.session)

    def _back_to_start(self) -> None:
        if self.close_project():
            self.show_start_page()

    def _install_keys(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus_changed)

    def _on_focus_changed(self, before: QWidget | None, now: QWidget | None) -> None:
        """Give the picture the keyboard of a button that went off; the next one, Qt's choice, does something else."""
        self._keys.follow_focus(now)
        if self.session is None or before is None or before.window() is not self:
            return
        if before.isHidden() or not before.isEnabled():
            self.session.page.canvas.native.setFocus()

    def _bind_keys(self) -> None:
        """Make the shortcuts anew for the project that is open, and name them in the tooltips."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._shortcuts.clear()
        session = self.session
        for item in self._project_actions:
            item.setEnabled(session is not None)
        if session is None:
            return
        keys = keys_in_use(session.project.protocol, self.settings.shortcuts)
        self._keys.watched = keys["hide_suggestions"]
        for action in ACTIONS:
            for key in (keys[action.id], *action.also):
                self._bind(key, partial(self._do, action.id))
        for structure in session.project.protocol.structures:
            self._bind(structure.key, partial(session.bench.select, structure.id))
        shown = {name: QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for name, key in keys.items()}
        page = session.page
        for widget in (page.structures, page.tools, page.timeline, page.details, page.next_up):
            widget.set_shortcuts({name: key for name, key in shown.items() if key})

    def _bind(self, key: str, do: Callable[[], object]) -> None:
        if key:
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.setAutoRepeat(key in ("Left", "Right", "[", "]"))
            shortcut.activated.connect(do)
            self._shortcuts.append(shortcut)

    def _do(self, name: str) -> None:
        """Run an action by its id."""
        session = self.session
        if session is None:
            return
        bench = session.bench
        if name in tuple(Tool):
            bench.use_tool(name)
            return
        plain: dict[str, Callable[[], object]] = {
            "accept": bench.accept,
            "accept_all": bench.accept_all,
            "reject": bench.reject,
            "reject_all": bench.reject_all,
            "correct": bench.correct,
            "absent": bench.mark_absent,
            "clear": bench.clear,
            "finish": bench.finish,
            "undo": bench.undo,
            "redo": bench.redo,
            "next_up": bench.next_up,
            "next_frame": lambda: bench.step(1),
            "previous_frame": lambda: bench.step(-1),
            "next_marked": lambda: bench.step_marked(1),
            "previous_marked": lambda: bench.step_marked(-1),
            "play": bench.toggle_playing,
            "smaller_brush": lambda: bench.resize_brush(-1),
            "larger_brush": lambda: bench.resize_brush(1),
            "hide_suggestions": lambda: bench.hide_suggestions(not bench.tool.are_suggestions_hidden),
            "fit": bench.fit,
            "mark_ed": lambda: bench.toggle_mark("ed"),
            "mark_es": lambda: bench.toggle_mark("es"),
        }
        plain[name]()

    def _end_hold(self) -> None:
        self._do("hide_suggestions")

    def _ask_shortcuts(self) -> None:
        protocol = self.session.project.protocol if self.session is not None else None
        chosen = self.settings.shortcuts
        asked = ShortcutsDialog.ask(action_keys(protocol, chosen), parent=self)
        if asked is not None:
            self.settings = self.settings.model_copy(update={"shortcuts": changed_keys(asked, protocol, chosen)})
            self.save_settings()
            self._bind_keys()

    def _ask_author(self) -> None:
        name = AuthorDialog.ask(self.settings.author, parent=self)
        if name:
            self.settings = self.settings.model_copy(update={"author": name})
            self._with(lambda session: setattr(session.bench.desk.ledger, "author", name))
            self.save_settings()

    def _save_screenshot(self) -> None:
        session = self.session
        if session is None:
            return
        desk = session.bench.desk
        name = "screenshot.png" if desk.clip is None else f"{desk.clip.name} frame {desk.frame + 1}.png"
        path, _ = QFileDialog.getSaveFileName(self, "Save a screenshot", str(Path.home() / name), "Pictures (*.png)")
        if path and not session.page.canvas.native.grab().save(path, "PNG"):
            self.complain(f"{path}: the picture cannot be written; choose another folder.")
        elif path:
            desk.tell(f"Saved the picture as {path}.")

    def save_settings(self) -> None:
        """Write what changed in the settings; a failure is said, and nothing else is lost."""
        try:
            save_changes(self.settings, since=self._stored)
            self._stored = self.settings
        except AnnotatorError as error:
            self.complain(str(error))

    # --- Qt -------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files."""
        if has_files(event):
            accept_as_copy(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Offer dropped files for import, into a new project where none is open."""
        paths = dropped_paths(event)
        accept_as_copy(event)
        if paths:
            # The program that they come from stands still until the drop is over, and a question takes its time.
            QTimer.singleShot(0, lambda: self._take_dropped(paths))

    def _take_dropped(self, paths: tuple[Path, ...]) -> None:
        if self.session is not None:
            self.session.transfer.ask_import(paths)
        elif len(paths) == 1 and Project.is_project(paths[0]):
            self.open_project(paths[0])
        elif not self._is_waiting:
            self._new_project(paths)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Save, stop the learner and close; or stay, where the person would rather save first."""
        if not self.close_project():
            event.ignore()
            return
        self.save_settings()
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.disconnect(self._on_focus_changed)
        event.accept()
