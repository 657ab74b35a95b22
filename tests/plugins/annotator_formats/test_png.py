"""Indexed PNG and labels.json: names, palette, and every label back exactly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from annotator.plugin import Clip, FrameKey, LabelsDocument, PartialLabel, Writer, document_from_text
from annotator.testing.samples import labelled_clip, random_label, sample_clip, sample_context
from annotator.testing.writers import WriterContract
from annotator_formats.png import PngWriter


def document(out: Path) -> LabelsDocument:
    return document_from_text((out / "labels.json").read_text(encoding="utf-8"))


class TestPngWriterContract(WriterContract):
    def make_writer(self) -> Writer:
        return PngWriter()

    def read_masks(self, out: Path, clip: Clip) -> Mapping[int, NDArray[np.integer[Any]]]:
        found = {}
        for path in out.glob("*.png"):
            with Image.open(path) as image:
                assert image.mode == "P"
                found[int(path.stem.removeprefix(f"{clip.name}_"))] = np.asarray(image)
        return found

    def read_labels(self, out: Path) -> Mapping[FrameKey, PartialLabel]:
        found = document(out)
        frames = found.frames_for([entry.clip for entry in found.clips])
        return {key: frame.label for key, frame in frames.items()}


def test_a_still_keeps_its_stem_and_a_clip_counts_frames(tmp_path: Path) -> None:
    finished = next(label for label in (random_label(s, (6, 9)) for s in range(50)) if label.has_finished)
    nothing = PartialLabel((6, 9))
    clips = [
        labelled_clip(sample_clip("still é", n_frames=1), [finished]),
        labelled_clip(sample_clip("cine", n_frames=3), [nothing, finished, nothing]),
    ]
    report = PngWriter().write(clips, sample_context(), tmp_path)
    assert [path.name for path in report.files] == ["still é.png", "cine_00001.png", "labels.json"]


def test_the_palette_shows_the_colours_of_the_protocol(tmp_path: Path) -> None:
    finished = next(label for label in (random_label(s, (6, 9)) for s in range(50)) if label.has_finished)
    PngWriter().write([labelled_clip(sample_clip("a", n_frames=1), [finished])], sample_context(), tmp_path)
    with Image.open(tmp_path / "a.png") as image:
        palette = np.asarray(image.getpalette()).reshape(-1, 3)
    assert palette[5].tolist() == [0xE4, 0x57, 0x2E]
    assert palette[0].tolist() == [0, 0, 0]
    assert palette[255].tolist() == [128, 128, 128]


def test_a_still_that_is_called_like_a_frame_of_a_clip_gets_a_name_of_its_own(tmp_path: Path) -> None:
    finished = next(label for label in (random_label(s, (6, 9)) for s in range(50)) if label.has_finished)
    clips = [
        labelled_clip(sample_clip("a", n_frames=2), [finished]),
        labelled_clip(sample_clip("a_00000", n_frames=1), [finished]),
    ]
    report = PngWriter().write(clips, sample_context(), tmp_path)
    assert [path.name for path in report.files] == ["a_00000.png", "a_00000~2.png", "labels.json"]
    assert all(path.is_file() for path in report.files)


def test_the_json_keeps_clip_protocol_and_provenance(tmp_path: Path) -> None:
    context = sample_context()
    labels = [random_label(seed, (6, 9)) for seed in range(8)]
    entry = labelled_clip(sample_clip(n_frames=8), labels)
    PngWriter().write([entry], context, tmp_path)
    found = document(tmp_path)
    assert (found.protocol, found.values, found.data_revision) == (context.protocol, context.values, 42)
    assert found.clips[0].clip == entry.clip
    expected = {f.frame: f.provenance for f in entry.frames}
    assert all(f.provenance == expected[f.frame] for f in found.clips[0].frames)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 20), width=st.integers(1, 20))
def test_any_label_comes_back(seed: int, height: int, width: int) -> None:
    label = random_label(seed, (height, width))
    clip = sample_clip(n_frames=1, shape=(height, width))
    with TemporaryDirectory() as folder:
        PngWriter().write([labelled_clip(clip, [label])], sample_context(), Path(folder))
        found = {key: f.label for key, f in document(Path(folder)).frames_for([clip]).items()}
    assert found.get(FrameKey("clip", 0), PartialLabel((height, width))) == label
