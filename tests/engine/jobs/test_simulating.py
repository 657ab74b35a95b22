"""Simulated clips as open files."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from annotator import ingest, registry
from annotator.core.errors import BadInput, Cancelled, UnknownName
from annotator.core.identity import Pseudonymiser
from annotator.core.plugin_types import Recording
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.simulating import COLUMNS, simulate_clips


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
    reads = list(ingest.read_paths([tmp_path], registry.readers(), Pseudonymiser(b"salt")))
    assert [read.path.parent.name for read in reads] == ["images"] * 3, "the truth is no clip to learn from"
    assert any(sentence.startswith("3 files of masks") for sentence in reads[0].warnings)


def test_a_cancelled_simulation_leaves_nothing(tmp_path: Path) -> None:
    chosen = registry.simulator("echo")
    words = {"patients": 2, "seed": 1, "n_frames": 2}
    with pytest.raises(Cancelled):
        simulate_clips(chosen, tmp_path / "out", domains=chosen.domains, progress=CancelAtSecond(), **words)
    with pytest.raises(UnknownName):
        simulate_clips(chosen, tmp_path / "out", domains=("nowhere",), progress=Silent(), **words)
    assert not (tmp_path / "out").exists()


def simulate(out: Path, *, patients: int, seed: int) -> int:
    chosen = registry.simulator("echo")
    words = {"patients": patients, "seed": seed, "n_frames": 2}
    return simulate_clips(chosen, out, domains=chosen.domains, progress=Silent(), **words).clips


@pytest.mark.parametrize("row", ["image,patient\na.png,anna\n", f"{','.join(COLUMNS)}\nimages/a.tif,anna,,,,,,\n"])
def test_a_manifest_of_somebody_elses_is_left_alone(tmp_path: Path, row: str) -> None:
    (tmp_path / "manifest.csv").write_text(row)
    with pytest.raises(BadInput, match=r"no simulation wrote, such as manifest\.csv; choose an empty folder"):
        simulate(tmp_path, patients=1, seed=1)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"manifest.csv": row}


def test_simulating_again_replaces_the_former_clips(tmp_path: Path) -> None:
    simulate(tmp_path, patients=2, seed=1)
    assert simulate(tmp_path, patients=1, seed=2) == 1
    with (tmp_path / "manifest.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 1
    # A folder of images is imported or predicted as a whole: nobody of another simulation may be among them.
    assert len(list(tmp_path.glob("images/*"))) == len(list(tmp_path.glob("labels/*"))) == 1


def test_only_files_of_a_simulation_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    simulate(out, patients=2, seed=1)
    for file in (out / "images" / "mine.txt", tmp_path / "far.tif"):
        file.write_text("mine")
    with (out / "manifest.csv").open("a") as manifest:
        manifest.write("images/../../far.tif,simulated 7,,,,,labels/../../far.tif,*\n")
    simulate(out, patients=1, seed=1)
    assert (out / "images" / "mine.txt").exists()
    assert (tmp_path / "far.tif").exists()


def test_clips_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    """A simulator's clips need not differ in their names."""

    class Namesakes:
        name, protocol = "namesakes", "apical"
        domains: tuple[str, ...] = ("varied",)

        def simulate(self, *, patient: int, domain: str, seed: int, n_frames: int) -> Recording:
            made = registry.simulator("echo").simulate(patient=patient, domain=domain, seed=seed, n_frames=n_frames)
            return replace(made, header=replace(made.header, stem="clip"))

    words = {"patients": 2, "seed": 1, "n_frames": 2}
    report = simulate_clips(Namesakes(), tmp_path, domains=("varied",), progress=Silent(), **words)
    with report.manifest.open(encoding="utf-8") as file:
        images = [row["image"] for row in csv.DictReader(file)]
    assert images == ["images/clip.tif", "images/clip~2.tif"]
    one, two = (tifffile.imread(tmp_path / image) for image in images)
    assert not np.array_equal(one, two)
