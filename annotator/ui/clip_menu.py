"""What can be said of several clips at once: a menu of their views, domains, part of the data and patient."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from qtpy.QtGui import QAction
from qtpy.QtWidgets import QMenu, QWidget

from annotator.core.words import counted
from annotator.ui.dialogs import SPLIT_WORDS, DomainDialog
from annotator.viewer.state import ClipRow

_NO_VIEW: Final = "not set"


class ClipMenu(QMenu):
    """Views, domains and parts of the data for some clips; what all of them have is ticked.

    Parameters
    ----------
    rows
        The clips, at least one.
    views
        Of the protocol.
    domains
        Of the project.
    choose_view, choose_domain, choose_split
        Called with the choice; the empty string is the view that is not set.
    ask_patient
        Called where another patient is wanted.
    parent
        What it belongs to.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        views: Sequence[str],
        domains: Sequence[str],
        *,
        choose_view: Callable[[str], object],
        choose_domain: Callable[[str], object],
        choose_split: Callable[[str], object],
        ask_patient: Callable[[], object],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        title = rows[0].name if len(rows) == 1 else counted(len(rows), "clip")
        heading = self.addAction(_plain(title))
        heading.setEnabled(False)
        self.addSeparator()
        of_views, of_domains = {row.view for row in rows}, {row.domain for row in rows}
        view = self.addMenu("View")
        for choice in ("", *views):
            _add(view, choice or _NO_VIEW, choice, is_ticked=of_views == {choice}, choose=choose_view)
        domain = self.addMenu("Domain")
        for choice in domains:
            _add(domain, choice, choice, is_ticked=of_domains == {choice}, choose=choose_domain)
        domain.addSeparator()
        domain.addAction("Another…").triggered.connect(lambda _checked=False: _ask_domain(choose_domain, parent))
        split = self.addMenu("Part of the data")
        of_splits = {row.split for row in rows}
        for part, words in SPLIT_WORDS.items():
            _add(split, words, part.value, is_ticked=of_splits == {part.value}, choose=choose_split)
        self.addAction("Patient…").triggered.connect(lambda _checked=False: ask_patient())


def _ask_domain(choose: Callable[[str], object], parent: QWidget | None) -> None:
    domain = DomainDialog.ask(parent=parent)
    if domain:
        choose(domain)


def _add(menu: QMenu, text: str, choice: str, *, is_ticked: bool, choose: Callable[[str], object]) -> None:
    action = QAction(_plain(text), menu)
    action.setCheckable(True)
    action.setChecked(is_ticked)
    action.triggered.connect(lambda _checked=False: choose(choice))
    menu.addAction(action)


def _plain(text: str) -> str:
    """Text of a menu in which an ampersand is one, and not a key's mark."""
    return text.replace("&", "&&")
