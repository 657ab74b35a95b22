"""Predictions as files: one indexed PNG a frame at native size, and a table of confidences."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from annotator import ingest, registry
from annotator.core.disk_errors import delete
from annotator.core.errors import BadInput
from annotator.core.identity import Clip, FrameKey, Pseudonymiser, Spacing, Split
from annotator.core.names import free_name
from annotator.core.plugin_types import Frame
from annotator.core.predictions_table import PREDICTIONS_TABLE
from annotator.core.protocols import LabelProtocol
from annotator.core.words import counted
from annotator.engine.familiarity import STRANGE_ABOVE
from annotator.engine.jobs.damage import SoundFrames
from annotator.engine.jobs.earlier import earlier_predictions
from annotator.engine.jobs.models import ServingModel, load_model, serving_model
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.staging import staged
from annotator.engine.predictions import suggestion
from annotator.project import Project

if TYPE_CHECKING:
    from annotator.learn.weights import Predictor

_ON_PATIENTS: Final = frozenset({ingest.FOLDER_SENTENCE, ingest.STEM_SENTENCE})
"""What reading says of patients, of whom a prediction knows nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Item:
    """One frame to predict: its file stem, pixels, mm/px and view."""

    stem: str
    frame: Frame
    spacing: Spacing | None
    view: str | None


@dataclass(frozen=True, slots=True)
class PredictReport:
    """How many frames were predicted, where, and by which snapshot.

    ``strange`` are the file stems of frames that are unlike all that the model knows; ``passed_over`` says in plain
    sentences which files were not predicted.
    """

    frames: int
    out: Path
    snapshot: int | None
    strange: tuple[str, ...] = ()
    passed_over: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """In plain sentences."""
        if not self.strange:
            return self.passed_over
        who = f"{len(self.strange)} of {counted(self.frames, 'frame')}, such as {self.strange[0]},"
        are = "is" if len(self.strange) == 1 else "are"
        return (
            *self.passed_over,
            f"{who} {are} unlike the pictures that these starting weights know; their masks mean nothing. "
            "Label some such frames in a project and train on them.",
        )


def predict_project(
    project: Project,
    out: Path,
    *,
    split: Split | None,
    weights: Path | None,
    progress: Progress,
    skip_damaged: bool = False,
) -> PredictReport:
    """Predict every frame of a project (or of one split); damaged ones may be left out, unless all are.

    Raises
    ------
    ProjectError
        Where there is no model.
    IncompatibleWeights
        Where the weights belong to another protocol.
    BadInput
        Where there is no clip in the split, or the folder cannot be written.
    CorruptProject
        Where a frame is damaged and must not be left out.
    """
    clips = [c for c in project.clips() if split is None or c.split is split]
    if not clips:
        what = f"no clip in the split '{split}'" if split else "no clip"
        raise BadInput(project.path, f"the project has {what}", "import clips first")
    model = serving_model(project, weights)
    total = sum(c.header.n_frames for c in clips)
    passed_over: list[str] = []
    items = _read_project(clips, SoundFrames(project, skip_damaged=skip_damaged), passed_over)
    report = _write(items, model, out, values=project.values, total=total, progress=progress)
    return replace(report, passed_over=tuple(passed_over))


def predict_files(
    paths: Sequence[Path], out: Path, *, weights: Path, progress: Progress, skip_damaged: bool = False
) -> PredictReport:
    """Predict image files or folders with nothing but a weights file; masks that lie in ``out`` are no images.

    Files that cannot be read may be left out, unless none can.

    Raises
    ------
    BadInput
        Where a file cannot be read or the folder cannot be written.
    IncompatibleWeights
        Where the weights cannot be used.
    """
    model = load_model(weights)
    passed_over: list[str] = []
    # Masks are called like their files; a pseudonym in a name could be tried out by whoever knows the salt.
    reading = ingest.read_paths(
        paths,
        registry.readers(),
        Pseudonymiser(secrets.token_bytes(32)),
        skip_damaged=skip_damaged,
        picture_formats=registry.picture_formats(),
    )
    items = _read_files(reading, passed_over, skip_damaged=skip_damaged)
    report = _write(items, model, out, values=model.predictor.values, total=0, progress=progress)
    return replace(report, passed_over=tuple(passed_over))


def _stem(key: FrameKey, n_frames: int) -> str:
    return key.clip if n_frames == 1 else key.file_stem


def _read_project(clips: Sequence[Clip], sound: SoundFrames, passed_over: list[str]) -> Iterator[_Item]:
    for clip in clips:
        for key in clip.frame_keys:
            frame = sound.read(key)
            if frame is not None:
                yield _Item(_stem(key, clip.header.n_frames), frame, clip.header.spacing, clip.header.view)
    passed_over += sound.left_out()


def _read_files(reading: Iterable[ingest.Read], passed_over: list[str], *, skip_damaged: bool) -> Iterator[_Item]:
    taken: set[str] = set()
    damage: BadInput | None = None
    n_sound = 0
    for read in reading:
        passed_over += [sentence for sentence in read.warnings if sentence not in _ON_PATIENTS]
        passed_over += [f"Left out: {read.damage}"] if read.damage else []
        for recording in read.recordings:
            stem = ingest.stem_of(read.path) if len(read.recordings) == 1 else recording.header.stem
            name = free_name(stem, taken)
            try:
                for index, frame in enumerate(recording.frames):
                    key = FrameKey(name, index)
                    header = recording.header
                    n_sound += 1
                    yield _Item(_stem(key, header.n_frames), frame, header.spacing, header.view)
            except BadInput as error:
                if not skip_damaged:
                    raise
                damage = damage or error
                passed_over.append(f"Left out from its first damaged frame on: {error}")
    if damage is not None and not n_sound:
        raise damage


def _write(
    items: Iterable[_Item],
    model: ServingModel,
    out: Path,
    *,
    values: Mapping[str, int],
    total: int,
    progress: Progress,
) -> PredictReport:
    protocol = model.predictor.header.protocol
    table = np.asarray([0, *(values[s] for s in protocol.ids)], dtype=np.uint8)
    palette = _palette(protocol, values)
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["image", *protocol.ids])
    earlier = earlier_predictions(out, protocol.ids)
    stems, strange, taken = list[str](), list[str](), set[str]()
    with staged(out, last=PREDICTIONS_TABLE) as aside:
        for item in items:
            progress.update(len(stems), total, f"Predicting {item.stem}")
            prediction = model.predictor.predict(item.frame, item.spacing, item.view)
            # A still called like a frame of a clip, x_00001, must not replace its mask.
            stem = free_name(item.stem, taken)
            made = suggestion(FrameKey(stem, 0), model.snapshot or 0, prediction.probabilities, protocol)
            _write_png(table[made.classes], palette, aside / f"{stem}.png")
            # Of what the view shows, one that is left out is one that the model does not know.
            surely = dict.fromkeys(protocol.ids, 1.0) | dict.fromkeys(protocol.shown_in(item.view), 0.0)
            writer.writerow([stem, *(f"{made.confidence.get(s, surely[s]):.4f}" for s in protocol.ids)])
            stems.append(stem)
            if _is_strange(item, model.predictor):
                strange.append(stem)
        (aside / PREDICTIONS_TABLE).write_text(rows.getvalue(), encoding="utf-8")
    for stem in earlier.difference(stems):
        delete(out / f"{stem}.png")
    return PredictReport(len(stems), out, model.snapshot, tuple(strange))


def _is_strange(item: _Item, predictor: Predictor) -> bool:
    """Whether a frame is unlike all that starting weights know; a model that learnt from labels finds nothing so."""
    from annotator.learn.familiarity import strangeness  # noqa: PLC0415 - torch is imported late

    fitted = predictor.fit(item.frame, item.spacing).fit_image(item.frame)
    return bool(strangeness(predictor, fitted[None])[0] > STRANGE_ABOVE)


def _write_png(mask: NDArray[np.uint8], palette: bytes, path: Path) -> None:
    image = Image.fromarray(mask)
    image.putpalette(palette)
    image.save(path, format="PNG", optimize=False)


def _palette(protocol: LabelProtocol, values: Mapping[str, int]) -> bytes:
    """768 bytes: the structures' colours at their values, black elsewhere."""
    colours = [(0, 0, 0)] * 256
    for structure in protocol.structures:
        red, green, blue = (round(part * 255) for part in structure.rgb)
        colours[values[structure.id]] = (red, green, blue)
    return bytes(part for colour in colours for part in colour)
