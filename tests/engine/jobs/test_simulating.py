"""Simulated clips as open files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import tifffile

from annotator import registry
from annotator.core.errors import Cancelled, UnknownName
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.simulating import simulate_clips


class CancelAtSecond:
    """Progress that cancels before the second patient."""

    def update(self, done: int, total: int, sentence: str) -> None:
        if done == 1:
            raise Cancelled("The simulation")


def test_patients_go_round_the_domains_with_their_truth(tmp_path: Path) -> None:
    chosen = registry.simulator("echo")
    domains = chosen.domains[:2]
    report = simulate_clips(chosen, tmp_path, patients=3, domains=domains, seed=1, n_frames=2, progress=Silent())
    with report.manifest.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["domain"] for row in rows] == [domains[0], domains[1], domains[0]]
    assert len({row["patient"] for row in rows}) == 3
    for row in rows:
        images, masks = (tifffile.imread(tmp_path / row[column]) for column in ("image", "labels"))
        assert images.shape[:3] == masks.shape
        assert len(masks) == 2
        assert set(np.unique(masks)) <= {0, *report.values.values()}


def test_a_cancelled_simulation_leaves_nothing(tmp_path: Path) -> None:
    chosen = registry.simulator("echo")
    words = {"patients": 2, "seed": 1, "n_frames": 2}
    with pytest.raises(Cancelled):
        simulate_clips(chosen, tmp_path / "out", domains=chosen.domains, progress=CancelAtSecond(), **words)
    with pytest.raises(UnknownName):
        simulate_clips(chosen, tmp_path / "out", domains=("nowhere",), progress=Silent(), **words)
    assert not (tmp_path / "out").exists()
