"""Which patients are held aside for validation; once held, always held."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from annotator.core.identity import Clip, FrameKey
from annotator.engine.roles import chosen_validation, labelled_patients

if TYPE_CHECKING:
    from annotator.project import Project

HELD_FACT: Final = "held_patients"


def held_patients(
    project: Project, clips: Sequence[Clip], finished: Mapping[FrameKey, Collection[str]]
) -> tuple[str, ...]:
    """Patients to validate on: those that a manifest chose, else the automatic choice, kept in the project.

    Parameters
    ----------
    project
        Remembers the choice.
    clips
        All clips.
    finished
        Frame to the structures with a finished label.

    Raises
    ------
    ProjectError
        Where the choice cannot be stored.
    """
    chosen = chosen_validation(clips)
    if chosen:
        return chosen
    here = {clip.header.patient for clip in clips}
    before = tuple(p for p in json.loads(project.read_fact(HELD_FACT) or "[]") if p in here)
    labelled = labelled_patients(clips, finished)
    if not labelled:
        return before
    from annotator.learn.publish_policy import hold_aside  # noqa: PLC0415  (imports torch)

    held = hold_aside(labelled, before)
    if held != before and not project.is_read_only:
        project.write_fact(HELD_FACT, json.dumps(held))
    return held
