"""A small manifest of real files: squares of six training patients and two test patients."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PATIENTS = 6


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for patient in range(PATIENTS + 2):
        for frame in range(2):
            classes = np.zeros((48, 48), dtype=np.uint8)
            top = 8 + 2 * frame + patient
            classes[top : top + 12, 10:24] = 1
            classes[top + 14 : top + 22, 10:24] = 2
            light = np.array([40, 90, 200])[classes] + rng.integers(0, 30, classes.shape)
            name = f"{patient}-{frame}.png"
            Image.fromarray(light.astype(np.uint8)).save(tmp_path / f"image-{name}")
            Image.fromarray(classes).save(tmp_path / f"label-{name}")
            split = "train" if patient < PATIENTS else "test"
            rows.append([f"image-{name}", f"patient {patient}", "one", 0.5, 0.5, f"label-{name}", "*", split])
    path = tmp_path / "manifest.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "patient", "domain", "spacing_y_mm", "spacing_x_mm", "labels", "known", "split"])
        writer.writerows(rows)
    return path
