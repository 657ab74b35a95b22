"""Facts of the clip on screen that a person may set: view, domain, spacing, ED and ES."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from annotator.core.identity import Clip, ClipHeader, Spacing
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

    def sized_alike(self) -> tuple[Clip, ...]:
        """The other clips that a pixel size of this one may hold for."""
        here = self._desk.open_clip
        others = (clip for clip in self._desk.project.clips() if clip.name != here.name)
        return tuple(clip for clip in others if clip.header.is_sized_like(here.header))

    def confirm_spacing(self, spacing: Spacing, *, also: Sequence[Clip] = ()) -> None:
        """Vouch for a pixel size in mm/px, here and of other clips; millimetres are shown from then on."""
        clips = (self._desk.open_clip, *also)
        headers = {clip.name: clip.header.with_confirmed(spacing) for clip in clips}
        self._desk.project.update_clips(headers, author=self._desk.ledger.author)

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
