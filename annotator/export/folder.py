"""An export's folder: filled aside, then moved into place, with a list of what the export owns.

``export.json`` names the files of each format, so that exporting again replaces those and touches no other; and the
project that they come from by an id, so that no other project's export replaces them.
"""

from __future__ import annotations

import filecmp
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from annotator.core.disk_errors import aside_of, delete, patiently, write_aside, write_failure
from annotator.core.errors import AnnotatorError, BadInput
from annotator.core.export_list import EXPORT_FORMAT, EXPORT_LIST, listed_files
from annotator.core.names import LITTER, passing_name

_ASIDE: Final = ".exporting-"
_NOBODYS: Final = LITTER | {aside_of(Path(EXPORT_LIST)).name}


@contextmanager
def staged(out: Path, source: str | None = None) -> Iterator[Path]:
    """An empty folder inside ``out`` to write to; it is gone afterwards, and ``out`` too where nothing came of it.

    Raises
    ------
    BadInput
        Where ``out`` is a file, or holds files that no earlier export left there or another project's (``source`` is
        the id of this one).
    AnnotatorError
        Where the disk does not take the folder.
    """
    try:
        _refuse_foreign(out)
        _read_marker(out, source)
        was_there = out.is_dir()
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f"{_ASIDE}*"):
            shutil.rmtree(left, ignore_errors=True)
        aside = out / passing_name(_ASIDE)
        aside.mkdir()
    except OSError as error:
        raise write_failure(error, out) from None
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        if not was_there and not any(out.iterdir()):
            out.rmdir()


def move_into_place(
    aside: Path, out: Path, files: Sequence[Path], *, kind: str, source: str | None = None
) -> tuple[Path, ...]:
    """Move what was written aside into ``out`` and remove what an earlier export of this kind left.

    Parameters
    ----------
    aside, out
        Folders on one disk.
    files
        Paths below ``aside``.
    kind
        The format's name.
    source
        Id of the project.

    Returns
    -------
    tuple of Path
        Where the files are now, and the marker last.

    Raises
    ------
    BadInput
        Where another file of that name stands there that no earlier export of this kind wrote, or another project's
        export.
    AnnotatorError
        Where the disk does not take them.
    """
    names = [file.relative_to(aside).as_posix() for file in files]
    earlier, written_for = _read_marker(out, source)
    source = source or written_for
    mine = earlier.get(kind, ())
    for name in names:
        if name not in mine and _differs(aside / name, out / name):
            raise BadInput(out / name, "another file of that name is there already", "export to another folder")
    try:
        # Both lists until the move is through: after a kill, the next export still knows every file as its own.
        _mark(out, {**earlier, kind: tuple(dict.fromkeys((*mine, *names)))}, source)
        for file, name in zip(files, names, strict=True):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            patiently(partial(file.replace, out / name))
        theirs = {name for other, kept in earlier.items() if other != kind for name in kept}
        for name in set(mine) - set(names) - theirs:
            delete(out / name)
        _mark(out, {**earlier, kind: tuple(names)}, source)
    except OSError as error:
        raise write_failure(error, out) from None
    return (*(out / name for name in names), out / EXPORT_LIST)


def _refuse_foreign(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise BadInput(out, "it is a file, not a folder", "choose a folder to export to")
    if not out.is_dir() or (out / EXPORT_LIST).is_file():
        return
    foreign = sorted(p.name for p in out.iterdir() if p.name not in _NOBODYS and not p.name.startswith(_ASIDE))
    if foreign:
        what = f"the folder holds files that no export left there, such as {foreign[0]}"
        raise BadInput(out, what, "choose an empty folder")


def _differs(new: Path, old: Path) -> bool:
    return old.exists() and not (old.is_file() and filecmp.cmp(new, old, shallow=False))


def _read_marker(out: Path, source: str | None) -> tuple[Mapping[str, tuple[str, ...]], str | None]:
    """What each kind of export owns in a folder, and the project's id where the marker has one."""
    marker = out / EXPORT_LIST
    if not marker.is_file():
        return {}, None
    try:
        owned, written_for = listed_files(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise BadInput(marker, "it is not the list that an export left", "choose an empty folder") from None
    for name in (name for names in owned.values() for name in names):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise AnnotatorError(f"{marker} names {name}, which is outside the folder; choose an empty folder.")
    if None not in (source, written_for) and source != written_for:
        raise BadInput(out, "it holds the export of another project", "choose an empty folder")
    return owned, written_for


def _mark(out: Path, owned: Mapping[str, Sequence[str]], source: str | None) -> None:
    files = {kind: list(names) for kind, names in owned.items()}
    data = {"format": EXPORT_FORMAT, "version": 1, **({"project": source} if source else {}), "files": files}
    write_aside(out / EXPORT_LIST, json.dumps(data, indent=1, ensure_ascii=False).encode())
