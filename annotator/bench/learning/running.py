"""Runs the cells of a learning benchmark: each in a process of its own, resumable, with progress."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from annotator.bench.learning.cases import Case, read_cases
from annotator.bench.learning.cell import run_cell
from annotator.bench.learning.design import Cell, Design
from annotator.core.disk_errors import write_aside, write_failure
from annotator.core.errors import BadInput, TrainingFailed
from annotator.core.identity import Split
from annotator.core.protocols import LabelProtocol
from annotator.core.words import counted
from annotator.engine.jobs.progress import Progress
from annotator.engine.recipes import find_recipe
from annotator.ingest.manifest_rows import read_rows
from annotator.learn.recipe import read_recipe
from annotator.registry import resource


@dataclass(frozen=True, slots=True)
class Data:
    """Where the frames come from: a manifest, the label protocol and the mask values of its label files."""

    manifest: Path
    protocol: LabelProtocol
    values: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """How many cells run at a time, and with how many CPU threads each."""

    jobs: int = 1
    threads: int = 1


def run_design(design: Design, data: Data, out: Path, *, machine: Machine, progress: Progress) -> list[dict[str, Any]]:
    """Run every cell that ``out`` does not have yet; the results of all cells, in the design's order.

    Parameters
    ----------
    design
        What to compare.
    data
        Frames and labels.
    out
        A folder; each finished cell is a file in ``out/cells``, so that a run that was cut off goes on.
    machine
        How many at a time.
    progress
        Told after every cell.

    Raises
    ------
    AnnotatorError
        Where the manifest, a recipe or the folder cannot be used.
    """
    folder = out / "cells"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_failure(error, folder) from None
    wanted = cells(design, data, machine)
    waiting = [cell for cell in wanted if not _file(folder, cell).exists()]
    _run(waiting, data, folder, machine=machine, progress=progress)
    return [json.loads(_file(folder, cell).read_text(encoding="utf-8")) for cell in wanted]


def cells(design: Design, data: Data, machine: Machine) -> list[Cell]:
    """Each cell of the design once, told apart by data, threads, recipe and starting weights, not by names alone.

    Raises
    ------
    AnnotatorError
        Where the manifest, a file that it names or a recipe cannot be read.
    """
    given = [_content(data), asdict(data.protocol), data.values, machine.threads]
    weights = _digest(sorted(resource("weights").glob("*.safetensors")))
    found = {}
    for cell in design.cells():
        recipe = read_recipe(find_recipe(cell.row.recipe), cell.row.overrides)
        start = weights if recipe.start == "weights" else ""
        said = json.dumps([*given, start, recipe.model_dump()], sort_keys=True)
        told = replace(cell, conditions=hashlib.sha256(said.encode()).hexdigest())
        found[told.slug] = told
    return list(found.values())


def left_out_sentences(data: Data) -> list[str]:
    """What of the manifest takes no part, where there is any.

    Raises
    ------
    BadInput
        Where the manifest cannot be read.
    """
    rows = read_rows(data.manifest, data.protocol, starred=())
    count = len({row.image.resolve() for row in rows if row.split is Split.VALIDATION})
    if not count:
        return []
    why = "who is held aside is chosen from 'train'; leave their split empty to use them"
    return [f"{counted(count, 'image')} of the split 'validation' took no part: {why}.\n"]


def _content(data: Data) -> str:
    rows = read_rows(data.manifest, data.protocol, starred=())
    named = {file for row in rows for file in (row.image, row.labels) if file is not None}
    # A header's pixels may lie beside it, as those of 'x.mhd' in 'x.raw'.
    beside = {folder: _by_stem(folder) for folder in {file.parent for file in named}}
    files = named.union(*(beside[file.parent].get(file.stem, ()) for file in named))
    return _digest([data.manifest, *sorted(files)])


def _by_stem(folder: Path) -> dict[str, list[Path]]:
    """Files of a folder by their names without suffix; none where it cannot be listed."""
    found: dict[str, list[Path]] = {}
    with suppress(OSError):
        for file in (file for file in folder.iterdir() if file.is_file()):
            found.setdefault(file.stem, []).append(file)
    return found


def _digest(files: Sequence[Path]) -> str:
    """SHA-256 of the SHA-256 of files, in their order.

    Raises
    ------
    BadInput
        Where one of them cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise BadInput(path, f"it cannot be read ({error.strerror})", "correct the manifest") from None
    return digest.hexdigest()


def _run(cells: Sequence[Cell], data: Data, folder: Path, *, machine: Machine, progress: Progress) -> None:
    if not cells:
        return
    # A fresh interpreter for each process: torch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    progress.update(0, len(cells), "Training the first cells")
    stop, ours = context.Pipe(duplex=False)
    start = (data, machine.threads, stop)
    with ProcessPoolExecutor(machine.jobs, context, initializer=_start, initargs=start) as pool:
        running: dict[Future[dict[str, Any]], Cell] = {pool.submit(_work, cell): cell for cell in cells}
        try:
            for done, future in enumerate(as_completed(running), 1):
                _write(_file(folder, running[future]), {**_described(running[future]), **future.result()})
                progress.update(done, len(cells), f"Trained {running[future].slug}")
        except BrokenProcessPool:
            what = "A training was ended from outside, as where memory runs out"
            raise TrainingFailed(f"{what}; try again with fewer --jobs: what is finished is kept.") from None
        except BaseException:
            # A pool waits for what runs, which may be minutes of a training that nobody wants any more.
            ours.close()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _file(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.slug}.json"


def _described(cell: Cell) -> dict[str, Any]:
    said = asdict(cell)
    return {"row": cell.row.name, "budget": said.pop("labels"), "cell": said}


def _write(path: Path, result: Mapping[str, Any]) -> None:
    try:
        write_aside(path, json.dumps(result, indent=1).encode())
    except OSError as error:
        raise write_failure(error, path) from None


_data: Data | None = None


def _start(data: Data, threads: int, stop: Connection) -> None:
    """What each process is told once."""
    global _data  # noqa: PLW0603 - a worker process has no other place that its calls share
    import torch  # noqa: PLC0415

    # Ctrl-C reaches every process of a terminal; here it would end one cell, and the next would begin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(stop)
    torch.set_num_threads(threads)
    _data = data


@cache
def _cases() -> tuple[Case, ...]:
    """Read by a process's first cell, so that what is wrong with the manifest is an error of that cell."""
    assert _data is not None
    return read_cases(_data.manifest, _data.protocol, _data.values)


def end_with_parent(stop: Connection | None = None) -> None:
    """End this process as soon as the one that started it is gone, however that ended; its cell could go nowhere.

    Parameters
    ----------
    stop
        A pipe from there; this process ends where its other end is closed, too.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        watched = [parent.sentinel, *([] if stop is None else [stop])]
        threading.Thread(target=_end_after, args=(watched,), daemon=True).start()


def _end_after(watched: Sequence[Connection | int]) -> None:
    wait(watched)
    os._exit(1)


def _work(cell: Cell) -> dict[str, Any]:
    assert _data is not None
    return run_cell(cell, _cases(), _data.protocol, _data.values)
