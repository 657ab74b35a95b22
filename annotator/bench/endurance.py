"""Many frame changes in one window: no crash, no growth of memory, no reference to ``None`` lost."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import psutil

from annotator.bench.clockwork import wait_for_swap
from annotator.bench.subject import Subject, subject

CHANGES = 20_000
WARM_UP = 1_000


def run(options: Mapping[str, float]) -> dict[str, Any]:
    """Change frames ``changes`` times, each drawn; memory is compared with that after a warm-up."""
    changes = int(options.get("changes", CHANGES))
    with subject(trains=False) as found:
        _change_frames(found, WARM_UP)
        before, none_before = _memory_mb(), sys.getrefcount(None)
        _change_frames(found, changes)
        after, none_after = _memory_mb(), sys.getrefcount(None)
    return {
        "changes": changes,
        "memory_mb": {"before": round(before, 1), "after": round(after, 1)},
        "growth": round(after / before - 1, 4),
        "none_references": {"before": none_before, "after": none_after},
    }


def _change_frames(found: Subject, count: int) -> None:
    bench = found.session.bench
    clip = bench.desk.clip
    length = clip.header.n_frames if clip is not None else 1
    for i in range(count):
        wait_for_swap(found.canvas, partial(bench.go_to, i % length))


def _memory_mb() -> float:
    gc.collect()
    return float(psutil.Process().memory_info().rss) / 2**20
