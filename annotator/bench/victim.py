"""The process that the kill campaign kills: it commits, undoes, publishes, imports and trains, and says what is done.

Each line on standard output is one JSON object, printed after the project said that the thing is on disk.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from annotator.core.edits import Assign, Edit, Finish, Paint
from annotator.core.identity import ClipHeader, FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol, Structure
from annotator.core.status import LabelStatus
from annotator.project import Commit, Project
from annotator.registry import network

SHAPE = (96, 128)
FRAMES = 8
PROTOCOL = LabelProtocol(
    name="campaign",
    title="Three structures",
    structures=(
        Structure("one", "One", "#ff0000", "q"),
        Structure("two", "Two", "#00ff00", "w"),
        Structure("three", "Three", "#0000ff", "e"),
    ),
)


def said_hash(label: PartialLabel, structure: str) -> str:
    """SHA-256 of what a label says of a structure."""
    said = label[structure]
    digest = hashlib.sha256(said.status.value.encode())
    for mask in (said.inside, said.outside):
        digest.update(b"-" if mask is None else mask.tobytes())
    return digest.hexdigest()


def new_recording(project: Project, seed: int) -> Recording:
    """A clip of noise that follows from ``seed``."""
    frames = np.random.default_rng(seed).integers(0, 256, (FRAMES, *SHAPE), dtype=np.uint8)
    return Recording(ClipHeader(f"c{seed}", project.pseudonymiser.key(str(seed % 50)), FRAMES, *SHAPE), iter(frames))


class Victim:
    """Works on a project until it is killed."""

    def __init__(self, project: Project, seed: int) -> None:
        self._project = project
        self._random = random.Random(seed)
        self._printing = threading.Lock()

    def run(self) -> None:
        """Commit in this thread; import and publish in another one."""
        if not self._project.clips():
            self._import()
        threading.Thread(target=self._deliver, daemon=True).start()
        while True:
            self._commit()

    def _say(self, **facts: Any) -> None:
        with self._printing:
            sys.stdout.write(json.dumps(facts) + "\n")
            sys.stdout.flush()

    def _deliver(self) -> None:
        pause = threading.Event()
        while True:
            step: Callable[[], None] = self._random.choice([self._import, self._publish])
            step()
            pause.wait(self._random.uniform(0.02, 0.2))

    def _import(self) -> None:
        added = self._project.add_clip(new_recording(self._project, self._random.randrange(10**9)), author="victim")
        self._say(kind="clip", name=added.clip.name, sha=added.clip.content_hash)

    def _publish(self) -> None:
        data = self._random.randbytes(200_000)
        revision = self._project.data_revision
        made = self._project.add_snapshot(
            data, step=revision, data_revision=revision, recipe="", metrics={}, is_validated=False
        )
        self._say(kind="snapshot", id=made.id, sha=made.sha256)

    def _commit(self) -> None:
        chance = self._random.random()
        if chance < 0.05:
            commit = self._project.undo(author="victim")
        elif chance < 0.08:
            commit = self._project.redo(author="victim")
        else:
            clip = self._random.choice(self._project.clips())
            key = FrameKey(clip.name, self._random.randrange(FRAMES))
            commit = self._project.commit(key, self._edits(key), author="victim")
        if commit is not None:
            self._acknowledge(commit)

    def _edits(self, key: FrameKey) -> list[Edit]:
        structure = self._random.choice(PROTOCOL.ids)
        if self._project.label(key).status(structure) is LabelStatus.DRAFT and self._random.random() < 0.5:
            return [Finish(structure)]
        if self._random.random() < 0.1:
            return [Assign(structure, StructureLabel(LabelStatus.ABSENT))]
        mask = np.zeros(SHAPE, dtype=np.bool_)
        top, left = self._random.randrange(64), self._random.randrange(96)
        mask[top : top + 24, left : left + 24] = True
        return [Paint(structure, mask)]

    def _acknowledge(self, commit: Commit) -> None:
        for key in commit.keys:
            label = self._project.label(key)
            for structure in commit.structures:
                sha = said_hash(label, structure)
                place = {"clip": key.clip, "frame": key.frame, "structure": structure}
                self._say(kind="label", revision=commit.revision, sha=sha, **place)


def main() -> None:
    """Open the project of the first argument and work on it with the seed of the second; ``train`` trains as well."""
    path, seed = Path(sys.argv[1]), int(sys.argv[2])
    trains = "train" in sys.argv[3:]
    if trains:
        import torch  # noqa: F401, PLC0415 - before "ready", so that kills fall into the work and not into an import
    sys.stdout.write('{"kind": "ready"}\n')
    sys.stdout.flush()
    project = Project.open(path)
    if trains:
        start_training(project)
    Victim(project, seed).run()


def start_training(project: Project) -> None:
    """Start the engine on the project, as the window does."""
    # Kills without training are spared the learner's imports.
    from annotator.engine import Engine  # noqa: PLC0415

    Engine(project, factory=network("unet"), device="cpu").start()


if __name__ == "__main__":
    main()
