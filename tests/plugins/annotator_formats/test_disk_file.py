"""The file under HDF5 reads back what was written, also after the disk refused a write."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator_formats._disk_file import DiskFile

Writes = list[tuple[int, bytes]]
writes = st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=30)), max_size=12)


@settings(deadline=None)
@given(before=writes, after=writes)
def test_it_reads_like_a_file_before_and_after_a_refusal(
    before: list[tuple[int, bytes]], after: list[tuple[int, bytes]]
) -> None:
    model = io.BytesIO()
    with TemporaryDirectory() as folder, DiskFile(Path(folder) / "a") as disk:
        for number, (offset, data) in enumerate([*before, *after]):
            if number == len(before):
                disk.error = OSError(28, "No space left on device")
            for file in (model, disk):
                file.seek(offset)
                assert file.write(data) == len(data)
        size = model.seek(0, io.SEEK_END)
        assert disk.seek(0, io.SEEK_END) == size
        buffer = bytearray(size)
        disk.seek(0)
        disk.readinto(buffer)
        assert bytes(buffer) == model.getvalue()


def test_check_raises_the_first_error(tmp_path: Path) -> None:
    with DiskFile(tmp_path / "a") as disk:
        disk.check()
        disk.error = OSError(28, "No space left on device")
        with pytest.raises(OSError, match="No space"):
            disk.check()
