"""What a recipe asks of the frames that training holds."""

from __future__ import annotations

import pytest

from annotator import registry
from annotator.core.identity import FrameKey
from annotator.engine.frames import FrameBook
from annotator.engine.recipes import find_recipe
from annotator.engine.roles import MAX_UNLABELLED_PER_CLIP
from annotator.engine.shelf import ImageShelf
from annotator.engine.workshop import LearnWorkshop
from annotator.learn.recipe import read_recipe
from annotator.project import Project
from annotator.testing.sessions import add_moving_square, outline_square


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
