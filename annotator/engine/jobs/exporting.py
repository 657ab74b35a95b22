"""Labels to files, through the writer of a format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from annotator import registry
from annotator.core.errors import BadInput
from annotator.core.identity import Clip, FrameKey
from annotator.core.plugin_types import ExportContext, LabelledClip, LabelledFrame, WriteReport
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.staging import refuse_project
from annotator.export import MARKER, export_masks
from annotator.project import Project


def export_labels(project: Project, format_name: str, out: Path, *, progress: Progress) -> WriteReport:
    """Write every clip of which anything is said.

    Parameters
    ----------
    project
        Whose labels.
    format_name
        Name of a writer, such as ``"png"``.
    out
        Folder to write to.
    progress
        Told after every clip.

    Raises
    ------
    UnknownName
        Where no plugin writes the format.
    BadInput
        Where nothing is labelled, or the folder cannot be written or lies in a project.
    """
    refuse_project(out)
    writer = registry.writer(format_name)
    names = {key.clip for key, cells in project.all_statuses().items() if cells}
    clips = [clip for clip in project.clips() if clip.name in names]
    if not clips:
        raise BadInput(project.path, "nothing is labelled yet", "label a frame before exporting")
    context = ExportContext(project.protocol, project.values, project.data_revision)
    # Keyed with the project's secret, the name of the file tells nothing, and is the same at every export.
    source = project.pseudonymiser.key(MARKER)
    return export_masks(writer, _clips(project, clips, progress), context, out, source=source)


def _clips(project: Project, clips: Sequence[Clip], progress: Progress) -> Iterator[LabelledClip]:
    for done, clip in enumerate(clips):
        progress.update(done, len(clips), f"Exporting {clip.name}")
        yield LabelledClip(clip, (_frame(project, key) for key in clip.frame_keys))
    progress.update(len(clips), len(clips), "Exported")


def _frame(project: Project, key: FrameKey) -> LabelledFrame:
    return LabelledFrame(key.frame, partial(project.read_frame, key), project.label(key), project.provenance(key))
