"""A document finds its clips as a look at every one of them would."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from annotator.core.identity import PIXEL_DIGITS, Clip, FrameKey, twin_hash
from annotator.core.labels import PartialLabel
from annotator.core.labels_document import DocumentClip, DocumentFrame, LabelsDocument
from annotator.testing.samples import SAMPLE_PROTOCOL, sample_clip


def clip(name: str, n_frames: int, picture: str) -> Clip:
    return replace(sample_clip(name, n_frames=n_frames), content_hash=picture * PIXEL_DIGITS)


def clips(pictures: str) -> st.SearchStrategy[Clip]:
    """Clips of one or two frames; one whose picture is '-' has no pixels that are known."""
    picture = st.sampled_from(pictures).map(lambda one: one.strip("-"))
    return st.builds(clip, st.sampled_from("xyz"), st.integers(1, 2), picture)


@given(st.lists(clips("ab-"), max_size=6, unique_by=lambda one: one.name), clips("ab"))
def test_a_clip_is_found_by_size_and_pixels_and_without_pixels_by_its_name(there: list[Clip], wanted: Clip) -> None:
    document = LabelsDocument(SAMPLE_PROTOCOL, {}, 1, tuple(DocumentClip(one, ()) for one in there))
    header = wanted.header
    of_size = [one for one in there if one.header.n_frames == header.n_frames]
    assert document.has_extent_of(header) is bool(of_size)
    same = [one for one in of_size if one.pixels == wanted.pixels or (not one.pixels and one.name == header.stem)]
    found = document.clip_like(header, wanted.pixels)
    assert found is next((one for one in same if one.name == header.stem), next(iter(same), None))


def test_one_clip_of_a_picture_is_told_by_its_patient_though_another_s_has_its_hash() -> None:
    """Whose picture came first has the hash of its pixels alone, which is another patient in each project."""
    said, first = clip("two", 1, "a"), clip("one", 1, "a")
    second = replace(said, content_hash=twin_hash(first.content_hash, said.header.patient))
    frames = (DocumentFrame(0, PartialLabel(said.header.shape, {})),)
    document = LabelsDocument(SAMPLE_PROTOCOL, {}, 1, (DocumentClip(said, frames),))
    assert first.content_hash == said.content_hash
    assert list(document.frames_for([first, second])) == [FrameKey("two", 0)]
