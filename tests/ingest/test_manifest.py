"""The manifest: what its rows mean, and every way in which one can be wrong."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from annotator import registry
from annotator.core.errors import BadInput
from annotator.core.identity import Pseudonymiser, Spacing, SpacingStatus, Split
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import Recording
from annotator.core.status import LabelStatus
from annotator.ingest import Manifest, read_manifest

SALT = Pseudonymiser(b"salt")
SHAPE = (10, 12)
LV, MYO, LA = 1, 2, 3


def still(path: Path, shape: tuple[int, int] = SHAPE) -> Path:
    Image.fromarray(np.random.default_rng(len(path.name)).integers(0, 255, shape, dtype=np.uint8)).save(path)
    return path


def mask_of(*values: int, shape: tuple[int, int] = SHAPE) -> NDArray[np.uint8]:
    """One row of pixels for each value."""
    mask = np.zeros(shape, dtype=np.uint8)
    for row, value in enumerate(values):
        mask[2 * row + 1] = value
    return mask


def save(path: Path, mask: NDArray[np.uint8]) -> Path:
    if mask.ndim == 2:
        Image.fromarray(mask).save(path)
    else:
        tifffile.imwrite(path, mask, photometric="minisblack", metadata=None)
    return path


def write(folder: Path, *rows: Mapping[str, Any], columns: list[str] | None = None) -> Path:
    path = folder / "manifest.csv"
    names = columns or list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def manifest(path: Path, values: Mapping[str, int] | None = None) -> Manifest:
    return read_manifest(
        path, registry.protocol("apical"), values=values, readers=registry.readers(), pseudonymiser=SALT
    )


def only(path: Path, values: Mapping[str, int] | None = None) -> tuple[Recording, Split]:
    found = list(manifest(path, values))
    assert len(found) == 1
    return found[0]


def statuses(label: PartialLabel) -> dict[str, str]:
    return {name: str(said.status) for name, said in label.structures.items() if said.status is not LabelStatus.UNKNOWN}


def refusal(path: Path, values: Mapping[str, int] | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        manifest(path, values).check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("table", "disk"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_file_is_found_however_its_accents_are_coded(tmp_path: Path, table: str, disk: str) -> None:
    folder = tmp_path / unicodedata.normalize(disk, "Müller")  # type: ignore[arg-type]
    folder.mkdir()
    still(folder / unicodedata.normalize(disk, "bläck.png"))  # type: ignore[arg-type]
    recording, _ = only(write(tmp_path, {"image": unicodedata.normalize(table, "Müller\\bläck.png")}))  # type: ignore[arg-type]
    assert recording.header.stem == "bläck"


def test_a_row_says_what_the_file_does_not(tmp_path: Path) -> None:
    still(tmp_path / "a b.png")
    path = write(
        tmp_path,
        {
            "image": "a b.png",
            "patient": "Doe",
            "view": "a4c",
            "domain": "ward 3",
            "spacing_y_mm": "0.3",
            "spacing_x_mm": "0.15",
            "split": "test",
        },
    )
    recording, split = only(path)
    header = recording.header
    assert split is Split.TEST
    assert (header.stem, header.view, header.domain) == ("a b", "a4c", "ward 3")
    assert header.patient == SALT.key("Doe")
    assert (header.spacing, header.spacing_status) == (Spacing(0.3, 0.15), SpacingStatus.TRUSTED)
    assert recording.labels == {}


def test_only_the_image_is_required(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    found = manifest(write(tmp_path, {"image": "a.png"}))
    recording, split = next(iter(found))
    assert split is Split.TRAIN
    assert recording.header.patient == SALT.key(tmp_path.name)
    assert any("folder's name" in sentence for sentence in found.warnings)


@pytest.mark.parametrize("known", ["lv la", "lv, la", "lv;la", " lv ,la; "])
def test_structures_are_told_apart_by_blanks_commas_or_semicolons(tmp_path: Path, known: str) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(LV))
    recording, _ = only(write(tmp_path, {"image": "a.png", "labels": "m.png", "known": known}))
    assert statuses(recording.labels[0]) == {"lv": "outlined", "la": "absent"}


def test_a_known_structure_without_a_pixel_is_absent(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(LV, MYO))
    recording, _ = only(write(tmp_path, {"image": "a.png", "labels": "m.png", "known": "lv la"}))
    assert statuses(recording.labels[0]) == {"lv": "outlined", "la": "absent"}
    inside = recording.labels[0]["lv"].inside
    assert inside is not None
    assert np.array_equal(inside, mask_of(LV) == LV)


@pytest.mark.parametrize(
    ("values", "expected"),
    [(None, {"lv", "myo", "la", "rv", "ra"}), ({"lv": 7, "la": 9}, {"lv", "la"})],
)
def test_a_star_means_the_named_values(tmp_path: Path, values: dict[str, int] | None, expected: set[str]) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(values["lv"] if values else LV))
    recording, _ = only(write(tmp_path, {"image": "a.png", "labels": "m.png", "known": "*"}), values)
    assert set(statuses(recording.labels[0])) == expected
    assert statuses(recording.labels[0])["lv"] == "outlined"


def test_nothing_is_taken_from_a_label_file_without_known(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(LV))
    found = manifest(write(tmp_path, {"image": "a.png", "labels": "m.png"}))
    assert next(iter(found))[0].labels == {}
    assert any("no known structure" in sentence for sentence in found.warnings)


def test_absent_without_a_label_file(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    recording, _ = only(write(tmp_path, {"image": "a.png", "absent": "rv ra"}))
    assert statuses(recording.labels[0]) == {"rv": "absent", "ra": "absent"}


def test_frames_of_a_clip_row_without_a_pixel_are_unknown(tmp_path: Path) -> None:
    save(tmp_path / "clip.tif", np.random.default_rng(0).integers(0, 255, (4, *SHAPE), dtype=np.uint8))
    unknown = np.full(SHAPE, 255, dtype=np.uint8)
    save(tmp_path / "m.tif", np.stack([mask_of(LV), mask_of(), mask_of(LV, LA), unknown]))
    recording, _ = only(write(tmp_path, {"image": "clip.tif", "labels": "m.tif", "known": "lv la"}))
    assert {frame: statuses(label) for frame, label in recording.labels.items()} == {
        0: {"lv": "outlined", "la": "absent"},
        2: {"lv": "outlined", "la": "outlined"},
    }


def test_several_rows_of_one_clip(tmp_path: Path) -> None:
    save(tmp_path / "clip.tif", np.random.default_rng(0).integers(0, 255, (4, *SHAPE), dtype=np.uint8))
    save(tmp_path / "lv.png", mask_of(LV))
    save(tmp_path / "la.png", mask_of(0, 0, LA))
    save(tmp_path / "all.tif", np.stack([mask_of(MYO)] * 4))
    path = write(
        tmp_path,
        {"image": "clip.tif", "frame": 1, "labels": "lv.png", "known": "lv", "patient": "x"},
        {"image": "clip.tif", "frame": 1, "labels": "la.png", "known": "la"},
        {"image": "clip.tif", "frame": 3, "labels": "all.tif", "known": "myo"},
        {"image": "./clip.tif", "frame": 0, "absent": "la"},
    )
    recording, _ = only(path)
    assert {frame: statuses(label) for frame, label in recording.labels.items()} == {
        0: {"la": "absent"},
        1: {"lv": "outlined", "la": "outlined"},
        3: {"myo": "outlined"},
    }


@pytest.mark.parametrize("number", ["0", "0.0"])
def test_a_frame_s_number_may_be_written_as_a_decimal_one(tmp_path: Path, number: str) -> None:
    """A table of frames and whole clips, of which some cells are empty, is saved so by many programs."""
    still(tmp_path / "a.png")
    ((recording, _),) = manifest(write(tmp_path, {"image": "a.png", "frame": number, "absent": "lv"}))
    assert statuses(recording.labels[0]) == {"lv": "absent"}


@pytest.mark.parametrize("size", ["0.31", "0,31"])
def test_a_pixel_size_may_have_a_decimal_comma(tmp_path: Path, size: str) -> None:
    """Spreadsheet programs of half of Europe write one."""
    still(tmp_path / "a.png")
    (tmp_path / "m.csv").write_text(f"image;spacing_y_mm;spacing_x_mm\na.png;{size};0,5\n")
    ((recording, _),) = manifest(tmp_path / "m.csv")
    assert recording.header.spacing == Spacing(0.31, 0.5)


def test_semicolons_byte_order_marks_and_empty_lines(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    (tmp_path / "m.csv").write_bytes("\ufeffimage;patient\r\na.png;Ärztin\r\n;\r\n".encode())
    assert only(tmp_path / "m.csv")[0].header.patient == SALT.key("Ärztin")


def test_empty_columns_that_a_spreadsheet_keeps_are_no_columns(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    (tmp_path / "m.csv").write_text("image,view,,\na.png,a4c,,\n", encoding="utf-8")
    assert only(tmp_path / "m.csv")[0].header.view == "a4c"
    (tmp_path / "m.csv").write_text("image,view,,\na.png,a4c,,x\n", encoding="utf-8")
    assert "line 2: it has 4 cells" in refusal(tmp_path / "m.csv")


def test_a_patient_in_two_splits_is_named(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    still(tmp_path / "b.png")
    rows = [{"image": f"{n}.png", "patient": "P-31", "split": s} for n, s in (("a", "train"), ("b", "test"))]
    assert "'P-31'" in refusal(write(tmp_path, *rows))


def test_a_patient_in_two_splits_is_seen_through_the_coding_of_accents(tmp_path: Path) -> None:
    names = (unicodedata.normalize(form, "Müller") for form in ("NFC", "NFD"))
    rows = [{"image": f"{s}.png", "patient": n, "split": s} for n, s in zip(names, ("train", "test"), strict=True)]
    for row in rows:
        still(tmp_path / row["image"])
    with pytest.raises(BadInput, match="two splits, train and test"):
        manifest(write(tmp_path, *rows))


def test_a_mask_of_another_size_names_both_sizes(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(LV, shape=(9, 14)))
    sentence = refusal(write(tmp_path, {"image": "a.png", "labels": "m.png", "known": "lv"}))
    assert "9 x 14" in sentence
    assert "10 x 12" in sentence
    assert "m.png" in sentence


@pytest.mark.parametrize(("frame", "n_frames"), [("", 1), ("1", 4), ("", 4)])
def test_white_is_no_structure_of_a_black_and_white_mask(tmp_path: Path, frame: str, n_frames: int) -> None:
    save(tmp_path / "a.tif", np.random.default_rng(0).integers(0, 255, (n_frames, *SHAPE), dtype=np.uint8))
    white = mask_of(0, 255)
    save(tmp_path / "m.tif", white if frame else np.stack([white] * n_frames))
    row = {"image": "a.tif", "frame": frame, "labels": "m.tif", "known": "lv la"}
    said = refusal(write(tmp_path, row), {"lv": 3, "la": 4})
    assert "m.tif: it is black and white, and its white, 255, means 'not known' and no structure" in said
    assert said.endswith("save it with the values of the structures: lv 3, la 4.")
    seen = statuses(only(write(tmp_path, {**row, "known": "", "absent": "lv la"}))[0].labels[int(frame or 0)])
    assert seen == {"lv": "absent", "la": "absent"}


@pytest.mark.parametrize("known", ["lv", ""])
def test_a_value_without_structure_is_named(tmp_path: Path, known: str) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(LV, 77, 255))
    sentence = refusal(write(tmp_path, {"image": "a.png", "labels": "m.png", "known": known}))
    assert "value 77" in sentence
    assert "m.png" in sentence
    assert "'ignore'" in sentence


def test_a_value_that_nobody_named_is_refused_though_the_protocol_would_have_a_structure_for_it(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(1, 4))
    path = write(tmp_path, {"image": "a.png", "labels": "m.png", "known": "lv"})
    with pytest.raises(BadInput, match="value 4"):
        only(path, {"lv": 1, "myo": 2, "la": 3})
    assert statuses(only(path, None)[0].labels[0]) == {"lv": "outlined"}
    knows_rv = write(tmp_path, {"image": "a.png", "labels": "m.png", "known": "lv rv"})
    assert statuses(only(knows_rv, {"lv": 1, "myo": 2, "la": 3})[0].labels[0]) == {"lv": "outlined", "rv": "outlined"}


def test_known_structures_without_a_label_file_are_told(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    found = manifest(write(tmp_path, {"image": "a.png", "known": "lv"}))
    assert any("no label file" in sentence for sentence in found.warnings)


@pytest.mark.parametrize("ignore", ["77 9", "9, 77", "77"])
def test_an_ignored_value_is_nothing_of_this_protocol(tmp_path: Path, ignore: str) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "m.png", mask_of(LV, 77, 255))
    save(tmp_path / "plain.png", mask_of(LV, 0, 255))
    row = {"image": "a.png", "labels": "m.png", "known": "lv", "ignore": ignore}
    plain = {"image": "a.png", "labels": "plain.png", "known": "lv"}
    assert only(write(tmp_path, row))[0].labels == only(write(tmp_path, plain))[0].labels


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ({"image": "", "patient": "x"}, "no image"),
        ({"image": "missing.png"}, "missing.png"),
        ({"image": "a.png", "labels": "missing.png"}, "missing.png"),
        ({"image": "notes.txt"}, "no known format"),
        ({"image": "a.png", "frame": "x"}, "frame index"),
        ({"image": "a.png", "frame": "-1"}, "frame index"),
        ({"image": "a.png", "frame": ".0"}, r"'\.0' \(frame\) is no frame index"),
        ({"image": "a.png", "frame": "1"}, "no frame 1"),
        ({"image": "a.png", "spacing_y_mm": "0.3"}, "spacing_x_mm"),
        ({"image": "a.png", "spacing_y_mm": "0.3", "spacing_x_mm": "nan"}, "nan"),
        ({"image": "a.png", "spacing_y_mm": "0,3,1", "spacing_x_mm": "0.3"}, "0,3,1"),
        ({"image": "a.png", "spacing_y_mm": "500", "spacing_x_mm": "500"}, "500 mm"),
        ({"image": "a.png", "spacing_y_mm": "0.3", "spacing_x_mm": "1e-30"}, "1e-30 mm"),
        ({"image": "a.png", "known": "lv liver"}, "liver"),
        ({"image": "a.png", "absent": "liver"}, "liver"),
        ({"image": "a.png", "split": "dev"}, "train, validation, test"),
        ({"image": "a.png", "view": "Jane Doe, sitting"}, "view"),
        ({"image": "a.png", "colour": "x"}, "colour.*spacing_y_mm"),
        ({"image": "a.png", "labels": "lv.png", "known": "lv", "absent": "lv"}, "absent"),
        ({"image": "a.png", "labels": "two.tif", "known": "lv"}, "2 frames"),
        ({"image": "a.png", "labels": "notes.txt", "known": "lv"}, "no known format"),
        ({"image": "a.png", "ignore": "liver"}, "'liver' .ignore. is no mask value"),
        ({"image": "a.png", "ignore": "255"}, "not known"),
        ({"image": "a.png", "labels": "lv.png", "known": "lv", "ignore": "1"}, "the value 1 is 'lv'"),
    ],
)
def test_wrong_rows(tmp_path: Path, row: dict[str, str], match: str) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "lv.png", mask_of(LV))
    save(tmp_path / "two.tif", np.stack([mask_of(LV)] * 2))
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match=match):
        manifest(write(tmp_path, row)).check()


def test_a_view_may_be_called_by_another_name(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    found = manifest(write(tmp_path, {"image": "a.png", "view": "2CH", "frame": 0}, {"image": "a.png", "view": "A2C"}))
    assert next(iter(found))[0].header.view == "a2c"
    assert not any("view" in sentence for sentence in found.warnings)


@pytest.mark.parametrize("field", ["patient", "view", "domain", "split"])
def test_rows_of_one_file_agree(tmp_path: Path, field: str) -> None:
    still(tmp_path / "a.png")
    values = ("train", "test") if field == "split" else ("a4c", "a2c")
    path = write(tmp_path, *({"image": "a.png", "frame": 0, field: value} for value in values))
    assert f"another {field}" in refusal(path)


def test_a_frame_labelled_twice_differently(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    save(tmp_path / "one.png", mask_of(LV))
    save(tmp_path / "two.png", mask_of(0, LV))
    save(tmp_path / "three.png", mask_of(LA))
    one = {"image": "a.png", "labels": "one.png", "known": "lv"}
    two = {"image": "a.png", "labels": "two.png", "known": "lv"}
    three = {"image": "a.png", "labels": "three.png", "known": "la"}
    assert "twice" in refusal(write(tmp_path, one, two))
    assert "both" in refusal(write(tmp_path, one, three))
    assert len(only(write(tmp_path, one, one))[0].labels) == 1


def test_wrong_values(tmp_path: Path) -> None:
    still(tmp_path / "a.png")
    for values in ({"liver": 1}, {"lv": 0}, {"lv": 2, "la": 2}):
        assert "--values" in refusal(write(tmp_path, {"image": "a.png"}), values)


def test_a_quote_that_is_not_closed_takes_no_rows(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        still(tmp_path / name)
    (tmp_path / "m.csv").write_text('image,domain\na.png,"north\nb.png,south\n', encoding="utf-8")
    assert "line 3: a quote is not closed" in refusal(tmp_path / "m.csv")


def test_csvs_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    for content in (b"", b"image\n", b"image,image\na,b\n", b"\xff\xfe\x00", b"patient\nx\n", b"image\na.png,b,c\n"):
        path.write_bytes(content)
        refusal(path)
    refusal(tmp_path / "missing.csv")


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: ("image,frame\n" + text).encode()))
def test_noise_raises_nothing_but_bad_input(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        manifest(path).check()


def test_real_frames_with_one_structure_known(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "camus_4ch_dev"
    images = sorted((folder / "images").glob("patient000*.png"))
    rows = [
        {
            "image": str(image),
            "patient": image.name[:11],
            "labels": str(folder / "labels" / image.name),
            "known": ("lv", "myo", "la")[number // 2 % 3],
            "split": "test" if number >= 12 else "train",
        }
        for number, image in enumerate(images)
    ]
    found = manifest(write(tmp_path, *rows), {"lv": 1, "myo": 2, "la": 3})
    assert len(found) == len(images) == 18
    for number, (recording, split) in enumerate(found):
        assert statuses(recording.labels[0]) == {("lv", "myo", "la")[number // 2 % 3]: "outlined"}
        assert split is (Split.TEST if number >= 12 else Split.TRAIN)


def test_two_spellings_of_a_patient_are_not_in_two_splits(tmp_path: Path) -> None:
    """'P 1' learnt and 'p_1' tested: the figures of the test were those of a patient the model knew."""
    for name in ("a.png", "b.png"):
        still(tmp_path / name)
    rows = [
        {"image": "a.png", "patient": "P 1", "split": "train"},
        {"image": "b.png", "patient": "p_1", "split": "test"},
    ]
    with pytest.raises(BadInput, match="'P 1' and 'p_1', which look like one, are in two splits"):
        manifest(write(tmp_path, *rows))
    rows[1]["patient"] = "P 11"
    assert len(manifest(write(tmp_path, *rows))) == 2
