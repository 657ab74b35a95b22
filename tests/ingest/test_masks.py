"""Masks in a folder of their own, beside one with their images."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.data import get_testdata_file

from annotator import registry
from annotator.core.errors import BadInput
from annotator.core.identity import Pseudonymiser
from annotator.core.plugin_types import Reader
from annotator.ingest import read_paths

SALT = Pseudonymiser(b"salt")
PICTURE = np.arange(12 * 13, dtype=np.uint8).reshape(12, 13)
MASK = (PICTURE // 60).astype(np.uint8)


@pytest.fixture(scope="module")
def readers() -> Mapping[str, Reader]:
    return registry.readers()


def save(path: Path, pixels: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".gz":
        nibabel.save(nibabel.Nifti1Image(pixels, np.eye(4)), path)  # type: ignore[no-untyped-call]
    else:
        Image.fromarray(pixels).save(path)
    return path


def clips_of(readers: Mapping[str, Reader], *paths: Path) -> tuple[list[Path], list[str]]:
    """What is read of files and folders, and what is said of masks."""
    reads = list(read_paths(paths, readers, SALT))
    return [read.path for read in reads], [s for read in reads for s in read.warnings if "of masks," in s]


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("images/a.png", "labels/a.png"),
        ("images/a.jpg", "Masks/a.png"),
        ("images/p1/a.png", "masks/p1/a_mask.png"),
        ("p1/img/a.png", "p1/gt/a.tif"),
        ("train/a.png", "train_masks/a.bmp"),
        ("imagesTr/la_1.nii.gz", "labelsTr/la_1.nii.gz"),
        ("images/a.png", "labels/a.jpg"),
    ],
)
def test_masks_in_a_folder_beside_their_images_are_no_clips(
    tmp_path: Path, readers: Mapping[str, Reader], image: str, mask: str
) -> None:
    """They came in as dark pictures, each a clip to learn from."""
    picture, label = save(tmp_path / "set" / image, PICTURE), save(tmp_path / "set" / mask, MASK)
    found, (sentence,) = clips_of(readers, tmp_path / "set")
    assert found == [picture]
    expected = "1 file of masks, in a folder beside that of their images, passed over: "
    assert sentence.startswith(f"{expected}{label.name}; a manifest")
    assert clips_of(readers, label)[0] == [label], "a file that was named is what somebody wants"


@pytest.mark.parametrize(
    "pixels",
    [np.stack([MASK * 60, MASK * 0, MASK * 20], axis=-1), np.stack([PICTURE, PICTURE, PICTURE // 2], axis=-1)],
    ids=["a colour for each structure", "outlines on the picture"],
)
def test_a_mask_may_be_in_colour(tmp_path: Path, readers: Mapping[str, Reader], pixels: NDArray[np.uint8]) -> None:
    """Such a mask, and one saved as JPEG, came in as a clip to learn from."""
    picture, label = save(tmp_path / "images" / "a.png", PICTURE), save(tmp_path / "labels" / "a.png", pixels)
    found, (sentence,) = clips_of(readers, tmp_path)
    assert found == [picture]
    assert sentence.endswith("One that is a recording comes in where the file itself is named.")
    assert clips_of(readers, label)[0] == [label]


def test_a_scanner_s_files_in_a_folder_of_initials_are_clips(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    """A scanner calls the files of every patient alike."""
    scan = str(get_testdata_file("examples_ybr_color.dcm"))
    files = [tmp_path / initials / "IM_0001" for initials in ("AB", "GT")]
    for file in files:
        file.parent.mkdir()
        shutil.copy(scan, file)
    assert clips_of(readers, tmp_path) == (files, [])


def test_pictures_in_a_folder_of_initials_are_clips(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    """Nothing but their pixels tells such a hospital's recordings from masks, where both call theirs alike."""
    clips = [save(tmp_path / site / name, PICTURE) for site in ("GE", "GT") for name in ("1.jpg", "2.png")]
    masks = [save(tmp_path / site / "3.png", MASK) for site in ("GE", "GT")]
    assert clips_of(readers, tmp_path)[0] == sorted([*clips, masks[0]])


def test_folders_of_images_and_masks_may_be_named_one_by_one(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    picture, label = save(tmp_path / "images" / "a.png", PICTURE), save(tmp_path / "labels" / "a.png", MASK)
    assert clips_of(readers, label.parent, picture.parent)[0] == [picture]
    with pytest.raises(BadInput, match=r"it holds masks and no recording; .*manifest, or the files themselves where"):
        read_paths([label.parent], readers, SALT)
    assert clips_of(readers, label)[0] == [label]


@pytest.mark.parametrize(
    ("other", "pixels", "why"),
    [
        ("labels/b.png", MASK, "no image is called so"),
        ("labels/p1/a.png", MASK, "no image of this name is at this place"),
        ("later/a.png", MASK, "the folder is not called so"),
        ("unmasked/a.png", MASK, "the folder is not called so"),
    ],
)
def test_other_files_of_two_folders_are_clips(
    tmp_path: Path, readers: Mapping[str, Reader], other: str, pixels: NDArray[np.uint8], why: str
) -> None:
    both = {save(tmp_path / "images" / "a.png", PICTURE), save(tmp_path / other, pixels)}
    found, sentences = clips_of(readers, tmp_path)
    assert (set(found), sentences) == (both, []), why


def test_masks_without_images_of_a_known_format_are_read(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    mask = save(tmp_path / "labels" / "a.png", MASK)
    (tmp_path / "about").mkdir()
    (tmp_path / "about" / "a.json").write_text("{}")
    save(tmp_path / "masks" / "a.png", MASK)
    (tmp_path / ".hidden").mkdir()
    save(tmp_path / ".hidden" / "a.png", PICTURE)
    assert clips_of(readers, mask.parent) == ([mask], [])


def test_a_folder_above_the_named_one_says_nothing(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    save(tmp_path / "images" / "p1" / "a.png", PICTURE)
    inside = save(tmp_path / "labels" / "p1" / "a.png", MASK)
    assert clips_of(readers, inside.parent) == ([inside], [])
