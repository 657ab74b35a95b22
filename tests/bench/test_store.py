from __future__ import annotations

import json
from pathlib import Path

from annotator.bench.store import run


def test_the_store_is_measured(tmp_path: Path) -> None:
    result = run(kills=0, commits=20, clips=10, labels=90, folder=tmp_path)
    assert result["open"]["labels"] == 90
    assert result["commit"]["synchronous"] == 2
    assert result["commit"]["p95_ms"] >= result["commit"]["p50_ms"] > 0
    assert json.loads(json.dumps(result)) == result
    assert "kills" not in result
