"""What must hold of every format of the plugin, through the export room, on real disks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from annotator.core.allowed import decided
from annotator.export import derived_clips, derived_context, export_masks
from annotator.plugin import AnnotatorError, LabelledClip, PartialLabel, Writer, allowed_bitmap
from annotator.testing.samples import labelled_clip, random_label, sample_clip, sample_context
from annotator_formats.hdf5 import Hdf5Reader, Hdf5Writer
from annotator_formats.metaimage import MetaImageReader, MetaImageWriter
from annotator_formats.nifti import NiftiReader, NiftiWriter
from annotator_formats.png import PngWriter

WRITERS: tuple[Callable[[], Writer], ...] = (PngWriter, NiftiWriter, MetaImageWriter, Hdf5Writer)
CONTEXT = sample_context()
SHAPE = (11, 8)
_LIST_WRITERS = """
import sys
from annotator import registry
assert {"png", "nifti", "metaimage", "hdf5"} <= set(registry.writers())
print(sorted({"nibabel", "pydicom", "SimpleITK"} & set(sys.modules)))
"""


def masks_in(out: Path, name: str) -> dict[int, NDArray[np.integer[Any]]]:
    """Frame to mask of the clip ``clip``, whatever the format."""
    if name == "png":
        return {int(path.stem.rpartition("_")[2]): np.asarray(Image.open(path)) for path in out.glob("*.png")}
    if name == "hdf5":
        return dict(enumerate(Hdf5Reader().read_masks(out / "dataset.h5")))
    file = {"nifti": out / "clip.nii.gz", "metaimage": out / "clip.mhd"}[name]
    reader = NiftiReader() if name == "nifti" else MetaImageReader()
    return dict(enumerate(reader.read_masks(file))) if file.exists() else {}


def test_a_list_of_formats_waits_for_no_library_that_only_writing_needs() -> None:
    """As the window does before it asks what to export."""
    done = subprocess.run([sys.executable, "-c", _LIST_WRITERS], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("make", WRITERS)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_unknown_never_becomes_background(make: Callable[[], Writer], seed: int) -> None:
    labels = [random_label(seed, SHAPE), PartialLabel(SHAPE), random_label(seed + 1, SHAPE)]
    clip = labelled_clip(sample_clip(n_frames=3, shape=SHAPE), labels)
    with TemporaryDirectory() as folder:
        export_masks(make(), [clip], CONTEXT, Path(folder))
        masks = masks_in(Path(folder), make().name)
    for number, label in enumerate(labels):
        unknown = ~decided(allowed_bitmap(label, CONTEXT.protocol))
        if label.has_finished:
            assert np.array_equal(masks[number] == 255, unknown)
        else:
            assert number not in masks or (masks[number] == 255).all()


@pytest.mark.parametrize("make", WRITERS)
def test_a_derived_structure_can_be_written(make: Callable[[], Writer], tmp_path: Path) -> None:
    labels = [random_label(seed, SHAPE) for seed in range(30)]
    clips = [labelled_clip(sample_clip(n_frames=30, shape=SHAPE), labels)]
    export_masks(make(), derived_clips(clips, CONTEXT.protocol, "both"), derived_context(CONTEXT, "both"), tmp_path)
    found = {int(value) for mask in masks_in(tmp_path, make().name).values() for value in np.unique(mask)}
    assert found == {0, 1, 255}


@pytest.mark.parametrize("make", [NiftiWriter, MetaImageWriter])
def test_what_an_image_file_said_of_place_and_time_is_told_to_be_lost(
    make: Callable[[], Writer], tmp_path: Path
) -> None:
    plain = sample_clip(n_frames=2, shape=SHAPE)
    placed = replace(plain, header=replace(plain.header, format="nifti", frame_times_ms=(0.0, 20.0)))
    label = next(label for seed in range(30) if (label := random_label(seed, SHAPE)).has_finished)
    for clip, is_told in ((placed, True), (plain, False)):
        clips = [labelled_clip(clip, [label, label])]
        dropped = " ".join(export_masks(make(), clips, CONTEXT, tmp_path / str(is_told)).dropped)
        assert ("position and directions of the image files of 1 clips" in dropped) is is_told
        assert ("the times of the frames of 1 clips" in dropped) is bool(clip.header.frame_times_ms)


def test_all_formats_fit_into_one_folder_twice(tmp_path: Path) -> None:
    folder = tmp_path / "für Köln 心"
    clips = [labelled_clip(sample_clip(n_frames=6), [random_label(seed, (6, 9)) for seed in range(6)])]
    for _ in range(2):
        for make in WRITERS:
            export_masks(make(), clips, CONTEXT, folder)
    names = {path.name for path in folder.iterdir() if path.suffix != ".png"}
    assert names == {"labels.json", "clip.nii.gz", "clip.mhd", "clip.zraw", "legend.json", "dataset.h5", "export.json"}


@pytest.mark.parametrize("make", WRITERS)
def test_no_disk_takes_two_clips_for_one(make: Callable[[], Writer], tmp_path: Path) -> None:
    label = next(label for seed in range(30) if (label := random_label(seed, SHAPE)).has_finished)
    clips = [labelled_clip(sample_clip(name, n_frames=1, shape=SHAPE), [label]) for name in ("case", "Case", "CASE")]
    export_masks(make(), clips, CONTEXT, tmp_path)
    names = [path.name.casefold() for path in tmp_path.iterdir()]
    assert len(names) == len(set(names))
    assert make().name == "hdf5" or sum(name.startswith("case~") for name in names) >= 2


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def large_clips() -> Iterator[LabelledClip]:
    shape = (200, 300)
    for number in range(12):
        yield labelled_clip(
            sample_clip(f"c{number}", n_frames=3, shape=shape), [random_label(s, shape) for s in (1, 3)]
        )


@pytest.mark.parametrize("make", WRITERS)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    make: Callable[[], Writer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_open, delete = list[str](), shutil.rmtree

    def note(folder: Path, **options: Any) -> None:
        # Windows deletes no file that is open.
        left_open.extend(file.path for file in psutil.Process().open_files() if Path(file.path).is_relative_to(folder))
        delete(folder, **options)

    monkeypatch.setattr("shutil.rmtree", note)
    with small_disk(tmp_path):
        with pytest.raises(AnnotatorError, match="cannot be written") as caught:
            export_masks(make(), large_clips(), CONTEXT, tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert list(tmp_path.iterdir()) == []
    assert left_open == []
