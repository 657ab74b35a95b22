"""Clips and labels from files, folders, manifests and earlier exports into a project: all of them or none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from annotator import ingest, registry
from annotator.core.errors import BadInput
from annotator.core.identity import FrameKey, Split
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Recording
from annotator.engine.jobs.progress import Progress
from annotator.export import read_labels_json
from annotator.project import Added, Project

MILLIMETRES_SENTENCE = (
    "{clip}: its pixel size is not to be trusted, so millimetres stay unset until you confirm one in the window."
)


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user says of all files of an import; ``None`` leaves it to the files."""

    domain: str | None = None
    view: str | None = None
    patient_from: Literal["file", "folder", "stem"] = "file"
    split: Split = Split.TRAIN


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import brought: new clips, clips that were there already, frames, labels, names and sentences."""

    added: int = 0
    known: int = 0
    frames: int = 0
    labels: int = 0
    clips: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Stream:
    """Recordings on their way into the project, and what is worth telling of them."""

    warnings: list[str] = field(default_factory=list)
    labels: list[Mapping[int, PartialLabel]] = field(default_factory=list)

    def take(self, recording: Recording, split: Split) -> tuple[Recording, Split]:
        self.warnings += recording.warnings
        self.labels.append(recording.labels)
        return recording, split


def import_paths(
    project: Project, paths: Sequence[Path], options: ImportOptions, *, author: str, progress: Progress
) -> ImportReport:
    """Import files and folders; a ``labels.json`` of an earlier export brings its labels back.

    Raises
    ------
    BadInput
        Where a file cannot be used; nothing is added then.
    Contradiction
        Where labels contradict those of the project.
    ProjectError
        Where the project cannot be written.
    """
    documents = [p for p in paths if p.suffix.lower() == ".json" and p.is_file()]
    images = [p for p in paths if p not in documents]
    report = ImportReport()
    if images:
        overrides = ingest.Overrides(options.view, options.domain, options.patient_from)
        reading = ingest.read_paths(images, registry.readers(), project.pseudonymiser, overrides=overrides)
        stream = _Stream()
        recordings = _recordings(reading, stream, options.split, progress)
        report = _report(project, project.add_clips(recordings, author=author), stream, author)
    for document in documents:
        labels = _import_document(project, document, author)
        report = ImportReport(
            report.added, report.known, report.frames, report.labels + labels, report.clips, report.warnings
        )
    return report


def _recordings(
    reading: ingest.Reading, stream: _Stream, split: Split, progress: Progress
) -> Iterator[tuple[Recording, Split]]:
    for done, read in enumerate(reading):
        progress.update(done, len(reading), f"Importing {read.path.name}")
        stream.warnings += read.warnings
        for recording in read.recordings:
            yield stream.take(recording, split)


def import_manifest(
    project: Project, manifest: Path, *, values: Mapping[str, int] | None, author: str, progress: Progress
) -> ImportReport:
    """Import what a CSV manifest names, with its labels.

    Raises
    ------
    BadInput
        Where the manifest or a file that it names cannot be used; nothing is added then.
    Contradiction
        Where labels contradict those of the project.
    ProjectError
        Where the project cannot be written.
    """
    read = ingest.read_manifest(
        manifest, project.protocol, values=values, readers=registry.readers(), pseudonymiser=project.pseudonymiser
    )
    read.check(lambda done, total: progress.update(done, total, "Checking the manifest"))
    stream = _Stream(warnings=list(read.warnings))

    def recordings() -> Iterator[tuple[Recording, Split]]:
        for done, (recording, split) in enumerate(read):
            progress.update(done, len(read), f"Importing {recording.header.stem}")
            yield stream.take(recording, split)

    added = project.add_clips(recordings(), author=author)
    report = _report(project, added, stream, author)
    if values is not None:
        project.set_values(read.values)
    return report


def _report(project: Project, added: Sequence[Added], stream: _Stream, author: str) -> ImportReport:
    """Give clips that were there already the labels that the import brings, and count."""
    known = {
        FrameKey(found.clip.name, frame): label
        for found, labels in zip(added, stream.labels, strict=True)
        if not found.is_new
        for frame, label in labels.items()
    }
    brought = project.import_labels(known, author=author).keys if known else ()
    new = [found for found in added if found.is_new]
    doubts = [
        MILLIMETRES_SENTENCE.format(clip=found.clip.name)
        for found in new
        if found.clip.header.proposed_spacing is not None
    ]
    return ImportReport(
        added=len(new),
        known=len(added) - len(new),
        frames=sum(found.clip.header.n_frames for found in new),
        labels=sum(
            label.status(structure).is_finished
            for found, labels in zip(added, stream.labels, strict=True)
            for frame, label in labels.items()
            if found.is_new or FrameKey(found.clip.name, frame) in brought
            for structure in label.structures
        ),
        clips=tuple(found.clip.name for found in new),
        warnings=tuple(dict.fromkeys([*stream.warnings, *doubts])),
    )


def _import_document(project: Project, path: Path, author: str) -> int:
    """Labels of an exported ``labels.json``; returns how many."""
    document = read_labels_json(path)
    if document.protocol.ids != project.protocol.ids:
        theirs, ours = ", ".join(document.protocol.ids), ", ".join(project.protocol.ids)
        raise BadInput(path, f"it labels {theirs} and the project {ours}", "import it into a project of its protocol")
    commit = project.import_labels(document.labels_for(project.clips()), author=author)
    return len(commit.keys)
