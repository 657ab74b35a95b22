"""Import and export from the window: ask, run in the background, say what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from annotator import registry
from annotator.app.background import BackgroundJob
from annotator.core.errors import AnnotatorError, Cancelled, ContradictingLabels
from annotator.core.words import counted
from annotator.engine.jobs.arrivals import ImportReport
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_manifest, import_paths
from annotator.project import Project
from annotator.ui.dialogs import (
    AskReplaceDialog,
    Choice,
    ExportDialog,
    ExportKind,
    ExportRequest,
    ImportDialog,
    ImportRequest,
    ReplaceQuestion,
)
from annotator.viewer.state import Message, MessageAction, MessageLevel

if TYPE_CHECKING:
    from annotator.core.plugin_types import WriteReport
    from annotator.engine.jobs.progress import Progress

_NAMED = 2
"""Damaged files that a message names, with what is wrong of each."""
_WEIGHT_SUFFIXES = {"safetensors": ".safetensors", "onnx": ".onnx", "torch-export": ".pt2"}
_MASK_NAMES = {"png": "PNG and JSON", "nifti": "NIfTI", "metaimage": "MetaImage", "hdf5": "HDF5"}
_LOSSLESS = "restores everything when it is imported again"
_LOSSY = "for other programs; says what it cannot hold"
_WEIGHT_FORMATS = (
    Choice("safetensors", "safetensors", "for this application, with a model card"),
    Choice("onnx", "ONNX", "for other programs"),
    Choice("torch-export", "torch.export", "for PyTorch"),
    Choice("monai-bundle", "MONAI bundle", "for MONAI"),
)


class Transfer:
    """Runs one import or export at a time for one open project.

    Parameters
    ----------
    project
        What is read and written.
    author
        Gives the name that is stored beside imported labels, as it is when they come.
    say
        Takes messages for the person.
    parent
        The window.
    """

    def __init__(
        self, project: Project, author: Callable[[], str], *, say: Callable[[Message], None], parent: QWidget
    ) -> None:
        self._project = project
        self._author = author
        self._say = say
        self._parent = parent
        self._job: BackgroundJob | None = None
        self._refused: dict[Message, tuple[ImportRequest, ContradictingLabels]] = {}

    def ask_import(self, paths: tuple[Path, ...] = ()) -> None:
        """Ask what to import, with files that are already known, such as dropped ones; only where it can be done."""
        if self._project.is_read_only:
            self._say(Message("The project is open read-only, so nothing can be imported.", MessageLevel.WARNING))
            return
        if self._is_busy():
            return
        domains = tuple(sorted({clip.header.domain for clip in self._project.clips()}))
        views, values = self._project.protocol.views, self._project.values
        asked = ImportDialog.ask(domains, views, paths=paths, values=values, parent=self._parent)
        if asked is not None:
            self._import(asked)

    def ask_export(self) -> None:
        """Ask what to export and where to; only where it can be done."""
        if self._is_busy():
            return
        masks = tuple(
            Choice(name, _MASK_NAMES.get(name, name), _LOSSLESS if w.is_lossless else _LOSSY)
            for name, w in sorted(registry.writers().items())
        )
        has_model = self._project.latest_snapshot() is not None
        why = "" if has_model else "There is no trained model yet; it comes a while after the first label."
        folder = self._project.path.parent
        asked = ExportDialog.ask(masks, _WEIGHT_FORMATS, folder=folder, no_weights=why, parent=self._parent)
        if asked is not None:
            self._export(asked)

    def take_action(self, message: Message) -> None:
        """Do what the button of a message says, where it offers to replace labels: ask, and import once more."""
        if message.action is not MessageAction.REPLACE_LABELS:
            return
        if self._is_busy():
            self._say(message)
            return
        asked, error = self._refused.pop(message)
        if AskReplaceDialog.ask(_replace_question(self._project, error), parent=self._parent):
            self._import(replace(asked, replace_labels=True))

    @property
    def unfinished(self) -> str:
        """What closing would cancel, such as ``"The import"``; empty where there is no such thing."""
        return self._job.title if self._job is not None and self._job.can_cancel else ""

    def wait(self) -> None:
        """Cancel what runs and wait for it, before the project closes."""
        if self._job is not None:
            self._job.wait()
            self._job = None

    def _is_busy(self) -> bool:
        if self._job is not None:
            self._say(Message("Another import or export is still running.", MessageLevel.WARNING))
        return self._job is not None

    def _import(self, asked: ImportRequest) -> None:
        self._start(
            "The import",
            lambda progress: self._import_job(asked, progress),
            self._imported,
            on_error=lambda error: self._import_failed(asked, error),
        )

    def _import_failed(self, asked: ImportRequest, error: AnnotatorError) -> None:
        """Say why; where labels contradict those here, with a button that offers to replace these."""
        message = _failure(error)
        if isinstance(error, ContradictingLabels) and error.can_replace:
            message = replace(message, action=MessageAction.REPLACE_LABELS)
            self._refused[message] = asked, error
        self._say(message)

    def _import_job(self, asked: ImportRequest, progress: Progress) -> ImportReport:
        """A CSV alone is a manifest; everything else is recordings and exports."""
        project, author = self._project, self._author()
        if len(asked.paths) == 1 and asked.paths[0].suffix.lower() == ".csv":
            return import_manifest(
                project,
                asked.paths[0],
                values=asked.values,
                author=author,
                progress=progress,
                replace_labels=asked.replace_labels,
            )
        options = ImportOptions(
            asked.domain or None,
            asked.view or None,
            asked.patient_from,
            asked.split,
            asked.skip_damaged,
            asked.replace_labels,
        )
        return import_paths(project, asked.paths, options, author=author, progress=progress)

    def _imported(self, report: ImportReport) -> None:
        known = f"; {report.known} were there already" if report.known else ""
        labels = f" and {counted(report.labels, 'label')}" if report.labels else ""
        clips = f"{counted(report.added, 'clip')} with {counted(report.frames, 'frame')}"
        for warning in dict.fromkeys(report.warnings):
            self._say(Message(warning, MessageLevel.WARNING))
        if report.left_out:
            self._say(Message(_left_out_sentence(report.left_out), MessageLevel.WARNING))
        replaced = counted(report.replaced, "label")
        taken = f" {replaced} gave way to new ones; Undo brings them back." if report.replaced else ""
        self._say(Message(f"Imported {clips}{labels}{known}.{taken}"))

    def _export(self, asked: ExportRequest) -> None:
        project = self._project
        if asked.kind is ExportKind.MASKS:
            out = asked.folder / f"{project.path.name}-{asked.format}"
            self._start(
                "The export",
                lambda progress: export_labels(project, asked.format, out, progress=progress, skip_damaged=True),
                lambda report: self._exported(report, out),
            )
            return
        out = asked.folder / f"{project.path.name}-model{_WEIGHT_SUFFIXES.get(asked.format, '')}"
        self._start(
            "The export of the model",
            lambda _progress: _export_weights(project, asked.format, out),
            self._weights_written,
            can_cancel=False,
        )

    def _exported(self, report: WriteReport, out: Path) -> None:
        for dropped in report.dropped:
            self._say(Message(dropped, MessageLevel.WARNING))
        self._say(Message(f"Exported {counted(len(report.files), 'file')} to {out}."))

    def _weights_written(self, out: Path) -> None:
        self._say(Message(f"Exported the model to {out}."))

    def _start(
        self,
        title: str,
        job: Callable[[Progress], Any],
        on_done: Callable[[Any], None],
        *,
        on_error: Callable[[AnnotatorError], None] | None = None,
        can_cancel: bool = True,
    ) -> None:
        if self._is_busy():
            return

        def done(result: Any) -> None:
            self._job = None
            on_done(result)

        def failed(error: AnnotatorError) -> None:
            self._job = None
            if on_error is not None:
                on_error(error)
            else:
                self._say(_failure(error))

        self._job = BackgroundJob(title, job, on_done=done, on_error=failed, parent=self._parent, can_cancel=can_cancel)
        self._job.start()


def _failure(error: AnnotatorError) -> Message:
    return Message(str(error), MessageLevel.INFO if isinstance(error, Cancelled) else MessageLevel.ERROR)


def _replace_question(project: Project, error: ContradictingLabels) -> ReplaceQuestion:
    """What would give way to labels that were refused, in numbers of frames."""
    counts = Counter(structure for _, structure in error.replaceable)
    structures = {s.name: counts[s.id] for s in project.protocol.structures if s.id in counts}
    clips = Counter(key.clip for key in sorted({key for key, _ in error.replaceable}))
    return ReplaceQuestion(structures, clips, len(error.left_out))


def _left_out_sentence(left_out: Sequence[str]) -> str:
    count = "1 file was" if len(left_out) == 1 else f"{len(left_out)} files were"
    more = f" And {len(left_out) - _NAMED} more." if len(left_out) > _NAMED else ""
    return f"{count} left out: {' '.join(left_out[:_NAMED])}{more}"


def _export_weights(project: Project, format_name: str, out: Path) -> Path:
    from annotator.engine.jobs.weights import export_weights  # noqa: PLC0415 - torch is imported late

    export_weights(project, format_name, out)
    return out
