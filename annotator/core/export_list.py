"""The list that an export leaves in its folder: which files are its own, by the format that wrote them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Final

EXPORT_LIST: Final = "export.json"
"""Name of the list."""

EXPORT_FORMAT: Final = "echo-annotator export"


def listed_files(text: str) -> tuple[Mapping[str, tuple[str, ...]], str | None]:
    """Files of each ``format:protocol``, relative to the folder, and the id of their project, where it is said.

    Raises
    ------
    ValueError
        Where the text is no such list.
    """
    try:
        data = json.loads(text)
        if data["format"] != EXPORT_FORMAT:
            raise KeyError("format")
        written_for = None if data.get("project") is None else str(data["project"])
        return {str(kind): tuple(str(name) for name in names) for kind, names in data["files"].items()}, written_for
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the list of an export: {error}") from None


def listed_masks(text: str, picture_formats: Collection[str]) -> frozenset[str]:
    """Names of the files of a list that look like pictures and are masks; none where it is no such list.

    Parameters
    ----------
    text
        Of the list.
    picture_formats
        Formats whose files hold pictures too; those of every other one are masks alone.
    """
    try:
        files, _ = listed_files(text)
    except ValueError:
        return frozenset()
    masks = (names for kind, names in files.items() if kind.partition(":")[0] not in picture_formats)
    return frozenset(name for names in masks for name in names)
