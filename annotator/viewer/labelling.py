"""What a person does to the labels of the frame on screen: each action is one commit and one undo step."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from annotator.core.edits import Assign, Edit, Finish
from annotator.core.identity import FrameKey
from annotator.core.labels import UNKNOWN_LABEL, StructureLabel
from annotator.core.status import LabelStatus, Origin
from annotator.viewer.desk import Desk
from annotator.viewer.ledger import Change, NotSaved
from annotator.viewer.resolve import label_array, mark_array, suggestion_mask
from annotator.viewer.scene import Scene
from annotator.viewer.state import CellState
from annotator.viewer.strokes import Lift, lifted, mark_edits, origin_of_stroke, stroke_edits


class Labelling:
    """Turns actions into commits through the desk's ledger.

    Every method raises what :meth:`~annotator.viewer.ledger.Ledger.commit` raises; the workbench turns that
    into a message.

    Parameters
    ----------
    desk
        Where the person works.
    scene
        Whose layers hold the stroke.
    ask_absent
        Asked where an empty suggestion is accepted: whether the structure (its name) is absent.
    """

    def __init__(self, desk: Desk, scene: Scene, ask_absent: Callable[[str], bool]) -> None:
        self.ask_absent = ask_absent
        self._desk = desk
        self._scene = scene
        self._lift: Lift | None = None

    def lift(self, *, is_wanted: bool) -> None:
        """Before a stroke: turn the selected structure's suggestion into pixels that can be painted on."""
        desk = self._desk
        self._lift = None
        if not is_wanted:
            return
        view = desk.view()
        if view.states[desk.structure] is CellState.SUGGESTED:
            mask = suggestion_mask(view, desk.structure, desk.protocol)
            if mask.any():
                self._lift = Lift(desk.structure, mask, view.snapshot)
                self._scene.show_labels(lifted(view.labels, self._lift, desk.protocol))

    def save_stroke(self) -> bool:
        """After a stroke: commit the difference as a draft; whether there was one. What is hidden keeps its pixels."""
        desk = self._desk
        view, lift, label = desk.view(), self._lift, desk.ledger.label(desk.key)
        self._lift = None
        painted = self._scene.painted_labels()
        if desk.hidden:
            painted[label_array(label, desk.protocol) != view.labels] = 0
        edits = stroke_edits(view.labels, painted, desk.protocol, lift=lift)
        marks = mark_array(label, desk.structure)
        edits += mark_edits(marks, self._scene.painted_marks(), desk.structure)
        if not edits:
            return False
        structure = desk.structure
        desk.touched.add(structure)
        origin = origin_of_stroke(label.status(structure), desk.ledger.origin(desk.key, structure), lift)
        snapshot = lift.snapshot if lift else desk.ledger.snapshot(desk.key, structure)
        self._commit(edits, origin, snapshot if origin is Origin.CORRECTED else None)
        return True

    def finish(self, structures: Iterable[str], key: FrameKey | None = None) -> int:
        """Turn drafts into outlined labels; how many there were.

        Parameters
        ----------
        structures
            Those that may be finished; the others' drafts stay.
        key
            The frame; the one on screen where it is ``None``.

        Raises
        ------
        NotSaved
            Where the disk refuses; what it refused waits to be written.
        """
        desk = self._desk
        frame = key or desk.key
        label = desk.ledger.label(frame)
        drafts = [s for s in structures if label.status(s) is LabelStatus.DRAFT]
        refusal: NotSaved | None = None
        for structure in drafts:
            origin = desk.ledger.origin(frame, structure) or Origin.DRAWN
            snapshot = desk.ledger.snapshot(frame, structure)
            try:
                self._commit((Finish(structure),), origin, snapshot, frame)
            except NotSaved as error:
                # It waits to be written, and so must those after it.
                refusal = error
        desk.touched.difference_update(drafts)
        if refusal is not None:
            raise refusal
        return len(drafts)

    def accept(self, structures: Iterable[str]) -> int:
        """Take suggestions as labels in one step, but for hidden ones, asking about an empty one; how many were taken.

        The frame is the one on screen when this is called, whatever comes on screen while the person answers.
        """
        desk = self._desk
        key, view = desk.key, desk.view()
        wanted = tuple(structures)
        if len(wanted) == 1 and self.is_empty_offer(wanted[0]):
            if not self.ask_absent(desk.protocol.structure(wanted[0]).name):
                return 0
            absent = Assign(wanted[0], StructureLabel(LabelStatus.ABSENT))
            self._commit((absent,), Origin.ACCEPTED, view.snapshot, key)
            return 1
        edits: list[Edit] = []
        for structure in wanted:
            mask = suggestion_mask(view, structure, desk.protocol)
            if view.states[structure] is CellState.SUGGESTED and mask.any():
                edits.append(Assign(structure, StructureLabel(LabelStatus.OUTLINED, mask)))
        if edits:
            self._commit(tuple(edits), Origin.ACCEPTED, view.snapshot)
        return len(edits)

    def reject(self, structures: Iterable[str]) -> int:
        """Refuse suggestions in one step, but for hidden ones; how many were refused."""
        view, hidden = self._desk.view(), self._desk.hidden
        edits = tuple(
            Assign(s, StructureLabel(LabelStatus.REJECTED))
            for s in structures
            if view.states[s] is CellState.SUGGESTED and s not in hidden
        )
        if edits:
            self._commit(edits, Origin.DRAWN, view.snapshot)
        return len(edits)

    def mark_absent(self, structure: str) -> int:
        """Say that a structure was looked for and is not in the frame; 1, or 0 where that was said."""
        if self._desk.view().states[structure] is CellState.ABSENT:
            return 0
        self._commit((Assign(structure, StructureLabel(LabelStatus.ABSENT)),), Origin.DRAWN, None)
        return 1

    def clear(self, structure: str) -> int:
        """Take back what was said of a structure, also a rejection; 1, or 0 where nothing was said."""
        desk = self._desk
        if desk.ledger.label(desk.key).status(structure) is LabelStatus.UNKNOWN:
            return 0
        self._commit((Assign(structure, UNKNOWN_LABEL),), Origin.DRAWN, None)
        return 1

    def open_draft(self, structure: str) -> int:
        """Make the suggestion or label of a structure a draft without changing a pixel; 1, or 0 where it is none."""
        desk = self._desk
        view = desk.view()
        if view.states[structure] is CellState.SUGGESTED:
            mask = suggestion_mask(view, structure, desk.protocol)
            if mask.any():
                desk.touched.add(structure)
                edit = Assign(structure, StructureLabel(LabelStatus.DRAFT, mask))
                self._commit((edit,), Origin.CORRECTED, view.snapshot)
                return 1
        return 0

    def is_empty_offer(self, structure: str) -> bool:
        """Whether the model says that a structure is not in the frame on screen, of which nobody said anything."""
        view = self._desk.view()
        is_unknown = view.states[structure] is CellState.UNKNOWN
        return is_unknown and structure in view.confidence and structure not in self._desk.hidden

    def _commit(
        self, edits: tuple[Edit, ...], origin: Origin, snapshot: int | None, key: FrameKey | None = None
    ) -> None:
        frame = key or self._desk.key
        try:
            self._desk.ledger.commit(Change(frame, edits, origin, snapshot))
        finally:
            self._desk.forget(frame)
