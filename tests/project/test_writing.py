from __future__ import annotations

import threading
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from annotator.core.edits import Assign, Edit, Finish, Paint, PaintUnsure, Scribble
from annotator.core.errors import AnnotatorError, ContradictingLabels, Contradiction, UnknownName
from annotator.core.identity import FrameKey
from annotator.core.labels import PartialLabel, StructureLabel
from annotator.core.status import LabelStatus, Origin, Provenance
from annotator.project import Commit, Joining, Project, schema
from tests.project.samples import SHAPE, box, outlined, recording

KEY = FrameKey("clip", 1)


def test_finishing_keeps_the_origin_of_the_draft(project: Project) -> None:
    snapshot = project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False).id
    project.commit(KEY, [Paint("one", box(2, 2))], author="ann", origin=Origin.CORRECTED, snapshot=snapshot)
    project.commit(KEY, [Finish("one")], author="bob")
    made = project.provenance(KEY)["one"]
    assert (made.origin, made.snapshot, made.author) == (Origin.CORRECTED, snapshot, "bob")
    assert project.statuses("clip")[1]["one"].status is LabelStatus.OUTLINED


def test_pixels_taken_revise_both_in_one_step(project: Project) -> None:
    project.commit(KEY, [Assign("one", outlined(box(2, 2)))], author="ann", origin=Origin.ACCEPTED)
    before = project.label(KEY)
    commit = project.commit(KEY, [Paint("two", box(4, 4))], author="bob")
    assert commit.structures == ("one", "two")
    made = project.provenance(KEY)
    assert (made["one"].origin, made["one"].revision) == (Origin.ACCEPTED, commit.revision)
    assert made["two"].origin is Origin.DRAWN
    undone = project.undo(author="bob")
    assert undone is not None
    assert (undone.kind, undone.structures) == ("undo", ("one", "two"))
    assert project.label(KEY) == before
    assert project.provenance(KEY)["one"].author == "ann"


def test_several_frames_are_one_step(project: Project) -> None:
    keys = [FrameKey("clip", f) for f in (0, 2)]
    commit = project.commit_many(
        [(k, [Assign("one", outlined(box(2, 2)))]) for k in keys], author="ann", origin=Origin.PROPAGATED
    )
    assert commit.keys == tuple(keys)
    assert commit.sentence == "Propagated Left chamber in 2 frames"
    project.undo(author="ann")
    assert project.all_statuses() == {}
    assert project.redo_sentence == commit.sentence
    redone = project.redo(author="ann")
    assert redone is not None
    assert redone.keys == tuple(keys)
    assert project.redo(author="ann") is None


def test_a_new_edit_clears_what_could_be_redone(project: Project) -> None:
    project.commit(KEY, [Paint("one", box(2, 2))], author="ann")
    project.undo(author="ann")
    project.commit(KEY, [Paint("two", box(2, 2))], author="ann")
    assert project.redo_sentence is None
    project.undo(author="ann")
    assert project.undo(author="ann") is None


def test_nothing_changed_stores_nothing(project: Project) -> None:
    seen: list[Commit] = []
    project.committed.connect(seen.append)
    before = project.data_revision
    commit = project.commit(KEY, [Assign("one", StructureLabel())], author="ann")
    assert (commit.revision, commit.keys, project.data_revision, seen) == (before, (), before, [])


def test_committed_follows_what_is_on_disk(project: Project) -> None:
    seen: list[tuple[Commit, LabelStatus]] = []

    def follow(commit: Commit) -> None:
        with Project.open(project.path, read_only=True) as other:
            seen.append((commit, other.label(KEY)["one"].status))

    project.committed.connect(follow)
    commit = project.commit(KEY, [Paint("one", box(2, 2))], author="ann")
    assert seen == [(commit, LabelStatus.DRAFT)]


def test_the_unsure_brush_is_stored_apart(project: Project) -> None:
    commit = project.commit(KEY, [PaintUnsure(box(0, 0))], author="ann")
    assert commit.structures == ("unsure",)
    assert project.statuses("clip") == {1: {}}
    assert project.counts().labels == {"one": {}, "two": {}}
    project.close()
    with Project.open(project.path) as again:
        unsure = again.label(KEY).unsure
        assert unsure is not None
        assert np.array_equal(unsure, box(0, 0))
        again.undo(author="ann")
        assert again.label(KEY) == PartialLabel(SHAPE)


def test_edits_that_do_not_fit_change_nothing(project: Project) -> None:
    before = project.data_revision
    small = np.ones((2, 2), dtype=np.bool_)
    bad: list[Edit] = [
        Paint("heart", box(0, 0)),
        Paint("one", small),
        Finish("one"),
        Scribble("one", small, is_structure=True),
    ]
    for edit in [*bad, Assign("one", outlined(small)), PaintUnsure(small)]:
        with pytest.raises(AnnotatorError):
            project.commit(KEY, [Paint("two", box(0, 0)), edit], author="ann")
    with pytest.raises(UnknownName, match="model snapshot"):
        project.commit(KEY, [Paint("two", box(0, 0))], author="ann", snapshot=3)
    assert project.data_revision == before
    assert project.label(KEY) == PartialLabel(SHAPE)


def test_imported_labels_join_what_is_there(project: Project) -> None:
    label = PartialLabel(SHAPE, {"one": outlined(box(2, 2)), "two": StructureLabel(LabelStatus.ABSENT)})
    commit = project.import_labels({KEY: label}, author="ann", values={"one": 4})
    assert (commit.kind, commit.structures) == ("import", ("one", "two"))
    assert project.values["one"] == 4
    assert project.import_labels({KEY: label}, author="ann").keys == ()
    project.undo(author="ann")
    assert project.label(KEY) == PartialLabel(SHAPE)


def test_what_a_label_here_adds_to_is_imported_by_whoever_imports(project: Project) -> None:
    def scribble(left: int) -> StructureLabel:
        return StructureLabel(LabelStatus.PARTIAL, box(2, left, 4, 4))

    project.commit(KEY, [Assign("one", scribble(2))], author="ann")
    other = FrameKey("clip", 0)
    label = PartialLabel(SHAPE, {"one": scribble(10)})
    by = Provenance(9, "bob", datetime(2026, 1, 2, tzinfo=UTC), Origin.ACCEPTED, 7)
    project.import_labels({KEY: label, other: label}, author="eve", provenance={k: {"one": by} for k in (KEY, other)})
    made = {key: project.provenance(key)["one"] for key in (KEY, other)}
    assert (made[KEY].author, made[KEY].origin, made[KEY].snapshot) == ("eve", Origin.IMPORTED, None)
    assert (made[other].author, made[other].origin, made[other].snapshot) == ("bob", Origin.ACCEPTED, None)


def test_a_contradicting_import_is_refused_whole(project: Project) -> None:
    project.commit(KEY, [Assign("one", outlined(box(2, 2, 4, 4)))], author="ann")
    other = FrameKey("clip", 0)
    incoming = {
        other: PartialLabel(SHAPE, {"two": outlined(box(0, 0))}),
        KEY: PartialLabel(SHAPE, {"two": outlined(box(2, 2, 2, 4))}),
    }
    with pytest.raises(Contradiction, match="8 pixels of the 2nd frame of 'clip'"):
        project.import_labels(incoming, author="ann")
    assert project.label(other) == PartialLabel(SHAPE)
    project.commit(other, [Assign("one", outlined(box(0, 0)))], author="ann")
    one, other_one = "the 1st frame of 'clip'", "1 other frame \\(the 2nd frame of 'clip'\\)"
    both = f"of {one} .*, and so does {other_one}; nothing was imported. .* clear those"
    with pytest.raises(Contradiction, match=both):
        project.check_labels(incoming)


REPLACING = Joining(replaces=True)


def stored(project: Project) -> dict[tuple[int, str], tuple[object, ...]]:
    """The newest row of each structure of each frame, but for its revision and time."""
    c = schema.labels.c
    query = sa.select(c.frame, c.structure, c.status, c.origin, c.snapshot_id, c.author, c.inside, c.outside)
    with project._session.database.read() as connection:
        return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(query.order_by(c.revision))}


def corrected(project: Project) -> dict[FrameKey, PartialLabel]:
    """Labels of three frames in a project, and what a colleague made of them: two corrected, one added."""
    keys = [FrameKey("clip", frame) for frame in range(3)]
    model = project.add_snapshot(b"1", step=1, data_revision=1, recipe="", metrics={}, is_validated=False).id
    for key in keys[:2]:
        both = [Assign("one", outlined(box(2, 2))), Assign("two", outlined(box(12, 12)))]
        project.commit(key, both, author="ann", origin=Origin.ACCEPTED, snapshot=model)
    project.commit(keys[1], [PaintUnsure(box(0, 0, 1, 2))], author="ann")
    return {
        keys[0]: PartialLabel(SHAPE, {"one": outlined(box(3, 3)), "two": outlined(box(12, 12))}),
        keys[1]: PartialLabel(SHAPE, {"two": StructureLabel(LabelStatus.ABSENT)}),
        keys[2]: PartialLabel(SHAPE, {"one": outlined(box(1, 1))}),
    }


def test_labels_that_replace_those_here_are_one_step_and_undo_restores_every_byte(project: Project) -> None:
    theirs = corrected(project)
    rows, before = stored(project), {key: project.label(key) for key in theirs}
    said = {key: {"one": Provenance(9, "bob", datetime(2026, 1, 2, tzinfo=UTC), Origin.CORRECTED)} for key in theirs}
    with pytest.raises(ContradictingLabels, match="let them replace those here") as refused:
        project.import_labels(theirs, author="eve", provenance=said)
    first, second, third = theirs
    gave_way = ((first, "one"), (second, "two"))
    assert (refused.value.replaceable, refused.value.can_replace) == (gave_way, True)
    project.check_labels(theirs, REPLACING)
    assert stored(project) == rows
    commit = project.import_labels(theirs, author="eve", provenance=said, joining=REPLACING)
    assert (commit.replaced, commit.left_out, commit.keys) == (gave_way, (), (first, second, third))
    assert commit.sentence == "Imported and replaced Left chamber, Right chamber in 3 frames"
    assert project.label(first) == theirs[first]
    assert project.label(second)["one"] == before[second]["one"]
    assert project.label(second).unsure is not None
    made = {key: project.provenance(key) for key in theirs}
    assert (made[first]["one"].author, made[first]["one"].origin) == ("bob", Origin.CORRECTED)
    assert (made[second]["two"].author, made[second]["two"].origin) == ("eve", Origin.IMPORTED)
    assert (made[first]["two"].author, made[first]["two"].origin) == ("ann", Origin.ACCEPTED)
    assert project.import_labels(theirs, author="eve", joining=REPLACING).keys == ()
    project.close()
    with Project.open(project.path) as again:
        after = stored(again)
        undone = again.undo(author="eve")
        assert undone is not None
        assert (undone.keys, undone.revision) == ((first, second, third), commit.revision + 1)
        assert {key: again.label(key) for key in theirs} == before
        assert {cell: row for cell, row in stored(again).items() if cell in rows} == rows
        again.redo(author="eve")
        assert stored(again) == after


def test_what_is_replaced_stays_in_the_history(project: Project) -> None:
    theirs = corrected(project)
    project.import_labels(theirs, author="eve", joining=REPLACING)
    c = schema.labels.c
    query = sa.select(c.author, c.origin).where(c.frame == 0, c.structure == "one").order_by(c.revision)
    with project._session.database.read() as connection:
        assert [tuple(row) for row in connection.execute(query)] == [("ann", "accepted"), ("eve", "imported")]


def test_an_outline_that_would_be_cut_is_named_though_labels_may_replace(project: Project) -> None:
    theirs = corrected(project)
    stuck = FrameKey("clip", 2)
    project.commit(stuck, [Assign("two", outlined(box(1, 1)))], author="ann")
    before = stored(project)
    with pytest.raises(ContradictingLabels, match="clear what they would cut in the 3rd frame of 'clip' ") as refused:
        project.import_labels(theirs, author="eve")
    assert not refused.value.can_replace
    cut = "48 pixels of the 3rd frame of 'clip' are Right chamber here and another .* clear those here first"
    with pytest.raises(ContradictingLabels, match=cut):
        project.import_labels(theirs, author="eve", joining=REPLACING)
    assert stored(project) == before


def test_frames_that_are_refused_are_listed_once(project: Project) -> None:
    """Of stills it is the first frame of each; and of those to clear and the others, the former are named."""
    stills = [f"still {number}" for number in range(4)]
    for seed, name in enumerate(stills):
        project.add_clip(recording(project, name, seed=seed, n_frames=1), author="ann")
        project.commit(FrameKey(name, 0), [Assign("one", outlined(box(2, 2, 4, 4)))], author="ann")
    news = {FrameKey(name, 0): PartialLabel(SHAPE, {"one": outlined(box(0, 0))}) for name in stills}
    alike = "and so do 3 other frames \\(the 1st frame of 'still 1', 'still 2', 'still 3'\\); .* let them replace those"
    with pytest.raises(ContradictingLabels, match=alike):
        project.import_labels(news, author="eve")
    for name in stills[2:]:
        project.commit(FrameKey(name, 0), [Assign("two", outlined(box(0, 0, 1, 1)))], author="ann")
    some = "3 other frames; .* would cut in 2 of these frames \\(the 1st frame of 'still 2', 'still 3'\\)"
    with pytest.raises(ContradictingLabels, match=some):
        project.import_labels(news, author="eve")


def test_threads_share_one_project(project: Project) -> None:
    project.add_clip(recording(project, "long", seed=3, n_frames=40), author="ann")
    failures: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for frame in range(offset, 40, 4):
                key = FrameKey("long", frame)
                project.commit(key, [Paint("one", box(frame % 10, 2))], author=f"t{offset}")
                project.read_frame(key)
                assert project.label(key)["one"].status is LabelStatus.DRAFT
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(project.statuses("long")) == 40
    assert project.check().is_sound


def test_what_would_be_undone_is_read_once_however_often_it_is_shown(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = {FrameKey("clip", f): PartialLabel(SHAPE, {"one": outlined(box(2, 2))}) for f in range(3)}
    project.import_labels(labels, author="ann")
    said = project.undo_sentence
    asked: list[None] = []
    monkeypatch.setattr(project, "_read_sentence", lambda _revision: asked.append(None))
    assert said == project.undo_sentence == "Imported Left chamber in 3 frames"
    assert asked == []
    monkeypatch.undo()
    project.commit(KEY, [Paint("two", box(4, 4))], author="bob")
    assert project.undo_sentence == "Drew Left chamber, Right chamber in frame 2 of 'clip'"
    project.undo(author="bob")
    assert (project.undo_sentence, project.redo_sentence) == (
        said,
        "Drew Left chamber, Right chamber in frame 2 of 'clip'",
    )
