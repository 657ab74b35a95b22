"""The demo's project tells the learner little, and is judged only where nobody labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from annotator import registry
from annotator.app import demo, demo_project
from annotator.app.demo import DemoReport, judge
from annotator.app.demo_project import make_demo_project
from annotator.app.pictures import overlay_picture
from annotator.core.errors import BadInput
from annotator.core.status import LabelStatus
from annotator.project import Project


def test_the_project_holds_parts_and_no_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_project, "PATIENTS", 4)
    monkeypatch.setattr(demo_project, "N_FRAMES", 6)
    monkeypatch.setattr(demo_project, "_UNLABELLED_PATIENTS", (1, 3))
    truth = make_demo_project(tmp_path / "demo")
    with Project.open(tmp_path / "demo", read_only=True) as project:
        domains = {clip.header.domain for clip in project.clips()}
        known = {
            (project.clip(key.clip).header.domain, structure)
            for key, cells in project.all_statuses().items()
            for structure, cell in cells.items()
            if cell.status is LabelStatus.OUTLINED
        }
        stored = {(key, s) for key, cells in project.all_statuses().items() for s in cells}
    assert len(domains) == 2
    assert len({s for _, s in known}) == 3
    assert len(known) == 3, "each scanner has structures that the other lacks"
    asked = set(truth.unlabelled())
    assert not asked & stored
    assert asked | stored == {(key, s) for key in truth.masks for s in truth.structures}
    report = judge(tmp_path / "demo", truth, seconds=0.0)
    assert report.mean_dice is None
    assert "No model" in report.lines[0]


def test_dice_of_known_masks() -> None:
    one, two = np.zeros((4, 4), dtype=np.bool_), np.zeros((4, 4), dtype=np.bool_)
    assert demo._dice(one, two) == 1.0
    one[:2], two[1:3] = True, True
    assert demo._dice(one, two) == 0.5


def test_the_report_states_the_mean_over_structures(tmp_path: Path) -> None:
    report = DemoReport(tmp_path, {"a": 0.5, "b": 1.0}, 3, (), 1.0)
    assert report.mean_dice == 0.75
    assert "0.75" in report.lines[0]
    assert report.as_json()["mean_dice"] == 0.75


def test_a_picture_shows_frame_suggestion_and_truth(tmp_path: Path) -> None:
    protocol = registry.protocol("two-structures")
    classes = np.eye(8, dtype=np.uint8)
    truth = {protocol.ids[0]: np.eye(8, dtype=np.bool_)}
    out = overlay_picture(np.zeros((8, 8), dtype=np.uint8), classes, truth, protocol, tmp_path / "pictures" / "a.png")
    assert out.stat().st_size > 0
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        overlay_picture(np.zeros((8, 8), dtype=np.uint8), classes, truth, protocol, blocked / "a.png")
