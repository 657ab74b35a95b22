"""Imports of recordings whose damage shows only when their frames are decoded."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage, generate_uid

from annotator.core.errors import BadInput
from annotator.core.identity import FrameKey
from annotator.engine.jobs.arrivals import ImportReport
from annotator.engine.jobs.exporting import export_labels
from annotator.engine.jobs.importing import ImportOptions, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.project import Project
from annotator.testing.sessions import PAIR, SIDE, add_moving_square, outline_square

SKIP = ImportOptions(skip_damaged=True)


def cine(path: Path, patient: str, *, cut_frame: int | None = None) -> Path:
    """A compressed clip of four frames, one of which may end too early."""
    frames = []
    for picture in np.random.default_rng(len(patient)).integers(0, 255, (4, SIDE, SIDE), dtype=np.uint8):
        stream = io.BytesIO()
        Image.fromarray(picture).save(stream, "JPEG")
        frames.append(stream.getvalue())
    if cut_frame is not None:
        frames[cut_frame] = frames[cut_frame][:200]
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = UltrasoundMultiFrameImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.PatientID, data.Modality, data.BurnedInAnnotation = patient, "US", "NO"
    data.Rows, data.Columns, data.NumberOfFrames, data.SamplesPerPixel = SIDE, SIDE, 4, 1
    data.PhotometricInterpretation, data.PixelRepresentation = "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
    data.PixelData = encapsulate(frames)
    data["PixelData"].is_undefined_length = True
    data.save_as(path, enforce_file_format=True)
    return path


def imported(project: Project, *paths: Path, options: ImportOptions = SKIP) -> ImportReport:
    return import_paths(project, paths, options, author="t", progress=Silent())


def test_a_clip_with_a_damaged_frame_is_left_out_and_named(project: Project, tmp_path: Path) -> None:
    paths = (cine(tmp_path / "IM1", "P1"), cine(tmp_path / "IM2", "P02", cut_frame=2), cine(tmp_path / "IM3", "P003"))
    with pytest.raises(BadInput, match="IM2: it cannot be decoded"):
        imported(project, *paths, options=ImportOptions())
    assert (project.clips(), list((project.path / "clips").iterdir())) == ((), [])
    report = imported(project, tmp_path)
    assert (report.added, report.frames, len(report.left_out)) == (2, 8, 1)
    assert "IM2" in report.left_out[0]
    patients = {clip.header.patient for clip in project.clips()}
    assert patients == {project.pseudonymiser.key(name) for name in ("P1", "P003")}
    assert project.check().is_sound


def test_an_import_of_damaged_clips_alone_is_an_error(project: Project, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="IM1: it cannot be decoded"):
        imported(project, cine(tmp_path / "IM1", "P1", cut_frame=3))
    assert project.clips() == ()


@pytest.mark.parametrize("part", ["images", "inside"])
def test_a_damaged_clip_of_a_data_set_is_left_out(project: Project, tmp_path: Path, part: str) -> None:
    for name, top in (("one", 8), ("two", 12)):
        outline_square(project, add_moving_square(project, name), top=top)
    export_labels(project, "hdf5", tmp_path / "out", progress=Silent())
    data_set = tmp_path / "out" / "dataset.h5"
    with h5py.File(data_set) as file:
        second = file["clips"]["000001"]
        chunk = second[part].id.get_chunk_info(0)
    with data_set.open("r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(bytes(chunk.size))
    with Project.create(tmp_path / "other", PAIR) as other:
        with pytest.raises(BadInput, match=r"dataset\.h5"):
            imported(other, data_set, options=ImportOptions())
        report = imported(other, data_set)
        assert [clip.name for clip in other.clips()] == ["one"]
        assert [
            sentence.startswith(f"Clip 'two' of {data_set}: it cannot be read") for sentence in report.left_out
        ] == [True]
        assert other.label(FrameKey("one", 0)) == project.label(FrameKey("one", 0))


def test_labels_come_back_to_the_sound_clips(project: Project, tmp_path: Path) -> None:
    """A document has every recording looked at before the first one comes in."""
    whole = cine(tmp_path / "IM1", "P1")
    imported(project, whole)
    key = outline_square(project, project.clips()[0].name)
    export_labels(project, "png", tmp_path / "out", progress=Silent())
    document = tmp_path / "out" / "labels.json"
    damaged = cine(tmp_path / "IM2", "P02", cut_frame=0)
    with Project.create(tmp_path / "other", PAIR) as other:
        with pytest.raises(BadInput, match="IM2: it cannot be decoded"):
            imported(other, whole, damaged, document, options=ImportOptions())
        report = imported(other, damaged, whole, document)
        assert (report.added, report.labels, len(report.left_out)) == (1, 1, 1)
        (clip,) = other.clips()
        assert other.label(clip.frame_keys[0]) == project.label(key)
