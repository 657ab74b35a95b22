"""The endurance benchmark: it counts what a frame change leaves behind, and tells as it goes."""

from __future__ import annotations

import pytest

from annotator.bench import endurance, subject


@pytest.mark.window
def test_frame_changes_leave_no_objects_and_lose_no_reference_to_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endurance, "TELL_EVERY", 20)
    monkeypatch.setattr(subject, "PATIENTS", 1)
    monkeypatch.setattr(subject, "LONG_CLIP_FRAMES", 4)
    result = endurance.run({"changes": 40, "warm_up": 20})
    objects, references = result["objects"], result["none_references"]
    assert objects["after"] - objects["before"] < 40
    assert 0 <= references["after"] - references["before"] < 2 * 40
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == ["20 of 40 frame changes", "40 of 40 frame changes"]
