"""Facts of the clip on screen that a person may set: view, domain, spacing, ED and ES."""

from __future__ import annotations

from dataclasses import replace

from annotator.core.identity import ClipHeader, Spacing, SpacingStatus
from annotator.viewer.desk import Desk


class ClipFacts:
    """Writes a clip's header through the project, undoable like a label.

    Every method raises AnnotatorError where no clip is open or the project refuses.

    Parameters
    ----------
    desk
        Where the person works.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def set_view(self, view: str) -> None:
        """Say which view the clip is; the empty string for unknown."""
        self._write(replace(self._header(), view=view or None))

    def set_domain(self, domain: str) -> None:
        """Say which scanner, vendor or hospital the clip is from."""
        name = domain.strip()
        if name:
            self._write(replace(self._header(), domain=name))

    def confirm_spacing(self, spacing: Spacing) -> None:
        """Vouch for a pixel size in mm/px; millimetres are shown from then on."""
        self._write(
            replace(self._header(), spacing=spacing, spacing_status=SpacingStatus.CONFIRMED, proposed_spacing=None)
        )

    def toggle_mark(self, mark: str) -> None:
        """Mark or unmark the frame on screen as ``"ed"`` or ``"es"``; it cannot be both."""
        header, frame = self._header(), self._desk.frame
        ed, es = set(header.ed_frames), set(header.es_frames)
        here, other = (ed, es) if mark == "ed" else (es, ed)
        here ^= {frame}
        other.discard(frame)
        self._write(replace(header, ed_frames=tuple(sorted(ed)), es_frames=tuple(sorted(es))))

    def _header(self) -> ClipHeader:
        return self._desk.open_clip.header

    def _write(self, header: ClipHeader) -> None:
        if header != self._header():
            self._desk.project.update_clip(self._desk.open_clip.name, header, author=self._desk.ledger.author)
