"""Labels of an earlier export, which come back by its ``labels.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotator.core.errors import AnnotatorError, BadInput, Contradiction
from annotator.core.identity import Clip, FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.labels_document import DocumentFrame, LabelsDocument
from annotator.export import read_labels_json
from annotator.project import Project


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
    project: Project, documents: Sequence[Document], coming: Sequence[Clip] = ()
) -> dict[FrameKey, DocumentFrame]:
    """Frames of several documents under the keys of a project's clips and of those about to come.

    Raises
    ------
    BadInput
        Where a clip is not there, or two documents differ.
    Contradiction
        Where one contradicts the project.
    """
    clips = {clip.name: clip for clip in (*coming, *project.clips())}
    found: dict[FrameKey, DocumentFrame] = {}
    for document in documents:
        try:
            frames = document.content.frames_for(tuple(clips.values()))
        except AnnotatorError as error:
            raise BadInput(document.path, *str(error).rstrip(".").split("; ", 1)) from None
        for key in frames.keys() & found.keys():
            if frames[key].label != found[key].label:
                what = f"it says something else of frame {key.frame} of '{key.clip}' than another file"
                raise BadInput(document.path, what, "import one file after the other")
        refuse_contradictions(project, {key: frame.label for key, frame in frames.items()}, document.path)
        found |= frames
    return found


def refuse_contradictions(project: Project, labels: Mapping[FrameKey, PartialLabel], source: Path) -> None:
    """Refuse labels that contradict those of clips that the project has; the sentence names where they come from.

    Raises
    ------
    Contradiction
        Where one does.
    """
    here = {clip.name for clip in project.clips()}
    try:
        project.check_labels({key: label for key, label in labels.items() if key.clip in here})
    except Contradiction as error:
        raise Contradiction(f"{source}: {error}") from None
