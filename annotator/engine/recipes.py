"""Which recipes there are, and which one a project follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from annotator.core.errors import AnnotatorError, BadInput, UnknownName
from annotator.registry import resource

if TYPE_CHECKING:
    from annotator.learn.recipe import Recipe
    from annotator.project import Project

DEFAULT: Final = "default"

RECIPE_FACT: Final = "recipe"
"""The project remembers the recipe that was chosen in the window: its name, or the path of a file."""


@dataclass(frozen=True, slots=True)
class OfferedRecipe:
    """A shipped recipe: its name, and what it does in one plain line."""

    name: str
    summary: str


def find_recipe(name: str) -> Path:
    """The file of a recipe: a path, or the name of a shipped one.

    Raises
    ------
    BadInput
        Where the path leads nowhere.
    UnknownName
        Where there is no shipped one of that name.
    """
    path = Path(name)
    if path.suffix.lower() == ".toml":
        if not path.exists():
            raise BadInput(path, "there is no such file", "give the path of a recipe, or the name of a shipped one")
        return path
    shipped = _shipped()
    if name not in shipped:
        raise UnknownName("recipe", name, sorted(shipped))
    return shipped[name]


def followed_recipe(name: str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """A shipped recipe by its name, or one from a file; what has a shipped one's name is told from it by its file's.

    Parameters
    ----------
    name
        As for :func:`find_recipe`.
    overrides
        Dotted path to a value as text.

    Raises
    ------
    AnnotatorError
        Where there is no such recipe, or something in it does not fit.
    """
    from annotator.learn.recipe import read_recipe  # noqa: PLC0415 - torch is imported late

    path, shipped = find_recipe(name), _shipped()
    read = read_recipe(path, overrides)
    if read.name in shipped and path.resolve() not in {file.resolve() for file in shipped.values()}:
        # A copy that was changed must neither show as the original nor be recorded as it.
        return read.model_copy(update={"name": f"{read.name} ({path.name})"})
    return read


def offered_recipes() -> tuple[OfferedRecipe, ...]:
    """The shipped recipes that a person may choose, the default first."""
    from annotator.learn.recipe import read_recipe  # noqa: PLC0415 - only where somebody chooses

    read = [read_recipe(path) for path in _shipped().values()]
    offered = [OfferedRecipe(r.name, r.summary) for r in read if r.is_offered]
    return tuple(sorted(offered, key=lambda r: (r.name != DEFAULT, r.summary.startswith("For comparison"), r.name)))


def remembered_recipe(project: Project) -> str:
    """The recipe that a project remembers, by name or path; the default where it remembers none."""
    return project.read_fact(RECIPE_FACT) or DEFAULT


def usable_recipe(project: Project) -> tuple[str, str]:
    """The recipe that a project remembers; or the default, with a sentence, where that one cannot be used."""
    from annotator.learn.recipe import read_recipe  # noqa: PLC0415 - only where a learner starts

    name = remembered_recipe(project)
    try:
        read_recipe(find_recipe(name))
    except AnnotatorError as error:
        return DEFAULT, f"The project's recipe cannot be used, so it follows '{DEFAULT}': {error}"
    return name, ""


def remember_recipe(project: Project, name: str) -> None:
    """Let a project follow a recipe from now on, also after a restart; one that is read-only forgets it."""
    if not project.is_read_only:
        project.write_fact(RECIPE_FACT, name)


def _shipped() -> dict[str, Path]:
    return {file.stem: file for file in sorted(resource("recipes").glob("*.toml"))}
