"""Files that are dragged onto a window: taken as copies, whatever the program that they come from offers."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QDropEvent


def has_files(event: QDropEvent) -> bool:
    """Whether what is dragged are files that may be copied."""
    can_copy = bool(event.possibleActions() & Qt.DropAction.CopyAction)
    return event.mimeData().hasUrls() and can_copy


def accept_as_copy(event: QDropEvent) -> None:
    """Take what is dropped as a copy: a program that offered to move it must not delete the original."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()


def dropped_paths(event: QDropEvent) -> tuple[Path, ...]:
    """The files and folders of this computer that are dropped."""
    return tuple(Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile())
