from __future__ import annotations

from annotator.engine.messages import DataChanged, Look, RunState, SnapshotPublished, SuggestionsReady
from annotator.project import Project
from annotator.testing.sessions import add_moving_square, driven, outline_square


def test_it_waits_for_the_first_finished_label_and_then_trains_and_publishes(project: Project) -> None:
    clip = add_moving_square(project, "one")
    driver, workshop = driven(project)
    driver.settle()
    assert driver.session.state is RunState.IDLE
    key = outline_square(project, clip)
    driver.session.handle(DataChanged((key,), (clip,)))
    driver.session.handle(Look(key))
    driver.run(lambda: any(isinstance(e, SnapshotPublished) for e in driver.events))
    driver.run(lambda: any(isinstance(e, SuggestionsReady) for e in driver.events))
    print([type(e).__name__ for e in driver.events])
    print(driver.session.status())
