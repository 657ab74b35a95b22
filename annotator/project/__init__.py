"""Storage: frames in HDF5, annotations in SQL, undo, lineage, migrations."""

from annotator.project.checking import refuse_damaged
from annotator.project.frames import content_hash
from annotator.project.project import Project
from annotator.project.tainting import HELD_FACT, TRAINED_FACT
from annotator.project.values import (
    Added,
    Cell,
    CheckReport,
    Commit,
    CommitKind,
    Counts,
    Joining,
    Removed,
    Salvaged,
    Snapshot,
)

__all__ = [
    "HELD_FACT",
    "TRAINED_FACT",
    "Added",
    "Cell",
    "CheckReport",
    "Commit",
    "CommitKind",
    "Counts",
    "Joining",
    "Project",
    "Removed",
    "Salvaged",
    "Snapshot",
    "content_hash",
    "refuse_damaged",
]
