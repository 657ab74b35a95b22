"""Simulated clips as open files: multi-page TIFF, the truth likewise, and a manifest that imports them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from annotator import registry
from annotator.core.disk_errors import delete
from annotator.core.errors import UnknownName
from annotator.core.indexed import to_indexed
from annotator.core.names import free_name
from annotator.core.plugin_types import Recording, Simulator
from annotator.core.protocols import LabelProtocol
from annotator.engine.jobs.earlier import earlier_simulation
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.staging import staged

MANIFEST: Final = "manifest.csv"
COLUMNS: Final = ("image", "patient", "view", "domain", "spacing_y_mm", "spacing_x_mm", "labels", "known")


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """Where the manifest is, how many clips it names, and the value of each structure."""

    manifest: Path
    clips: int
    values: Mapping[str, int]


def simulate_clips(
    simulator: Simulator,
    out: Path,
    *,
    patients: int,
    domains: Sequence[str],
    seed: int,
    n_frames: int,
    progress: Progress,
) -> SimulationReport:
    """Simulate patients, spread over the domains in turn, in place of what an earlier simulation left in the folder.

    Raises
    ------
    UnknownName
        Where the simulator has no such domain.
    BadInput
        Where the folder holds anything that no simulation wrote.
    AnnotatorError
        Where the folder cannot be written; it ends as it was.
    """
    earlier = earlier_simulation(out, MANIFEST, COLUMNS)
    for domain in domains:
        if domain not in simulator.domains:
            raise UnknownName("simulated domain", domain, simulator.domains)
    protocol = registry.protocol(simulator.protocol)
    rows: list[dict[str, str]] = []
    taken: set[str] = set()
    with staged(out, last=MANIFEST) as aside:
        (aside / "images").mkdir()
        (aside / "labels").mkdir()
        for patient in range(patients):
            progress.update(patient, patients, f"Simulating patient {patient + 1}")
            domain = domains[patient % len(domains)]
            recording = simulator.simulate(patient=patient, domain=domain, seed=seed, n_frames=n_frames)
            name = free_name(recording.header.stem, taken)
            rows.append(_write_clip(recording, protocol, aside, (name, patient)))
        _write_manifest(rows, aside / MANIFEST)
    for file in earlier.difference(row[column] for row in rows for column in ("image", "labels")):
        delete(out / file)
    return SimulationReport(out / MANIFEST, len(rows), protocol.default_values())


def _write_clip(recording: Recording, protocol: LabelProtocol, out: Path, who: tuple[str, int]) -> dict[str, str]:
    header, (name, patient) = recording.header, who
    values = protocol.default_values()
    masks = np.stack([to_indexed(recording.labels[i], protocol, values) for i in range(header.n_frames)])
    _write_tiff(np.stack(list(recording.frames)), out / "images" / f"{name}.tif")
    _write_tiff(masks, out / "labels" / f"{name}.tif")
    return {
        "image": f"images/{name}.tif",
        "patient": f"simulated {patient}",
        "view": header.view or "",
        "domain": header.domain,
        "spacing_y_mm": f"{header.spacing.y:.6f}" if header.spacing else "",
        "spacing_x_mm": f"{header.spacing.x:.6f}" if header.spacing else "",
        "labels": f"labels/{name}.tif",
        "known": "*",
    }


def _write_tiff(pages: NDArray[np.uint8], path: Path) -> None:
    photometric = "rgb" if pages.ndim == 4 else "minisblack"
    tifffile.imwrite(path, pages, photometric=photometric, compression="zlib", metadata=None)


def _write_manifest(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
