"""Data sets without the damaged frames of clips that are here: their labels come to these clips."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from annotator.core.errors import BadInput, CorruptProject
from annotator.core.identity import FrameKey, Split
from annotator.core.plugin_types import Frame
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.project import Project
from annotator.testing.sessions import PAIR, add_moving_square, add_twin, outline_square


def export_without_frame_3(project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set that lacks the fourth frame of every clip, as where these are damaged."""
    read = project.read_frame

    def read_frame(key: FrameKey) -> Frame:
        if key.frame == 3:
            raise CorruptProject(f"Clip '{key.clip}' is damaged.")
        return read(key)

    with monkeypatch.context() as patched:
        patched.setattr(project, "read_frame", read_frame)
        export_labels(project, "hdf5", folder / "out", progress=Silent(), skip_damaged=True)
    return folder / "out" / "dataset.h5"


def add_twins(project: Project, split: Split) -> None:
    add_moving_square(project, "one", patient="P1", split=split)
    add_twin(project, "one", "two", patient="P2", split=split)


@pytest.fixture
def data_set(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two clips of the same pictures with different labels, without a frame before these."""
    add_twins(project, Split.TRAIN)
    for name, top in (("one", 8), ("two", 12)):
        outline_square(project, name, 4, top=top)
    return export_without_frame_3(project, tmp_path, monkeypatch)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Project]:
    """Another project with the same clips, for tests."""
    with Project.create(tmp_path / "other", PAIR) as opened:
        add_twins(opened, Split.TEST)
        yield opened


def test_labels_of_equal_pictures_come_each_to_its_own_clip_with_their_authors(
    project: Project, other: Project, data_set: Path
) -> None:
    report = import_paths(other, [data_set], ImportOptions(), author="t", progress=Silent())
    assert (report.added, report.known, report.labels) == (0, 2, 2)
    for key in (FrameKey("one", 4), FrameKey("two", 4)):
        assert other.label(key) == project.label(key)
        assert other.provenance(key)["lv"].author == "tester"
    (sentence,) = report.warnings
    assert sentence.startswith("'one' is in 'test' already and stays there, though the import says 'train'")


def test_labels_that_are_damaged_too_are_left_out_where_they_may_be(
    project: Project, other: Project, data_set: Path
) -> None:
    with h5py.File(data_set) as file:
        (second,) = (group for group in file["clips"].values() if b'"two"' in group.attrs["clip"])
        chunk = second["inside"].id.get_chunk_info(0)
    with data_set.open("r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(bytes(chunk.size))
    with pytest.raises(BadInput, match=r"dataset\.h5"):
        import_paths(other, [data_set], ImportOptions(), author="t", progress=Silent())
    assert not any(other.all_statuses().values())
    report = import_paths(other, [data_set], ImportOptions(skip_damaged=True), author="t", progress=Silent())
    assert (report.known, report.labels) == (1, 1)
    assert [sentence.startswith(f"Clip 'two' of {data_set}: it cannot be read") for sentence in report.left_out] == [
        True
    ]
    assert other.label(FrameKey("one", 4)) == project.label(FrameKey("one", 4))


@pytest.mark.parametrize("is_own", [True, False])
def test_labels_of_a_data_set_that_lacks_damaged_frames_come_to_the_whole_clip(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_own: bool
) -> None:
    """They came with a second clip of the frames that were left, and each of its frames was learnt from twice."""
    name = add_moving_square(project, "one")
    labels = {key: project.label(key) for key in (outline_square(project, name, frame) for frame in (1, 3, 4))}
    data_set = export_without_frame_3(project, tmp_path, monkeypatch)
    with Project.create(tmp_path / "other", PAIR) as other:
        add_moving_square(other, "one")
        target = project if is_own else other
        report = import_paths(target, [data_set], ImportOptions(), author="t", progress=Silent())
        assert (report.added, report.known, report.labels) == (0, 1, 0 if is_own else 2)
        assert len(target.clips()) == 1
        assert all(target.label(key) == label for key, label in labels.items() if is_own or key.frame != 3)
        assert not any("of the 5 frames" in sentence for sentence in report.warnings)


def test_an_import_of_labels_whose_clip_is_removed_while_it_reads_files_adds_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window stays usable meanwhile; what else the import brought came in, and the labels did not."""
    outline_square(project, add_moving_square(project, "one"), 1)
    data_set, other = export_without_frame_3(project, tmp_path, monkeypatch), tmp_path / "other.tif"
    tifffile.imwrite(other, np.eye(8, dtype=np.uint8), photometric="minisblack")

    class Removes(Silent):
        def update(self, done: int, total: int, sentence: str) -> None:
            if sentence == "Importing other.tif":
                project.remove_patient(project.clip("one").header.patient)

    with pytest.raises(BadInput, match=r"'one', of which it has some frames, was removed during the import; import it"):
        import_paths(project, [data_set, other], ImportOptions(), author="t", progress=Removes())
    assert project.clips() == ()
