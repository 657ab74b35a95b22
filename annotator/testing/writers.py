"""Conformance kit for writers: subclass :class:`WriterContract` in a test module and fill in two methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.core.allowed import allowed_bitmap, decided
from annotator.core.errors import AnnotatorError
from annotator.core.identity import Clip, FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.plugin_types import LabelledClip, LabelledFrame, Writer
from annotator.testing.samples import labelled_clip, random_label, sample_clip, sample_context

_SEEDS = range(12)


class WriterContract:
    """What every writer promises; see :class:`~annotator.core.plugin_types.Writer`."""

    def make_writer(self) -> Writer:
        """The writer under test.

        Raises
        ------
        NotImplementedError
            Until the test of a plugin says it.
        """
        raise NotImplementedError

    def read_masks(self, out: Path, clip: Clip) -> Mapping[int, NDArray[np.integer[Any]]]:
        """Frame to (H, W) mask values of one written clip; a frame that was not written is left out.

        Raises
        ------
        NotImplementedError
            Until the test of a plugin says it.
        """
        raise NotImplementedError

    def read_labels(self, out: Path) -> Mapping[FrameKey, PartialLabel]:
        """Every label of a lossless export.

        Raises
        ------
        NotImplementedError
            Until the test of a plugin says it.
        """
        raise NotImplementedError

    def test_it_is_a_writer(self) -> None:
        """The object has the Protocol's parts and a name."""
        writer = self.make_writer()
        assert isinstance(writer, Writer)
        assert writer.name

    def test_unknown_is_never_written_as_background(self, tmp_path: Path) -> None:
        """A pixel that more than one class may claim is 255; a decided one has its value; drafts say nothing."""
        context, labels = sample_context(), _labels()
        clip = sample_clip("some clip", n_frames=len(labels))
        self.make_writer().write([labelled_clip(clip, labels)], context, tmp_path)
        masks = self.read_masks(tmp_path, clip)
        for number, label in enumerate(labels):
            if number not in masks:
                assert not label.has_finished
                continue
            bitmap = allowed_bitmap(label, context.protocol)
            known = decided(bitmap)
            assert (masks[number][~known] == 255).all()
            assert (masks[number][known] != 255).all()
            assert np.array_equal((masks[number] == 0) & known, bitmap == 1)
            for name in context.protocol.ids:
                only = bitmap == 1 << context.protocol.index(name)
                assert np.array_equal(masks[number] == context.values[name], only)

    def test_a_frame_of_which_nothing_is_known_is_not_background(self, tmp_path: Path) -> None:
        """A clip with one labelled frame says nothing of the others."""
        clip = sample_clip(n_frames=2)
        labels = [PartialLabel(clip.header.shape), next(label for label in _labels() if label.has_finished)]
        self.make_writer().write([labelled_clip(clip, labels)], sample_context(), tmp_path)
        masks = self.read_masks(tmp_path, clip)
        assert 0 not in masks or (masks[0] == 255).all()

    def test_the_report_names_every_file(self, tmp_path: Path) -> None:
        """Each file of the folder is in the report, once, and nothing half-written stands beside them."""
        clips = [labelled_clip(sample_clip(name, n_frames=len(_labels())), _labels()) for name in ("a", "b~2")]
        report = self.make_writer().write(clips, sample_context(), tmp_path)
        assert sorted(report.files) == sorted(p for p in tmp_path.rglob("*") if p.is_file())
        assert not [p for p in tmp_path.iterdir() if p.is_dir()]

    def test_lossless_or_said(self, tmp_path: Path) -> None:
        """A lossless writer gives back equal labels; another says in sentences what it left behind."""
        writer, labels = self.make_writer(), _labels()
        clip = sample_clip(n_frames=len(labels))
        report = writer.write([labelled_clip(clip, labels)], sample_context(), tmp_path)
        if not writer.is_lossless:
            assert report.dropped
            assert all(sentence.endswith(".") for sentence in report.dropped)
            return
        assert not report.dropped
        found = self.read_labels(tmp_path)
        for number, label in enumerate(labels):
            expected = label if label.structures or label.unsure is not None else None
            assert found.get(FrameKey(clip.name, number)) == expected

    def test_a_failure_leaves_no_half_written_file(self, tmp_path: Path) -> None:
        """Where the clips end in an error, that error is raised, and what stands in the folder is whole.

        Raises
        ------
        AssertionError
            Where it is not so.
        """
        writer, labels = self.make_writer(), _labels()
        clip = sample_clip(n_frames=len(labels))

        def cut_off() -> Iterator[LabelledFrame]:
            """Two frames and an error.

            Raises
            ------
            AnnotatorError
                Behind the second frame.
            """
            yield from list(labelled_clip(clip, labels).frames)[:2]
            raise AnnotatorError("The second half is missing.")

        try:
            writer.write([LabelledClip(clip, cut_off())], sample_context(), tmp_path)
        except AnnotatorError as error:
            assert "second half" in str(error)  # noqa: PT017  # the kit must run without pytest
        else:
            raise AssertionError("the error was swallowed")
        assert not [p for p in tmp_path.rglob("*") if p.is_dir() or p.name.startswith(".")]


def _labels() -> list[PartialLabel]:
    return [random_label(seed, (6, 9)) for seed in _SEEDS]
