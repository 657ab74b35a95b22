"""Exports appear whole or not at all, and touch nothing that is not theirs."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from annotator.core.disk_errors import aside_of
from annotator.core.errors import AnnotatorError, BadInput, BrokenPlugin, Cancelled
from annotator.core.export_list import EXPORT_LIST
from annotator.core.identity import ClipHeader
from annotator.core.plugin_types import ExportContext, LabelledClip, WriteReport
from annotator.export import RELEASED_FIELDS, export_masks
from annotator.testing.samples import labelled_clip, random_label, sample_clip, sample_context

CONTEXT = sample_context()


class TextWriter:
    """One text file a clip, as large as asked."""

    name = "text"
    is_lossless = False

    def __init__(self, n_bytes: int = 10) -> None:
        self.n_bytes = n_bytes
        self.seen: list[LabelledClip] = []

    def write(self, clips: Iterable[LabelledClip], context: ExportContext, out: Path) -> WriteReport:
        files = []
        for entry in clips:
            self.seen.append(entry)
            path = out / f"{entry.clip.name}.txt"
            try:
                path.write_bytes(b"x" * self.n_bytes)
            except OSError as error:
                raise AnnotatorError(f"{path.name} cannot be written: {error}.") from None
            files.append(path)
        return WriteReport(tuple(files), ("The format cannot hold anything.",))


def clips(*names: str) -> Iterator[LabelledClip]:
    for name in names:
        yield labelled_clip(sample_clip(name), [random_label(1, (6, 9))])


def listing(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_files_end_in_place_and_are_listed(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "er"
    report = export_masks(TextWriter(), clips("a", "b é"), CONTEXT, out)
    assert report.files == (out / "a.txt", out / "b é.txt", out / "export.json")
    assert report.dropped == ("The format cannot hold anything.",)
    assert listing(out) == ["a.txt", "b é.txt", "export.json"]


def test_a_second_export_replaces_the_first_and_drops_what_is_gone(tmp_path: Path) -> None:
    export_masks(TextWriter(), clips("a", "b"), CONTEXT, tmp_path)
    (tmp_path / "notes.md").write_text("mine", encoding="utf-8")
    export_masks(TextWriter(20), clips("b", "c"), CONTEXT, tmp_path)
    assert listing(tmp_path) == ["b.txt", "c.txt", "export.json", "notes.md"]
    assert (tmp_path / "b.txt").stat().st_size == 20


def test_another_project_s_export_is_left_alone(tmp_path: Path) -> None:
    export_masks(TextWriter(), clips("a", "b"), CONTEXT, tmp_path, source="p1")
    with pytest.raises(BadInput, match="it holds the export of another project; choose an empty folder"):
        export_masks(TextWriter(20), clips("b"), CONTEXT, tmp_path, source="p2")
    assert listing(tmp_path) == ["a.txt", "b.txt", "export.json"]
    assert (tmp_path / "b.txt").stat().st_size == 10
    export_masks(TextWriter(20), clips("b"), CONTEXT, tmp_path, source="p1")
    assert listing(tmp_path) == ["b.txt", "export.json"]


def test_an_export_without_a_project_s_id_is_replaced_and_gets_one(tmp_path: Path) -> None:
    export_masks(TextWriter(), clips("a"), CONTEXT, tmp_path)
    export_masks(TextWriter(), clips("b"), CONTEXT, tmp_path, source="p1")
    assert listing(tmp_path) == ["b.txt", "export.json"]
    with pytest.raises(BadInput, match="another project"):
        export_masks(TextWriter(), clips("b"), CONTEXT, tmp_path, source="p2")


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match=r"thesis\.docx"):
        export_masks(TextWriter(), clips("a"), CONTEXT, tmp_path)
    assert listing(tmp_path) == ["thesis.docx"]


def test_a_file_of_the_same_name_is_not_overwritten(tmp_path: Path) -> None:
    export_masks(TextWriter(), clips("a"), CONTEXT, tmp_path)
    (tmp_path / "b.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match=r"b\.txt"):
        export_masks(TextWriter(), clips("a", "b"), CONTEXT, tmp_path)
    assert (tmp_path / "b.txt").read_text(encoding="utf-8") == "mine"
    assert listing(tmp_path) == ["a.txt", "b.txt", "export.json"]


def test_two_formats_share_a_folder(tmp_path: Path) -> None:
    class Other(TextWriter):
        name = "other"

    export_masks(TextWriter(), clips("a"), CONTEXT, tmp_path)
    export_masks(Other(), clips("a", "b"), CONTEXT, tmp_path)
    export_masks(Other(), clips("b"), CONTEXT, tmp_path)
    assert listing(tmp_path) == ["a.txt", "b.txt", "export.json"]


@pytest.mark.parametrize("was_there", [False, True])
def test_a_cancelled_export_leaves_nothing(tmp_path: Path, was_there: bool) -> None:
    out = tmp_path / "out"
    if was_there:
        out.mkdir()

    def cancelled() -> Iterator[LabelledClip]:
        yield from clips("a")
        raise Cancelled("The export")

    with pytest.raises(Cancelled):
        export_masks(TextWriter(), cancelled(), CONTEXT, out)
    assert listing(tmp_path) == (["out"] if was_there else [])


def test_what_a_killed_export_left_aside_is_cleared(tmp_path: Path) -> None:
    (tmp_path / ".exporting-abc").mkdir()
    (tmp_path / ".exporting-abc" / "half.txt").write_text("h", encoding="utf-8")
    aside_of(tmp_path / EXPORT_LIST).write_text("{", encoding="utf-8")
    export_masks(TextWriter(), clips("a"), CONTEXT, tmp_path)
    assert listing(tmp_path) == ["a.txt", "export.json"]


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    for out in (tmp_path / "out", tmp_path / "out" / "below"):
        with pytest.raises(AnnotatorError):
            export_masks(TextWriter(), clips("a"), CONTEXT, out)


def test_a_marker_that_points_outside_is_refused(tmp_path: Path) -> None:
    data = {"format": "echo-annotator export", "version": 1, "files": {"text:sample": ["../victim.txt"]}}
    out = tmp_path / "out"
    out.mkdir()
    (out / "export.json").write_text(json.dumps(data), encoding="utf-8")
    (tmp_path / "victim.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(AnnotatorError, match="outside the folder"):
        export_masks(TextWriter(), clips("a"), CONTEXT, out)
    assert (tmp_path / "victim.txt").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not stop root")
def test_a_read_only_folder_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(AnnotatorError, match="may not write there"):
            export_masks(TextWriter(), clips("a"), CONTEXT, tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("a small disk cannot be mounted here")
    try:
        export_masks(TextWriter(), clips("a"), CONTEXT, tmp_path)
        with pytest.raises(AnnotatorError, match="cannot be written"):
            export_masks(TextWriter(200_000), clips("a", "b"), CONTEXT, tmp_path)
        assert listing(tmp_path) == ["a.txt", "export.json"]
        assert (tmp_path / "a.txt").stat().st_size == 10
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_only_listed_fields_leave(tmp_path: Path) -> None:
    writer = TextWriter()
    export_masks(writer, clips("a"), CONTEXT, tmp_path)
    assert writer.seen[0].clip == sample_clip("a")
    assert set(RELEASED_FIELDS) <= {f.name for f in fields(ClipHeader)}


class _Broken(TextWriter):
    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault

    def write(self, clips: Iterable[LabelledClip], context: ExportContext, out: Path) -> WriteReport:
        report = super().write(clips, context, out)
        match self.fault:
            case "raises":
                raise KeyError("boom")
            case "lies":
                return WriteReport((out / "never written.txt",))
            case _:
                return report.files  # type: ignore[return-value]


@pytest.mark.parametrize("fault", ["raises", "lies", "returns something else"])
def test_a_writer_that_breaks_its_contract_is_named_and_writes_nothing(tmp_path: Path, fault: str) -> None:
    with pytest.raises(BrokenPlugin, match=r"'text' \(annotator.writers\)"):
        export_masks(_Broken(fault), clips("a"), CONTEXT, tmp_path / "out")
    assert not (tmp_path / "out").exists()
