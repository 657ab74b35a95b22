"""The checkpoint file: what the session knows, then the trainer's bytes, checked by a hash, written atomically.

One that knows a patient who is not to be learnt from any more is outdated: it is never gone on from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annotator.core.disk_errors import delete, write_aside
from annotator.core.errors import CorruptProject

if TYPE_CHECKING:
    from annotator.project import Project

_MAGIC: Final = b"annotator-checkpoint-1\n"


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What a restarted session must know beside the trainer's state.

    Parameters
    ----------
    recipe
        Name of the recipe that the trainer ran.
    recipe_digest
        Hash of what that recipe said; empty where nobody noted it.
    labels
        Hexadecimal fingerprint of the labels that it trained on.
    is_asleep
        Whether it slept on a plateau; with the same labels it goes on sleeping.
    schedule
        State of :class:`~annotator.engine.schedule.Schedule` as plain numbers.
    dice, dice_by_domain, measured_on_accepted
        Of the last validation; structures that accepted suggestions alone measured.
    best_dice
        Of the best model published so far, on the present validation frames; empty where not known.
    start
        Name and SHA-256 of the weights file that training began from, and the structures that it knew (``knows``);
        empty where it began from nothing, ``None`` where nobody noted it.
    data_revision
        The newest change of the project that training knows of; ``None`` where nobody noted it.
    data_time
        When that change was made: a database that was restored from a backup gives its number to another one.
    """

    recipe: str = ""
    recipe_digest: str = ""
    labels: str = ""
    is_asleep: bool = False
    schedule: Mapping[str, float | None] = field(default_factory=dict)
    dice: Mapping[str, float] = field(default_factory=dict)
    dice_by_domain: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    measured_on_accepted: tuple[str, ...] = ()
    best_dice: Mapping[str, float] = field(default_factory=dict)
    start: Mapping[str, Any] | None = None
    data_revision: int | None = None
    data_time: str | None = None


def write_checkpoint(path: Path, facts: SessionFacts, trainer: bytes) -> None:
    """Write a checkpoint aside, flush it to disk and rename it into place.

    Raises
    ------
    OSError
        Where the disk is full or the folder cannot be written; the former checkpoint is then as it was.
    """
    # Not its parents: a project folder that was moved away must not begin to be there again.
    path.parent.mkdir(exist_ok=True)
    header = json.dumps(asdict(facts)).encode() + b"\n"
    body = header + trainer
    write_aside(path, _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n", body)


def read_checkpoint(path: Path) -> tuple[SessionFacts, bytes] | None:
    """The session's facts and the trainer's bytes; ``None`` where there is no checkpoint.

    Raises
    ------
    CorruptProject
        Where the file is damaged, of another version, or cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CorruptProject(f"The training checkpoint cannot be read ({error.strerror}).") from None
    digest, newline, body = data.removeprefix(_MAGIC).partition(b"\n")
    if not data.startswith(_MAGIC) or not newline or hashlib.sha256(body).hexdigest().encode() != digest:
        raise CorruptProject("The training checkpoint is damaged.")
    header, _, trainer = body.partition(b"\n")
    return _facts(json.loads(header)), trainer


def is_outdated(project: Project, facts: SessionFacts) -> bool:
    """Whether a checkpoint knows a patient who was removed or set apart since, or a database that was there before.

    Raises
    ------
    ProjectError
        Where the project cannot be read.
    """
    revision = facts.data_revision
    if revision is None:
        return False
    is_of_here = facts.data_time is None or facts.data_time == project.time_of(revision)
    return not is_of_here or project.has_set_apart_since(revision)


def drop_outdated(project: Project) -> None:
    """Delete a checkpoint that is outdated; one that cannot be read stays, since nobody goes on from it.

    Raises
    ------
    ProjectError
        Where the project cannot be read.
    OSError
        Where the disk refuses.
    """
    try:
        found = read_checkpoint(project.checkpoint_path)
    except (CorruptProject, ValueError):
        return
    if found is not None and is_outdated(project, found[0]):
        delete(project.checkpoint_path)


def _facts(text: Mapping[str, Any]) -> SessionFacts:
    try:
        # JSON has no tuples.
        accepted = tuple(text.get("measured_on_accepted", ()))
        return SessionFacts(**{**text, "measured_on_accepted": accepted})
    except TypeError:
        raise CorruptProject("The training checkpoint was written by another version.") from None
