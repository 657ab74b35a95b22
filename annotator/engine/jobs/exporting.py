"""Labels to files, through the writer of a format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from annotator import registry
from annotator.core.errors import BadInput, CorruptProject
from annotator.core.export_list import EXPORT_LIST
from annotator.core.identity import Clip
from annotator.core.plugin_types import ExportContext, Frame, LabelledClip, LabelledFrame, WriteReport
from annotator.engine.jobs.damage import SoundFrames
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.staging import refuse_project
from annotator.export import derived_clips, derived_context, export_masks
from annotator.project import Project

_LABELS_STAY: Final = (
    "What was said of frames that were left out stays in the project; PNG + JSON, which holds no pictures, takes it "
    "along."
)


def export_labels(
    project: Project,
    format_name: str,
    out: Path,
    *,
    progress: Progress,
    derived: str | None = None,
    skip_damaged: bool = False,
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
    skip_damaged
        Where the format holds pictures, leave out frames that cannot be read, and name them, unless none can.

    Raises
    ------
    UnknownName
        Where no plugin writes the format, or the protocol derives no such structure.
    BadInput
        Where nothing of it is labelled, or the folder cannot be written or lies in a project.
    CorruptProject
        Where the format holds pictures, and a frame is damaged and must not be left out.
    """
    refuse_project(out)
    writer = registry.writer(format_name)
    protocol = project.protocol
    clips = _clips_with_labels(project, derived)
    # Keyed with the project's secret, the name of the file tells nothing, and is the same at every export.
    source = project.pseudonymiser.key(EXPORT_LIST)

    def written(entries: Iterator[LabelledClip]) -> WriteReport:
        context = ExportContext(protocol, project.values, project.data_revision)
        if derived is not None:
            context, entries = derived_context(context, derived), derived_clips(entries, protocol, derived)
        return export_masks(writer, entries, context, out, source=source)

    try:
        return written(_clips(project, clips, progress))
    except CorruptProject:
        if not skip_damaged:
            raise
    # Only now is every frame read before its label is handed on: masks need no pictures, and keep all labels so.
    sound = SoundFrames(project, skip_damaged=True)
    report = written(_clips(project, clips, progress, sound))
    return replace(report, dropped=(*report.dropped, *sound.left_out(), _LABELS_STAY))


def _clips_with_labels(project: Project, derived: str | None) -> list[Clip]:
    wanted = set() if derived is None else set(project.protocol.derived_structure(derived).members)
    # Of a frame without a structure only unsure pixels are said, which no derived structure has.
    names = {key.clip for key, cells in project.all_statuses().items() if derived is None or wanted & set(cells)}
    clips = [clip for clip in project.clips() if clip.name in names]
    if not clips:
        what = "nothing" if derived is None else f"nothing of '{derived}'"
        raise BadInput(project.path, f"{what} is labelled yet", "label a frame before exporting")
    return clips


def _clips(
    project: Project, clips: Sequence[Clip], progress: Progress, sound: SoundFrames | None = None
) -> Iterator[LabelledClip]:
    """Clips with all of their frames, or with those alone that are ``sound``."""
    for done, clip in enumerate(clips):
        progress.update(done, len(clips), f"Exporting {clip.name}")
        yield LabelledClip(clip, _frames(project, clip, sound))
    if sound is not None:
        # Raises where not one frame was sound, before the folder gets an empty export.
        sound.left_out()
    progress.update(len(clips), len(clips), "Exported")


def _frames(project: Project, clip: Clip, sound: SoundFrames | None) -> Iterator[LabelledFrame]:
    for key in clip.frame_keys:
        read = partial(project.read_frame, key)
        if sound is not None:
            image = sound.read(key)
            if image is None:
                continue
            read = partial(_the_same, image)
        yield LabelledFrame(key.frame, read, project.label(key), project.provenance(key))


def _the_same(image: Frame) -> Frame:
    return image
