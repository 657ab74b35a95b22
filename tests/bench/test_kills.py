from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from annotator.bench import kills
from annotator.bench.kills import run_campaign
from annotator.bench.victim import PROTOCOL, new_recording, said_hash
from annotator.core.edits import Paint
from annotator.core.identity import FrameKey
from annotator.project import Project


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    told: list[int] = []
    result = run_campaign(kills=8, training_every=0, seed=3, folder=tmp_path, on_kill=told.append)
    assert (result["lost"], result["corrupt"]) == (0, 0), result["findings"]
    assert result["acknowledged"] > 8
    assert told == list(range(1, 9))
    assert list(tmp_path.iterdir()) == []


def test_the_campaign_would_see_a_loss(tmp_path: Path) -> None:
    tally = kills._Tally()
    with Project.create(tmp_path / "p", PROTOCOL) as project:
        clip = project.add_clip(new_recording(project, 1), author="a").clip
        key = FrameKey(clip.name, 0)
        for top in (0, 40):
            mask = project.read_frame(key) > 250
            mask[:top] = False
            commit = project.commit(key, [Paint("one", mask), Paint("two", ~mask)], author="a")
        place = {"kind": "label", "clip": clip.name, "frame": 0, "revision": commit.revision}
        for structure in ("one", "two"):
            tally.hear({**place, "structure": structure, "sha": said_hash(project.label(key), structure)})
        tally.hear({"kind": "clip", "name": "gone", "sha": "0"})
        tally.hear({"kind": "snapshot", "id": 1, "sha": "0"})
    kills._look(tmp_path / "p", tally)
    assert (len(tally.lost), tally.corrupt) == (2, [])
    with closing(sqlite3.connect(tmp_path / "p" / "annotations.sqlite")) as raw, raw:
        raw.execute("DELETE FROM labels WHERE structure = 'one' AND revision = ?", (commit.revision,))
        raw.execute("UPDATE labels SET status = 'absent', inside = NULL WHERE structure = 'two'")
    tally.lost.clear()
    kills._look(tmp_path / "p", tally)
    assert any("'one'" in sentence for sentence in tally.lost)
    assert any("'two'" in sentence for sentence in tally.corrupt)
