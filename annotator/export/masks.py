"""Masks of many clips into one folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from annotator.core.blame import blame
from annotator.core.errors import AnnotatorError, BrokenPlugin
from annotator.core.plugin_types import ExportContext, LabelledClip, Writer, WriteReport
from annotator.export.deidentify import released
from annotator.export.folder import move_into_place, staged


def export_masks(
    writer: Writer, clips: Iterable[LabelledClip], context: ExportContext, out: Path, *, source: str | None = None
) -> WriteReport:
    """Write clips through a writer; the folder ends as it was where anything fails or is cancelled.

    Parameters
    ----------
    writer
        The format.
    clips
        Read once, as they come. A writer leaves frames of which nothing was said out of its masks, so whole
        clips may be handed over; the HDF5 data set then holds whole clips.
    context
        Protocol, values and data revision.
    out
        An absent or empty folder, or one that an earlier export filled; files of an earlier export in the
        same format are replaced.
    source
        An id of the project, which tells nothing of its patients; an export of another one is not replaced.

    Returns
    -------
    WriteReport
        Files where they are now, ``export.json`` last, and what the format could not hold.

    Raises
    ------
    BadInput
        Where the folder holds files of other origin, or another project's export.
    BrokenPlugin
        Where the writer fails, or does not report files that it wrote.
    AnnotatorError
        Where the disk is full, read-only or otherwise does not take a file.
    """
    with staged(out, source) as aside:
        report = _written(writer, (released(entry) for entry in clips), context, aside)
        kind = f"{writer.name}:{context.protocol.name}"
        files = move_into_place(aside, out, report.files, kind=kind, source=source)
    return WriteReport(files, report.dropped)


def _written(writer: Writer, clips: Iterable[LabelledClip], context: ExportContext, aside: Path) -> WriteReport:
    plugin = f"'{writer.name}' (annotator.writers)"
    try:
        report = writer.write(clips, context, aside)
    except (AnnotatorError, OSError, MemoryError):
        raise
    except Exception as error:
        raise BrokenPlugin(plugin, blame(error)) from error
    if not isinstance(report, WriteReport):
        raise BrokenPlugin(plugin, f"gave a {type(report).__name__} in place of a WriteReport")
    missing = [path for path in report.files if not path.is_file()]
    if missing:
        raise BrokenPlugin(plugin, f"did not write '{missing[0].name}', which its report names")
    return report
