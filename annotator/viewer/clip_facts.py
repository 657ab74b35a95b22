"""Facts of clips that a person may set: view, domain, spacing, ED and ES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from annotator.core.identity import ClipHeader, Spacing, Split, safe_stem
from annotator.viewer.desk import Desk


class ClipFacts:
    """Writes the header of the clip on screen, or of several, through the project, undoable like a label.

    Every method raises AnnotatorError where no clip is open or the project refuses.

    Parameters
    ----------
    desk
        Where the person works.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def set_view(self, view: str, *, of: Sequence[str] = ()) -> None:
        """Say which view the clip, or clips by name, are; the empty string for unknown."""
        self._change(lambda header: replace(header, view=view or None), of)

    def set_domain(self, domain: str, *, of: Sequence[str] = ()) -> None:
        """Say which scanner, vendor or hospital the clip, or clips by name, are from.

        One that the project has not had is named as an import and ``annotator edit`` would name it.
        """
        known = {clip.header.domain for clip in self._desk.project.clips()}
        name = domain.strip()
        if name:
            name = name if name in known else safe_stem(name)
            self._change(lambda header: replace(header, domain=name), of)

    def set_split(self, split: Split, *, of: Sequence[str]) -> None:
        """Put the patients of clips, by name, into another part of the data."""
        project = self._desk.project
        headers = {name: project.clip(name).header for name in of}
        self._desk.tell(project.update_clips(headers, author=self._desk.ledger.author, split=split).sentence)

    def give(self, patient: str | None, *, of: Sequence[str]) -> None:
        """Say that clips, by name, are another patient's, by pseudonym; ``None`` for one who has no other clip."""
        self._desk.tell(self._desk.project.give_clips(of, patient, author=self._desk.ledger.author).sentence)

    def part(self, names: Sequence[str]) -> None:
        """Say that every one of some clips is a patient of its own."""
        self._desk.tell(self._desk.project.part_clips(names, author=self._desk.ledger.author).sentence)

    def sized_alike(self) -> tuple[str, ...]:
        """The clips that a pixel size of this one may hold for, by name, this one first."""
        here = self._desk.open_clip
        alike = (clip.name for clip in self._desk.project.clips() if clip.header.is_sized_like(here.header))
        return (here.name, *(name for name in alike if name != here.name))

    def confirm_spacing(self, spacing: Spacing, *, of: Sequence[str] = ()) -> None:
        """Vouch for a pixel size in mm/px, of the clip or of clips by name; millimetres are shown from then on."""
        self._change(lambda header: header.with_confirmed(spacing), of)

    def toggle_mark(self, mark: str) -> None:
        """Mark or unmark the frame on screen as ``"ed"`` or ``"es"``; it cannot be both."""
        header, frame = self._desk.open_clip.header, self._desk.frame
        ed, es = set(header.ed_frames), set(header.es_frames)
        here, other = (ed, es) if mark == "ed" else (es, ed)
        here ^= {frame}
        other.discard(frame)
        marked = replace(header, ed_frames=tuple(sorted(ed)), es_frames=tuple(sorted(es)))
        self._change(lambda _: marked)

    def _change(self, change: Callable[[ClipHeader], ClipHeader], names: Sequence[str] = ()) -> None:
        project = self._desk.project
        wanted = names or (self._desk.open_clip.name,)
        headers = {name: change(project.clip(name).header) for name in wanted}
        commit = project.update_clips(headers, author=self._desk.ledger.author)
        if len(commit.clips) > 1:
            self._desk.tell(commit.sentence)
