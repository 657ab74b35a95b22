"""Copies what can still be read of a damaged project into a new one; the damaged one is not touched.

Rows are read one by one from a copy of the database; where a page is damaged, reading goes on behind it.
Clips come from their files, which carry their details, so that they outlive the database; and from the database,
so that labels outlive the frames.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from annotator.core.errors import AnnotatorError, ProjectError
from annotator.core.identity import ClipHeader
from annotator.core.names import numbered_names
from annotator.core.protocols import UNSURE
from annotator.project import schema
from annotator.project.checking import snapshot_problem
from annotator.project.database import LOGS
from annotator.project.durable import storage_errors
from annotator.project.frames import read_header_text, verify
from annotator.project.headers import parse_header
from annotator.project.mending import (
    Row,
    ceded_pixels,
    fits,
    is_sound_label,
    lost_changes,
    metrics_problem,
    missing_details,
    sound_details,
    undone_no_more,
)
from annotator.project.pages import scattered_rows
from annotator.project.rows import utc_now
from annotator.project.session import MARKER, MARKER_FACT, Marker, make_folder, parse_marker, read_marker
from annotator.project.thinning import thinned_in
from annotator.project.values import Salvaged

_LONGEST_GAP: Final = 2**20
_DATABASE: Final = "annotations.sqlite"
DAMAGED_SENTENCE: Final = (
    "Clip '{clip}': frames of it cannot be read. Its labels are kept; import its recording again for the frames."
)
_SCATTERED: Final = (schema.operations, schema.clips, schema.clip_details, schema.labels, schema.facts)
"""Tables of which a lost row is known by its number of columns; no two tables have the same."""


@dataclass(slots=True)
class _Harvest:
    """Rows that could be read, by table, and what could not."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


def salvage(path: Path, out: Path) -> Salvaged:
    """Copy what can still be read of the project ``path`` into the new project ``out``.

    Raises
    ------
    ProjectError
        Where ``out`` has something in it, or neither the marker of ``path`` nor its copy can be read.
    """
    harvest = _harvest(path)
    marker = _marker(path, harvest)
    make_folder(out, Marker(marker.protocol, marker.salt))
    with storage_errors(out):
        headers = _copy_clips(path, out, harvest)
        damaged = _damaged_clips(harvest, headers)
        _copy_readable(path, out, damaged)
        headers |= damaged
        _keep_clips(harvest, headers)
        _keep_details(harvest, headers)
        _keep_snapshots(path, out, harvest)
        _keep_labels(harvest, headers, {*marker.protocol.ids, UNSURE})
        _keep_operations(harvest)
        _insert(out / _DATABASE, harvest)
    rows = harvest.rows
    return Salvaged(out, len(rows["clips"]), len(rows["labels"]), len(rows["snapshots"]), tuple(harvest.lost))


def _marker(path: Path, harvest: _Harvest) -> Marker:
    try:
        return read_marker(path)
    except ProjectError:
        copy = next((row["value"] for row in harvest.rows["facts"] if row["name"] == MARKER_FACT), None)
        if copy is None:
            raise
        found = parse_marker(copy, path / MARKER)
        harvest.lost.append("The project's marker could not be read; its copy in the database took its place.")
        return found


def survey(path: Path) -> str:
    """What :func:`salvage` would find, as a sentence."""
    try:
        harvest = _harvest(path)
    except OSError as error:
        return f"what can still be read could not be counted ({error.strerror})."
    files = tuple((path / "clips").glob("*.h5"))
    sound = sum(verify(file) is None for file in files)
    return f"{len(harvest.rows['labels'])} label revisions and {sound} of {len(files)} clip files can still be read."


def _harvest(path: Path) -> _Harvest:
    harvest = _Harvest({table.name: [] for table in schema.metadata.sorted_tables})
    with tempfile.TemporaryDirectory() as scratch:
        for suffix in ("", *LOGS):
            if (path / (_DATABASE + suffix)).is_file():
                shutil.copyfile(path / (_DATABASE + suffix), Path(scratch) / (_DATABASE + suffix))
        with closing(sqlite3.connect(Path(scratch) / _DATABASE)) as raw:
            raw.text_factory = _text
            for table in schema.metadata.sorted_tables:
                read = list(_readable(raw, table.name, harvest.lost))
                harvest.rows[table.name] = [row for row in read if fits(table, row)]
                if len(read) > len(harvest.rows[table.name]):
                    harvest.lost.append(f"Some rows of '{table.name}' are damaged.")
            harvest.rows["clips"] += _indexed_clips(raw, {row["id"] for row in harvest.rows["clips"]})
        if harvest.lost:
            _add_scattered(harvest, (Path(scratch) / _DATABASE).read_bytes())
    return harvest


def _text(data: bytes) -> str:
    # A letter of an author's name is not worth a contour.
    return data.decode(errors="replace")


def _add_scattered(harvest: _Harvest, data: bytes) -> None:
    """Rows that a damaged page led to; of models none, since a mark on them may be newer than what is found."""
    tables = {len(table.columns): table for table in _SCATTERED}
    keys = {t.name: [column.name for column in t.primary_key] for t in _SCATTERED}
    known = {name: {tuple(row[k] for k in key) for row in harvest.rows[name]} for name, key in keys.items()}
    for number, values in scattered_rows(data):
        table = tables.get(len(values))
        if table is None:
            continue
        row = dict(zip(table.columns.keys(), values, strict=True))
        key = keys[table.name]
        if len(key) == 1 and row[key[0]] is None:
            row[key[0]] = number
        place = tuple(row[k] for k in key)
        if fits(table, row) and place not in known[table.name]:
            known[table.name].add(place)
            harvest.rows[table.name].append(row)


def _indexed_clips(raw: sqlite3.Connection, known: Collection[int]) -> list[Row]:
    """Clips whose row is lost and whose name and content hash still stand in the indexes of the two."""
    found: dict[str, dict[int, str]] = {"name": {}, "content_hash": {}}
    for column, values in found.items():
        with suppress(sqlite3.Error, UnicodeDecodeError):
            values.update(raw.execute(f"SELECT id, {column} FROM clips ORDER BY {column}"))
    names, hashes = found.values()
    numbers = sorted((names.keys() & hashes.keys()) - set(known))
    return [{"id": n, "name": names[n], "content_hash": hashes[n], "added_revision": 1} for n in numbers]


def _readable(raw: sqlite3.Connection, table: str, lost: list[str]) -> Iterator[Row]:
    """Rows in order of their row number; behind a failure, reading goes on after a growing gap.

    A damaged page can lead back to others, so that each row comes once.
    """
    last, gap, repeated = 0, 0, 0
    seen: set[int] = set()
    while gap < _LONGEST_GAP:
        try:
            cursor = raw.execute(
                f'SELECT rowid AS "rowid_", * FROM "{table}" WHERE rowid > ? ORDER BY rowid', (last + gap,)
            )
            names = [column[0] for column in cursor.description]
            for row in cursor:
                if row[0] in seen:
                    repeated += 1
                    if repeated > len(seen):
                        raise sqlite3.DatabaseError("rows repeat themselves")
                    continue
                last, gap, repeated = row[0], 0, 0
                seen.add(last)
                yield dict(zip(names[1:], row[1:], strict=True))
            return
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            if gap == 0:
                lost.append(f"Some rows of '{table}' could not be read ({error}).")
            gap = max(1, gap * 2)


def _copy_clips(path: Path, out: Path, harvest: _Harvest) -> dict[str, ClipHeader]:
    """Copy sound clip files; their headers by content hash."""
    headers: dict[str, ClipHeader] = {}
    for file in sorted((path / "clips").glob("*.h5")):
        problem = verify(file)
        if problem is not None:
            harvest.lost.append(problem)
            continue
        headers[file.stem] = parse_header(read_header_text(file))
        shutil.copyfile(file, out / "clips" / file.name)
    return headers


def _damaged_clips(harvest: _Harvest, headers: Collection[str]) -> dict[str, ClipHeader]:
    """Headers of clips without a sound file, by content hash, from the database: labels need no pixels."""
    newest = {
        row["clip_id"]: parse_header(row["header"])
        for row in sorted(sound_details(harvest.rows["clip_details"]), key=lambda row: int(row["revision"]))
    }
    erased = _erased(harvest)
    found = {}
    for row in harvest.rows["clips"]:
        if row["content_hash"] not in headers and row["id"] in newest and row["content_hash"] not in erased:
            found[row["content_hash"]] = newest[row["id"]]
            harvest.lost.append(DAMAGED_SENTENCE.format(clip=row["name"]))
    return found


def _copy_readable(path: Path, out: Path, hashes: Collection[str]) -> None:
    """Copy damaged clip files that still open: some of their frames may be read."""
    for content_hash in hashes:
        file = path / "clips" / f"{content_hash}.h5"
        try:
            read_header_text(file)
        except (ProjectError, OSError, KeyError, ValueError, RuntimeError):
            continue
        shutil.copyfile(file, out / "clips" / file.name)


def _erased(harvest: _Harvest) -> set[str]:
    """Content hashes of clips whose patient was removed."""
    return {Path(row["file"]).stem for row in harvest.rows["erasures"]}


def _keep_clips(harvest: _Harvest, headers: dict[str, ClipHeader]) -> None:
    """Keep rows whose header is known; make rows for frames that have none."""
    erased = _erased(harvest)
    kept = [row for row in harvest.rows["clips"] if row["content_hash"] in headers]
    lost = [row["name"] for row in harvest.rows["clips"] if row["content_hash"] not in headers]
    harvest.lost += [f"Clip '{name}' and its labels: neither its frames nor its details can be read." for name in lost]
    names, known = {row["name"] for row in kept}, {row["content_hash"] for row in kept}
    orphans = [h for h in headers if h not in known and h not in erased]
    # A label or detail of a lost row must not fall to another clip, so new rows get numbers that none has.
    numbered = [*harvest.rows["labels"], *harvest.rows["clip_details"]]
    used = [row["id"] for row in harvest.rows["clips"]] + [row["clip_id"] for row in numbered]
    for clip_id, content_hash in enumerate(orphans, start=max(used, default=0) + 1):
        name = next(one for one in numbered_names(headers[content_hash].stem) if one not in names)
        names.add(name)
        kept.append({"id": clip_id, "name": name, "content_hash": content_hash, "added_revision": 1})
        harvest.lost.append(f"Clip '{name}' was found again by its file; its labels are lost.")
    harvest.rows["clips"] = [{"patient": headers[row["content_hash"]].patient, **row} for row in kept]


def _keep_details(harvest: _Harvest, headers: dict[str, ClipHeader]) -> None:
    ids = {row["id"] for row in harvest.rows["clips"]}
    sound = sound_details(harvest.rows["clip_details"])
    kept = [row for row in sound if row["clip_id"] in ids]
    added, sentences = missing_details(harvest.rows["clips"], kept, headers)
    harvest.rows["clip_details"] = kept + added
    harvest.lost += [*sentences, *lost_changes(harvest.rows["operations"], sound)]


def _keep_snapshots(path: Path, out: Path, harvest: _Harvest) -> None:
    kept = []
    thinned = thinned_in(harvest.rows["facts"])
    for row in harvest.rows["snapshots"]:
        source = path / "snapshots" / row["file"]
        has_file = row["id"] not in thinned
        problem = snapshot_problem(row["id"], source, row["sha256"]) if has_file else None
        problem = problem or metrics_problem(row)
        if problem is None:
            if has_file:
                shutil.copyfile(source, out / "snapshots" / row["file"])
            kept.append(row)
        else:
            harvest.lost.append(problem)
    harvest.rows["snapshots"] = kept


def _keep_labels(harvest: _Harvest, headers: dict[str, ClipHeader], structures: Collection[str]) -> None:
    of_clips = {row["id"]: headers[row["content_hash"]] for row in harvest.rows["clips"]}
    snapshots = {row["id"] for row in harvest.rows["snapshots"]}
    kept, lost = [], Counter[str]()
    for row in harvest.rows["labels"]:
        header = of_clips.get(row["clip_id"])
        if header is None:
            lost["have lost their clip"] += 1
        elif row["structure"] not in structures or not is_sound_label(row, header):
            lost["are damaged"] += 1
        else:
            snapshot = row["snapshot_id"] if row["snapshot_id"] in snapshots else None
            kept.append({**row, "snapshot_id": snapshot})
    ceded, sentences = ceded_pixels(kept, {clip_id: header.shape for clip_id, header in of_clips.items()})
    harvest.rows["labels"] = kept + ceded
    harvest.lost += sentences
    harvest.lost += [f"{count} label revisions {why}." for why, count in lost.items()]


def _keep_operations(harvest: _Harvest) -> None:
    """Stand-ins for operations that were lost, so that the rows they wrote can be kept; nothing is undone past them."""
    known = {row["revision"] for row in harvest.rows["operations"]}
    needed = {row["revision"] for name in ("labels", "clip_details") for row in harvest.rows[name]}
    needed |= {row["added_revision"] for row in harvest.rows["clips"]}
    harvest.rows["operations"] = undone_no_more(harvest.rows["operations"], needed - known)
    for revision in sorted(needed - known):
        row = {"revision": revision, "kind": "import", "action": "restored", "target": None, "is_undoable": 0}
        harvest.rows["operations"].append({**row, "author": "salvage", "time": str(utc_now())})


def _insert(file: Path, harvest: _Harvest) -> None:
    order = [table.name for table in schema.metadata.sorted_tables]
    try:
        with closing(sqlite3.connect(file)) as raw, raw:
            raw.execute("PRAGMA synchronous=FULL")
            for name in order:
                for row in harvest.rows[name]:
                    columns = ", ".join(f'"{c}"' for c in row)
                    marks = ", ".join("?" for _ in row)
                    raw.execute(f'INSERT INTO "{name}" ({columns}) VALUES ({marks})', tuple(row.values()))
    except sqlite3.Error as error:
        raise AnnotatorError(f"{file.parent}: what was read cannot be written here ({error}).") from error
