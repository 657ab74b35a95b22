"""Many frame changes in one window: no crash, no growth of memory, no reference to ``None`` lost.

What was measured so far is printed on standard error as it goes, so that a run that is cut short says something
too. Each change gains one reference to ``None``: psygnal loses one with every emitter that it makes, and napari makes
a new transform for each slice. That costs no memory, and no count falls.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil

from annotator.bench.clockwork import SwapWait
from annotator.bench.subject import Subject, subject

CHANGES = 20_000
WARM_UP = 1_000
TELL_EVERY = 1_000


@dataclass(frozen=True, slots=True)
class Footprint:
    """What the process holds at one time.

    Parameters
    ----------
    memory_mb
        Resident memory, in MiB.
    none_references
        ``sys.getrefcount(None)``.
    objects
        Objects that the garbage collector knows.
    """

    memory_mb: float
    none_references: int
    objects: int

    @classmethod
    def now(cls) -> Footprint:
        """Of this process, after a collection."""
        gc.collect()
        memory_mb = float(psutil.Process().memory_info().rss) / 2**20
        return cls(memory_mb, sys.getrefcount(None), len(gc.get_objects()))


def run(options: Mapping[str, float]) -> dict[str, Any]:
    """Change frames ``changes`` times, each drawn; compared with how it was after ``warm_up`` changes."""
    changes, warm_up = int(options.get("changes", CHANGES)), int(options.get("warm_up", WARM_UP))
    with subject(trains=False) as found:
        swap = SwapWait(found.canvas)
        _change_frames(found, swap, warm_up)
        before = now = Footprint.now()
        for done in range(0, changes, TELL_EVERY):
            _change_frames(found, swap, min(TELL_EVERY, changes - done))
            now = Footprint.now()
            print(_line(min(done + TELL_EVERY, changes), changes, before, now), file=sys.stderr, flush=True)
    return _result(changes, before, now)


def _result(changes: int, before: Footprint, after: Footprint) -> dict[str, Any]:
    return {
        "changes": changes,
        "memory_mb": {"before": round(before.memory_mb, 1), "after": round(after.memory_mb, 1)},
        "growth": round(after.memory_mb / before.memory_mb - 1, 4),
        "none_references": {"before": before.none_references, "after": after.none_references},
        "objects": {"before": before.objects, "after": after.objects},
    }


def _line(done: int, changes: int, before: Footprint, now: Footprint) -> str:
    growth = 100 * (now.memory_mb / before.memory_mb - 1)
    return (
        f"{done} of {changes} frame changes: {now.memory_mb:.1f} MB ({growth:+.2f}%), "
        f"references to None {now.none_references - before.none_references:+d}, "
        f"objects {now.objects - before.objects:+d}"
    )


def _change_frames(found: Subject, swap: SwapWait, count: int) -> None:
    bench = found.session.bench
    clip = bench.desk.clip
    length = clip.header.n_frames if clip is not None else 1
    for _ in range(count):
        swap.after(partial(bench.go_to, (found.frame + 1) % length))
