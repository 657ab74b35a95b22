"""Recipes: every number that training depends on, as validated text."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails

from annotator.core.errors import BadInput, UnknownName
from annotator.learn.recipe_sections import (
    AugmentSection,
    CalibrationSection,
    CftSection,
    DataSection,
    FineTuningSection,
    HdcSection,
    InversionSection,
    LaboSection,
    LossSection,
    NetworkSection,
    OptimiserSection,
    ScheduleSection,
    Section,
    TeacherSection,
    TemporalSection,
    UniMatchSection,
)

LONGEST_NAME: Final = 60

_DEEPEST: Final = 3
"""Words in the longest dotted path, such as ``network.options.width``."""


class Recipe(Section):
    """A whole recipe; every field has a default, so a file names only what it changes.

    Parameters
    ----------
    name
        What it is called.
    summary
        What it does, in one plain line for whoever chooses it.
    is_offered
        Whether the window offers it among the shipped ones.
    start
        Whether a project without a model begins at the shipped starting weights, or at nothing. Where they share no
        structure with its protocol, they predict nothing, and training begins at all but their head.
    """

    name: str = Field(default="default", min_length=1, max_length=LONGEST_NAME)
    summary: str = Field(default="", max_length=160, pattern=r"^[^\n]*$")
    is_offered: bool = True
    start: Literal["weights", "nothing"] = "weights"
    network: NetworkSection = NetworkSection()
    data: DataSection = DataSection()
    optimiser: OptimiserSection = OptimiserSection()
    fine_tuning: FineTuningSection = FineTuningSection()
    loss: LossSection = LossSection()
    teacher: TeacherSection = TeacherSection()
    hdc: HdcSection = HdcSection()
    unimatch: UniMatchSection = UniMatchSection()
    labo: LaboSection = LaboSection()
    inversion: InversionSection = InversionSection()
    temporal: TemporalSection = TemporalSection()
    cft: CftSection = CftSection()
    calibration: CalibrationSection = CalibrationSection()
    augment: AugmentSection = AugmentSection()
    schedule: ScheduleSection = ScheduleSection()

    @property
    def digest(self) -> str:
        """Hexadecimal hash of all that training follows, whatever the recipe is called."""
        text = self.model_dump_json(exclude={"name", "summary", "is_offered"})
        return hashlib.sha256(text.encode()).hexdigest()


def read_recipe(path: Path, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe and change what ``--set path=value`` asks for.

    Parameters
    ----------
    path
        A TOML file.
    overrides
        Dotted path, such as ``"teacher.weight"``, to a value in TOML notation (or a bare word).

    Raises
    ------
    BadInput
        Where the file cannot be read, or a value does not fit.
    UnknownName
        Where an override names no option.
    """
    document = _document(path)
    document.setdefault("name", path.stem[:LONGEST_NAME])
    for dotted, text in (overrides or {}).items():
        _set(document, dotted, _value(text))
    try:
        return Recipe.model_validate(document)
    except ValidationError as error:
        cure = f"correct the recipe{' or the --set' if overrides else ''}"
        raise BadInput(path, _complaint(error.errors()[0]), cure) from None


def _document(path: Path) -> dict[str, Any]:
    try:
        # Windows' editors begin a file with a mark that TOML does not know.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise BadInput(path, f"the recipe cannot be read ({error.strerror})", "give a TOML file") from None
    except UnicodeDecodeError:
        raise BadInput(path, "the recipe cannot be read, since it is no UTF-8 text", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(path, f"the recipe cannot be read ({error})", "give a TOML file") from None


def _complaint(error: ErrorDetails) -> str:
    # What else a place may hold, as of an option of the network, is none of its name.
    where = ".".join(str(part) for part in error["loc"][:_DEEPEST])
    match error["type"]:
        case "extra_forbidden":
            return f"'{where}' is no option of a recipe"
        case "model_type" | "dict_type":
            return f"'{where}' is a section of a recipe, with options of its own, and no single value"
        case _:
            return f"'{where}' does not fit: {error['msg']}"


def _set(document: dict[str, Any], dotted: str, value: object) -> None:
    known = option_names()
    if dotted not in known and not dotted.startswith("network.options."):
        raise UnknownName("recipe option", dotted, known)
    *sections, last = dotted.split(".")
    inner = document
    for section in sections:
        inner = inner.setdefault(section, {})
        if not isinstance(inner, dict):
            raise BadInput(f"--set {dotted}", f"'{section}' is no section of the recipe", "correct one of them")
    inner[last] = value


def option_names() -> tuple[str, ...]:
    """Every dotted path that ``--set`` takes; options of the network come under ``network.options.``."""
    names = ["name", "start"]
    for section, info in Recipe.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            names += [f"{section}.{option}" for option in annotation.model_fields]
    return tuple(names)


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
