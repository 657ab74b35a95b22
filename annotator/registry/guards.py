"""Readers and simulators held to their contracts: what a plugin does wrong is one sentence that names it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.core.blame import blame
from annotator.core.clip_json import clip_to_json
from annotator.core.errors import AnnotatorError, BadInput, BrokenPlugin
from annotator.core.identity import Clip, Pseudonymiser
from annotator.core.plugin_types import Frame, Reader, Recording, Simulator

_TOLD = (AnnotatorError, OSError, MemoryError)
"""What has a plain sentence of its own."""


@contextmanager
def _blamed(sentence_of: Callable[[Exception], AnnotatorError]) -> Iterator[None]:
    """Let what a plugin raises be an error that names it."""
    try:
        yield
    except _TOLD:
        raise
    except Exception as error:
        raise sentence_of(error) from error


class GuardedReader:
    """A reader whose unforeseen exceptions are :class:`BadInput` of the file, which an import can leave out.

    Parameters
    ----------
    reader
        A plugin's.
    plugin
        How it is named in sentences.
    """

    def __init__(self, reader: Reader, plugin: str) -> None:
        self.name = reader.name
        self._reader, self._plugin = reader, plugin

    def recognises(self, path: Path) -> bool:
        """Whether the file (or folder) is of this format.

        Raises
        ------
        BadInput
            Where the plugin fails on it.
        """
        with self._blamed(path):
            return bool(self._reader.recognises(path))

    def read(self, path: Path, pseudonymiser: Pseudonymiser) -> Sequence[Recording]:
        """All clips of the file.

        Raises
        ------
        BadInput
            Where the file cannot be used, or the plugin fails on it.
        """
        with self._blamed(path):
            return [self._guarded(path, recording) for recording in self._reader.read(path, pseudonymiser)]

    def read_masks(self, path: Path) -> NDArray[np.integer[Any]]:
        """(T, H, W) integers of a label file.

        Raises
        ------
        BadInput
            Where the file or format holds none, or the plugin fails on it.
        """
        with self._blamed(path):
            found = self._reader.read_masks(path)
        if not (isinstance(found, np.ndarray) and found.ndim == 3 and np.issubdtype(found.dtype, np.integer)):
            got = f"{found.shape} {found.dtype}" if isinstance(found, np.ndarray) else type(found).__name__
            raise BadInput(path, f"the plugin {self._plugin} gave no (T, H, W) integers, but {got}", _REMEDY)
        return found

    def _guarded(self, path: Path, recording: Recording) -> Recording:
        # Numbers of numpy are equal to plain ones and cannot be stored.
        json.dumps(clip_to_json(Clip(recording.header.stem, recording.header)))
        return replace(recording, frames=_Frames(recording.frames, self, path))

    def _blamed(self, path: Path) -> AbstractContextManager[None]:
        return _blamed(lambda error: BadInput(path, f"the plugin {self._plugin} {blame(error)}", _REMEDY))

    def frames(self, path: Path, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Frames one after the other.

        Raises
        ------
        BadInput
            Where the file is damaged further on, or the plugin fails on it.
        """
        with self._blamed(path):
            for index, frame in enumerate(frames):
                if not isinstance(frame, np.ndarray):
                    raise TypeError(f"frame {index} is a {type(frame).__name__} and no array")
                yield frame


_REMEDY = "leave the file out, or repair or uninstall the plugin"


class _Frames:
    """Frames that can be read as often as those of the plugin."""

    def __init__(self, frames: Iterable[Frame], reader: GuardedReader, path: Path) -> None:
        self._frames, self._reader, self._path = frames, reader, path

    def __iter__(self) -> Iterator[Frame]:
        return self._reader.frames(self._path, self._frames)


class GuardedSimulator:
    """A simulator whose failures name it.

    Parameters
    ----------
    simulator
        A plugin's.
    plugin
        How it is named in sentences.
    """

    def __init__(self, simulator: Simulator, plugin: str) -> None:
        self.name, self.protocol, self.domains = simulator.name, simulator.protocol, simulator.domains
        self._simulator, self._plugin = simulator, plugin

    def simulate(self, *, patient: int, domain: str, seed: int, n_frames: int) -> Recording:
        """One clip of one simulated patient, with a label for every frame.

        Raises
        ------
        BrokenPlugin
            Where the plugin fails, or not every frame has a label.
        """
        with _blamed(lambda error: BrokenPlugin(self._plugin, blame(error))):
            made = self._simulator.simulate(patient=patient, domain=domain, seed=seed, n_frames=n_frames)
            frames = tuple(made.frames)
        if not len(frames) == made.header.n_frames == n_frames or sorted(made.labels) != list(range(n_frames)):
            what = f"made {len(frames)} frames and {len(made.labels)} labels where {n_frames} of each were asked"
            raise BrokenPlugin(self._plugin, what)
        return replace(made, frames=frames)
