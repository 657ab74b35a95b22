"""The ``labels.json`` beside exported masks, read back."""

from __future__ import annotations

from pathlib import Path

from annotator.core.errors import AnnotatorError, BadInput
from annotator.core.labels_document import LabelsDocument, document_from_text


def read_labels_json(path: Path) -> LabelsDocument:
    """Every label of a PNG + JSON export; :meth:`LabelsDocument.frames_for` puts them on a project's clips.

    Raises
    ------
    BadInput
        Where the file cannot be read, is no such file, is of a newer version or is damaged.
    """
    try:
        return document_from_text(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise BadInput(path, "it cannot be read as text", "choose the labels.json of an export") from None
    except AnnotatorError as error:
        what = str(error).rstrip(".").split("; ")[0]
        raise BadInput(path, what[:1].lower() + what[1:], "choose the labels.json of an export") from None
