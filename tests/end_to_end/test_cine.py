"""The whole loop on a real apical four-chamber recording, in the real window, by hand: pydicom's bundled cine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file
from qtpy.QtCore import Qt

from annotator import registry
from annotator.core.identity import ClipHeader, FrameKey, SpacingStatus
from annotator.core.labels import PartialLabel
from annotator.core.status import LabelStatus, Origin
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.project import Project
from annotator.viewer.state import CellState

pytestmark = pytest.mark.window

CONTROL = Qt.KeyboardModifier.ControlModifier
LV, LA, RV = "lv", "la", "rv"
LV_FRAMES, LA_FRAMES = (0, 8, 16), (4, 12)
LV_OUTLINE = (
    (126, 163), (112, 160), (96, 161), (80, 165), (66, 172), (58, 181), (64, 191), (78, 198), (94, 201), (110, 200),
    (122, 193), (125, 178), (126, 163),
)  # fmt: skip
LA_STROKE = ((140, 172), (140, 188), (150, 190), (160, 184), (162, 172), (152, 170), (146, 178), (152, 180))
Labels = dict[FrameKey, PartialLabel]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A project with the cine, whose name on disk is as awkward as names are."""
    source = get_testdata_file("examples_ybr_color.dcm", download=False)
    if source is None:
        pytest.skip("pydicom comes without its cine")
    cine = tmp_path / "mes études" / "coupe à quatre cavités.dcm"
    cine.parent.mkdir()
    shutil.copy(str(source), cine)
    with Project.create(tmp_path / "étude 1", registry.protocol("apical")) as project:
        report = import_paths(project, [cine], ImportOptions(), author="Ada", progress=Silent())
        assert (report.added, report.frames) == (1, 30)
        assert any("millimetres stay unset" in warning for warning in report.warnings)
        header = project.clips()[0].header
    check_header(header)
    return tmp_path / "étude 1"


def check_header(header: ClipHeader) -> None:
    """Frame time as the file says; a pixel size that is doubted, proposed anew and not believed."""
    steps = np.diff(header.frame_times_ms)
    assert (header.n_frames, header.height, header.width) == (30, 240, 320)
    assert np.allclose(steps, 33.3, atol=0.05)
    assert header.spacing_status is SpacingStatus.DOUBTED
    assert header.spacing is None
    assert header.proposed_spacing is not None


def test_the_whole_loop_by_hand(person: Any, study: Path, tmp_path: Path) -> None:
    person.open(study)
    person.look("the-cine")
    assert not person.session.bench.scene.viewer.canvas.overlays.scale_bar.visible, "millimetres are not known"
    draw(person)
    accepted, corrected = take_suggestions(person)
    before = labels_of(person.session.project)
    person.close()
    check_reopened(person, study, before, accepted, corrected)
    person.close()
    check_exports(study, tmp_path)


def draw(person: Any) -> None:
    """The LV as an outline that is filled, in three frames; the LA with a thick brush, in two others."""
    project, clip = person.session.project, person.key().clip
    for frame in LV_FRAMES:
        person.go_to(frame)
        person.press(Qt.Key.Key_Q)
        person.press(Qt.Key.Key_B)
        person.stroke(LV_OUTLINE)
        assert person.states()[LV] is CellState.DRAFT
        outline = project.label(FrameKey(clip, frame))[LV].inside
        person.look(f"lv-outline-{frame}")
        assert person.colours_spread(outline).min() > 20, "every painted pixel is coloured on the screen"
        person.press(Qt.Key.Key_F)
        person.stroke([(95, 180)])
        person.press(Qt.Key.Key_Return)
        assert person.states()[LV] is CellState.DRAWN
        inside = project.label(FrameKey(clip, frame))[LV].inside
        assert inside is not None
        assert inside[70:120, 175:190].all(), "the outline was closed, and filled"
        assert not inside[:, :150].any()
        assert not inside[140:].any()
        person.look(f"lv-{frame}")
    person.press(Qt.Key.Key_B)
    person.press(Qt.Key.Key_BracketRight, times=9)
    for frame in LA_FRAMES:
        person.go_to(frame)
        person.press(Qt.Key.Key_E)
        person.stroke(LA_STROKE)
        person.press(Qt.Key.Key_Return)
        assert person.states()[LA] is CellState.DRAWN
        person.look(f"la-{frame}")
    statuses = {f: {s: c.status for s, c in cells.items()} for f, cells in project.statuses(clip).items()}
    drawn = {f: {LV: LabelStatus.OUTLINED} for f in LV_FRAMES} | {f: {LA: LabelStatus.OUTLINED} for f in LA_FRAMES}
    assert statuses == drawn


def take_suggestions(person: Any) -> tuple[FrameKey, FrameKey]:
    """Wait for both suggestions in a frame that has no label; accept, correct, mark absent, undo twice."""
    person.go_to(21)
    person.wait(lambda: all(person.states()[s] is CellState.SUGGESTED for s in (LV, LA)))
    person.look("suggestions")
    check_shown(person)
    accepted: FrameKey = person.key()
    person.press(Qt.Key.Key_Q)
    offered = person.suggested(LV)
    person.press(Qt.Key.Key_A)
    assert person.states()[LV] is CellState.ACCEPTED
    person.look("accepted")
    inside = person.session.project.label(accepted)[LV].inside
    assert np.array_equal(inside, offered)
    corrected = correct(person)
    person.press(Qt.Key.Key_T)
    person.press(Qt.Key.Key_X)
    assert person.states()[RV] is CellState.ABSENT
    person.look("absent")
    person.press(Qt.Key.Key_Z, CONTROL)
    assert person.states()[RV] is not CellState.ABSENT
    person.press(Qt.Key.Key_Z, CONTROL)
    assert person.states()[LA] is CellState.DRAFT, "finishing was undone"
    person.look("undone-twice")
    return accepted, corrected


def check_shown(person: Any) -> None:
    """The pixels on the screen are coloured, and grey again while suggestions are hidden."""
    for structure in (LV, LA):
        mask = person.suggested(structure)
        assert mask.any()
        assert np.mean(person.colours_spread(mask) > 10) > 0.5, f"the suggestion of {structure} is on the screen"
        person.press(Qt.Key.Key_H)
        assert np.mean(person.colours_spread(mask) > 10) < 0.1, "hidden suggestions are not"
        person.press(Qt.Key.Key_H)


def correct(person: Any) -> FrameKey:
    """A stroke lifts the suggestion of the LA in another frame into a draft; Enter finishes it."""
    person.go_to(24)
    person.press(Qt.Key.Key_E)
    person.wait(lambda: person.states()[LA] is CellState.SUGGESTED)
    key: FrameKey = person.key()
    offered = person.suggested(LA)
    row, column = (float(x) for x in np.argwhere(offered).mean(axis=0))
    person.stroke([(row, column - 14), (row, column), (row, column + 14)])
    assert person.states()[LA] is CellState.DRAFT
    person.look("corrected-draft")
    label = person.session.project.label(key)[LA]
    assert label.inside is not None
    assert label.inside[offered].all(), "the suggestion was lifted"
    assert (label.inside & ~offered).any(), "and painted on"
    person.press(Qt.Key.Key_Return)
    assert person.states()[LA] is CellState.CORRECTED
    person.look("corrected")
    return key


def check_reopened(person: Any, study: Path, before: Labels, accepted: FrameKey, corrected: FrameKey) -> None:
    """Everything is there, whose it was, and what was undone can be redone and undone again."""
    person.open(study)
    project = person.session.project
    assert labels_of(project) == before
    assert project.provenance(accepted)[LV].origin is Origin.ACCEPTED
    assert project.provenance(accepted)[LV].snapshot is not None
    assert project.provenance(corrected)[LA].origin is Origin.CORRECTED
    person.go_to(corrected.frame)
    assert person.states()[LA] is CellState.DRAFT
    person.look("reopened")
    shifted = CONTROL | Qt.KeyboardModifier.ShiftModifier
    person.press(Qt.Key.Key_Z, shifted)
    assert person.states()[LA] is CellState.CORRECTED
    person.press(Qt.Key.Key_Z, shifted)
    assert person.states()[RV] is CellState.ABSENT
    person.press(Qt.Key.Key_Z, CONTROL, times=2)
    assert labels_of(project) == before
    person.press(Qt.Key.Key_Z, shifted, times=2)
    person.wait(lambda: project.latest_snapshot() is not None and person.suggested(LV).any())
    person.look("redone")


def check_exports(study: Path, tmp_path: Path) -> None:
    """Each lossless format gives a fresh project the same labels."""
    cine = tmp_path / "mes études" / "coupe à quatre cavités.dcm"
    with Project.open(study, read_only=True) as project:
        labels = labels_of(project)
        for name in ("png", "hdf5"):
            export_labels(project, name, tmp_path / f"sortie {name}", progress=Silent())
    assert sum(label.status(LV) is LabelStatus.OUTLINED for label in labels.values()) == len(LV_FRAMES) + 1
    assert sum(label.status(LA) is LabelStatus.OUTLINED for label in labels.values()) == len(LA_FRAMES) + 1
    assert sum(label.status(RV) is LabelStatus.ABSENT for label in labels.values()) == 1
    assert len(list((tmp_path / "sortie png").glob("*.png"))) == 7
    sources = {"png": [cine, tmp_path / "sortie png" / "labels.json"], "hdf5": [tmp_path / "sortie hdf5"]}
    for name, paths in sources.items():
        with Project.create(tmp_path / f"again {name}", registry.protocol("apical")) as fresh:
            import_paths(fresh, paths, ImportOptions(), author="Ada", progress=Silent())
            assert list(labels_of(fresh).values()) == list(labels.values()), name


def labels_of(project: Project) -> Labels:
    """The label of every frame."""
    return {key: project.label(key) for clip in project.clips() for key in clip.frame_keys}
