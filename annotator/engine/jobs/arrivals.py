"""Recordings and labels on their way into a project: all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from annotator.core.errors import BadInput
from annotator.core.identity import Clip, FrameKey, Split
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol
from annotator.engine.jobs.documents import Document, gathered, joined, labels_in, refuse_contradictions
from annotator.engine.jobs.import_notes import Taken, draft_sentences, sentences_of
from annotator.engine.jobs.parts import as_whole, whole_clip
from annotator.engine.jobs.progress import Progress
from annotator.project import Added, Joining, Project


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import brought: new clips, clips that were there already, frames, labels, names and sentences.

    ``replaced`` counts the labels, each of one structure in one frame, that gave way to others; ``left_out`` has a
    sentence for each damaged file that was left out.
    """

    added: int = 0
    known: int = 0
    frames: int = 0
    labels: int = 0
    replaced: int = 0
    clips: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(slots=True)
class Arrivals:
    """Recordings on their way into a project, and what is worth telling of them.

    ``splits`` has the split of every patient so far, and ``patient_now`` tells who a patient is in the project. A
    manifest (``is_manifest``) names patients for sure, those in ``unnamed`` aside, and its labels are masks;
    ``stand_ins`` has, by their stems, as whom its files come where nobody names their patients. Where
    ``replaces``, labels take the place of those that they contradict; ``skip_damaged`` leaves out recordings that
    cannot be read. ``heard`` has what files call the patients, and ``here`` the clips of the project, of which some
    frames may come.
    """

    source: Path
    protocol: LabelProtocol
    splits: dict[str, Split]
    patient_now: Callable[[str], str]
    documents: Sequence[Document] = ()
    is_manifest: bool = False
    replaces: bool = False
    unnamed: Collection[str] = ()
    stand_ins: Mapping[str, Collection[str]] = field(default_factory=dict)
    skip_damaged: bool = False
    heard: Mapping[str, str] = field(default_factory=dict)
    here: Sequence[Clip] = ()
    taken: list[Taken] = field(default_factory=list)
    parts: list[tuple[Clip, Taken]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def take(self, recording: Recording, split: Split | None, *, is_foreign: bool = False) -> tuple[Recording, Split]:
        """Note what a recording brings; without a split that somebody asked for it goes where its patient is.

        A patient who is nowhere yet is for training. ``is_foreign`` says that the pseudonym is another project's.
        """
        came_as = recording.header.patient
        patient, warnings = self.patient_now(came_as), recording.warnings
        taken = Taken(patient, came_as, split, recording.labels, recording.provenance, warnings, is_foreign)
        self.taken.append(taken)
        chosen = split or self.splits.get(patient, Split.TRAIN)
        self.splits.setdefault(patient, chosen)
        return replace(recording, header=replace(recording.header, patient=patient)), chosen

    def take_part(self, recording: Recording, split: Split | None) -> bool:
        """Note the labels of a recording that has some frames of a clip that is here; whether it has.

        Raises
        ------
        BadInput
            Where its labels are damaged and must not be left out.
        """
        whole = whole_clip(self.here, recording)
        if whole is None:
            return False
        try:
            part = as_whole(recording)
        except BadInput as damage:
            if not self.skip_damaged:
                raise
            self._tell_left_out(recording, damage)
            return True
        patient = whole.header.patient
        taken = Taken(patient, patient, split, part.labels, part.provenance, part.warnings, is_foreign=False)
        self.parts.append((whole, taken))
        return True

    def into(
        self, project: Project, recordings: Iterable[tuple[Recording, Split]], author: str, *, progress: Progress
    ) -> ImportReport:
        """Add everything, or nothing where a label contradicts the project."""
        parted = project.parted_patients()

        def accept(added: Sequence[Added]) -> None:
            keyed = self._keyed(self._pairs(project, added))
            documents = gathered(project, self.documents, [found.clip for found in added], brought=keyed)
            refuse_contradictions(project, [(self.source, keyed), *labels_in(documents)], self.joining)

        added = project.add_clips(
            recordings,
            author=author,
            accept=accept,
            told=lambda done, total: progress.update(done, total, "Comparing with the clips here"),
            patients_are_named=self.is_manifest,
            unnamed=self.unnamed,
            stand_ins=self.stand_ins,
            leave_out=self._leave_out if self.skip_damaged else None,
        )
        return self._report(project, added, author, parted=parted)

    @property
    def joining(self) -> Joining:
        """How labels are joined with those here."""
        return Joining(replaces=self.replaces, are_masks=self.is_manifest)

    def _leave_out(self, recording: Recording, damage: BadInput) -> None:
        """Forget the recording that was taken last, since it cannot be read to its end."""
        self.taken.pop()
        self._tell_left_out(recording, damage)

    def _tell_left_out(self, recording: Recording, damage: BadInput) -> None:
        # A data set, which alone names splits, holds others that may be sound.
        which = "" if recording.split is None else f"Clip '{recording.header.stem}' of "
        self.left_out.append(f"{which}{damage}")

    def _pairs(self, project: Project, added: Sequence[Added]) -> list[tuple[Added, Taken]]:
        """What became of each recording, and what it brought; those that came in part stand last.

        Raises
        ------
        BadInput
            Where a clip of which some frames came was removed while files were read.
        """
        here = {(clip.name, clip.pixels) for clip in project.clips()}
        gone = next((whole.name for whole, _ in self.parts if (whole.name, whole.pixels) not in here), None)
        if gone is not None:
            what = f"'{gone}', of which it has some frames, was removed during the import"
            raise BadInput(self.source, what, "import it again")
        parts = ((Added(whole, is_new=False, revision=0), taken) for whole, taken in self.parts)
        return [*zip(added, self.taken, strict=True), *parts]

    def _keyed(self, pairs: Sequence[tuple[Added, Taken]]) -> dict[FrameKey, PartialLabel]:
        """Labels that came with recordings.

        Raises
        ------
        BadInput
            Where the same images come twice with different labels.
        """
        keyed: dict[FrameKey, PartialLabel] = {}
        for found, one in pairs:
            for frame, label in one.labels.items():
                key = FrameKey(found.clip.name, frame)
                if keyed.setdefault(key, label) != label:
                    what = f"its images come twice, with different labels of {key.in_words}"
                    raise BadInput(self.source, what, "label them once")
        return keyed

    def _report(
        self, project: Project, added: Sequence[Added], author: str, *, parted: Collection[str]
    ) -> ImportReport:
        """Give clips that were there already, or came before in the import, the labels that it brings, and count.

        What documents say of all clips comes with these, as one step for undo.
        """
        new = {found.clip.name: found.clip for found in added if found.is_new}
        pairs = self._pairs(project, added)
        keyed = self._keyed(pairs)
        labels, said = joined(gathered(project, self.documents))
        stored = {FrameKey(found.clip.name, frame) for found, one in pairs if found.is_new for frame in one.labels}
        labels |= {key: label for key, label in keyed.items() if key not in stored}
        said |= {FrameKey(found.clip.name, n): by for found, one in pairs for n, by in one.provenance.items()}
        commit = project.import_labels(labels, author=author, provenance=said, joining=self.joining)
        told = sentences_of(project, pairs, parted=parted, heard=self.heard)
        sentences = [*self.warnings, *told, *draft_sentences(commit.left_out)]
        return ImportReport(
            added=len(new),
            known=len(pairs) - len(new),
            frames=sum(clip.header.n_frames for clip in new.values()),
            labels=finished({**labels, **keyed}, {*commit.keys, *(key for key in keyed if key.clip in new)}),
            replaced=len(commit.replaced),
            clips=tuple(new),
            warnings=tuple(dict.fromkeys(sentences)),
            left_out=tuple(self.left_out),
        )


def finished(labels: Mapping[FrameKey, PartialLabel], among: Collection[FrameKey]) -> int:
    """How many labels of structures are finished in some frames."""
    return sum(
        label.status(structure).is_finished
        for key, label in labels.items()
        if key in among
        for structure in label.structures
    )
