"""Bad input of every kind: exit status 1, one sentence that names the file, and everything as it was."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pydicom.uid as uids
import pytest
import tifffile
from PIL import Image
from pydicom import Dataset, FileMetaDataset, dcmwrite
from pydicom.data import get_testdata_file

from annotator.testing.commands import Ran, command

SENTENCE_BREAK = re.compile(r"[.!?] +[A-Z]")
VALUES = ("--values", "lv=1,myo=2,la=3")


def contents(project: Path) -> dict[str, str]:
    """Every file but the lock, the log and what SQLite keeps beside its database, with its hash."""
    files = (path for path in project.rglob("*") if path.is_file() and "annotations.sqlite-" not in path.name)
    return {
        path.relative_to(project).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if "lock" not in path.name and path.suffix != ".log"
    }


def assert_refused(ran: Ran, named: Path | str) -> None:
    assert (ran.status, ran.out) == (1, ""), ran
    assert_one_sentence(ran.err, named)


def assert_one_sentence(text: str, named: Path | str) -> None:
    (line,) = text.splitlines()
    assert line.startswith("error: ")
    assert str(named) in line
    assert line.endswith(".")
    assert "Traceback" not in line
    assert not SENTENCE_BREAK.search(line.replace(str(named), "")), line


def assert_import_refused(project: Path, *words: object, named: Path | str) -> None:
    before = (command("status", project, "--json").json, contents(project))
    assert_refused(command("import", project, *words), named)
    assert (command("status", project, "--json").json, contents(project)) == before


def dicom_header(rows: int, columns: int, pixels: bytes) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uids.ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = uids.UltrasoundImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = uids.UID("1.2.3.4")
    made.Rows, made.Columns, made.SamplesPerPixel, made.PhotometricInterpretation = rows, columns, 1, "MONOCHROME2"
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    made.PixelData = pixels
    return made


def truncated_dicom(path: Path) -> None:
    cine = get_testdata_file("examples_ybr_color.dcm", download=False)
    assert isinstance(cine, str)
    path.write_bytes(Path(cine).read_bytes()[:60_000])


def huge_dicom(path: Path) -> None:
    dcmwrite(path, dicom_header(65535, 65535, b"\0" * 100), enforce_file_format=True)
    assert path.stat().st_size < 1000


def nested_dicom(path: Path) -> None:
    start = Path(path.with_suffix(".start"))
    dcmwrite(start, dicom_header(4, 4, b"\0" * 16), enforce_file_format=True)
    head = start.read_bytes()
    start.unlink()
    opening = struct.pack("<HH2sHI", 0x0040, 0xA730, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 2**32 - 1
    )
    path.write_bytes(head[: head.index(struct.pack("<HH", 0x7FE0, 0x0010))] + opening * 50_000)


def text_dicom(path: Path) -> None:
    path.write_text("This is a letter, not an image.\n" * 20)


def random_nifti(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(5000))


def metaimage_without_data(path: Path) -> None:
    path.write_text(
        "ObjectType = Image\nNDims = 2\nDimSize = 32 24\nElementType = MET_UCHAR\nElementDataFile = gone.raw\n"
    )


def truncated_png(path: Path) -> None:
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (24, 32), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:400])


FILES: dict[str, Callable[[Path], None]] = {
    "ended early.dcm": truncated_dicom,
    "huge.dcm": huge_dicom,
    "nested.dcm": nested_dicom,
    "letter.dcm": text_dicom,
    "random.nii": random_nifti,
    "random.nii.gz": random_nifti,
    "header only.mhd": metaimage_without_data,
    "half.png": truncated_png,
    "empty.dcm": Path.touch,
}


@pytest.mark.parametrize("name", FILES)
def test_damaged_files(study: Path, tmp_path: Path, name: str) -> None:
    FILES[name](tmp_path / name)
    assert_import_refused(study, tmp_path / name, named=tmp_path / name)


def test_a_damaged_file_in_a_folder_keeps_the_sound_ones_out_too(study: Path, tmp_path: Path) -> None:
    folder = tmp_path / "some images"
    folder.mkdir()
    tifffile.imwrite(folder / "a.tif", np.full((3, 24, 32), 7, dtype=np.uint8), photometric="minisblack")
    truncated_dicom(folder / "b.dcm")
    assert_import_refused(study, folder, named=folder / "b.dcm")


MEASURED = """
import resource, sys
from annotator.cli.main import run
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.argv = ["annotator", "import", *sys.argv[1:]]
try:
    run()
except SystemExit as end:
    print(end.code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / before)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no getrusage")
@pytest.mark.parametrize("name", ["huge.dcm", "nested.dcm"])
def test_a_small_file_that_claims_much_takes_little_memory(study: Path, tmp_path: Path, name: str) -> None:
    FILES[name](tmp_path / name)
    call = [sys.executable, "-c", MEASURED, str(study), str(tmp_path / name)]
    ran = subprocess.run(call, capture_output=True, text=True, check=True)
    status, ratio = ran.stdout.split()
    assert status == "1"
    assert float(ratio) < 4  # 65535 x 65535 pixels alone would be forty times a Python with its libraries
    assert_one_sentence(ran.stderr, tmp_path / name)


def test_real_metaimage_headers_without_data(study: Path, real_data: Path) -> None:
    headers = sorted(real_data.glob("camus_mhd_5/*/*_sequence.mhd"))
    if not headers:
        pytest.skip("no MetaImage set beside the checkout (../shared/data/camus_mhd_5)")
    for header in headers:
        assert_import_refused(study, header, named=header)


def test_an_empty_folder(study: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing here").mkdir()
    assert_import_refused(study, tmp_path / "nothing here", named=tmp_path / "nothing here")


def test_a_file_that_is_not_there(study: Path, tmp_path: Path) -> None:
    assert_import_refused(study, tmp_path / "gone.dcm", named=tmp_path / "gone.dcm")
    assert_import_refused(study, "--manifest", tmp_path / "gone.csv", named=tmp_path / "gone.csv")


def new_image(folder: Path, name: str, seed: int) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (24, 32), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / name)
    return folder / name


@pytest.mark.parametrize(
    ("mask", "named"),
    [
        (np.ones((12, 16), dtype=np.uint8), "mask.png"),
        (np.full((24, 32), 77, dtype=np.uint8), "mask.png"),
    ],
    ids=["another size", "a value without structure"],
)
def test_masks_that_do_not_fit(
    study: Path, tmp_path: Path, mask: np.ndarray[tuple[int, int], np.dtype[np.uint8]], named: str
) -> None:
    new_image(tmp_path, "first.png", 1)
    new_image(tmp_path, "second.png", 2)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    (tmp_path / "m.csv").write_text("image,patient,labels,known\nfirst.png,x,,\nsecond.png,y,mask.png,lv\n")
    assert_import_refused(study, "--manifest", tmp_path / "m.csv", *VALUES, named=tmp_path / named)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,patient,split\na.png,smith,train\nb.png,smith,test\n", "'smith'"),
        ("image,patient,known\na.png,smith,liver\n", "liver"),
        ("image,colour\na.png,red\n", "colour"),
        ("image,split\na.png,exam\n", "exam"),
        ("image,frame\na.png,3\n", "frame 3"),
        ("image\n", "no rows"),
    ],
)
def test_manifests_that_cannot_be_right(study: Path, tmp_path: Path, text: str, said: str) -> None:
    new_image(tmp_path, "a.png", 1)
    new_image(tmp_path, "b.png", 2)
    (tmp_path / "m.csv").write_text(text)
    assert_import_refused(study, "--manifest", tmp_path / "m.csv", named=tmp_path / "m.csv")
    assert said in command("import", study, "--manifest", tmp_path / "m.csv").err


def test_a_patient_who_is_in_another_split_already(study: Path, tmp_path: Path) -> None:
    new_image(tmp_path, "more.png", 3)
    (tmp_path / "m.csv").write_text("image,patient,split\nmore.png,anna,test\n")
    assert_import_refused(study, "--manifest", tmp_path / "m.csv", named="more")


def test_values_that_no_structure_has(study: Path, data_set: Path) -> None:
    for values in ("liver=1", "lv=1,myo=1", "lv=300"):
        assert_import_refused(study, "--manifest", data_set / "manifest.csv", "--values", values, named="--values")


@pytest.mark.parametrize("values", ["lv=1,lv=2", "lv", "lv=one"])
def test_values_that_cannot_be_read(study: Path, data_set: Path, values: str) -> None:
    ran = command("import", study, "--manifest", data_set / "manifest.csv", "--values", values)
    assert (ran.status, ran.out) == (2, "")
    assert values in ran.err


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB; the test is skipped where none can be mounted."""
    place = tmp_path / "full disk"
    place.mkdir()
    if sys.platform == "win32" or shutil.which("mount") is None:
        pytest.skip("this system cannot mount a small disk")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small disk takes a privileged user")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def big_clip(folder: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 300, 400), dtype=np.uint8)
    tifffile.imwrite(folder / "big.tif", pixels, photometric="minisblack")
    return folder / "big.tif"


def test_a_full_disk_refuses_an_import(full_disk: Path, study: Path, tmp_path: Path) -> None:
    project = Path(shutil.copytree(study, full_disk / "p"))
    assert_import_refused(project, big_clip(tmp_path), named=project)
    assert "full" in command("import", project, tmp_path / "big.tif").err
    assert command("check", project).status == 0


def test_a_full_disk_refuses_a_new_project(full_disk: Path) -> None:
    (full_disk / "filler").write_bytes(b"\0" * (2**20 - 8192))
    assert_refused(command("new", full_disk / "p", "--protocol", "apical"), full_disk / "p")
    assert [path.name for path in full_disk.iterdir()] == ["filler"]


@pytest.mark.parametrize("words", [("predict",), ("export",), ("export-weights",)])
def test_a_full_disk_refuses_results(full_disk: Path, trained: Path, words: tuple[str, ...]) -> None:
    (full_disk / "filler").write_bytes(b"\0" * (2**20 - 4096))
    assert_refused(command(*words, trained, "--out", full_disk / "out"), full_disk / "out")
    assert [path.name for path in full_disk.iterdir()] == ["filler"]


WITHOUT_RIGHTS = """
import ctypes, os, sys
PR_CAPBSET_DROP, OVERRIDES = 24, (1, 2, 3)  # linux/prctl.h; linux/capability.h: DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER
for capability in OVERRIDES:
    if ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
        sys.exit("privileges cannot be dropped")
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def unprivileged(*words: object) -> Ran:
    """A command whose user is stopped by permissions, which root itself is not."""
    call = [sys.executable, *(["-c", WITHOUT_RIGHTS] if os.getuid() == 0 else []), "-m", "annotator"]
    ran = subprocess.run([*call, *map(str, words)], capture_output=True, text=True, encoding="utf-8", check=False)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture
def locked(trained: Path, tmp_path: Path) -> Iterator[Path]:
    """The project ``trained`` and the folder around it, which may not be written."""
    if sys.platform == "win32" or (os.getuid() == 0 and sys.platform != "linux"):
        pytest.skip("privileges cannot be dropped here")
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield trained
    for path in (tmp_path, *tmp_path.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_folder_that_may_not_be_written(locked: Path, tmp_path: Path) -> None:
    before = contents(locked)
    out = tmp_path / "out"
    cine = get_testdata_file("examples_ybr_color.dcm", download=False)
    refused: list[tuple[Path, tuple[object, ...]]] = [
        (locked, ("import", locked, cine)),
        (locked, ("train", locked, "--steps", 1)),
        (locked, ("edit", locked, "clip", "--ed", 0)),
        (out, ("new", out, "--protocol", "apical")),
        (out, ("export", locked, "--out", out)),
        (out, ("predict", locked, "--out", out)),
        (out, ("export-weights", locked, "--out", out)),
        (out, ("simulate", out, "--patients", 1, "--frames", 2)),
    ]
    for named, words in refused:
        assert_refused(unprivileged(*words), named)
    assert contents(locked) == before
    assert not out.exists()
    assert unprivileged("status", locked, "--json").json["clips"] == 7


def test_a_corrupt_clip(trained: Path, tmp_path: Path) -> None:
    for file in (trained / "clips").glob("*.h5"):
        data = bytearray(file.read_bytes())
        data[: len(data) // 2] = b"\xff" * (len(data) // 2)
        file.write_bytes(data)
    before = contents(trained)
    for words in (
        ("predict", "--out", tmp_path / "out"),
        ("evaluate",),
        ("train", "--steps", 1),
        ("export", "--format", "hdf5", "--out", tmp_path / "out"),
    ):
        ran = command(words[0], trained, *words[1:])
        assert_refused(ran, ".h5: ")
    assert not (tmp_path / "out").exists()
    assert contents(trained) == before
    assert command("status", trained).status == 0


def test_a_corrupt_database_says_what_can_be_saved(study: Path, tmp_path: Path) -> None:
    database = study / "annotations.sqlite"
    data = bytearray(database.read_bytes())
    data[100:3000] = b"\xab" * 2900
    database.write_bytes(data)
    before = contents(study)
    for words in (("status",), ("import", tmp_path), ("check",), ("train", "--steps", 1)):
        ran = command(words[0], study, *words[1:])
        assert_refused(ran, study)
        assert "7 of 7 clip files can still be read" in ran.err
        assert "--salvage" in ran.err
    assert contents(study) == before
    assert command("check", study, "--salvage", tmp_path / "saved", "--json").json["clips"] == 7
    assert command("status", tmp_path / "saved", "--json").json["frames"] == 9
    assert contents(study) == before


def test_a_corrupt_marker(study: Path) -> None:
    (study / "project.json").write_text('{"format": ')
    assert_refused(command("status", study), study / "project.json")


def test_a_corrupt_snapshot(trained: Path, tmp_path: Path) -> None:
    (snapshot,) = (trained / "snapshots").glob("*.safetensors")
    snapshot.write_bytes(snapshot.read_bytes()[:500])
    assert_refused(command("predict", trained, "--out", tmp_path / "out"), snapshot)
    assert not (tmp_path / "out").exists()


def test_weights_of_another_protocol(trained: Path, data_set: Path, tmp_path: Path) -> None:
    weights = tmp_path / "other weights.safetensors"
    command("export-weights", trained, "--out", weights)
    other = tmp_path / "other"
    command("new", other, "--protocol", "two-structures")
    command("import", other, data_set / "anna.png")
    before = contents(other)
    assert_refused(command("predict", other, "--weights", weights, "--out", tmp_path / "out"), weights)
    assert not (tmp_path / "out").exists()
    assert contents(other) == before


@pytest.mark.parametrize("content", [b"", b"not weights", b"\xff" * 5000])
def test_weights_that_are_none(trained: Path, data_set: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    words = ("--weights", tmp_path / "w.safetensors", "--out", tmp_path / "out")
    assert_refused(command("predict", data_set / "anna.png", *words), tmp_path / "w.safetensors")
    assert_refused(command("evaluate", trained, *words[:2]), tmp_path / "w.safetensors")


@pytest.mark.parametrize("text", ["{", '{"format": "other"}', "[]"])
def test_a_json_that_is_no_export(study: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.json").write_text(text)
    assert_import_refused(study, tmp_path / "labels.json", named=tmp_path / "labels.json")
