"""Labels of an earlier export, which come back by its ``labels.json``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotator.core.errors import AnnotatorError, BadInput, ContradictingLabels
from annotator.core.identity import Clip, FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.labels_document import DocumentFrame, LabelsDocument
from annotator.core.status import Provenance
from annotator.export import read_labels_json
from annotator.project import Joining, Project


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A ``labels.json`` that was read."""

    path: Path
    content: LabelsDocument


def read_document(project: Project, path: Path) -> Document:
    """The ``labels.json`` of an export, for a project of the same structures.

    Raises
    ------
    BadInput
        Where it cannot be read, or labels other structures.
    """
    content = read_labels_json(path)
    if content.protocol.ids != project.protocol.ids:
        theirs, ours = ", ".join(content.protocol.ids), ", ".join(project.protocol.ids)
        raise BadInput(path, f"it labels {theirs} and the project {ours}", "import it into a project of its protocol")
    return Document(path, content)


def gathered(
    project: Project,
    documents: Sequence[Document],
    coming: Sequence[Clip] = (),
    *,
    brought: Mapping[FrameKey, PartialLabel] | None = None,
) -> dict[Path, dict[FrameKey, DocumentFrame]]:
    """Frames of each document under the keys of a project's clips and of those about to come.

    Parameters
    ----------
    project, documents
        What speaks of whose clips.
    coming
        Clips about to come.
    brought
        Labels that come with these in the same import, as from a data set.

    Raises
    ------
    BadInput
        Where a clip is not there, or a document differs from another or from what is ``brought``.
    """
    clips = {clip.name: clip for clip in (*coming, *project.clips())}
    said = dict(brought or {})
    by_file: dict[Path, dict[FrameKey, DocumentFrame]] = {}
    for document in documents:
        try:
            frames = document.content.frames_for(tuple(clips.values()))
        except AnnotatorError as error:
            raise BadInput(document.path, *str(error).rstrip(".").split("; ", 1)) from None
        for key, frame in frames.items():
            if said.setdefault(key, frame.label) != frame.label:
                what = f"it says something else of {key.in_words} than another file"
                raise BadInput(document.path, what, "import one file after the other")
        by_file[document.path] = frames
    return by_file


def labels_in(
    by_file: Mapping[Path, Mapping[FrameKey, DocumentFrame]],
) -> Iterator[tuple[Path, dict[FrameKey, PartialLabel]]]:
    """What :func:`gathered` documents say, without who said it."""
    for path, frames in by_file.items():
        yield path, {key: frame.label for key, frame in frames.items()}


def joined(
    by_file: Mapping[Path, Mapping[FrameKey, DocumentFrame]],
) -> tuple[dict[FrameKey, PartialLabel], dict[FrameKey, Mapping[str, Provenance]]]:
    """What :func:`gathered` documents say of each frame, and who said it."""
    frames = {key: frame for of_file in by_file.values() for key, frame in of_file.items()}
    return {key: frame.label for key, frame in frames.items()}, {key: frame.provenance for key, frame in frames.items()}


def refuse_contradictions(
    project: Project, by_file: Iterable[tuple[Path, Mapping[FrameKey, PartialLabel]]], joining: Joining
) -> None:
    """Refuse labels that contradict those of clips that the project has; the sentence names where they come from.

    Raises
    ------
    ContradictingLabels
        Where one does and may not replace them; what could be replaced is that of all files.
    """
    here = {clip.name for clip in project.clips()}
    clashes: list[tuple[Path, ContradictingLabels]] = []
    for source, labels in by_file:
        try:
            project.check_labels({key: label for key, label in labels.items() if key.clip in here}, joining)
        except ContradictingLabels as error:
            clashes.append((source, error))
    if clashes:
        source, first = clashes[0]
        raise ContradictingLabels(
            f"{source}: {first}",
            tuple(sorted({label for _, error in clashes for label in error.replaceable})),
            tuple(sorted({label for _, error in clashes for label in error.left_out})),
            can_replace=all(error.can_replace for _, error in clashes),
        )
