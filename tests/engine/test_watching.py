"""Areas by domain: which frames are looked at, who may give them, and the alarm that a session tells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotator.core.edits import Assign
from annotator.core.identity import FrameKey, Split
from annotator.core.labels import StructureLabel
from annotator.core.status import LabelStatus
from annotator.engine.familiarity import STRANGE_SENTENCE, UNLIKE_SENTENCE
from annotator.engine.messages import DataChanged, Look, SnapshotPublished, Suggestion, SuggestionsReady, TrainingStatus
from annotator.engine.options import SessionOptions
from annotator.engine.shelf import ImageShelf
from annotator.engine.watching import MOST_DOMAINS, PER_DOMAIN, AreaWatch, frames_to_watch
from annotator.project import Project
from annotator.testing.sessions import PAIR, Driver, add_moving_square, driven, outline_square
from annotator.testing.trainers import FakeModel, FakeWorkshop


def add(project: Project, name: str, domain: str, *, split: Split = Split.TRAIN) -> str:
    clip = add_moving_square(project, name, split=split)
    project.update_clip(clip, replace(project.clip(clip).header, domain=domain), author="tester")
    return clip


@pytest.fixture
def two_domains(project: Project) -> Project:
    """The left ventricle is labelled on the bright scanner; the fake model sees none on the dark one."""
    for i in range(2):
        outline_square(project, add(project, f"bright{i}", "bright"))
        outline_square(project, add(project, f"dark{i}", "dark"), structure="la")
    return project


class DarkBlind(FakeModel):
    """Sees squares in the clips of one scanner alone."""

    def __init__(self, n_classes: int, blind_to: list[np.ndarray]) -> None:
        super().__init__(n_classes)
        self._blind_to = blind_to

    def predict(self, images: np.ndarray, view: str | None = None) -> np.ndarray:
        found = super().predict(images, view)
        for i, image in enumerate(images):
            if any(np.array_equal(image, other) for other in self._blind_to):
                found[i, 0], found[i, 1:] = 1, 0
        return found


def blind(project: Project, workshop: FakeWorkshop) -> None:
    dark = [c for c in project.clips() if c.header.domain == "dark"]
    images = [workshop.image(project.read_frame(k), c.header) for c in dark for k in c.frame_keys]
    workshop.model = lambda weights: DarkBlind(PAIR.n_classes, images)  # type: ignore[method-assign]


def looking_at_strange(project: Project, clip: str) -> tuple[Driver, FakeWorkshop]:
    """A session that serves starting weights, to which the clip on screen is unlike all that they know."""
    weights = project.path / "start.json"
    weights.write_text("{}")
    driver, workshop = driven(project, options=SessionOptions(starting_weights=weights))
    driver.settle(3)
    workshop.models[0].is_strange = True
    driver.session.handle(Look(FrameKey(clip, 0)))
    return driver, workshop


def suggested(driver: Driver) -> list[Suggestion]:
    return [s for e in driver.events if isinstance(e, SuggestionsReady) for s in e.suggestions]


def warned(driver: Driver) -> tuple[str, ...]:
    return driver.session.status().warnings


def test_it_looks_at_domains_that_differ_in_what_is_labelled_and_never_at_test_clips(project: Project) -> None:
    clips = [project.clip(add(project, f"{d}{i}", d)) for d in "ab" for i in range(20)]
    clips.append(project.clip(add(project, "hidden", "a", split=Split.TEST)))
    assert frames_to_watch(clips, {("a", "lv"), ("b", "lv")}) == {}
    assert frames_to_watch(clips[:20], {("a", "lv")}) == {}
    found = frames_to_watch(clips, {("a", "lv")})
    assert {d: len(keys) for d, keys in found.items()} == {"a": PER_DOMAIN, "b": PER_DOMAIN}
    assert len({key.clip for key in found["a"]}) == PER_DOMAIN
    assert all(key.clip != "hidden" for key in found["a"])


@pytest.mark.parametrize("n_labelling", [1, 15, 24])
def test_of_very_many_domains_some_that_label_are_looked_at(project: Project, n_labelling: int) -> None:
    domains = [f"d{i:02}" for i in range(25)]
    clips = [project.clip(add(project, domain, domain)) for domain in domains]
    labelled = {(domain, "lv") for domain in domains[-n_labelling:]}
    found = frames_to_watch(clips, labelled)
    assert len(found) == MOST_DOMAINS
    assert sum((domain, "lv") in labelled for domain in found) >= min(n_labelling, MOST_DOMAINS // 2)
    assert any((domain, "lv") not in labelled for domain in found)


def test_what_others_predicted_is_not_predicted_again(two_domains: Project) -> None:
    workshop = FakeWorkshop(PAIR)
    watch = AreaWatch(PAIR, ImageShelf(two_domains, workshop))
    clips = {clip.name: clip for clip in two_domains.clips()}
    model, pairs = FakeModel(PAIR.n_classes), {("bright", "lv"), ("dark", "la")}
    watch.work(clips, model, labelled=pairs)
    for clip in clips.values():
        for key in clip.frame_keys:
            watch.take(key, clip, model.predict(workshop.image(two_domains.read_frame(key), clip.header)[None])[0])
    before = model.predicted
    while watch.work(clips, model, labelled=pairs):
        pass
    assert model.predicted == before


def test_the_alarm_comes_with_a_model_and_goes_with_a_label(two_domains: Project) -> None:
    driver, workshop = driven(two_domains)
    blind(two_domains, workshop)
    driver.run(lambda: bool(warned(driver)))
    assert any(isinstance(event, SnapshotPublished) for event in driver.events)
    (sentence,) = warned(driver)
    assert sentence.startswith("In 'dark' the LV has nearly vanished from the suggestions")
    key = FrameKey("dark0", 2)
    two_domains.commit(key, [Assign("lv", StructureLabel(LabelStatus.ABSENT))], author="tester")
    driver.session.handle(DataChanged((key,), ("dark0",)))
    driver.run(lambda: not warned(driver))


def test_a_headless_run_says_it_at_its_end_alone(two_domains: Project) -> None:
    driver, workshop = driven(two_domains, options=SessionOptions(makes_queue=False, sleeps=False))
    blind(two_domains, workshop)
    driver.run(lambda: driver.session.step > 30)
    assert warned(driver) == ()
    driver.session.finish()
    assert len(warned(driver)) == 1


def test_the_starting_weights_say_nothing_in_a_strange_clip_and_a_model_of_ones_own_does(
    project: Project,
) -> None:
    clip = add_moving_square(project, "one")
    driver, workshop = looking_at_strange(project, clip)
    driver.run(lambda: warned(driver) == (STRANGE_SENTENCE,))
    driver.settle()
    assert not suggested(driver)
    assert any(isinstance(e, TrainingStatus) and e.warnings for e in driver.events)
    key = outline_square(project, clip, 1)
    driver.session.handle(DataChanged((key,), (clip,)))
    driver.run(lambda: any(isinstance(e, SnapshotPublished) for e in driver.events))
    workshop.models[-1].is_strange = True
    driver.run(
        lambda: any(s.snapshot == 1 for e in driver.events if isinstance(e, SuggestionsReady) for s in e.suggestions)
    )
    assert warned(driver) == ()


def test_nobody_is_asked_to_teach_with_a_strange_test_clip(project: Project) -> None:
    clip = add_moving_square(project, "one")
    project.update_clip(clip, project.clip(clip).header, author="tester", split=Split.TEST)
    driver, _ = looking_at_strange(project, clip)
    driver.run(lambda: warned(driver) == (UNLIKE_SENTENCE,))
