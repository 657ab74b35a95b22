"""Recipes: read, validated, overridden."""

from __future__ import annotations

from pathlib import Path

import pytest

import annotator
from annotator.core.errors import BadInput, UnknownName
from annotator.learn.recipe import Recipe, option_names, read_recipe
from annotator.registry.resources import resource


def test_the_naive_recipe_differs_only_in_what_unknown_means() -> None:
    default, naive = (read_recipe(resource(f"recipes/{n}.toml")) for n in ("default", "naive"))
    assert naive.loss.unknown == "background"
    same = {"name": default.name, "summary": default.summary, "loss": default.loss}
    assert naive.model_copy(update=same) == default


def test_overrides_change_one_option() -> None:
    path = resource("recipes/default.toml")
    changed = read_recipe(path, {"teacher.weight": "0.25", "loss.unknown": "background", "network.options.width": "16"})
    assert changed.teacher.weight == 0.25
    assert changed.loss.unknown == "background"
    assert changed.network.options["width"] == 16
    assert changed.augment == read_recipe(path).augment


@pytest.mark.parametrize(
    ("option", "value"), [("data.image_size", "100"), ("loss.label_dropout", "1.5"), ("teacher.weight", "much")]
)
def test_a_value_that_does_not_fit_is_one_sentence(option: str, value: str) -> None:
    with pytest.raises(BadInput, match=option):
        read_recipe(resource("recipes/default.toml"), {option: value})


@pytest.mark.parametrize(
    "option", ["teacher.weight", "optimiser.clip_norm", "labo.temperature", "network.options.width"]
)
@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "1e999"])
def test_no_number_is_endless(option: str, value: str) -> None:
    with pytest.raises(BadInput, match=f"'{option}' does not fit"):
        read_recipe(resource("recipes/default.toml"), {option: value})


@pytest.mark.parametrize("option", ["teacher.gate", "augment.backmix", "data.labelled_batch", "hdc.weight"])
def test_yes_is_not_taken_for_one(option: str) -> None:
    with pytest.raises(BadInput, match=f"'{option}' does not fit: Input should not be true or false"):
        read_recipe(resource("recipes/default.toml"), {option: "true"})
    assert read_recipe(resource("recipes/default.toml"), {"calibration.apply": "true"}).calibration.apply


@pytest.mark.parametrize(
    ("text", "option"), [("loss = 3", "loss.label_dropout"), ("[network]\noptions = 3", "network.options.width")]
)
def test_a_change_in_what_is_no_section_is_one_sentence(tmp_path: Path, text: str, option: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(BadInput, match=f"--set {option}: .* is no section of the recipe"):
        read_recipe(file, {option: "1"})


def test_every_option_of_a_recipe_is_read_somewhere() -> None:
    sources = [file.read_text(encoding="utf-8") for file in Path(annotator.__file__).parent.rglob("*.py")]
    unread = [o for o in option_names() if not any(f".{o.rpartition('.')[2]}" in text for text in sources)]
    assert unread == []


def test_a_digest_tells_what_training_follows_and_not_how_it_is_called() -> None:
    path = resource("recipes") / "default.toml"
    read = read_recipe(path)
    renamed = read.model_copy(update={"name": "mine", "summary": "Mine."})
    assert renamed.digest == read.digest == read_recipe(path).digest
    assert read_recipe(path, {"teacher.weight": "0.4"}).digest != read.digest
    assert read_recipe(path, {"network.options.width": "8"}).digest != read.digest


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(UnknownName, match=r"teacher\.wieght"):
        read_recipe(resource("recipes/default.toml"), {"teacher.wieght": "1"})
    assert "teacher.weight" in option_names()


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("")
    assert read_recipe(path) == Recipe(name="mine")


@pytest.mark.parametrize("text", ["[network", "[teacher]\nmood = 1\n", "teacher = 3\n", 'summary = "two\\nlines"\n'])
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match="broken"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[teacher]\nwieght = 1\n", "'teacher.wieght' is no option of a recipe; "),
        ("[teachr]\nweight = 1\n", "'teachr' is no option of a recipe; "),
        ("teacher = 3\n", "'teacher' is a section of a recipe"),
        ("[[teacher]]\nweight = 1\n", "'teacher' is a section of a recipe"),
        ("[network.options]\nwidth = [8]\n", "'network.options.width' does not fit"),
    ],
)
def test_a_mistake_is_told_in_words_of_a_recipe(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_recipe(file)
    assert f"mine.toml: {said}" in str(caught.value)


def test_a_file_may_begin_with_the_mark_of_windows_editors(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\n[teacher]\nweight = 0.25\n', encoding="utf-8-sig")
    assert read_recipe(file).teacher.weight == 0.25
    file.write_text("", encoding="utf-16")
    with pytest.raises(BadInput, match="no UTF-8 text; save it as UTF-8"):
        read_recipe(file)


def test_a_long_file_name_is_cut_to_a_name(tmp_path: Path) -> None:
    file = tmp_path / f"{'long ' * 20}.toml"
    file.write_text("")
    assert read_recipe(file).name == ("long " * 20)[:60]


def test_a_file_of_another_kind_is_told_of_in_words_of_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text('name = "apical"\ntitle = "Apical views"\n')
    with pytest.raises(BadInput) as told:
        read_recipe(path)
    assert str(told.value) == f"{path}: 'title' is no option of a recipe; correct the recipe."
    with pytest.raises(BadInput, match="or the --set"):
        read_recipe(path, {"teacher.weight": "1"})


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")
