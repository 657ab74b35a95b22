"""Conformance kit for readers: subclass :class:`ReaderContract` in a test module and fill in two methods.

It needs no test framework beyond calling ``test_*`` with a fresh folder; pytest does by the name ``tmp_path``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from annotator.core.clip_json import clip_to_json
from annotator.core.errors import BadInput
from annotator.core.identity import Clip, Pseudonymiser, is_pseudonym
from annotator.core.plugin_types import Reader


class ReaderContract:
    """What every reader promises; see :class:`~annotator.core.plugin_types.Reader`."""

    reads_masks: ClassVar[bool] = True
    """Whether the format holds label files; :meth:`make_mask` is then needed."""
    renames_patients: ClassVar[bool] = True
    """Whether patients go through the pseudonymiser; not where the file holds pseudonyms already."""

    def make_reader(self) -> Reader:
        """The reader under test.

        Raises
        ------
        NotImplementedError
            Until the test of a plugin says it.
        """
        raise NotImplementedError

    def make_file(self, folder: Path) -> Path:
        """Write a good file of at least one clip into ``folder``, more than 200 bytes long.

        Raises
        ------
        NotImplementedError
            Until the test of a plugin says it.
        """
        raise NotImplementedError

    def make_mask(self, folder: Path, mask: NDArray[np.uint8]) -> Path:
        """Write (T, H, W) uint8 mask values as a label file.

        Raises
        ------
        NotImplementedError
            Until the test of a plugin says it.
        """
        raise NotImplementedError

    def test_it_is_a_reader(self) -> None:
        """The object has the Protocol's parts and a name."""
        reader = self.make_reader()
        assert isinstance(reader, Reader)
        assert reader.name

    def test_recognises_content_and_not_the_suffix(self, tmp_path: Path) -> None:
        """Its own file is recognised; text under the same name, nothing and a folder are not, without an error."""
        reader, good = self.make_reader(), self.make_file(tmp_path)
        assert reader.recognises(good)
        (tmp_path / "other").mkdir()
        liar = tmp_path / "other" / good.name
        liar.write_text("not an image at all, whatever the name says\n" * 40, encoding="utf-8")
        assert not reader.recognises(liar)
        assert not reader.recognises(tmp_path / "missing" / good.name)
        assert not reader.recognises(tmp_path / "other")

    def test_frames_are_what_the_header_says(self, tmp_path: Path) -> None:
        """As many frames as declared, uint8, of the declared size, and the same on a second reading; plain numbers."""
        reader, good = self.make_reader(), self.make_file(tmp_path)
        first, second = (reader.read(good, Pseudonymiser(b"salt")) for _ in range(2))
        assert len(first) == len(second) >= 1
        for one, two in zip(first, second, strict=True):
            header = one.header
            tail = header.shape if header.channels == 1 else (*header.shape, 3)
            frames, again = list(one.frames), list(two.frames)
            assert len(frames) == header.n_frames
            assert header == two.header
            json.dumps(clip_to_json(Clip(header.stem, header)))  # numpy's integers cannot be stored
            assert all(f.dtype == np.uint8 and f.shape == tail for f in frames)
            assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))

    def test_patients_are_pseudonyms(self, tmp_path: Path) -> None:
        """Two salts give two pseudonyms."""
        reader, good = self.make_reader(), self.make_file(tmp_path)
        keys = [reader.read(good, Pseudonymiser(salt))[0].header.patient for salt in (b"a", b"b")]
        assert all(is_pseudonym(key) for key in keys)
        assert (keys[0] != keys[1]) == self.renames_patients

    def test_damage_is_one_plain_sentence(self, tmp_path: Path) -> None:
        """A file cut anywhere, emptied or filled with noise raises BadInput with its name, in one line."""
        reader, good = self.make_reader(), self.make_file(tmp_path)
        data = good.read_bytes()
        noise = np.random.default_rng(0).integers(0, 256, size=4096, dtype=np.uint8).tobytes()
        for number, damaged in enumerate((b"", data[:40], data[: len(data) // 2], noise, data[:60] + noise)):
            good.write_bytes(damaged)
            sentence = _complaint(reader, good)
            assert sentence is None or (good.name in sentence and "\n" not in sentence), f"damage {number}"
            assert sentence is not None or damaged.startswith(data[:40]), f"damage {number} went unnoticed"

    def test_masks_come_back_untouched(self, tmp_path: Path) -> None:
        """A label file's integers survive, 0 and 255 among them, in (T, H, W)."""
        if not self.reads_masks:
            return
        mask = np.array([[[0, 1, 2, 255], [7, 0, 0, 254], [3, 3, 9, 0]]], dtype=np.uint8)
        found = self.make_reader().read_masks(self.make_mask(tmp_path, mask))
        assert np.issubdtype(found.dtype, np.integer)
        assert np.array_equal(found, mask)


def _complaint(reader: Reader, path: Path) -> str | None:
    try:
        for recording in reader.read(path, Pseudonymiser(b"salt")):
            frames: list[NDArray[Any]] = list(recording.frames)
            assert len(frames) == recording.header.n_frames
    except BadInput as error:
        return str(error)
    return None
