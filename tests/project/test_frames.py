from __future__ import annotations

from pathlib import Path

import h5py
import hdf5plugin
import pytest

from annotator.core.errors import CorruptProject, ProjectError
from annotator.core.identity import FrameKey
from annotator.project import Project, frames
from tests.project.samples import SHAPE, recording


def clip_file(project: Project) -> Path:
    return project.path / "clips" / f"{project.clip('clip').content_hash}.h5"


def test_a_clip_file_says_what_it_is(project: Project) -> None:
    with h5py.File(clip_file(project), "r") as file:
        assert (file.attrs["format"], file.attrs["version"]) == (frames.FORMAT, frames.VERSION)
        assert file.attrs["sha256"] == project.clip("clip").content_hash
        assert file["frames"].chunks == (1, *SHAPE)


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "gone", "foreign"])
def test_a_damaged_clip_is_one_sentence_that_names_the_file(project: Project, damage: str) -> None:
    file = clip_file(project)
    data = file.read_bytes()
    match damage:
        case "cut":
            file.write_bytes(data[: len(data) // 2])
        case "empty":
            file.write_bytes(b"")
        case "noise":
            file.write_bytes(data[:1500] + bytes(len(data) - 1500))
        case "gone":
            file.unlink()
        case _:
            file.unlink()
            with h5py.File(file, "w") as other:
                other["frames"] = 1
    with pytest.raises(CorruptProject) as raised:
        project.read_frames("clip", 0, 3)
    assert str(raised.value).startswith(f"Clip 'clip': {file.name}: ")
    assert "\n" not in str(raised.value)
    report = project.check()
    assert not report.is_sound
    assert any(file.name in problem and "'clip'" in problem for problem in report.problems)


def test_changed_pixels_are_found(project: Project) -> None:
    project.close()
    with h5py.File(clip_file(project), "r+") as file:
        file["frames"][1, 0, 0] += 1
    with Project.open(project.path) as again:
        assert "not those that were imported" in again.check().problems[0]


def test_a_changed_byte_costs_its_frame_alone(project: Project) -> None:
    file = clip_file(project)
    wanted = project.read_frames("clip", 0, 3)
    project.close()
    with h5py.File(file, "r") as clip:
        chunk = clip["frames"].id.get_chunk_info(1)
    data = bytearray(file.read_bytes())
    data[chunk.byte_offset + chunk.size // 2] ^= 1
    file.write_bytes(data)
    with Project.open(project.path) as again:
        assert (again.read_frame(FrameKey("clip", 0)) == wanted[0]).all()
        assert (again.read_frame(FrameKey("clip", 2)) == wanted[2]).all()
        with pytest.raises(CorruptProject, match=file.name):
            again.read_frame(FrameKey("clip", 1))
        assert not again.check().is_sound


def test_a_clip_file_from_before_there_were_checksums_is_read(project: Project) -> None:
    file = clip_file(project)
    wanted = project.read_frames("clip", 0, 3)
    project.close()
    with h5py.File(file, "r+") as clip:
        stored = clip["frames"][:]
        del clip["frames"]
        clip.create_dataset("frames", data=stored, chunks=(1, *SHAPE), **hdf5plugin.Zstd(clevel=3))
    with Project.open(project.path) as again:
        assert (again.read_frames("clip", 0, 3) == wanted).all()
        assert again.check().is_sound


def test_a_newer_clip_file_is_refused(project: Project) -> None:
    with h5py.File(clip_file(project), "r+") as file:
        file.attrs["version"] = 99
    with pytest.raises(ProjectError, match="newer version"):
        project.read_frame(FrameKey("clip", 0))


def test_only_the_last_few_files_stay_open(project: Project) -> None:
    for seed in range(1, frames.OPEN_FILES + 3):
        project.add_clip(recording(project, f"c{seed}", seed=seed), author="ann")
    for clip in project.clips():
        project.read_frame(FrameKey(clip.name, 0))
    held = [clip for clip in project.clips() if clip.content_hash in project._session.frames._files]
    assert len(held) == frames.OPEN_FILES


def test_decoded_frames_stay_within_their_budget(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "CACHED_BYTES", 2 * SHAPE[0] * SHAPE[1])
    wanted = [project.read_frames("clip", n, n + 1)[0].tobytes() for n in range(3)]
    for n in (0, 1, 2, 0, 2, 1):
        assert project.read_frame(FrameKey("clip", n)).tobytes() == wanted[n]
    assert len(project._session.frames._frames) == 2
