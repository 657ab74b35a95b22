"""A tiny study made through the command line: stills and a clip, partly labelled, in all three splits."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from annotator.testing.commands import command

SHAPE = (24, 32)
VALUES = "lv=1,myo=2,la=3"
TINY = ("--set", "data.image_size=32", "--set", "network.options.width=8")


def _mask(shift: int) -> NDArray[np.uint8]:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    far = (rows - 10 - shift % 4) ** 2 + (columns - 14 - shift % 5) ** 2
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[far < 64], mask[far < 25] = 2, 1
    return mask


def _image(shift: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(shift).integers(0, 30, SHAPE, dtype=np.uint8)
    return np.asarray(noise + np.array([20, 40, 220], dtype=np.uint8)[_mask(shift)], dtype=np.uint8)


def _rows(folder: Path) -> list[dict[str, str]]:
    said = {
        "anna": {"known": "lv"},
        "bert": {"known": "lv", "absent": "la"},
        "clara": {"known": "*", "domain": "other scanner"},
        "dora": {"known": "*", "split": "validation"},
        "émile ü": {"known": "lv myo", "absent": "la", "split": "test", "view": "a2c"},
        "frank": {"labels": ""},
    }
    rows = []
    for number, (name, cells) in enumerate(said.items()):
        Image.fromarray(_image(number)).save(folder / f"{name}.png")
        Image.fromarray(_mask(number)).save(folder / f"{name} mask.png")
        rows.append({"image": f"{name}.png", "patient": name, "labels": f"{name} mask.png", **cells})
    tifffile.imwrite(folder / "clip.tif", np.stack([_image(i) for i in (20, 21, 22)]), photometric="minisblack")
    masks = np.stack([_mask(20), _mask(21), np.zeros(SHAPE, dtype=np.uint8)])
    tifffile.imwrite(folder / "clip mask.tif", masks, photometric="minisblack")
    return [*rows, {"image": "clip.tif", "patient": "gerda", "labels": "clip mask.tif", "known": "myo"}]


@pytest.fixture(scope="session")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images, masks and ``manifest.csv``; its name has spaces and letters of three scripts."""
    folder = tmp_path_factory.mktemp("data") / "Ordner mit Ümlaut 心"
    folder.mkdir()
    columns = ("image", "patient", "view", "domain", "spacing_y_mm", "spacing_x_mm", "labels", "known", "absent")
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, (*columns, "split"))
        writer.writeheader()
        for row in _rows(folder):
            writer.writerow({"view": "a4c", "domain": "scanner", "spacing_y_mm": "0.5", "spacing_x_mm": "0.4", **row})
    return folder


@pytest.fixture(scope="session")
def _study(tmp_path_factory: pytest.TempPathFactory, data_set: Path) -> Path:
    project = tmp_path_factory.mktemp("project") / "eine Studie"
    assert command("new", project, "--protocol", "apical").status == 0
    words = ("--manifest", data_set / "manifest.csv", "--values", VALUES, "--author", "A. Reader", "--json")
    made = command("import", project, *words).json
    assert made["added"] == 7
    return project


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory, _study: Path) -> Path:
    project = tmp_path_factory.mktemp("trained") / "eine Studie"
    shutil.copytree(_study, project)
    assert command("train", project, "--steps", 2, *TINY).status == 0
    return project


@pytest.fixture
def study(tmp_path: Path, _study: Path) -> Path:
    """A project of its own with seven clips, without a model."""
    return Path(shutil.copytree(_study, tmp_path / "eine Studie"))


@pytest.fixture
def trained(tmp_path: Path, _trained: Path) -> Path:
    """A project of its own with seven clips and a snapshot of two training steps."""
    return Path(shutil.copytree(_trained, tmp_path / "eine Studie"))
