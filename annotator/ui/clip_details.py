"""What is known of the clip on screen, and the few facts that a person may set."""

from __future__ import annotations

from collections.abc import Mapping

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from annotator.core.identity import SpacingStatus
from annotator.ui.controls import ChoiceBox, ElidedLabel, label, push_button
from annotator.ui.style import GAP, TIGHT, refresh_style
from annotator.viewer.state import ClipDetails

_NO_VIEW = "not set"


class ClipDetailsPanel(QWidget):
    """View, domain, pixel size and cardiac marks of the clip on screen.

    Signals
    -------
    view_chosen(str)
        A view id of the protocol, or ``""`` for none.
    domain_chosen(str)
        A domain, possibly a new one.
    spacing_requested()
        The user wants to confirm or enter the pixel size.
    mark_requested(str)
        ``"ed"`` or ``"es"``: mark, or unmark, the frame on screen.
    domain_done()
        A domain was entered or chosen from the list: the keyboard is free for the picture.
    """

    view_chosen = Signal(str)
    domain_chosen = Signal(str)
    spacing_requested = Signal()
    mark_requested = Signal(str)
    domain_done = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("clipDetails")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._domain = ""
        self._title = ElidedLabel(Qt.TextElideMode.ElideMiddle, role="title")
        self._title.setText("No clip open")
        self._facts = label(role="quiet", is_wrapped=True)
        self._view = ChoiceBox("View")
        self._view.activated.connect(self._on_view)
        self._domains = self._make_domains()
        self._spacing = label(is_wrapped=True)
        self._confirm = push_button("Set pixel size…")
        self._confirm.clicked.connect(self.spacing_requested)
        self._ed = push_button("Mark ED")
        self._ed.clicked.connect(self._on_ed)
        self._es = push_button("Mark ES")
        self._es.clicked.connect(self._on_es)
        self.set_shortcuts({})
        self._lay_out()
        self.setEnabled(False)

    def _make_domains(self) -> QComboBox:
        box = ChoiceBox("Domain: scanner, vendor or hospital")
        box.setEditable(True)
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        box.setToolTip("Scanner, vendor or hospital: what the model must not mistake for anatomy")
        box.activated.connect(self._on_domain)
        box.activated.connect(self.domain_done)
        line = box.lineEdit()
        if line is not None:
            line.setAcceptDrops(False)
            line.editingFinished.connect(self._on_domain)
            line.returnPressed.connect(self.domain_done)
        return box

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(TIGHT)
        grid.setColumnStretch(1, 1)
        for i, (text, widget) in enumerate((("View", self._view), ("Domain", self._domains))):
            grid.addWidget(label(text, role="quiet"), i, 0)
            grid.addWidget(widget, i, 1)
        grid.addWidget(label("Pixel size", role="quiet"), 2, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._spacing, 2, 1)
        grid.addWidget(self._confirm, 3, 1)
        marks = QHBoxLayout()
        marks.setSpacing(TIGHT)
        marks.addWidget(self._ed)
        marks.addWidget(self._es)
        grid.addWidget(label("This frame", role="quiet"), 4, 0)
        grid.addLayout(marks, 4, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GAP, GAP, GAP, GAP)
        layout.setSpacing(TIGHT)
        layout.addWidget(self._title)
        layout.addWidget(self._facts)
        layout.addLayout(grid)
        layout.addStretch(1)

    def set_shortcuts(self, shortcuts: Mapping[str, str]) -> None:
        """Name the keys of ``"mark_ed"`` and ``"mark_es"`` in the tooltips; missing ones are not named."""
        for button, phase, name in ((self._ed, "end-diastole", "mark_ed"), (self._es, "end-systole", "mark_es")):
            key = f" ({shortcuts[name]})" if name in shortcuts else ""
            button.setToolTip(f"Mark this frame as {phase}, or take the mark away{key}")

    def show_state(self, details: ClipDetails | None) -> None:
        """Show a clip's facts, or that no clip is open; a domain that is being typed for it is left alone."""
        self.setEnabled(details is not None)
        if details is None:
            self._title.setText("No clip open")
            self._facts.clear()
            return
        is_same_clip = details.name == self._title.text()
        self._show_title(details)
        views = (_NO_VIEW, *details.views)
        _fill(self._view, views, details.view or _NO_VIEW)
        self._domain = details.domain
        line = self._domains.lineEdit()
        if line is None or not (is_same_clip and line.hasFocus() and line.isModified()):
            _fill(self._domains, details.domains, details.domain)
        if line is not None and not line.hasFocus():
            # A long name is read from its beginning.
            line.setCursorPosition(0)
        self._show_spacing(details)
        for widget in (self._view, self._domains, self._confirm, self._ed, self._es):
            widget.setEnabled(details.can_change)

    def _show_title(self, details: ClipDetails) -> None:
        self._title.setText(details.name)
        self._title.setToolTip(details.name)
        size = " · ".join(fact for fact in (details.size, details.frame_rate) if fact)
        self._facts.setText(f"Patient {details.patient}\n{size}".rstrip())

    def _show_spacing(self, details: ClipDetails) -> None:
        is_doubted = details.spacing_status is SpacingStatus.DOUBTED
        self._spacing.setText(details.spacing)
        role = "warning" if is_doubted else ""
        if self._spacing.property("role") != role:
            self._spacing.setProperty("role", role)
            refresh_style(self._spacing)
        is_known = details.spacing_status in (SpacingStatus.TRUSTED, SpacingStatus.CONFIRMED)
        is_offered = is_doubted or bool(details.proposed_spacing)
        verb = "Change" if is_known else "Confirm" if is_offered else "Set"
        self._confirm.setText("Set pixel size…" if verb == "Set" else f"{verb}…")
        hint = f"Proposed: {details.proposed_spacing}" if details.proposed_spacing else "Set the pixel size in mm"
        self._confirm.setToolTip(hint)
        self._confirm.setAccessibleName(f"{verb} pixel size")

    def _on_view(self, index: int) -> None:
        self.view_chosen.emit("" if index == 0 else self._view.itemText(index))

    def _on_domain(self) -> None:
        text = self._domains.currentText().strip()
        line = self._domains.lineEdit()
        if line is not None:
            line.setModified(False)
            line.setCursorPosition(0)
        if text and text != self._domain:
            self._domain = text
            self.domain_chosen.emit(text)

    def _on_ed(self) -> None:
        self.mark_requested.emit("ed")

    def _on_es(self) -> None:
        self.mark_requested.emit("es")


def _fill(box: QComboBox, items: tuple[str, ...], current: str) -> None:
    if tuple(box.itemText(i) for i in range(box.count())) != items:
        box.clear()
        box.addItems(list(items))
    if box.currentText() != current:
        if current not in items:
            box.setEditText(current) if box.isEditable() else box.addItem(current)
        box.setCurrentText(current)
