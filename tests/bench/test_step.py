from __future__ import annotations

import json

import pytest
import torch

from annotator.bench.step import run
from annotator.learn import devices


def test_the_step_is_measured_and_its_pieces_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cores", lambda: torch.get_num_threads() + 1)
    result = run({"rounds": 2, "methods": 0, "size": 32, "width": 8, "cuda": 0})
    assert set(result["step_ms"]) == {"plain", "default"}
    assert result["default_to_plain"] == pytest.approx(result["step_ms"]["default"] / result["step_ms"]["plain"], 0.01)
    assert sum(result["shares"].values()) == pytest.approx(1.0, abs=0.01)
    assert min(result["shares"].values()) >= 0
    assert {"student forward", "teacher forward", "backward", "losses"} <= set(result["shares"])
    assert 0 < result["outside_forward_backward_optimiser"] < result["outside_and_losses"] < 1
    assert 0 < result["made_ahead"] < 1
    assert json.loads(json.dumps(result)) == result
