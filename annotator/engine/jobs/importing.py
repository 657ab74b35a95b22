"""Clips and labels from files, folders, manifests and earlier exports into a project: all of them or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from annotator import ingest, registry
from annotator.core.errors import BadInput
from annotator.core.export_list import EXPORT_LIST
from annotator.core.identity import Clip, ListeningPseudonymiser, PatientFrom, Split
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol
from annotator.core.views import strange_view_sentence, view_id
from annotator.engine.jobs.arrivals import Arrivals, ImportReport, finished
from annotator.engine.jobs.documents import Document, gathered, joined, labels_in, read_document, refuse_contradictions
from annotator.engine.jobs.import_notes import draft_sentences, split_sentences
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.returning import Returning
from annotator.project import Joining, Project


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
        labels=finished(labels, commit.keys),
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
    progress.update(0, 0, f"Looking through {images[0].name or images[0]}")
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
    stream = Arrivals(
        images[0],
        project.protocol,
        splits,
        project.patient_now,
        documents,
        replaces=options.replace_labels,
        skip_damaged=options.skip_damaged,
        heard=listening.heard,
        here=project.clips(),
    )
    strange = overrides.view and strange_view_sentence(overrides.view, project.protocol)
    stream.warnings += [strange] if strange else []
    recordings = _recordings(reading, stream, options, returning, progress=progress)
    return stream.into(project, recordings, author, progress=progress)


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


def _recordings(
    reading: ingest.Reading,
    stream: Arrivals,
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
            if stream.take_part(recording, options.split or recording.split):
                continue
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
    stream = Arrivals(
        manifest,
        project.protocol,
        _splits(project),
        project.patient_now,
        is_manifest=True,
        replaces=replace_labels,
        unnamed=read.unnamed,
        stand_ins=read.stand_ins,
        heard=listening.heard,
    )

    def recordings() -> Iterator[tuple[Recording, Split]]:
        for done, (recording, _) in enumerate(read):
            progress.update(done, len(read), f"Importing {recording.header.stem}")
            yield stream.take(recording, recording.split)

    report = stream.into(project, recordings(), author, progress=progress)
    report = replace(report, warnings=tuple(dict.fromkeys([*report.warnings, *read.warnings])))
    if values is not None:
        project.set_values(read.values)
    return report
