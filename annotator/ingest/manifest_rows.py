"""The text of a manifest: a CSV checked cell by cell, nothing opened but the CSV itself."""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from annotator.core.errors import BadInput
from annotator.core.identity import PLAUSIBLE_MM, Spacing, Split
from annotator.core.indexed import NOT_KNOWN
from annotator.core.protocols import LabelProtocol
from annotator.core.views import view_id

COLUMNS: Final = (
    "image",
    "frame",
    "patient",
    "view",
    "domain",
    "spacing_y_mm",
    "spacing_x_mm",
    "labels",
    "known",
    "absent",
    "ignore",
    "split",
)
"""Every column that a manifest may have."""

MANIFEST_REMEDY: Final = "import it by itself: a CSV alone in the window, --manifest on the command line"
"""What to do with a manifest that came among recordings."""

_LONGEST_HEAD: Final = 10_000
"""Characters of a first line that are looked at, since a file may have no second one."""

_REMEDY: Final = "correct the manifest"
_BETWEEN_NAMES: Final = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One row, its paths resolved and its numbers read.

    Parameters
    ----------
    line
        Line of the CSV, for messages.
    image
        Path of the image or clip.
    frame
        Frame index, or None where the row speaks of the whole file.
    patient
        The patient as written, or None; the file's own counts then, or its folder's name.
    view, domain, spacing, split
        None where the cell is empty; mm/px.
    labels
        Path of the label file, or None.
    known, absent
        Structure ids.
    ignore
        Mask values that stand for nothing in this protocol.
    """

    line: int
    image: Path
    frame: int | None
    patient: str | None
    view: str | None
    domain: str | None
    spacing: Spacing | None
    split: Split | None
    labels: Path | None
    known: tuple[str, ...]
    absent: tuple[str, ...]
    ignore: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of one row, with where they stand."""

    csv_path: Path
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(column, "")

    def error(self, what: str) -> BadInput:
        return BadInput(self.csv_path, f"line {self.line}: {what}", _REMEDY)

    def words(self, column: str) -> tuple[str, ...]:
        """What a cell lists, each once."""
        return tuple(dict.fromkeys(filter(None, _BETWEEN_NAMES.split(self[column]))))

    def path(self, column: str) -> Path:
        """The existing file that a cell names, relative to the CSV.

        Raises
        ------
        BadInput
            Where there is none.
        """
        written = self[column].replace("\\", "/")
        # macOS writes a letter and its accent as two characters, where a table has one; elsewhere they are two names.
        for name in dict.fromkeys((written, *(unicodedata.normalize(form, written) for form in ("NFC", "NFD")))):
            path = self.csv_path.parent / name
            # A name may be too long for the disk.
            with suppress(OSError):
                if path.exists():
                    return path
        raise self.error(f"there is no file '{self[column]}' ({column})")


def read_rows(csv_path: Path, protocol: LabelProtocol, *, starred: tuple[str, ...]) -> list[Row]:
    """All rows of a manifest.

    Parameters
    ----------
    csv_path
        The manifest; UTF-8, commas or semicolons.
    protocol
        Whose structures ``known`` and ``absent`` name.
    starred
        The structures that ``*`` stands for.

    Raises
    ------
    BadInput
        Where a column is unknown, a cell is malformed, or a file does not exist.
    """
    rows = [_row(cells, protocol, starred) for cells in _cells(csv_path)]
    if not rows:
        raise BadInput(csv_path, "it has no rows", "name at least one image")
    return rows


def is_manifest(path: Path) -> bool:
    """Whether a file begins as a manifest does: with its columns, and no other."""
    # Whoever opens a pipe waits for what comes.
    if not path.is_file():
        return False
    try:
        with path.open(encoding="utf-8-sig") as file:
            head = file.readline(_LONGEST_HEAD)
        columns = _columns(csv.reader([head], delimiter=_delimiter(head), strict=True))
        _check_columns(path, columns)
    except (OSError, UnicodeDecodeError, csv.Error, BadInput):
        return False
    return True


def refuse_manifest(path: Path) -> None:
    """Refuse a manifest among recordings.

    Raises
    ------
    BadInput
        Where it is one.
    """
    if is_manifest(path):
        raise BadInput(path, "it is a manifest, and no recording", MANIFEST_REMEDY)


def _cells(csv_path: Path) -> list[_Cells]:
    try:
        text = csv_path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(csv_path, "it is not UTF-8 text", "save it as CSV in UTF-8") from None
    except OSError as error:
        raise BadInput(csv_path, f"it cannot be read ({error.strerror})", "check the path") from None
    # Strict, since a quote that is not closed would take all further rows into its cell.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text.split("\n", 1)[0]), strict=True)
    try:
        columns = _columns(reader)
        _check_columns(csv_path, columns)
        found = []
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if len(stripped) > len(columns) and any(stripped[len(columns) :]):
                what = f"line {reader.line_num}: it has {len(stripped)} cells and there are {len(columns)} columns"
                raise BadInput(csv_path, what, _REMEDY)
            found.append(_Cells(csv_path, reader.line_num, dict(zip(columns, stripped, strict=False))))
    except csv.Error as error:
        what = "a quote is not closed" if str(error) == "unexpected end of data" else str(error)
        raise BadInput(csv_path, f"line {reader.line_num}: {what}", _REMEDY) from None
    return found


def _delimiter(head: str) -> str:
    return ";" if ";" in head and "," not in head else ","


def _columns(lines: Iterator[list[str]]) -> list[str]:
    columns = [cell.strip() for cell in next(lines, [])]
    # A spreadsheet keeps empty columns that once were used.
    while columns and not columns[-1]:
        columns.pop()
    return columns


def _check_columns(csv_path: Path, columns: list[str]) -> None:
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown or "image" not in columns:
        what = f"there is no column called '{unknown[0]}'" if unknown else "it has no column 'image'"
        raise BadInput(csv_path, what, f"use the columns {', '.join(COLUMNS)}, of which only image is required")
    repeated = [column for column in columns if columns.count(column) > 1]
    if repeated:
        raise BadInput(csv_path, f"the column '{repeated[0]}' is there twice", _REMEDY)


def _row(cells: _Cells, protocol: LabelProtocol, starred: tuple[str, ...]) -> Row:
    if not cells["image"]:
        raise cells.error("it names no image")
    image = cells.path("image")
    known = starred if cells["known"] == "*" else _structures(cells, "known", protocol)
    return Row(
        line=cells.line,
        image=image,
        frame=_frame(cells),
        patient=cells["patient"] or None,
        view=_view(cells, protocol),
        domain=cells["domain"][:64] or None,
        spacing=_spacing(cells),
        split=_split(cells),
        labels=cells.path("labels") if cells["labels"] else None,
        known=known,
        absent=_structures(cells, "absent", protocol),
        ignore=_ignored(cells),
    )


def _structures(cells: _Cells, column: str, protocol: LabelProtocol) -> tuple[str, ...]:
    names = cells.words(column)
    for name in names:
        if name not in protocol.ids:
            ids = ", ".join(protocol.ids)
            raise cells.error(f"'{name}' ({column}) is no structure of the protocol, which has {ids}")
    return names


def _ignored(cells: _Cells) -> tuple[int, ...]:
    texts = cells.words("ignore")
    for text in texts:
        if not _is_count(text):
            raise cells.error(f"'{text}' (ignore) is no mask value, such as 2")
        if int(text) == NOT_KNOWN:
            raise cells.error(f"the value {NOT_KNOWN} says 'not known' and cannot be ignored")
    return tuple(int(text) for text in texts)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _frame(cells: _Cells) -> int | None:
    # A column of whole numbers with an empty cell leaves many programs as decimal ones.
    text = cells["frame"]
    if not text:
        return None
    count = text.removesuffix(".0")
    if not _is_count(count):
        raise cells.error(f"'{text}' (frame) is no frame index, which counts from 0")
    return int(count)


def _view(cells: _Cells, protocol: LabelProtocol) -> str | None:
    text = cells["view"]
    if not text:
        return None
    found = view_id(text, protocol.views)
    if found is None:
        raise cells.error(f"'{text}' (view) is no view, such as a4c")
    return found


def _spacing(cells: _Cells) -> Spacing | None:
    texts = {column: cells[column] for column in ("spacing_y_mm", "spacing_x_mm")}
    if not any(texts.values()):
        return None
    sizes = []
    for column, text in texts.items():
        try:
            # No pixel is so large that the comma could stand between thousands.
            size = float(text.replace(",", "."))
        except ValueError:
            size = math.nan
        if not (math.isfinite(size) and size > 0):
            raise cells.error(f"'{text}' ({column}) is no pixel size in mm")
        if not PLAUSIBLE_MM[0] <= size <= PLAUSIBLE_MM[1]:
            raise cells.error(f"no ultrasound image has pixels of {size:g} mm ({column})")
        sizes.append(size)
    return Spacing(sizes[0], sizes[1])


def _split(cells: _Cells) -> Split | None:
    text = cells["split"].lower()
    if not text:
        return None
    try:
        return Split(text)
    except ValueError:
        raise cells.error(f"'{text}' (split) is none of {', '.join(Split)}") from None
