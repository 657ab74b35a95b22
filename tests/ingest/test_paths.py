"""Walking files and folders: order, reader choice, what is passed over, what is refused."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from annotator import registry
from annotator.core.errors import BadInput
from annotator.core.identity import Pseudonymiser
from annotator.core.plugin_types import Reader
from annotator.ingest import Overrides, Read, read_paths, shared_folder

SALT = Pseudonymiser(b"salt")


@pytest.fixture(scope="module")
def readers() -> Mapping[str, Reader]:
    return registry.readers()


def still(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((8, 9), len(path.name), dtype=np.uint8)).save(path)
    return path


def bundled(name: str, to: Path) -> Path:
    found = get_testdata_file(name, download=False)
    assert isinstance(found, str)
    return Path(shutil.copy(found, to))


def warnings_of(reads: list[Read]) -> list[str]:
    return [sentence for read in reads for sentence in read.warnings]


def test_a_folder_is_walked_in_order_without_hidden_files(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    for name in ("b/2.png", "a/1.png", "b/ü 1.png", ".hidden.png", ".cache/3.png"):
        still(tmp_path / name)
    reading = read_paths([tmp_path], readers, SALT)
    assert [read.path.name for read in reading] == ["1.png", "2.png", "ü 1.png"]
    assert len(reading) == 3


@pytest.mark.parametrize(
    ("files", "listed", "is_shared"),
    [
        (["a.avi", "b.MP4"], ["."], True),
        (["a.nii.gz", "b.nii.gz"], ["a.nii.gz", "b.nii.gz"], True),
        (["a.nii.gz", "a_gt.nii.gz", "notes.txt"], ["."], False),
        (["one/a.png", "two/a.png"], ["one", "two"], False),
        (["one/a.png", "two/a.png"], ["."], False),
        (["a.dcm", "b.dcm", "c"], ["."], False),
        (["a.png", "b.png", "labels.json"], ["a.png", "b.png", "labels.json"], False),
        (["a.png"], ["a.png", "gone"], False),
    ],
)
def test_a_glance_finds_the_folder_that_several_files_share(
    tmp_path: Path, files: list[str], listed: list[str], *, is_shared: bool
) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert shared_folder([tmp_path / name for name in listed]) == (tmp_path if is_shared else None)


def test_a_view_is_the_user_s_word_else_the_file_s_else_its_name_s(
    tmp_path: Path, readers: Mapping[str, Reader]
) -> None:
    dicom = bundled("examples_ybr_color.dcm", tmp_path / "x_4CH_y.dcm")
    named = still(tmp_path / "p1_4CH_ED.png")
    plain = still(tmp_path / "plain.png")
    assert [view_of(path, readers) for path in (dicom, named, plain)] == ["a4c", "a4c", None]
    assert view_of(named, readers, Overrides(view="plax")) == "plax"
    dataset = pydicom.dcmread(dicom)
    dataset.ViewName = "Apical 2-chamber"
    dataset.save_as(dicom)
    assert view_of(dicom, readers) == "a2c"


def view_of(path: Path, readers: Mapping[str, Reader], overrides: Overrides | None = None) -> str | None:
    (read,) = read_paths([path], readers, SALT, overrides=overrides)
    return read.recordings[0].header.view


def test_names_are_warned_of_once(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    for name in ("1.png", "2.png", "3.png"):
        still(tmp_path / name)
    reads = list(read_paths([tmp_path], readers, SALT))
    assert len(warnings_of(reads)) == 2
    assert any("named after a patient" in sentence for sentence in reads[0].warnings)
    assert {r.header.patient for read in reads for r in read.recordings} == {SALT.key(tmp_path.name)}


def test_what_no_reader_knows_is_passed_over_in_a_folder(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    still(tmp_path / "1.png")
    (tmp_path / "notes.txt").write_text("hello")
    reads = list(read_paths([tmp_path], readers, SALT))
    assert len(reads) == 1
    assert any("notes.txt" in sentence for sentence in warnings_of(reads))


def test_what_may_not_be_read_is_told_apart(
    tmp_path: Path, readers: Mapping[str, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.png", "locked.png", "sub/2.png"):
        still(tmp_path / name)
    locked = {tmp_path / "locked.png", tmp_path / "sub"}
    granted = os.access

    def access(path: Path, mode: int) -> bool:
        return granted(path, mode) and not locked & set(path.parents) and (mode == os.F_OK or path not in locked)

    monkeypatch.setattr(os, "access", access)
    reads = list(read_paths([tmp_path], readers, SALT))
    assert [read.path.name for read in reads] == ["1.png"]
    sentence = "2 items that may not be read passed over: locked.png, sub; ask for permission to read."
    assert sentence in warnings_of(reads)
    assert not any("no known format" in sentence for sentence in warnings_of(reads))
    (tmp_path / "1.png").unlink()
    with pytest.raises(BadInput, match=r"locked\.png: it may not be read"):
        read_paths([tmp_path], readers, SALT)


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_a_linked_folder_is_told_of_and_not_gone_through(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    still(tmp_path / "elsewhere" / "2.png")
    still(tmp_path / "here" / "1.png")
    (tmp_path / "here" / "two").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here" / "itself").symlink_to(tmp_path / "here")
    (tmp_path / "here" / "3.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    reads = list(read_paths([tmp_path / "here"], readers, SALT))
    assert [read.path.name for read in reads] == ["1.png", "3.png"]
    assert "2 links to a folder passed over: itself, two; name the folder too." in warnings_of(reads)


def test_the_pixels_of_a_header_are_no_file_of_their_own(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    header = "ObjectType = Image\nNDims = 2\nDimSize = 9 8\nElementType = MET_UCHAR\nElementDataFile = a.raw\n"
    (tmp_path / "a.mhd").write_text(header, encoding="ascii")
    for name in ("a.raw", "b.raw"):
        (tmp_path / name).write_bytes(bytes(72))
    passed_over = [s for s in warnings_of(list(read_paths([tmp_path], readers, SALT))) if "no known format" in s]
    assert passed_over == ["1 file of no known format passed over: b.raw."]


def test_masks_beside_their_images_are_no_clips(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    for name in ("a.png", "a_gt.png", "b.1.png", "b.1_MASK.png", "alone_GT.png", "sub/a_seg.png"):
        still(tmp_path / name)
    reads = list(read_paths([tmp_path], readers, SALT))
    assert [read.path.name for read in reads] == ["a.png", "alone_GT.png", "b.1.png", "a_seg.png"]
    assert any("2 files named as the mask" in sentence and "a_gt.png" in sentence for sentence in warnings_of(reads))
    assert [read.path.name for read in read_paths([tmp_path / "a_gt.png"], readers, SALT)] == ["a_gt.png"]


def test_a_mask_may_be_of_another_format_than_its_image(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    for name in ("a.jpg", "a_mask.png", "b.TIF", "b_GT.png", "_mask.png", "c_gt.png"):
        still(tmp_path / name)
    assert [read.path.name for read in read_paths([tmp_path], readers, SALT)] == [
        "_mask.png",
        "a.jpg",
        "b.TIF",
        "c_gt.png",
    ]


def test_a_manifest_among_recordings_is_told_apart(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    """It was of no known format, and nothing said how it is imported."""
    still(tmp_path / "a.png")
    for name, text in (("rows.csv", "image;known;\na.png;lv;\n"), ("notes.csv", "image,comment\na.png,good\n")):
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
    passed_over = [s for s in warnings_of(list(read_paths([tmp_path], readers, SALT))) if "passed over" in s]
    assert passed_over == [
        "1 file of no known format passed over: notes.csv.",
        "1 file that is a manifest passed over: rows.csv; import it by itself: a CSV alone in the window, --manifest "
        "on the command line.",
    ]
    with pytest.raises(BadInput, match=r"rows\.csv: it is a manifest, and no recording; import it by itself: .*"):
        read_paths([tmp_path / "a.png", tmp_path / "rows.csv"], readers, SALT)
    (tmp_path / "a.png").unlink()
    with pytest.raises(BadInput, match=r"rows\.csv: it is a manifest, and no recording; import it by itself: .*"):
        read_paths([tmp_path], readers, SALT)


@pytest.mark.parametrize("name", ["study.zip", "Study.TAR.GZ"])
def test_a_file_that_packs_others_is_to_be_unpacked(tmp_path: Path, readers: Mapping[str, Reader], name: str) -> None:
    """It was one of many of no known format, and nobody missed the recordings in it."""
    image, packed = still(tmp_path / "a.png"), tmp_path / name
    with zipfile.ZipFile(packed, "w") as file:
        file.write(image)
    assert [s for s in warnings_of(list(read_paths([tmp_path], readers, SALT))) if "passed over" in s] == [
        f"1 file that packs others passed over: {name}; unpack it, and import the folder."
    ]
    image.unlink()
    for path in (tmp_path, packed):
        with pytest.raises(BadInput, match=rf"{name}: it packs other files, .*; unpack it, and import the folder"):
            read_paths([path], readers, SALT)


def test_a_named_file_that_no_reader_knows_is_refused(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    path = tmp_path / "text.dcm"
    path.write_text("Dear colleague")
    with pytest.raises(BadInput, match=r"dicom.*stills"):
        read_paths([still(tmp_path / "1.png"), path], readers, SALT)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(BadInput, match="a device or a pipe"):
        read_paths([tmp_path / "pipe.png"], readers, SALT)


def test_missing_paths_and_empty_folders_are_refused(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    for paths, match in (
        ([tmp_path / "missing"], "no such"),
        ([tmp_path], "empty"),
        ([], "no file"),
    ):
        with pytest.raises(BadInput, match=match):
            read_paths(paths, readers, SALT)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match="known format"):
        read_paths([tmp_path], readers, SALT)


def test_dicom_without_image(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    report = bundled("reportsi.dcm", tmp_path / "report.dcm")
    with pytest.raises(BadInput, match="no image"):
        list(read_paths([report], readers, SALT))
    with pytest.raises(BadInput, match="no file in it holds an image"):
        list(read_paths([tmp_path], readers, SALT))
    bundled("examples_ybr_color.dcm", tmp_path / "clip.dcm")
    reads = list(read_paths([tmp_path], readers, SALT))
    assert [len(read.recordings) for read in reads] == [1, 0]
    assert any("report.dcm" in sentence for sentence in reads[1].warnings)


def test_dicom_that_was_cut_off_before_its_image_may_be_told_so(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    cut = bundled("examples_ybr_color.dcm", tmp_path / "cut.dcm")
    cut.write_bytes(cut.read_bytes()[:20_000])
    with pytest.raises(BadInput, match=r"cut off before it; .* copy it again"):
        list(read_paths([cut], readers, SALT))


def test_a_file_named_twice_is_read_once(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    path = still(tmp_path / "1.png")
    assert len(read_paths([path, tmp_path, path], readers, SALT)) == 1


def test_overrides(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    path = still(tmp_path / "p7" / "scan.png")
    for patient_from, patient in (("folder", "p7"), ("stem", "scan")):
        chosen = Overrides(view="a4c", domain="ward/3", patient_from=patient_from)  # type: ignore[arg-type]
        header = next(iter(read_paths([path], readers, SALT, overrides=chosen))).recordings[0].header
        assert (header.view, header.domain, header.patient) == ("a4c", "ward_3", SALT.key(patient))


def test_damaged_files_are_left_out_only_where_asked_and_others_are_there(
    tmp_path: Path, readers: Mapping[str, Reader]
) -> None:
    whole = still(tmp_path / "2.png")
    (tmp_path / "1.png").write_bytes(whole.read_bytes()[:40])
    with pytest.raises(BadInput, match=r"1\.png"):
        list(read_paths([tmp_path], readers, SALT))
    (tmp_path / "notes.txt").write_text("of no known format")
    damaged, good = read_paths([tmp_path], readers, SALT, skip_damaged=True)
    assert good.path == whole
    assert good.recordings
    assert not damaged.recordings
    assert "1.png" in damaged.damage
    assert "notes.txt" in damaged.warnings[0], "said though the first file is left out"
    whole.unlink()
    with pytest.raises(BadInput, match=r"1\.png"):
        list(read_paths([tmp_path], readers, SALT, skip_damaged=True))


def test_named_files_that_hold_no_image_are_left_out_as_damaged_ones_are(
    tmp_path: Path, readers: Mapping[str, Reader]
) -> None:
    good, notes = still(tmp_path / "2.png"), tmp_path / "notes.txt"
    report = bundled("reportsi.dcm", tmp_path / "report.dcm")
    notes.write_text("of no known format")
    for alone in (notes, report):
        with pytest.raises(BadInput, match=alone.name):
            list(read_paths([good, alone], readers, SALT))
        with pytest.raises(BadInput, match=alone.name):
            list(read_paths([alone], readers, SALT, skip_damaged=True))
    reading = read_paths([notes, report, good], readers, SALT, skip_damaged=True)
    reads = list(reading)
    assert len(reading) == len(reads) == 3
    assert [bool(read.recordings) for read in reads] == [False, False, True]
    assert [name in read.damage for name, read in zip(("notes.txt", "report.dcm"), reads, strict=False)] == [True] * 2
    with pytest.raises(BadInput, match="no such file"):
        read_paths([tmp_path / "gone.png", good], readers, SALT, skip_damaged=True)


def test_masks_of_an_export_are_no_pictures(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    """An export that was dropped on the window came in as black pictures, each a clip to learn from."""
    for name in ("export/a_00000.png", "export/b.png", "export/added.png", "other/a_00000.png"):
        still(tmp_path / name)
    listed = {
        "format": "echo-annotator export",
        "version": 1,
        "files": {"png:apical": ["a_00000.png", "b.png", "labels.json"]},
    }
    (tmp_path / "export" / "export.json").write_text(json.dumps(listed))
    (tmp_path / "export" / "labels.json").write_text("{}")
    reads = list(read_paths([tmp_path], readers, SALT))
    assert [read.path.relative_to(tmp_path).as_posix() for read in reads] == ["export/added.png", "other/a_00000.png"]
    (sentence,) = (s for s in warnings_of(reads) if "passed over" in s)
    assert sentence.startswith(
        "2 files that an earlier export or prediction wrote as masks passed over: a_00000.png, b.png; a man"
    )
    (tmp_path / "export" / "added.png").unlink()
    mask = tmp_path / "export" / "b.png"
    named = list(read_paths([tmp_path / "other", mask], readers, SALT))
    assert [read.path.parent.name for read in named] == ["other"]
    assert "1 file that an earlier export or prediction wrote" in "".join(warnings_of(named))
    for alone in (tmp_path / "export", mask):
        with pytest.raises(BadInput, match=r"masks and no recording; .*labels\.json"):
            read_paths([alone], readers, SALT)
    (tmp_path / "export" / "export.json").write_text('{"format": "another"}')
    assert len(read_paths([mask], readers, SALT)) == 1


def test_files_of_any_format_of_an_export_are_masks_unless_it_holds_pictures(
    tmp_path: Path, readers: Mapping[str, Reader]
) -> None:
    """Those of a plugin's format came in as pictures to learn from."""
    file = still(tmp_path / "a.png")
    listed = {"format": "echo-annotator export", "files": {"slices:apical": ["a.png"]}}
    (tmp_path / "export.json").write_text(json.dumps(listed))
    with pytest.raises(BadInput, match="masks and no recording"):
        read_paths([tmp_path], readers, SALT)
    assert [read.path for read in read_paths([tmp_path], readers, SALT, picture_formats={"slices"})] == [file]


def test_the_list_of_an_export_of_pictures_is_no_strange_file(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    still(tmp_path / "a.png")
    listed = {"format": "echo-annotator export", "files": {"slices:apical": ["a.png"]}}
    for text, is_told in ((json.dumps(listed), False), ("{}", True)):
        (tmp_path / "export.json").write_text(text)
        told = warnings_of(list(read_paths([tmp_path], readers, SALT, picture_formats={"slices"})))
        assert any("export.json" in sentence for sentence in told) is is_told


def test_masks_of_a_prediction_are_no_pictures(tmp_path: Path, readers: Mapping[str, Reader]) -> None:
    """They came in as black pictures, each a clip to learn from; but a table that was copied to images hides none."""
    masks, image = tmp_path / "predicted", still(tmp_path / "images" / "a.png")
    masks.mkdir()
    for name in ("a.png", "b_00000.png", "drawn.png"):
        Image.fromarray(np.zeros((8, 9), dtype=np.uint8)).convert("P").save(masks / name)
    (masks / "predictions.csv").write_text("image,lv,la\na,0.9000,nan\nb_00000,1.0000,0.1234\n")
    shutil.copy(masks / "predictions.csv", image.parent)
    reads = list(read_paths([tmp_path], readers, SALT))
    assert [read.path for read in reads] == [image, masks / "drawn.png"]
    (sentence,) = (s for s in warnings_of(reads) if "wrote as masks" in s)
    assert sentence.startswith("2 files that an earlier export or prediction wrote as masks passed over: a.png, b_00")
    assert [s for s in warnings_of(reads) if "no known format" in s] == [
        "1 file of no known format passed over: predictions.csv."
    ]
    with pytest.raises(BadInput, match="masks and no recording"):
        read_paths([masks / "a.png"], readers, SALT)
    (masks / "predictions.csv").write_text("image,lv,la\na,yes,x\n")
    assert len(list(read_paths([masks], readers, SALT))) == 3, "another program's table says nothing"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252"])
def test_masks_of_a_prediction_are_known_by_a_table_that_was_saved_again(
    tmp_path: Path, readers: Mapping[str, Reader], encoding: str
) -> None:
    """A spreadsheet program had saved it, and the masks came in as pictures to learn from."""
    for name in ("0012.png", "äb.png", "drawn.png"):
        Image.fromarray(np.zeros((8, 9), dtype=np.uint8)).convert("P").save(tmp_path / name)
    table = "image;lv;Bemerkung;\r\n12;0,9;gut;\r\näb;1;;\r\n;;;\r\n"
    (tmp_path / "predictions.csv").write_bytes(table.encode(encoding))
    reads = list(read_paths([tmp_path], readers, SALT))
    assert [read.path.name for read in reads] == ["drawn.png"]
    assert not [s for s in warnings_of(reads) if "no known format" in s]
