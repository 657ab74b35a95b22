"""The kill campaign: ``kill -9`` at random moments, then reopen, check, and look for every acknowledged thing."""

from __future__ import annotations

import io
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from annotator.bench.victim import PROTOCOL, said_hash
from annotator.core.errors import AnnotatorError
from annotator.core.identity import FrameKey
from annotator.project import Project

_KILLS_PER_PROJECT: Final = 25
_VICTIM: Final = ("-m", "annotator.bench.victim")


@dataclass(slots=True)
class _Tally:
    """What was acknowledged so far in one project, and what was found wrong in all."""

    cells: dict[tuple[str, int, str], tuple[int, str]] = field(default_factory=dict)
    rows: set[tuple[str, int, str, int]] = field(default_factory=set)
    clips: dict[str, str] = field(default_factory=dict)
    snapshots: dict[int, str] = field(default_factory=dict)
    acknowledged: int = 0
    imported: int = 0
    published: int = 0
    trained: int = 0
    lost: list[str] = field(default_factory=list)
    corrupt: list[str] = field(default_factory=list)

    def forget(self) -> None:
        """Start with a fresh project."""
        self.cells.clear()
        self.rows.clear()
        self.clips.clear()
        self.snapshots.clear()

    def hear(self, line: dict[str, Any]) -> None:
        """Take down one acknowledgement."""
        match line["kind"]:
            case "label":
                place = (line["clip"], line["frame"], line["structure"])
                self.cells[place] = max(self.cells.get(place, (0, "")), (line["revision"], line["sha"]))
                self.rows.add((*place, line["revision"]))
                self.acknowledged += 1
            case "clip":
                self.clips[line["name"]] = line["sha"]
                self.imported += 1
            case "snapshot":
                self.snapshots[line["id"]] = line["sha"]
                self.published += 1
            case _:
                pass


def run_campaign(
    *,
    kills: int,
    training_every: int = 4,
    seed: int = 0,
    folder: Path | None = None,
    on_kill: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Kill a working process again and again.

    Parameters
    ----------
    kills
        How often.
    training_every
        In one of so many the process trains too, and lives up to eight seconds; 0 for never.
    seed
        Of the moments and of what the process does.
    folder
        Where projects are made; a temporary folder by default.
    on_kill
        Told the number of kills so far, for a progress bar.

    Returns
    -------
    dict
        ``kills``, ``acknowledged`` (labels), ``imported``, ``published``, ``while_training`` (kills),
        ``lost``, ``corrupt`` and ``findings``.
    """
    chance, tally = random.Random(seed), _Tally()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        path = Path(scratch)
        for number in range(kills):
            if number % _KILLS_PER_PROJECT == 0:
                tally.forget()
                path = Path(scratch) / f"project-{number}"
                Project.create(path, PROTOCOL).close()
            trains = training_every > 0 and number % training_every == training_every - 1
            victim = (str(path), str(seed * 1_000_003 + number), *(["train"] if trains else []))
            _kill_once(victim, delay=chance.uniform(0.0, 8.0 if trains else 1.2), tally=tally)
            tally.trained += trains
            _look(path, tally)
            if on_kill is not None:
                on_kill(number + 1)
    return {
        "kills": kills,
        "acknowledged": tally.acknowledged,
        "imported": tally.imported,
        "published": tally.published,
        "while_training": tally.trained,
        "lost": len(tally.lost),
        "corrupt": len(tally.corrupt),
        "findings": [*tally.lost, *tally.corrupt][:20],
    }


def _kill_once(arguments: tuple[str, ...], *, delay: float, tally: _Tally) -> None:
    command = [sys.executable, *_VICTIM, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as victim:
        output = victim.stdout or io.StringIO()
        output.readline()
        timer = threading.Timer(delay, victim.kill)
        timer.start()
        # Reading to the end takes in what was acknowledged before the kill and is still in the pipe.
        lines = output.readlines()
        timer.join()
    for line in lines:
        if line.endswith("\n"):
            tally.hear(json.loads(line))


def _look(path: Path, tally: _Tally) -> None:
    try:
        with Project.open(path) as project:
            if project.is_read_only:
                tally.corrupt.append(f"The dead process still blocks the project: {project.notes[0]}")
            tally.corrupt.extend(project.check().problems)
            _compare(project, tally)
    except AnnotatorError as error:
        tally.corrupt.append(str(error))


def _compare(project: Project, tally: _Tally) -> None:
    rows = _rows(project.path)
    for place in tally.rows - set(rows):
        tally.lost.append(f"Revision {place[3]}: '{place[2]}' in frame {place[1]} of '{place[0]}'.")
    newest = {place[:3]: place[3] for place in sorted(rows, key=lambda place: place[3])}
    for (clip, frame, structure), (revision, sha) in tally.cells.items():
        # Where a later row is on disk, its acknowledgement died with the process.
        is_newest = newest.get((clip, frame, structure)) == revision
        if is_newest and said_hash(project.label(FrameKey(clip, frame)), structure) != sha:
            tally.corrupt.append(f"Revision {revision}: '{structure}' in frame {frame} of '{clip}' is another.")
    names = {clip.name: clip.content_hash for clip in project.clips()}
    tally.lost.extend(f"Clip '{n}'." for n, sha in tally.clips.items() if names.get(n) != sha)
    stored = {snapshot.id: snapshot.sha256 for snapshot in project.snapshots()}
    tally.lost.extend(f"Snapshot {i}." for i, sha in tally.snapshots.items() if stored.get(i) != sha)


def _rows(path: Path) -> list[tuple[str, int, str, int]]:
    """(clip, frame, structure, revision) of every stored revision, read past the project's own code."""
    query = "SELECT name, frame, structure, revision FROM labels JOIN clips ON clips.id = labels.clip_id"
    with closing(sqlite3.connect(path / "annotations.sqlite")) as raw:
        return raw.execute(query).fetchall()
