"""Clips and labels from files, folders, manifests and earlier exports into a project: all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from annotator import ingest, registry
from annotator.core.errors import BadInput
from annotator.core.export_list import EXPORT_LIST
from annotator.core.identity import Clip, FrameKey, ListeningPseudonymiser, PatientFrom, Split
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol
from annotator.core.views import strange_view_sentence, view_id
from annotator.engine.jobs.documents import Document, gathered, joined, labels_in, read_document, refuse_contradictions
from annotator.engine.jobs.import_notes import Taken, draft_sentences, sentences_of, split_sentences
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.returning import Returning
from annotator.project import Added, Joining, Project


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user says of all files of an import; ``None`` leaves it to the files.

    ``skip_damaged`` leaves out files that cannot be read, where others can; ``replace_labels`` lets labels that come in
    take the place of those that they contradict.
    """

    domain: str | None = None
    view: str | None = None
    patient_from: PatientFrom = "file"
    split: Split | None = None
    skip_damaged: bool = False
    replace_labels: bool = False


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
class _Stream:
    """Recordings on their way into the project, and what is worth telling of them.

    ``splits`` has the split of every patient so far, and ``patient_now`` tells who a patient is in the project. A
    manifest (``is_manifest``) names patients for sure, those in ``unnamed`` aside, and its labels are masks. Where
    ``replaces``, labels take the place of those that they contradict; ``skip_damaged`` leaves out recordings that
    cannot be read. ``heard`` has what files call the patients.
    """

    source: Path
    protocol: LabelProtocol
    splits: dict[str, Split]
    patient_now: Callable[[str], str]
    documents: Sequence[Document] = ()
    is_manifest: bool = False
    replaces: bool = False
    unnamed: Collection[str] = ()
    skip_damaged: bool = False
    heard: Mapping[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
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

    def into(self, project: Project, recordings: Iterable[tuple[Recording, Split]], author: str) -> ImportReport:
        """Add everything, or nothing where a label contradicts the project."""
        parted = project.parted_patients()

        def accept(added: Sequence[Added]) -> None:
            keyed = self._keyed(added)
            documents = gathered(project, self.documents, [found.clip for found in added], brought=keyed)
            refuse_contradictions(project, [(self.source, keyed), *labels_in(documents)], self.joining)

        added = project.add_clips(
            recordings,
            author=author,
            accept=accept,
            patients_are_named=self.is_manifest,
            unnamed=self.unnamed,
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
        # A data set, which alone names splits, holds others that may be sound.
        which = "" if recording.split is None else f"Clip '{recording.header.stem}' of "
        self.left_out.append(f"{which}{damage}")

    def _keyed(self, added: Sequence[Added]) -> dict[FrameKey, PartialLabel]:
        """Labels that came with recordings.

        Raises
        ------
        BadInput
            Where the same images come twice with different labels.
        """
        keyed: dict[FrameKey, PartialLabel] = {}
        for found, one in zip(added, self.taken, strict=True):
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
        keyed = self._keyed(added)
        labels, said = joined(gathered(project, self.documents))
        pairs = list(zip(added, self.taken, strict=True))
        stored = {FrameKey(found.clip.name, frame) for found, one in pairs if found.is_new for frame in one.labels}
        labels |= {key: label for key, label in keyed.items() if key not in stored}
        said |= {FrameKey(found.clip.name, n): by for found, one in pairs for n, by in one.provenance.items()}
        commit = project.import_labels(labels, author=author, provenance=said, joining=self.joining)
        told = sentences_of(project, pairs, parted=parted, heard=self.heard)
        sentences = [*self.warnings, *told, *draft_sentences(commit.left_out)]
        return ImportReport(
            added=len(new),
            known=len(added) - len(new),
            frames=sum(clip.header.n_frames for clip in new.values()),
            labels=_finished({**labels, **keyed}, {*commit.keys, *(key for key in keyed if key.clip in new)}),
            replaced=len(commit.replaced),
            clips=tuple(new),
            warnings=tuple(dict.fromkeys(sentences)),
            left_out=tuple(self.left_out),
        )


def import_paths(
    project: Project, paths: Sequence[Path], options: ImportOptions, *, author: str, progress: Progress
) -> ImportReport:
    """Import files and folders; a ``labels.json`` of an earlier export brings its labels back.

    Raises
    ------
    BadInput
        Where a file cannot be used and must not be left out; nothing is added then.
    ContradictingLabels
        Where labels contradict those of the project and may not replace them; nothing is added then.
    ProjectError
        Where the project cannot be written.
    """
    # Whoever names everything in an export's folder names its own list of files too.
    given = [p for p in paths if p.name != EXPORT_LIST] or paths
    files = [p for p in given if p.suffix.lower() == ".json" and p.is_file()]
    images = [p for p in given if p not in files]
    # Whoever names everything in an export's folder names its masks too, and means the labels.
    masks = ingest.ExportedMasks(registry.picture_formats())
    images = [] if files and all(p in masks for p in images) else images
    documents = [read_document(project, path) for path in files]
    if images:
        return _import_images(project, images, documents, options, author=author, progress=progress)
    by_file = gathered(project, documents)
    joining = Joining(replaces=options.replace_labels)
    refuse_contradictions(project, labels_in(by_file), joining)
    labels, said = joined(by_file)
    commit = project.import_labels(labels, author=author, provenance=said, joining=joining)
    # Images that come along go where the document says; those that came before stay where they are.
    return ImportReport(
        labels=_finished(labels, commit.keys),
        replaced=len(commit.replaced),
        warnings=(*split_sentences(_splits_said(project, documents)), *draft_sentences(commit.left_out)),
    )


def _import_images(
    project: Project,
    images: Sequence[Path],
    documents: Sequence[Document],
    options: ImportOptions,
    *,
    author: str,
    progress: Progress,
) -> ImportReport:
    """Import recordings, with what the documents say of them."""
    overrides = ingest.Overrides(_view(options, project), options.domain, options.patient_from)
    listening = ListeningPseudonymiser(project.pseudonymiser.salt)
    reading = ingest.read_paths(
        images,
        registry.readers(),
        listening,
        overrides=overrides,
        skip_damaged=options.skip_damaged,
        picture_formats=registry.picture_formats(),
    )
    returning = Returning(
        documents,
        project.pseudonymiser,
        patient_from=options.patient_from,
        domain=options.domain,
        view=options.view,
    )
    splits = {**returning.survey(reading, progress), **_splits(project)}
    stream = _Stream(
        images[0],
        project.protocol,
        splits,
        project.patient_now,
        documents,
        replaces=options.replace_labels,
        skip_damaged=options.skip_damaged,
        heard=listening.heard,
    )
    strange = overrides.view and strange_view_sentence(overrides.view, project.protocol)
    stream.warnings += [strange] if strange else []
    return stream.into(project, _recordings(reading, stream, options, returning, progress=progress), author)


def _splits_said(project: Project, documents: Sequence[Document]) -> Iterator[tuple[Clip, Split]]:
    """Clips of the project that documents speak of, with the split that they say."""
    for clip in project.clips():
        for document in documents:
            said = document.content.clip_like(clip.header, clip.pixels)
            if said is not None:
                yield clip, said.split


def _splits(project: Project) -> dict[str, Split]:
    return {**project.parted_patients(), **{clip.header.patient: clip.split for clip in project.clips()}}


def _view(options: ImportOptions, project: Project) -> str | None:
    if not options.view:
        return None
    found = view_id(options.view, project.protocol.views)
    if found is None:
        raise BadInput(options.view, "this is no view", "give one such as a4c")
    return found


def _finished(labels: Mapping[FrameKey, PartialLabel], among: Collection[FrameKey]) -> int:
    return sum(
        label.status(structure).is_finished
        for key, label in labels.items()
        if key in among
        for structure in label.structures
    )


def _recordings(
    reading: ingest.Reading,
    stream: _Stream,
    options: ImportOptions,
    returning: Returning,
    *,
    progress: Progress,
) -> Iterator[tuple[Recording, Split]]:
    for done, read in enumerate(reading):
        progress.update(done, len(reading), f"Importing {read.path.name}")
        stream.warnings += [sentence for sentence in read.warnings if sentence != ingest.FOLDER_SENTENCE]
        stream.left_out += [read.damage] if read.damage else []
        folder = returning.folder(read)
        for recording in read.recordings:
            _refuse_strange(stream.protocol, recording, read.path)
            known = returning.as_exported(recording, folder=folder)
            if known.header.patient == folder:
                stream.warnings.append(ingest.FOLDER_SENTENCE)
            # What names its split comes from a data set, which knows patients by pseudonym alone.
            is_set = options.patient_from == "file" and recording.split is not None
            is_foreign = is_set or known.header.patient != recording.header.patient
            yield stream.take(known, options.split or known.split, is_foreign=is_foreign)


def _refuse_strange(protocol: LabelProtocol, recording: Recording, path: Path) -> None:
    """Refuse labels of other structures with the file that has them; all of a file are of one protocol.

    Raises
    ------
    BadInput
        Where the first label speaks of a structure that the project has not.
    """
    try:
        first = next(iter(recording.labels.values()), None)
    except BadInput:
        # It is refused, or left out, where its labels are stored.
        return
    strange = [] if first is None else [name for name in first.structures if name not in protocol.ids]
    if strange:
        what = f"it labels {', '.join(strange)}, and the project's structures are {', '.join(protocol.ids)}"
        raise BadInput(path, what, "import it into a project of its protocol")


def import_manifest(
    project: Project,
    manifest: Path,
    *,
    values: Mapping[str, int] | None,
    author: str,
    progress: Progress,
    replace_labels: bool = False,
) -> ImportReport:
    """Import what a CSV manifest names, with its labels; without ``values``, masks use the project's stored ones.

    ``replace_labels`` lets labels that come in take the place of those that they contradict.

    Raises
    ------
    BadInput
        Where the manifest or a file that it names cannot be used; nothing is added then.
    ContradictingLabels
        Where labels contradict those of the project and may not replace them; nothing is added then.
    ProjectError
        Where the project cannot be written.
    """
    said = project.values if values is None else values
    listening = ListeningPseudonymiser(project.pseudonymiser.salt)
    read = ingest.read_manifest(
        manifest, project.protocol, values=said, readers=registry.readers(), pseudonymiser=listening
    )
    read.check(lambda done, total: progress.update(done, total, "Checking the manifest"))
    stream = _Stream(
        manifest,
        project.protocol,
        _splits(project),
        project.patient_now,
        is_manifest=True,
        replaces=replace_labels,
        unnamed=read.unnamed,
        heard=listening.heard,
    )

    def recordings() -> Iterator[tuple[Recording, Split]]:
        for done, (recording, _) in enumerate(read):
            progress.update(done, len(read), f"Importing {recording.header.stem}")
            yield stream.take(recording, recording.split)

    report = stream.into(project, recordings(), author)
    report = replace(report, warnings=tuple(dict.fromkeys([*report.warnings, *read.warnings])))
    if values is not None:
        project.set_values(read.values)
    return report
