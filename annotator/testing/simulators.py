"""Conformance kit of the :class:`~annotator.plugin.Simulator` contract.

A plugin's test calls :func:`check_simulator` with its simulator and the protocol that it names.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Recording, Simulator
from annotator.core.protocols import LabelProtocol


def check_simulator(simulator: Simulator, protocol: LabelProtocol, *, n_frames: int = 3, seed: int = 0) -> None:
    """Check every promise of the contract, in each domain.

    Raises
    ------
    AssertionError
        Naming the promise that is broken.
    """
    if not isinstance(simulator, Simulator):
        raise AssertionError("A simulator has a name, a protocol, domains and simulate().")
    _demand(simulator.protocol == protocol.name, f"it makes '{simulator.protocol}', not '{protocol.name}'")
    _demand(len(set(simulator.domains)) == len(simulator.domains) >= 1, "its domains are not distinct names")
    for domain in simulator.domains:
        first, again, other = (
            simulator.simulate(patient=patient, domain=domain, seed=seed, n_frames=n_frames) for patient in (0, 0, 1)
        )
        frames = check_recording(first, protocol, domain=domain, n_frames=n_frames)
        _demand(np.array_equal(frames, pixels(again)), f"the same arguments give other pixels in '{domain}'")
        _demand(first.header == again.header, f"the same arguments give another header in '{domain}'")
        _demand(dict(first.labels) == dict(again.labels), f"the same arguments give other labels in '{domain}'")
        _demand(first.header.patient != other.header.patient, "two patients share a pseudonym")
        _demand(not np.array_equal(frames, pixels(other)), "two patients have the same pixels")


def check_recording(recording: Recording, protocol: LabelProtocol, *, domain: str, n_frames: int) -> NDArray[np.uint8]:
    """Check one simulated clip against its header and return its frames, (T, H, W[, 3]) uint8.

    Raises
    ------
    AssertionError
        Naming the promise that is broken.
    """
    header = recording.header
    _demand(header.domain == domain, f"the header says domain '{header.domain}' where '{domain}' was asked")
    _demand(header.n_frames == n_frames, f"the header says {header.n_frames} frames where {n_frames} were asked")
    _demand(header.view is None or header.view in protocol.views, f"the protocol has no view '{header.view}'")
    frames = pixels(recording)
    size = (n_frames, *header.shape) if header.channels == 1 else (n_frames, *header.shape, header.channels)
    _demand(frames.shape == size, f"the frames are {frames.shape} where the header says {size}")
    _demand(sorted(recording.labels) == list(range(n_frames)), "not every frame has a label")
    for frame, label in recording.labels.items():
        check_label(label, protocol, where=f"frame {frame} in '{domain}'")
        _demand(label.shape == header.shape, f"the label of frame {frame} has another size than the frame")
    return frames


def check_label(label: PartialLabel, protocol: LabelProtocol, *, where: str) -> None:
    """Check that a label speaks of every structure, and that no pixel has two.

    Raises
    ------
    AssertionError
        Naming the promise that is broken.
    """
    _demand(set(label.structures) == set(protocol.ids), f"the label of {where} does not speak of every structure")
    for name, said in label.structures.items():
        is_told = said.status.is_whole
        _demand(is_told, f"'{name}' of {where} is {said.status}, neither outlined nor absent")
        _demand(said.inside is None or bool(said.inside.any()), f"'{name}' of {where} is outlined and empty")
    masks = [said.inside for said in label.structures.values() if said.inside is not None]
    _demand(not any((a & b).any() for a, b in combinations(masks, 2)), f"two structures of {where} overlap")
    _demand(label.unsure is None, f"the truth of {where} is unsure of some pixels")


def pixels(recording: Recording) -> NDArray[np.uint8]:
    """All frames of a clip, (T, H, W[, 3]) uint8.

    Raises
    ------
    AssertionError
        Where a frame is not uint8.
    """
    frames = list(recording.frames)
    _demand(all(f.dtype == np.uint8 for f in frames), "a frame is not uint8")
    return np.stack(frames)


def _demand(is_kept: bool, otherwise: str) -> None:  # noqa: FBT001
    """Plain ``assert`` would vanish under ``python -O``."""
    if not is_kept:
        raise AssertionError(f"The simulator breaks its contract: {otherwise}.")
