"""The labels.json of an export, read back, moved to a project's clips, and refused where it is damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from annotator.core.errors import AnnotatorError, BadInput
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel
from annotator.core.labels_document import DocumentClip, DocumentFrame, document_text
from annotator.export import read_labels_json
from annotator.testing.samples import random_label, sample_clip, sample_context, sample_provenance

CLIP = sample_clip(n_frames=4)
LABELS = {i: random_label(i, (6, 9)) for i in range(4)}


def write(path: Path) -> Path:
    frames = tuple(DocumentFrame(i, label, {"one": sample_provenance(revision=i)}) for i, label in LABELS.items())
    path.write_text("".join(document_text([DocumentClip(CLIP, frames)], sample_context())), encoding="utf-8")
    return path


def test_everything_comes_back(tmp_path: Path) -> None:
    found = read_labels_json(write(tmp_path / "labels.json"))
    assert found.protocol == sample_context().protocol
    assert found.clips[0].clip == CLIP
    assert {f.frame: f.label for f in found.clips[0].frames} == LABELS
    assert found.clips[0].frames[2].provenance["one"] == sample_provenance(revision=2)


def test_a_clip_is_found_by_content_and_by_name_where_no_content_is_said(tmp_path: Path) -> None:
    found = read_labels_json(write(tmp_path / "labels.json"))
    renamed = replace(CLIP, name="renamed")
    impostor = replace(CLIP, content_hash="f" * 64)
    with pytest.raises(AnnotatorError, match="no clip here has its pixels"):
        found.frames_for([impostor])
    nameless = replace(found, clips=(replace(found.clips[0], clip=replace(CLIP, content_hash="")),))
    for said, clips, name in ((found, [impostor, renamed], "renamed"), (nameless, [renamed, impostor], "clip")):
        frames = said.frames_for(clips)
        assert {key: frame.label for key, frame in frames.items()} == {FrameKey(name, i): v for i, v in LABELS.items()}
        assert frames[FrameKey(name, 2)].provenance["one"] == sample_provenance(revision=2)


def test_clips_that_are_one_elsewhere_do_not_replace_each_other_s_labels(tmp_path: Path) -> None:
    found = read_labels_json(write(tmp_path / "labels.json"))
    twin = DocumentClip(replace(CLIP, name="twin"), found.clips[0].frames[:1])
    assert len(replace(found, clips=(*found.clips, twin)).frames_for([CLIP])) == len(LABELS)
    other = replace(twin.frames[0], label=PartialLabel(CLIP.header.shape))
    document = replace(found, clips=(*found.clips, replace(twin, frames=(other,))))
    with pytest.raises(AnnotatorError, match=r"labels the \d+\w+ frame of 'clip' twice and .* images of 'twin'"):
        document.frames_for([CLIP])


def test_a_clip_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = read_labels_json(write(tmp_path / "labels.json"))
    with pytest.raises(AnnotatorError, match=r"'clip' \(4 frames of 6 x 9 pixels\)"):
        found.frames_for([sample_clip("clip", n_frames=5)])


def test_damage_is_one_sentence_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.json")
    whole = json.loads(path.read_text(encoding="utf-8"))
    runs = json.loads(json.dumps(whole))
    runs["clips"][0]["frames"][1]["label"]["unsure"] = [-3, 57]
    cases = {
        "cut": path.read_text(encoding="utf-8")[:300],
        "other": "[1, 2]",
        "newer": json.dumps({**whole, "version": 9}),
        "no clips": json.dumps({k: v for k, v in whole.items() if k != "clips"}),
        "runs": json.dumps(runs),
        "deep": "[" * 100_000,
    }
    for name, text in cases.items():
        path.write_text(text, encoding="utf-8")
        with pytest.raises(BadInput, match=r"labels\.json") as caught:
            read_labels_json(path)
        assert "\n" not in str(caught.value), name
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput):
        read_labels_json(path)
    with pytest.raises(BadInput):
        read_labels_json(tmp_path / "missing.json")
