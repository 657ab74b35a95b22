"""The writing half of a project, as far as labels from outside go."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from annotator.core.errors import Contradiction
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.status import Origin, Provenance
from annotator.project.merging import Joined, merged, refused, replacing
from annotator.project.rows import FrameChange, plan_import, taken_over
from annotator.project.values import Cell, Commit, Joining
from annotator.project.writing import LabelWriter

_MERGING: Final = Joining()


class LabelImporter(LabelWriter):
    """Imports of labels; see :class:`LabelWriter` on threads."""

    def import_labels(
        self,
        labels: Mapping[FrameKey, PartialLabel],
        *,
        author: str,
        values: Mapping[str, int] | None = None,
        provenance: Mapping[FrameKey, Mapping[str, Provenance]] | None = None,
        joining: Joining = _MERGING,
    ) -> Commit:
        """Add labels from outside as one undo step; what is here already adds nothing.

        Parameters
        ----------
        labels
            What is known of each frame.
        author
            Who imports; the author of labels whose own one is not known, and of those that are joined with labels here.
        values
            Mask values to store with them.
        provenance
            Who said what, where the labels come from a project: authors and origins are kept.
        joining
            What becomes of labels here that contradict them. Replaced ones are earlier revisions then, as after an
            edit, and undo brings them back.

        Raises
        ------
        ContradictingLabels
            Where a label contradicts one that is here and may not replace it, with the number of pixels; nothing is
            stored.
        UnknownName, AnnotatorError
            Where a clip, frame or structure does not exist, or a mask has another size.
        ReadOnlyProject, ProjectError
            Where the project cannot be written.
        """
        self._refuse_read_only()
        with self._lock:
            made = self._made(author, Origin.IMPORTED, None)
            plans = self._import_plans(labels, made, provenance or {}, joining=joining)
            if values is not None:
                self.set_values(values)
            replaced = tuple((plan.key, structure) for plan in plans for structure in plan.replaced)
            left_out = tuple((plan.key, structure) for plan in plans for structure in plan.left_out)
            commit = self._store("import", "replaced" if replaced else "imported", plans, made)
        return self._emitted(replace(commit, replaced=replaced, left_out=left_out))

    def check_labels(self, labels: Mapping[FrameKey, PartialLabel], joining: Joining = _MERGING) -> None:
        """Refuse what :meth:`import_labels` would refuse, and store nothing.

        Raises
        ------
        ContradictingLabels
            Where a label contradicts one that is here and may not replace it, with the number of pixels.
        UnknownName, AnnotatorError
            Where a clip, frame or structure does not exist, or a mask has another size.
        """
        self._import_plans(labels, self._made("", Origin.IMPORTED, None), {}, joining=joining)

    def _import_plans(
        self,
        labels: Mapping[FrameKey, PartialLabel],
        made: Cell,
        provenance: Mapping[FrameKey, Mapping[str, Provenance]],
        *,
        joining: Joining,
    ) -> list[FrameChange]:
        plans = []
        clashes: dict[FrameKey, Contradiction] = {}
        for key, label in sorted(labels.items()):
            for structure in label.structures:
                self.protocol.index(structure)
            before = self.label(key)
            try:
                joined = self._joined(key, label, joining)
            except Contradiction as error:
                clashes[key] = error
                continue
            whole = taken_over(joined.label, label)
            said = {s: by for s, by in provenance.get(key, {}).items() if s in whole}
            plan = plan_import(key, before, joined.label, made=made, said=said)
            plans.append(replace(plan, replaced=joined.replaced, left_out=joined.left_out))
        if clashes:
            raise self._refusal(labels, clashes, joining)
        return plans

    def _joined(self, key: FrameKey, theirs: PartialLabel, joining: Joining) -> Joined:
        ours = self.label(key)
        if joining.replaces:
            return replacing(self.protocol, key, ours, theirs, is_mask=joining.are_masks)
        return Joined(merged(self.protocol, key, ours, theirs, is_mask=joining.are_masks))

    def _refusal(
        self, labels: Mapping[FrameKey, PartialLabel], clashes: Mapping[FrameKey, Contradiction], joining: Joining
    ) -> Contradiction:
        """Why labels are refused, with what would become of them if they might replace those here."""
        replaced: dict[FrameKey, Joined] = {}
        for key in clashes:
            with suppress(Contradiction):
                replaced[key] = self._joined(key, labels[key], replace(joining, replaces=True))
        return refused(clashes, replaced)
