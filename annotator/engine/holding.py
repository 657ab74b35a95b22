"""Which patients are held aside for validation: nobody who was trained on, and once held, always held."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from annotator.core.identity import Clip, FrameKey, Split
from annotator.engine.checkpoints import drop_outdated
from annotator.engine.roles import chosen_validation, labelled_patients
from annotator.project import HELD_FACT, TRAINED_FACT

if TYPE_CHECKING:
    from annotator.project import Project


def held_patients(
    project: Project, clips: Sequence[Clip], finished: Mapping[FrameKey, Collection[str]]
) -> tuple[str, ...]:
    """Patients to validate on: those that a manifest chose, else the automatic choice, kept in the project.

    All other patients with labels are remembered as trained on, since from now on they are, until they are set apart:
    whatever learnt from them is marked then and serves no more, also once they come back.

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
        Where the project cannot be read, or the choice cannot be stored.
    """
    here = {clip.header.patient for clip in clips}
    teaching = {clip.header.patient for clip in clips if clip.split is Split.TRAIN}
    tested = {clip.header.patient for clip in clips if clip.split is Split.TEST}
    chosen, labelled = chosen_validation(clips), labelled_patients(clips, finished)
    before, trained = _remembered(project, labelled)
    if not trained <= teaching and not project.is_read_only:
        # Once they are forgotten, nothing tells that a checkpoint learnt from them.
        drop_outdated(project)
    trained &= teaching
    # One who was held before a manifest chose others was trained on meanwhile.
    held = tuple(p for p in before if p in here and p not in trained)
    if labelled and not chosen:
        from annotator.learn.publish_policy import hold_aside  # noqa: PLC0415  (imports torch)

        taught = {clip.pixels for clip in clips if clip.pixels and clip.header.patient in trained}
        copied = {clip.header.patient for clip in clips if clip.pixels in taught}
        held = hold_aside(labelled, held, trained | copied)
    _remember(project, HELD_FACT, held)
    _remember(project, TRAINED_FACT, trained | (set(labelled) - set(chosen or held)))
    return chosen or tuple(p for p in held if p not in tested)


def _remembered(project: Project, labelled: Collection[str]) -> tuple[list[str], set[str]]:
    """Who is held, and who was trained on; earlier versions did not say, and held patients whom they had trained on."""
    held = json.loads(project.read_fact(HELD_FACT) or "[]")
    trained = project.read_fact(TRAINED_FACT)
    if trained is not None:
        return held, set(json.loads(trained))
    snapshots = project.snapshots()
    if all(s.is_validated for s in snapshots):
        return held, set(labelled) - set(held) if snapshots else set()
    return [], set(labelled)


def _remember(project: Project, fact: str, patients: Collection[str]) -> None:
    text = json.dumps(sorted(patients))
    if not project.is_read_only and text != (project.read_fact(fact) or "[]"):
        project.write_fact(fact, text)
