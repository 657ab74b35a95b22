"""The command that edits a clip's details."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file

from annotator.core.identity import Clip, Spacing, SpacingStatus
from annotator.project import Project
from annotator.testing.commands import command


def clip_of(project: Path, name: str) -> Clip:
    with Project.open(project, read_only=True) as opened:
        return opened.clip(name)


def test_every_detail_can_be_edited(study: Path) -> None:
    words = ("--view", "a2c", "--domain", "North wing", "--ed", "0,2", "--es", "1", "--spacing", "0.3,0.15")
    said = command("edit", study, "clip", *words, "--split", "validation", "--json").json
    assert (said["clip"], said["split"], said["view"], said["domain"]) == ("clip", "validation", "a2c", "North wing")
    assert (said["ed_frames"], said["es_frames"]) == ([0, 2], [1])
    header = clip_of(study, "clip").header
    assert (header.spacing, header.spacing_status) == (Spacing(0.3, 0.15), SpacingStatus.CONFIRMED)
    assert (header.ed_frames, header.es_frames) == ((0, 2), (1,))


def test_what_is_not_named_stays(study: Path) -> None:
    before = clip_of(study, "clip")
    assert command("edit", study, "clip", "--es", "2").status == 0
    after = clip_of(study, "clip").header
    assert (after.view, after.domain, after.spacing, after.ed_frames) == (
        before.header.view,
        before.header.domain,
        before.header.spacing,
        before.header.ed_frames,
    )


def test_a_view_may_be_called_by_its_other_names(study: Path) -> None:
    assert command("edit", study, "clip", "--view", "Apical 2-chamber", "--json").json["view"] == "a2c"
    assert command("edit", study, "clip", "--view", "4CH", "--json").json["view"] == "a4c"


def test_a_view_that_the_protocol_lacks_is_told_of(study: Path) -> None:
    ran = command("edit", study, "clip", "--view", "a4ch")
    assert (ran.status, ran.err.startswith("The view 'a4ch' is none of protocol 'apical', which has ")) == (0, True)
    assert command("edit", study, "clip", "--view", "4CH").err == ""


def test_empty_marks_and_view_take_them_away(study: Path) -> None:
    command("edit", study, "clip", "--ed", "1")
    command("edit", study, "clip", "--ed", "", "--view", "")
    header = clip_of(study, "clip").header
    assert (header.ed_frames, header.view) == ((), None)


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--ed", "one"),
        ("--spacing", "0.3"),
        ("--spacing", "0,1"),
        ("--spacing", "30,30"),
        ("--alike", "--ed", "1"),
        ("--alike", "--spacing", "0.3,0.3", "--split", "test"),
        ("--patient", "new", "--split", "test"),
        ("--patient", " "),
        ("--whole-patient",),
        ("--whole-patient", "--ed", "1"),
        ("--view", "a view!"),
        ("--domain", " "),
    ],
)
def test_usage_errors(study: Path, words: tuple[str, ...]) -> None:
    ran = command("edit", study, "clip", *words)
    assert (ran.status, ran.out) == (2, "")


@pytest.mark.parametrize(("clip", "words"), [("clip", ("--ed", "3")), ("nobody", ("--es", "0"))])
def test_what_does_not_fit_changes_nothing(study: Path, clip: str, words: tuple[str, ...]) -> None:
    before = command("status", study, "--json").json
    ran = command("edit", study, clip, *words)
    assert (ran.status, ran.out) == (1, "")
    assert len(ran.err.splitlines()) == 1
    assert command("status", study, "--json").json == before


def test_a_proposed_pixel_size_is_confirmed_by_command(tmp_path: Path) -> None:
    project = tmp_path / "p"
    command("new", project, "--protocol", "apical")
    cine = get_testdata_file("examples_ybr_color.dcm", download=False)
    (name,) = command("import", project, cine, "--json").json["clips"]
    proposed = clip_of(project, name).header.proposed_spacing
    assert proposed is not None
    assert command("edit", project, name, "--spacing", "proposed").status == 0
    header = clip_of(project, name).header
    assert (header.spacing, header.spacing_status) == (proposed, SpacingStatus.CONFIRMED)
    assert command("edit", project, name, "--spacing", "proposed").status == 1


def test_a_pixel_size_is_given_to_clips_that_are_alike(tmp_path: Path) -> None:
    project = tmp_path / "p"
    command("new", project, "--protocol", "apical")
    for number, (side, domain) in enumerate(((40, "north"), (40, "north"), (40, "south"), (48, "north"))):
        picture = tmp_path / f"patient {number}" / f"frame{number}.png"
        picture.parent.mkdir()
        Image.fromarray(np.full((side, side), 10 * number, dtype=np.uint8)).save(picture)
        command("import", project, picture, "--domain", domain)
    said = command("edit", project, "frame0", "--view", "a2c", "--spacing", "0.3,0.2", "--alike", "--json").json
    assert said["changed"] == ["frame0", "frame1"]
    with Project.open(project) as opened:
        sizes = {clip.name: clip.header.spacing for clip in opened.clips()}
        views = {clip.name for clip in opened.clips() if clip.header.view == "a2c"}
        assert sizes == {"frame0": Spacing(0.3, 0.2), "frame1": Spacing(0.3, 0.2), "frame2": None, "frame3": None}
        assert views == {"frame0"}
        opened.undo(author="Ada")
        assert {clip.header.spacing for clip in opened.clips()} == {None}


def test_two_patients_become_one_and_one_becomes_many_by_command(tmp_path: Path) -> None:
    project = tmp_path / "p"
    command("new", project, "--protocol", "apical")
    for number in range(4):
        picture = tmp_path / f"patient {number % 2}" / f"frame{number}.png"
        picture.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((40, 40), 10 * number, dtype=np.uint8)).save(picture)
    command("import", project, tmp_path / "patient 0", tmp_path / "patient 1")
    said = command("edit", project, "frame0", "--patient", "patient 1", "--whole-patient", "--json").json
    assert said["changed"] == ["frame0", "frame2"]
    with Project.open(project, read_only=True) as opened:
        assert {clip.header.patient for clip in opened.clips()} == {opened.pseudonymiser.key("patient 1")}
    parted = command("edit", project, "frame3", "--patient", "each", "--whole-patient")
    assert parted.out == "Gave 4 clips to 4 patients.\n"
    with Project.open(project, read_only=True) as opened:
        assert len({clip.header.patient for clip in opened.clips()}) == 4
    nobody = command("edit", project, "frame3", "--patient", "p0123456789ab")
    assert (nobody.status, nobody.err) == (1, "error: There is no patient called 'p0123456789ab'.\n")
