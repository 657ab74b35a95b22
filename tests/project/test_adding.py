from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from sqlalchemy.engine import Connection

from annotator.core.errors import BadInput, ProjectError
from annotator.core.identity import Split
from annotator.core.plugin_types import Recording
from annotator.project import Project
from annotator.project.database import Database
from tests.project.samples import recording


def files(project: Project) -> set[str]:
    return {path.name for path in (project.path / "clips").iterdir()}


def broken(good: Recording) -> Recording:
    """A recording whose frames end too early."""
    return dataclasses.replace(good, frames=list(good.frames)[:1])


def test_several_clips_arrive_in_one_revision(project: Project) -> None:
    before = project.data_revision
    added = project.add_clips(((recording(project, seed=i), Split.TRAIN) for i in (1, 2, 3)), author="ada")
    assert [one.is_new for one in added] == [True, True, True]
    assert len({one.clip.name for one in added}) == 3
    assert {one.revision for one in added} == {before + 1} == {project.data_revision}


def test_one_bad_recording_keeps_all_out(project: Project) -> None:
    before, clips, revision = files(project), project.clips(), project.data_revision
    stream = [(recording(project, seed=1), Split.TRAIN), (broken(recording(project, seed=2)), Split.TRAIN)]
    with pytest.raises(BadInput, match="frames"):
        project.add_clips(stream, author="ada")
    assert project.clips() == clips
    assert (files(project), project.data_revision) == (before, revision)


@pytest.mark.parametrize("is_broken", list(itertools.product([False, True], repeat=3)))
def test_what_cannot_be_read_is_left_out_where_asked_unless_all_is(
    project: Project, is_broken: tuple[bool, ...]
) -> None:
    before, good = files(project), [recording(project, f"r{seed}", seed=seed) for seed in (1, 2, 3)]
    told: list[str] = []

    def stream() -> Iterator[tuple[Recording, Split]]:
        for one, is_bad in zip(good, is_broken, strict=True):
            yield (broken(one) if is_bad else one), Split.TRAIN

    def leave_out(bad: Recording, damage: BadInput) -> None:
        assert "frames" in str(damage)
        told.append(bad.header.stem)

    if all(is_broken):
        with pytest.raises(BadInput, match="r1"):
            project.add_clips(stream(), author="ada", leave_out=leave_out)
        assert files(project) == before
        return
    added = project.add_clips(stream(), author="ada", leave_out=leave_out)
    assert [one.clip.name for one in added] == [f"r{i + 1}" for i in range(3) if not is_broken[i]]
    assert told == [f"r{i + 1}" for i in range(3) if is_broken[i]]
    assert len(files(project)) == len(before) + len(added)
    assert project.check().is_sound


@pytest.mark.parametrize("is_late", [False, True])
def test_an_import_that_is_interrupted_at_its_commit_is_whole_or_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    before, write = files(project), Database.write

    @contextmanager
    def interrupted(database: Database) -> Iterator[Connection]:
        with write(database) as connection:
            yield connection
            if not is_late:
                raise KeyboardInterrupt
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            project.add_clip(recording(project, "b", seed=1), author="ada")
    project.close()
    with Project.open(project.path) as again:
        assert again.check().is_sound
        assert len(again.clips()) == len(files(again)) == len(before) + is_late


def test_nothing_comes_into_a_project_that_was_closed_meanwhile(project: Project) -> None:
    before = files(project)

    def closing() -> Iterator[tuple[Recording, Split]]:
        project.close()
        yield recording(project, seed=1), Split.TRAIN

    with pytest.raises(ProjectError, match="the project was closed, so nothing can be changed"):
        project.add_clips(closing(), author="ann")
    assert files(project) == before
    with Project.open(project.path) as again:
        assert len(again.clips()) == 1


def test_a_patient_in_two_splits_keeps_all_out(project: Project) -> None:
    before, clips = files(project), project.clips()
    stream = [(recording(project, seed=1, patient="P2"), Split.TRAIN), (recording(project, seed=2), Split.TEST)]
    with pytest.raises(BadInput, match="already in 'train'"):
        project.add_clips(stream, author="ada")
    assert project.clips() == clips
    assert files(project) == before


def test_equal_content_within_one_import_is_one_clip(project: Project) -> None:
    twice = [(recording(project, seed=1), Split.TRAIN), (recording(project, seed=1), Split.TRAIN)]
    first, second = project.add_clips(twice, author="ada")
    assert first.is_new
    assert not second.is_new
    assert second.clip == first.clip
    assert len(files(project)) == len(project.clips()) == 2
    assert np.array_equal(project.read_frame(first.clip.frame_keys[0]), next(iter(recording(project, seed=1).frames)))
    assert project.check().is_sound


def test_equal_pixels_of_two_named_patients_are_two_clips(project: Project) -> None:
    def twins() -> list[tuple[Recording, Split]]:
        first = recording(project, "a", seed=1, patient="P1")
        second = recording(project, "b", seed=1, patient="P2")
        return [(first, Split.TRAIN), (second, Split.TEST)]

    one, two = project.add_clips(twins(), author="ada", patients_are_named=True)
    assert one.is_new
    assert two.is_new
    assert one.clip.pixels == two.clip.pixels
    assert one.clip.content_hash != two.clip.content_hash
    again = project.add_clips(twins(), author="ada", patients_are_named=True)
    assert [found.is_new for found in again] == [False, False]
    assert [found.clip for found in again] == [one.clip, two.clip]
    assert not project.add_clip(recording(project, "c", seed=1, patient="P3"), author="ada").is_new
    of_nobody = project.add_clip(recording(project, "b", seed=1, patient="P3"), author="ada", split=Split.TEST)
    assert of_nobody.clip == two.clip, "the name tells pictures apart that are alike"
    assert project.check().is_sound
    project.remove_patient("P2")
    assert np.array_equal(project.read_frame(one.clip.frame_keys[0]), next(iter(recording(project, seed=1).frames)))
    assert project.check().is_sound


def test_pictures_that_are_alike_are_told_apart_by_their_names_where_patients_changed(project: Project) -> None:
    twins = [(recording(project, name, seed=1, patient=patient), Split.TRAIN) for name, patient in ("aP", "bQ")]
    project.add_clips(twins, author="ada", patients_are_named=True)
    project.give_clips(["b"], "P", author="ada")
    project.give_clips(["a"], None, author="ada")
    for name in ("a", "b"):
        assert project.add_clip(recording(project, name, seed=1, patient="P"), author="ada").clip.name == name
