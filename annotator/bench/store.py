"""``annotator bench store``: how fast and how durable commits are, how fast a large project opens, what kills do."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from annotator.bench.kills import run_campaign
from annotator.bench.victim import PROTOCOL, new_recording
from annotator.core.edits import Assign
from annotator.core.identity import ClipHeader, FrameKey
from annotator.core.labels import StructureLabel
from annotator.core.packing import Mask, pack
from annotator.core.status import LabelStatus, Origin
from annotator.project import Project, schema
from annotator.project.database import Access, Database
from annotator.project.headers import header_text
from annotator.project.history import add_operation
from annotator.project.rows import utc_now

_SHAPE: Final = (400, 400)
_ORIGIN: Final = Origin.DRAWN.value


def run(
    *,
    kills: int = 200,
    commits: int = 300,
    clips: int = 2000,
    labels: int = 100_000,
    training_every: int = 4,
    folder: Path | None = None,
    on_kill: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Measure the store.

    Parameters
    ----------
    kills
        Number of ``kill -9``; 0 leaves the campaign out.
    commits
        Number of commits timed.
    clips, labels
        Size of the large project.
    training_every
        In one kill of so many the killed process trains too; 0 for never.
    folder
        A folder on the disk to measure; a temporary one by default.
    on_kill
        Told the number of kills so far.

    Returns
    -------
    dict
        ``commit`` (per_s, p50_ms, p95_ms, synchronous, fsync_ms and off_ratio), ``open`` (seconds, clips,
        labels), and, flat, what :func:`~annotator.bench.kills.run_campaign` gives.
    """
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        speed = commit_speed(Path(scratch), commits)
        opening = opening_time(Path(scratch), clips=clips, labels=labels)
    campaign = run_campaign(kills=kills, training_every=training_every, folder=folder, on_kill=on_kill) if kills else {}
    return {"commit": speed, "open": opening, **campaign}


def commit_speed(scratch: Path, count: int) -> dict[str, Any]:
    """Time commits of a project, and transactions of the same rows with and without fsync.

    A commit in WAL mode with ``synchronous=FULL`` (2) is one fsync of the log; ``fsync_ms`` is the median of
    an fsync of one page on this disk, ``off_ratio`` how much faster the same rows go in without one.
    """
    with Project.create(scratch / "speed", PROTOCOL) as project:
        clip = project.add_clip(new_recording(project, 1), author="bench").clip
        shape = clip.header.shape
        times = []
        for n in range(count):
            edits = [Assign(PROTOCOL.ids[n % 3], StructureLabel(LabelStatus.OUTLINED, _disc(shape, n)))]
            start = time.perf_counter()
            project.commit(FrameKey(clip.name, n % clip.header.n_frames), edits, author="bench")
            times.append(time.perf_counter() - start)
    full, off = (_transactions(scratch / "speed", Access(synchronous=mode), count) for mode in ("FULL", "OFF"))
    p50, p95 = (round(1e3 * float(q), 3) for q in np.quantile(times, [0.5, 0.95]))
    return {
        "per_s": round(count / sum(times), 1),
        "p50_ms": p50,
        "p95_ms": p95,
        "synchronous": _synchronous(scratch / "speed"),
        "fsync_ms": round(1e3 * _fsync_time(scratch), 3),
        "off_ratio": round(full / off, 2),
    }


def _disc(shape: tuple[int, int], n: int) -> Mask:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((y - shape[0] / 2) ** 2 + (x - shape[1] / 2) ** 2 < (shape[0] / 4 + n % 7) ** 2)


def _synchronous(path: Path) -> int:
    database = Database(path, Access())
    try:
        return int(database.pragma("PRAGMA synchronous")[0][0])
    finally:
        database.close()


def _transactions(path: Path, access: Access, count: int) -> float:
    """Median seconds of a transaction with one operation row."""
    database, times = Database(path, access), []
    try:
        with database.read() as connection:
            first = connection.execute(sa.select(sa.func.max(schema.operations.c.revision))).scalar_one() + 1
        for revision in range(first, first + count):
            start = time.perf_counter()
            with database.write() as connection:
                add_operation(connection, revision, "edit", author="bench", time=utc_now())
            times.append(time.perf_counter() - start)
    finally:
        database.close()
    return float(np.median(times))


def _fsync_time(scratch: Path) -> float:
    times = []
    with (scratch / "page").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(bytes(4096))
            start = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return float(np.median(times))


def opening_time(scratch: Path, *, clips: int, labels: int) -> dict[str, Any]:
    """Seconds to open a large project; best and worst of three, and of its counts."""
    path = scratch / "large"
    Project.create(path, PROTOCOL).close()
    fill(path, clips=clips, labels=labels)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with Project.open(path) as project:
            times.append(time.perf_counter() - start)
            found = sum(len(cells) for cells in project.all_statuses().values())
            start = time.perf_counter()
            project.counts()
            counting = time.perf_counter() - start
    size = (path / "annotations.sqlite").stat().st_size
    return {
        "seconds": round(min(times), 3),
        "worst_seconds": round(max(times), 3),
        "counts_seconds": round(counting, 3),
        "clips": clips,
        "labels": found,
        "database_mb": round(size / 2**20, 1),
    }


def fill(path: Path, *, clips: int, labels: int) -> None:
    """Write rows of many clips and labels straight into a project's database; there are no frames behind them."""
    database, time_now = Database(path, Access()), utc_now()
    per_frame = len(PROTOCOL.ids)
    n_frames = -(-labels // (clips * per_frame))
    header = ClipHeader("clip", "p" + "0" * 12, n_frames, *_SHAPE)
    masks = [pack(_disc(_SHAPE, n)) for n in range(7)]
    try:
        with database.write() as connection:
            add_operation(connection, 1, "import", is_undoable=False, author="bench", time=time_now)
            connection.execute(sa.insert(schema.clips), [_clip_row(n) for n in range(1, clips + 1)])
            details = [
                {"clip_id": n, "revision": 1, "split": "train", "header": header_text(replace(header, stem=f"c{n}"))}
                for n in range(1, clips + 1)
            ]
            connection.execute(sa.insert(schema.clip_details), details)
            same = {"revision": 1, "status": "outlined", "origin": _ORIGIN, "snapshot_id": None}
            same |= {"author": "bench", "time": time_now, "outside": None}
            for clip_id in range(1, clips + 1):
                first = (clip_id - 1) * labels // clips
                rows = [
                    {
                        **same,
                        "clip_id": clip_id,
                        "frame": n // per_frame,
                        "structure": PROTOCOL.ids[n % per_frame],
                        "inside": masks[n % len(masks)],
                    }
                    for n in range(clip_id * labels // clips - first)
                ]
                connection.execute(sa.insert(schema.labels), rows)
    finally:
        database.close()


def _clip_row(number: int) -> dict[str, Any]:
    patient = f"p{number // 4:012x}"
    return {
        "id": number,
        "name": f"c{number}",
        "patient": patient,
        "content_hash": f"{number:064x}",
        "added_revision": 1,
    }
