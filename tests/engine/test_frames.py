"""What a recipe asks of the frames that training holds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from annotator import registry
from annotator.core.identity import Clip, FrameKey
from annotator.engine import frames
from annotator.engine.frames import FrameBook
from annotator.engine.messages import RunState
from annotator.engine.recipes import find_recipe
from annotator.engine.roles import MAX_UNLABELLED_PER_CLIP
from annotator.engine.shelf import ImageShelf
from annotator.engine.workshop import LearnWorkshop
from annotator.learn.recipe import read_recipe
from annotator.project import Project
from annotator.testing.sessions import add_moving_square, driven, outline_square


def _book(project: Project, recipe: str) -> FrameBook:
    workshop = LearnWorkshop(
        project.protocol, project.values, recipe=read_recipe(find_recipe(recipe)), factory=registry.network("unet")
    )
    book = FrameBook(project, workshop, ImageShelf(project, workshop))
    book.survey()
    return book


@pytest.mark.parametrize(("recipe", "is_near"), [("default", False), ("temporal", True)])
def test_neighbours_of_a_labelled_frame_are_held_where_the_recipe_uses_them(
    recipe: str, project: Project, *, is_near: bool
) -> None:
    clip = add_moving_square(project, "long", frames=60)
    add_moving_square(project, "other", frames=5)
    outline_square(project, clip, 31)
    book = _book(project, recipe)
    of_clip = {key for key in book.plan.unlabelled if key.clip == clip}
    assert ({FrameKey(clip, t) for t in (27, 28, 29, 30, 32, 33, 34, 35)} <= of_clip) is is_near
    assert len(of_clip) == MAX_UNLABELLED_PER_CLIP
    assert len(book.plan.unlabelled) == MAX_UNLABELLED_PER_CLIP + 5


@pytest.mark.parametrize(("recipe", "count"), [("default", 4), ("supervised", 0)])
def test_unlabelled_frames_are_held_where_the_recipe_learns_from_them(
    recipe: str, project: Project, *, count: int
) -> None:
    outline_square(project, add_moving_square(project, "one"))
    assert len(_book(project, recipe).plan.unlabelled) == count


def test_a_change_of_one_clip_is_told_without_a_look_at_the_others(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [add_moving_square(project, f"c{i}") for i in range(20)]
    book = _book(project, "default")
    compared: list[Clip | None] = []
    plain = frames._seen_of

    def counted(clip: Clip | None) -> Clip | None:
        compared.append(clip)
        return plain(clip)

    monkeypatch.setattr(frames, "_seen_of", counted)
    key = outline_square(project, names[3])
    assert book.note_change([key], names[3:4]).clips == frozenset()
    assert not compared
    header = project.clip(names[3]).header
    project.update_clip(names[3], replace(header, ed_frames=(1,)), author="tester")
    assert book.note_change([], names[3:4]).clips == frozenset()
    project.update_clip(names[3], replace(header, view="a4c"), author="tester")
    assert book.note_change([], names[3:4]).clips == {names[3]}
    assert len(compared) == 4


def test_all_labels_are_gone_through_once_they_are_loaded_not_at_every_piece_of_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[None] = []
    plain = FrameBook.fingerprint

    def counted(book: FrameBook) -> str:
        asked.append(None)
        return plain(book)

    clip = add_moving_square(project, "one", frames=60)
    for frame in range(60):
        outline_square(project, clip, frame)
    driver, _ = driven(project)
    monkeypatch.setattr(FrameBook, "fingerprint", counted)
    driver.run_to(RunState.TRAINING)
    assert len(asked) == 1
