"""Exports: of damaged frames what needs no pictures goes out; what was exported is known when it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from annotator import registry
from annotator.core.edits import Assign, PaintUnsure
from annotator.core.errors import BadInput, CorruptProject
from annotator.core.identity import FrameKey
from annotator.core.labels import UNKNOWN_LABEL
from annotator.core.labels_document import LabelsDocument
from annotator.core.protocols import UNSURE
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.export import read_labels_json
from annotator.project import Project
from annotator.testing.sessions import PAIR, SIDE, add_moving_square, add_twin, outline_square


def add_twins(project: Project) -> None:
    """The same pictures under two patients, each with its outline."""
    add_moving_square(project, "one", patient="P1")
    add_twin(project, "one", "two", patient="P2")
    for name, top in (("one", 8), ("two", 12)):
        outline_square(project, name, top=top)


@pytest.mark.parametrize("form", ["hdf5", "png"])
@pytest.mark.parametrize(
    "moves",
    [
        [],
        [("two", "P3")],
        [("two", "P3"), ("two", "P4")],
        [("two", "P1")],
        [("one", "P4"), ("two", "P1"), ("one", "P2")],
        [("one", "P3"), ("one", "P4"), ("two", "P3"), ("two", "P5")],
        [("two", "P3"), ("two", "P4"), ("one", "P3"), ("one", "P5")],
    ],
)
def test_an_export_of_one_s_own_from_any_time_brings_no_second_clip(
    project: Project, tmp_path: Path, moves: list[tuple[str, str]], form: str
) -> None:
    """From between two moves it named a patient whom nobody was any more, and its clip came in as another."""
    add_twins(project)
    sources = [tmp_path / "images" / name / f"{name}.tif" for name in ("one", "two")]
    for name, source in zip(("one", "two"), sources, strict=True):
        source.parent.mkdir(parents=True)
        pictures = np.stack([project.read_frame(key) for key in project.clip(name).frame_keys])
        tifffile.imwrite(source, pictures, photometric="minisblack")
    exports = []
    for step in range(len(moves) + 1):
        out = tmp_path / f"at {step}"
        export_labels(project, form, out, progress=Silent())
        exports.append([out / "dataset.h5"] if form == "hdf5" else [*sources, out / "labels.json"])
        if step < len(moves):
            clip, patient = moves[step]
            project.give_clips([clip], patient, author="t")
    before = project.clips()
    for paths in exports:
        report = import_paths(project, paths, ImportOptions(), author="t", progress=Silent())
        assert (report.added, project.clips()) == (0, before)


def test_labels_of_equal_pictures_find_their_clips_after_their_patients_were_swapped(
    project: Project, tmp_path: Path
) -> None:
    """They contradicted each other's clip, and took each other's place where they were let."""
    add_twins(project)
    for name, patient in (("three", "P1"), ("four", "P2")):
        add_moving_square(project, name, patient=patient)
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    for name, patient in (("two", "P1"), ("one", "P2")):
        project.give_clips([name], patient, author="t")
    assert project.clip("one").header.patient == project.pseudonymiser.key("P2")
    labels = {key: project.label(key) for key in (FrameKey("one", 0), FrameKey("two", 0))}
    for key in labels:
        project.commit(key, [Assign("lv", UNKNOWN_LABEL)], author="t")
    import_paths(project, [tmp_path / "out" / "labels.json"], ImportOptions(), author="t", progress=Silent())
    assert {key: project.label(key) for key in labels} == labels


@pytest.mark.parametrize(("gone", "left"), [("one", "two"), ("two", "one")])
def test_labels_of_equal_pictures_of_which_one_is_gone_are_refused_with_the_name_of_that_one(
    project: Project, tmp_path: Path, gone: str, left: str
) -> None:
    """It was the name of the one that is here."""
    add_twins(project)
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    project.remove_patient(project.clip(gone).header.patient)
    before = project.label(FrameKey(left, 0))
    with pytest.raises(BadInput, match=f"the picture of '{left}' here; import the images of '{gone}' too"):
        import_paths(project, [tmp_path / "out" / "labels.json"], ImportOptions(), author="t", progress=Silent())
    assert project.label(FrameKey(left, 0)) == before


@pytest.mark.parametrize("form", ["hdf5", "png"])
def test_a_clip_of_which_only_unsure_pixels_are_said_is_exported_too(
    project: Project, tmp_path: Path, form: str
) -> None:
    key = FrameKey(add_moving_square(project, "one"), 2)
    project.commit(key, [PaintUnsure(np.eye(SIDE, dtype=np.bool_))], author="ann")
    files = export_labels(project, form, tmp_path / "out", progress=Silent()).files
    with Project.create(tmp_path / "other", PAIR) as other:
        if form == "png":
            add_moving_square(other, "one")
        import_paths(other, list(files), ImportOptions(), author="t", progress=Silent())
        assert other.label(key) == project.label(key)
        assert other.provenance(key)[UNSURE].author == "ann"


@pytest.fixture
def damaged(project: Project) -> Iterator[Project]:
    """Two labelled clips; the file of the second one is gone."""
    one, two = (add_moving_square(project, name) for name in ("one", "two"))
    outline_square(project, one)
    outline_square(project, two, top=12)
    (project.path / "clips" / f"{project.clip(two).content_hash}.h5").unlink()
    project.close()
    with Project.open(project.path) as opened:
        yield opened


def test_labels_whose_frames_are_damaged_leave_where_no_picture_is_needed(damaged: Project, tmp_path: Path) -> None:
    for form in ("png", "nifti", "metaimage"):
        out = tmp_path / form
        report = export_labels(damaged, form, out, progress=Silent(), skip_damaged=True)
        assert len([file for file in report.files if file.name.startswith("two")]) >= 1
        assert not any("left out" in sentence.lower() for sentence in report.dropped)
    document: LabelsDocument = read_labels_json(tmp_path / "png" / "labels.json")
    said = document.frames_for(damaged.clips())
    assert said[FrameKey("two", 0)].label == damaged.label(FrameKey("two", 0))


def test_pictures_that_are_damaged_are_left_out_of_a_data_set_and_named(damaged: Project, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(CorruptProject, match="Clip 'two'"):
        export_labels(damaged, "hdf5", out, progress=Silent())
    assert not out.exists()
    report = export_labels(damaged, "hdf5", out, progress=Silent(), skip_damaged=True)
    count = damaged.clip("two").header.n_frames
    assert report.dropped[0].startswith(f"Left out {count} frames. Clip 'two': ")
    assert "PNG + JSON" in report.dropped[1]
    assert registry.readers()["hdf5"].recognises(out / "dataset.h5")
    with Project.create(tmp_path / "other", PAIR) as other:
        import_paths(other, [out / "dataset.h5"], ImportOptions(), author="t", progress=Silent())
        assert [clip.name for clip in other.clips()] == ["one"]
        assert other.label(FrameKey("one", 0)) == damaged.label(FrameKey("one", 0))


def test_a_data_set_without_one_sound_picture_is_none(damaged: Project, tmp_path: Path) -> None:
    damaged.remove_patient(damaged.clip("one").header.patient)
    with pytest.raises(CorruptProject, match="Clip 'two'"):
        export_labels(damaged, "hdf5", tmp_path / "out", progress=Silent(), skip_damaged=True)
    assert not (tmp_path / "out").exists()
