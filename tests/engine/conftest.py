"""An empty project for the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.project import Project
from annotator.testing.sessions import PAIR


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """An empty project of two structures."""
    with Project.create(tmp_path / "project", PAIR) as opened:
        yield opened
