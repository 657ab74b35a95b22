"""Recipes with the real learner: one can be changed for any other while it learns, and the project remembers it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator import registry
from annotator.core.errors import BadInput, UnknownName
from annotator.engine.messages import Look, RunState, SnapshotPublished, Trouble, UseRecipe
from annotator.engine.recipes import find_recipe, followed_recipe, offered_recipes, remembered_recipe, usable_recipe
from annotator.engine.thread import open_session
from annotator.engine.workshop import FittedModel
from annotator.learn.weights import Predictor, WeightsHeader
from annotator.project import Project
from annotator.testing.samples import SAMPLE_PROTOCOL
from annotator.testing.sessions import Driver, add_moving_square, outline_square


def test_the_default_is_offered_first_and_what_is_not_for_projects_is_not() -> None:
    offered = offered_recipes()
    assert offered[0].name == "default"
    assert "pretrain" not in {recipe.name for recipe in offered}
    assert offered[-1].summary.startswith("For comparison")
    assert all(find_recipe(recipe.name).stem == recipe.name for recipe in offered)
    with pytest.raises(UnknownName):
        find_recipe("nonsense")


def test_a_file_is_known_by_its_suffix_however_that_is_written(tmp_path: Path) -> None:
    for name in ("mine.toml", "MINE 2.TOML"):
        (tmp_path / name).write_text("")
        assert find_recipe(str(tmp_path / name)) == tmp_path / name


def test_a_changed_copy_is_told_from_the_shipped_recipe_whose_name_it_kept(project: Project, tmp_path: Path) -> None:
    assert followed_recipe("default").name == "default"
    assert followed_recipe(str(find_recipe("default"))).name == "default"
    copy = tmp_path / "mine.toml"
    small = "image_size = 32\n[network.options]\nwidth = 8\n"
    copy.write_text(find_recipe("default").read_text(encoding="utf-8").replace("image_size = 128", small, 1))
    copy.write_text(copy.read_text().replace("labelled_batch = 8\nunlabelled_batch = 4\n", ""))
    outline_square(project, add_moving_square(project, "one"))
    session = open_session(project, factory=registry.network("unet"), recipe=str(copy), device="cpu")
    driver = Driver(session)
    driver.run(lambda: session.step == 1)
    driver.events += session.finish()
    assert session.status().recipe == project.snapshots()[-1].recipe == "default (mine.toml)"
    copy.write_text('name = "my own"\n')
    assert followed_recipe(str(copy)).name == "my own"


def test_a_remembered_recipe_that_is_gone_gives_way_to_the_default(project: Project, tmp_path: Path) -> None:
    assert usable_recipe(project) == ("default", "")
    project.write_fact("recipe", str(tmp_path / "gone.toml"))
    assert remembered_recipe(project) == str(tmp_path / "gone.toml")
    name, sentence = usable_recipe(project)
    assert name == "default"
    assert "gone.toml" in sentence


def test_any_recipe_can_follow_any_other(project: Project, tmp_path: Path) -> None:
    frame = outline_square(project, add_moving_square(project, "one"))
    wide, odd = (tmp_path / f"{name}.toml" for name in ("wide", "odd"))
    small = "[data]\nimage_size = 32\n[network]\noptions = { width = 8, feature_channels = 8 }\n"
    wide.write_text(small.replace("32", "48").replace("= 8,", "= 16,"))
    odd.write_text('[network]\nname = "elsewhere"\n')
    tiny = tmp_path / "tiny.toml"
    tiny.write_text(small)
    hdc = tmp_path / "two decoders.toml"
    hdc.write_text(tiny.read_text() + "[hdc]\nweight = 0.2\n")
    session = open_session(project, factory=registry.network("unet"), recipe=str(tiny), device="cpu")
    driver = Driver(session)
    driver.run(lambda: session.step == 5)
    for path, goes_on in ((hdc, True), (tiny, True), (wide, False)):
        step = session.step
        session.handle(UseRecipe(str(path)))
        session.handle(Look(frame))
        wanted = step + 2 if goes_on else 2
        driver.run(lambda wanted=wanted: bool(session.step >= wanted))  # type: ignore[misc]
        assert session.state is RunState.TRAINING
        assert (session.step > step) is goes_on, "only another network begins anew"
        assert session.status().recipe == path.stem
    assert remembered_recipe(project) == str(wide)
    session.handle(UseRecipe(str(odd)))
    driver.run(lambda: sum(isinstance(event, Trouble) for event in driver.events) == 2)
    troubles = [event.sentence for event in driver.events if isinstance(event, Trouble)]
    assert "another network" in troubles[0]
    assert "begins anew" in troubles[0]
    assert "elsewhere" in troubles[1]
    assert session.status().recipe == "wide"
    driver.events += session.finish()
    assert project.snapshots()[-1].recipe == "wide"
    assert any(isinstance(event, SnapshotPublished) for event in driver.events)


def test_a_model_of_another_recipes_size_serves_at_this_ones() -> None:
    protocol = SAMPLE_PROTOCOL
    network = registry.network("unet").build(in_channels=1, n_classes=protocol.n_classes, options={"width": 8})
    header = WeightsHeader(protocol, protocol.default_values(), 32, "unet", {"width": 8}, protocol.ids)
    predictor = Predictor(header, network)
    served = FittedModel(predictor)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    assert np.array_equal(served.predict(images), predictor.predict_fitted(images))
    larger = served.predict(images.repeat(2, axis=1).repeat(2, axis=2))
    assert larger.shape == (2, protocol.n_classes, 64, 64)
    np.testing.assert_allclose(larger.sum(axis=1), 1.0, atol=1e-5)


def test_a_model_finds_nothing_that_the_view_cannot_show() -> None:
    first, *others = SAMPLE_PROTOCOL.structures
    structures = (first, *(replace(structure, views=("side",)) for structure in others))
    protocol = replace(SAMPLE_PROTOCOL, structures=structures, views=("front", "side"))
    network = registry.network("unet").build(in_channels=1, n_classes=protocol.n_classes, options={"width": 8})
    header = WeightsHeader(protocol, protocol.default_values(), 32, "unet", {"width": 8}, protocol.ids)
    served = FittedModel(Predictor(header, network))
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32), dtype=np.uint8)
    assert np.array_equal(served.predict(images, "side"), served.predict(images))
    assert served.predict(images)[:, 2:].all()
    found = served.predict(images, "front")
    assert not found[:, 2:].any()
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)


def test_a_path_that_leads_nowhere_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.toml: there is no such file"):
        find_recipe(str(tmp_path / "gone.toml"))
    with pytest.raises(UnknownName, match="choose one of"):
        find_recipe("gone")
