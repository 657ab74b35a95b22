"""The weights that ship: whom they suit, and that they serve before any label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from annotator import registry
from annotator.core.edits import Assign
from annotator.core.identity import FrameKey
from annotator.core.labels import StructureLabel
from annotator.core.plugin_types import Recording
from annotator.core.protocols import LabelProtocol
from annotator.core.status import LabelStatus
from annotator.engine.familiarity import STRANGE_SENTENCE
from annotator.engine.jobs.models import serving_model
from annotator.engine.jobs.pretraining import LARGEST_BYTES
from annotator.engine.lineage import lineage_sentences, newest_lineage
from annotator.engine.messages import Event, Look, SuggestionsReady, TrainingStatus, Trouble
from annotator.engine.starting import shipped_features, shipped_weights
from annotator.engine.status import START_SENTENCE
from annotator.engine.thread import open_session
from annotator.learn.weights import Predictor, load
from annotator.project import Project
from annotator.testing.sessions import add_moving_square, outline_square

APICAL = registry.protocol("apical")
FEWER = LabelProtocol("few", "Few", (APICAL.structures[2], APICAL.structures[0]), views=("a4c",))


@pytest.fixture
def apical(tmp_path: Path) -> Iterator[Project]:
    """A project of two of the weights' structures in another order, with one unlabelled echo clip."""
    made = registry.simulator("echo").simulate(patient=1, domain="vendor-a", seed=3, n_frames=3)
    with Project.create(tmp_path / "project", FEWER) as opened:
        header = replace(made.header, stem="clip", patient=opened.pseudonymiser.key("one"))
        opened.add_clip(Recording(header, made.frames), author="tester")
        yield opened


def ticks(project: Project, recipe: str = "default", *, n: int = 6, clip: str = "clip") -> tuple[list[Event], str]:
    session = open_session(project, factory=registry.network("unet"), recipe=recipe, device="cpu")
    session.handle(Look(FrameKey(clip, 2)), at=0.0)
    events = [event for _ in range(n) for event in session.tick()[0]]
    return events, session.sentence


def test_they_suit_protocols_that_share_structures_and_views() -> None:
    weights = shipped_weights(APICAL)
    assert weights is not None
    assert weights.stat().st_size <= LARGEST_BYTES
    assert weights.with_suffix(".md").read_text(encoding="utf-8").count("annotator pretrain") >= 1
    assert shipped_weights(FEWER) == weights
    assert shipped_weights(APICAL, network="unet", options={}) == weights
    assert shipped_weights(APICAL, network="unet", options={"width": 8}) is None
    assert shipped_weights(APICAL, network="another") is None
    for name in ("two-structures", "psax", "plax"):
        assert shipped_weights(registry.protocol(name)) is None


def test_their_features_suit_every_protocol_of_their_network() -> None:
    assert shipped_features("unet", {}) == shipped_weights(APICAL)
    assert shipped_features("unet", {"width": 8}) is None
    assert shipped_features("another", {}) is None


@pytest.mark.parametrize(("recipe", "said"), [("default", "the features of apical"), ("supervised", "nothing")])
def test_other_structures_are_not_suggested_but_training_begins_at_the_features(
    recipe: str, said: str, tmp_path: Path
) -> None:
    with Project.create(tmp_path / "project", registry.protocol("two-structures")) as project:
        outline_square(project, add_moving_square(project, "squares"), structure="first")
        session = open_session(project, factory=registry.network("unet"), recipe=recipe, device="cpu")
        session.handle(Look(FrameKey("squares", 2)), at=0.0)
        events: list[Event] = []
        for _ in range(30):
            events += session.tick()[0]
            if session.step:
                break
        assert not [event for event in events if isinstance(event, SuggestionsReady)]
        session.finish()
        (sentence, *_) = lineage_sentences(newest_lineage(project))
        assert sentence.startswith(f"Training began from {said}")


def test_they_serve_before_the_first_label_and_say_so(apical: Project) -> None:
    events, sentence = ticks(apical)
    (first, *_) = [event for event in events if isinstance(event, SuggestionsReady)]
    assert {s.snapshot for s in first.suggestions} == {0}
    assert START_SENTENCE in sentence
    assert START_SENTENCE in next(event.sentence for event in events if isinstance(event, TrainingStatus))


def test_a_clip_that_is_no_echo_gets_no_suggestion_and_a_sentence(apical: Project) -> None:
    add_moving_square(apical, "squares")
    events, _ = ticks(apical, clip="squares")
    assert not [s for event in events if isinstance(event, SuggestionsReady) for s in event.suggestions]
    *_, status = [event for event in events if isinstance(event, TrainingStatus)]
    assert status.warnings == (STRANGE_SENTENCE,)


def test_a_recipe_that_starts_from_nothing_serves_nothing(apical: Project) -> None:
    events, sentence = ticks(apical, "demo")
    assert not [event for event in events if isinstance(event, SuggestionsReady)]
    assert START_SENTENCE not in sentence


def test_predictions_before_the_first_snapshot_are_mapped_onto_the_project(apical: Project) -> None:
    model = serving_model(apical)
    assert model.snapshot is None
    frame = apical.read_frame(FrameKey("clip", 0))
    mine = model.predictor.predict(frame).probabilities
    whole = _unmapped().predict(frame).probabilities
    np.testing.assert_allclose(mine[1], whole[APICAL.index("la")], atol=1e-6)
    np.testing.assert_allclose(mine[2], whole[APICAL.index("lv")], atol=1e-6)


def _unmapped() -> Predictor:
    weights = shipped_weights(APICAL)
    assert weights is not None
    return load(weights, registry.networks())


def test_training_begins_at_them(apical: Project) -> None:
    key = FrameKey("clip", 0)
    mask = np.zeros(apical.clip("clip").header.shape, dtype=np.bool_)
    mask[40:80, 50:90] = True
    apical.commit(key, [Assign("lv", StructureLabel(LabelStatus.OUTLINED, mask))], author="tester")
    session = open_session(apical, factory=registry.network("unet"), device="cpu")
    for _ in range(30):
        session.tick()
        if session.step:
            break
    assert session.step == 1
    assert session._learning._trainer.active_structures == ("la", "lv")  # type: ignore[union-attr]


def test_confidence_after_calibration_is_told_apart_where_the_same_patients_gave_and_measure_it() -> None:
    of_lv = {"error_before": 0.2, "error_after": 0.1}
    said = {"structures": {"lv": of_lv}, "is_applied": False, "reason": "the recipe does not ask for it"}
    (alone,), (crosswise,) = (
        lineage_sentences({"calibration": {**said, "is_cross_fitted": is_cross}}) for is_cross in (False, True)
    )
    assert alone == f"{crosswise.removesuffix('.')}; what is after is of the very patients that it was fitted on."


def test_a_device_that_is_not_there_is_told_once_and_blamed_on_no_model(apical: Project) -> None:
    session = open_session(apical, factory=registry.network("unet"), device="meta")
    session.handle(Look(FrameKey("clip", 2)), at=0.0)
    events = [event for _ in range(6) for event in session.tick()[0]]
    told = [event.sentence for event in events if isinstance(event, Trouble)]
    assert told == ["This machine has no device 'meta'; choose 'auto' or 'cpu'."]
    assert session.sentence == told[0]
