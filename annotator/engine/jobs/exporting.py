"""Labels to files, through the writer of a format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from annotator import registry
from annotator.core.errors import BadInput
from annotator.core.export_list import EXPORT_LIST
from annotator.core.identity import Clip, FrameKey
from annotator.core.plugin_types import ExportContext, LabelledClip, LabelledFrame, WriteReport
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.staging import refuse_project
from annotator.export import derived_clips, derived_context, export_masks
from annotator.project import Project


def export_labels(
    project: Project, format_name: str, out: Path, *, progress: Progress, derived: str | None = None
) -> WriteReport:
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
    derived
        Id of a structure that the protocol derives from others, to be written in place of all structures, as 1.

    Raises
    ------
    UnknownName
        Where no plugin writes the format, or the protocol derives no such structure.
    BadInput
        Where nothing of it is labelled, or the folder cannot be written or lies in a project.
    """
    refuse_project(out)
    writer = registry.writer(format_name)
    protocol = project.protocol
    wanted = set(protocol.ids if derived is None else protocol.derived_structure(derived).members)
    names = {key.clip for key, cells in project.all_statuses().items() if wanted & set(cells)}
    clips = [clip for clip in project.clips() if clip.name in names]
    if not clips:
        what = "nothing" if derived is None else f"nothing of '{derived}'"
        raise BadInput(project.path, f"{what} is labelled yet", "label a frame before exporting")
    context = ExportContext(protocol, project.values, project.data_revision)
    entries = _clips(project, clips, progress)
    if derived is not None:
        context, entries = derived_context(context, derived), derived_clips(entries, protocol, derived)
    # Keyed with the project's secret, the name of the file tells nothing, and is the same at every export.
    source = project.pseudonymiser.key(EXPORT_LIST)
    return export_masks(writer, entries, context, out, source=source)


def _clips(project: Project, clips: Sequence[Clip], progress: Progress) -> Iterator[LabelledClip]:
    for done, clip in enumerate(clips):
        progress.update(done, len(clips), f"Exporting {clip.name}")
        yield LabelledClip(clip, (_frame(project, key) for key in clip.frame_keys))
    progress.update(len(clips), len(clips), "Exported")


def _frame(project: Project, key: FrameKey) -> LabelledFrame:
    return LabelledFrame(key.frame, partial(project.read_frame, key), project.label(key), project.provenance(key))
