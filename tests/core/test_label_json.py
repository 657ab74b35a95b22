"""Labels, provenance, clips and protocols survive JSON exactly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.clip_json import clip_from_json, clip_to_json, protocol_from_json, protocol_to_json
from annotator.core.errors import AnnotatorError
from annotator.core.label_json import label_from_json, label_to_json, provenance_from_json, provenance_to_json
from annotator.testing.samples import SAMPLE_PROTOCOL, random_label, sample_clip, sample_provenance


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 30), width=st.integers(1, 30))
def test_a_label_comes_back_equal(seed: int, height: int, width: int) -> None:
    label = random_label(seed, (height, width))
    assert label_from_json(json.loads(json.dumps(label_to_json(label)))) == label


def test_provenance_clip_and_protocol_come_back_equal() -> None:
    said = sample_provenance(revision=3)
    assert provenance_from_json(json.loads(json.dumps(provenance_to_json(said)))) == said
    assert clip_from_json(json.loads(json.dumps(clip_to_json(sample_clip())))) == sample_clip()
    assert protocol_from_json(json.loads(json.dumps(protocol_to_json(SAMPLE_PROTOCOL)))) == SAMPLE_PROTOCOL


@pytest.mark.parametrize(
    "damage",
    [
        {"shape": [6]},
        {"shape": None},
        {"structures": {"one": {"status": "guessed"}}},
        {"structures": {"one": {"status": "outlined"}}},
        {"structures": {"one": {"status": "outlined", "inside": [1, 2]}}},
        {"structures": [1]},
        {"unsure": ["many"]},
    ],
)
def test_damage_is_an_error_of_ours(damage: dict[str, object]) -> None:
    with pytest.raises(AnnotatorError):
        label_from_json({**label_to_json(random_label(0, (6, 9))), **damage})


def test_a_clip_with_a_name_for_a_patient_is_refused() -> None:
    data = clip_to_json(sample_clip())
    data["header"]["patient"] = "Jane Doe"
    with pytest.raises(AnnotatorError, match="pseudonym"):
        clip_from_json(data)
