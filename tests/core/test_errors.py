"""Errors keep their sentence on the way back from another process."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from annotator.core import errors
from annotator.core.errors import AnnotatorError


@pytest.mark.parametrize(
    "error",
    [
        errors.AnnotatorError("It went wrong."),
        errors.BadInput(Path("clip.dcm"), "the pixel data ends early", "export the clip again"),
        errors.UnknownName("protocol", "apicl", ("apical",)),
        errors.UnknownName("plugin", "x"),
        errors.Cancelled("The import"),
        errors.TrainingFailed("Memory ran short."),
    ],
)
def test_errors_can_be_pickled(error: AnnotatorError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
