"""A small real project for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotator.project import Project
from tests.project.samples import PROTOCOL, recording


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "project", PROTOCOL) as made:
        made.add_clip(recording(made), author="ann")
        yield made
