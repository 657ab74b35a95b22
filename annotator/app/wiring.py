"""Connects one workbench with one page: values one way, intentions the other."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import QWidget

from annotator.app.work_page import WorkPage
from annotator.core.identity import Clip, Spacing, SpacingStatus, Split
from annotator.engine.recipes import offered_recipes
from annotator.ui.dialogs import (
    EACH_NEW,
    NEW_PATIENT,
    AskAbsentDialog,
    AskSplitDialog,
    Choice,
    ConfirmSpacingDialog,
    LearnerDialog,
    PatientChoice,
    PatientDialog,
    PatientQuestion,
    SpacingQuestion,
)
from annotator.viewer.state import Message
from annotator.viewer.workbench import Workbench

_WHY = {
    SpacingStatus.DOUBTED: "The file contradicts itself about its pixel size. Check the proposal before you use it.",
    SpacingStatus.UNKNOWN: "The file does not say how large a pixel is.",
}


_NOTED = (
    "An image program noted this pixel size in the file; a picture that was scaled since may be of another. Check it "
    "before you use it."
)


class Wiring(QObject):
    """Keeps the connections, and the timer that plays the clip.

    Parameters
    ----------
    bench
        What decides.
    page
        What shows.
    """

    def __init__(self, bench: Workbench, page: WorkPage) -> None:
        super().__init__(page)
        self._bench = bench
        self._page = page
        self._speed = 1.0
        self._learner: LearnerDialog | None = None
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.setSingleShot(True)
        self._clock.timeout.connect(self._on_tick)
        self._show_values()
        self._take_panels()
        self._take_tools()
        bench.labelling.ask_absent = self._ask_absent
        self._fitting = QTimer(self)
        self._fitting.setSingleShot(True)
        self._fitting.timeout.connect(self._refit)
        self._was_fitted = True
        page.canvas.resized.connect(self._on_resized)

    def _show_values(self) -> None:
        signals, page = self._bench.signals, self._page
        page.next_up.setHidden(self._bench.project.is_read_only)
        if not self._bench.project.is_read_only:
            page.clips.offer_changes(self._bench.desk.protocol.views)
        signals.structures.connect(page.structures.show_state)
        signals.timeline.connect(page.timeline.show_state)
        signals.clips.connect(page.clips.show_state)
        signals.details.connect(page.details.show_state)
        signals.training.connect(page.training.show_state)
        signals.queue.connect(page.next_up.show_state)
        signals.tool.connect(page.tools.show_state)
        signals.message.connect(page.messages.show_message)
        signals.withdrawn.connect(page.messages.withdraw)
        signals.playing.connect(self._on_playing)

    def _take_panels(self) -> None:
        bench, page = self._bench, self._page
        panel = page.structures
        panel.selected.connect(bench.select)
        panel.accept.connect(bench.accept)
        panel.correct.connect(bench.correct)
        panel.reject.connect(bench.reject)
        panel.absent.connect(bench.mark_absent)
        panel.clear.connect(bench.clear)
        panel.accept_all.connect(bench.accept_all)
        panel.reject_all.connect(bench.reject_all)
        panel.visibility_toggled.connect(bench.set_visible)
        page.timeline.frame_requested.connect(bench.go_to)
        page.timeline.structure_selected.connect(bench.select)
        page.timeline.play_toggled.connect(lambda _on: bench.toggle_playing())
        page.timeline.speed_changed.connect(self._on_speed)
        page.clips.clip_activated.connect(self._on_clip)
        page.clips.view_chosen.connect(lambda clips, view: bench.set_view(view, of=clips))
        page.clips.domain_chosen.connect(lambda clips, domain: bench.set_domain(domain, of=clips))
        page.clips.split_chosen.connect(self._ask_split)
        page.clips.patient_requested.connect(self._ask_patient)
        page.next_up.activated.connect(self._on_next_up)
        page.training.pause.connect(bench.pause_training)
        page.training.resume.connect(bench.resume_training)
        page.training.retry.connect(bench.resume_training)
        page.training.details.connect(self._show_learner)

    def _take_tools(self) -> None:
        bench, page = self._bench, self._page
        page.tools.tool_chosen.connect(bench.use_tool)
        page.tools.size_changed.connect(bench.set_brush_size)
        page.tools.opacity_changed.connect(bench.set_suggestion_opacity)
        page.tools.suggestions_hidden.connect(bench.hide_suggestions)
        page.tools.undo_requested.connect(bench.undo)
        page.tools.redo_requested.connect(bench.redo)
        page.tools.finish_requested.connect(bench.finish)
        page.details.view_chosen.connect(bench.set_view)
        page.details.domain_chosen.connect(bench.set_domain)
        page.details.domain_done.connect(self._give_keyboard_back)
        page.details.mark_requested.connect(bench.toggle_mark)
        page.details.spacing_requested.connect(self._ask_spacing)
        page.messages.action_chosen.connect(self._on_message_action)

    def _on_clip(self, name: str) -> None:
        clip = self._bench.desk.clip
        if clip is None or clip.name != name:
            self._bench.open_clip(name)
        self._give_keyboard_back()

    def _on_next_up(self, index: int) -> None:
        queue = self._bench.board.queue
        if 0 <= index < len(queue):
            self._bench.jump(queue[index])
        self._give_keyboard_back()

    def _give_keyboard_back(self) -> None:
        """To the picture: the next letter shall be a shortcut, and Enter finish a draft."""
        self._page.canvas.native.setFocus()

    def _on_message_action(self, message: Message) -> None:
        self._bench.take_action(message.action)

    def _on_playing(self, is_playing: bool) -> None:  # noqa: FBT001 (a signal's signature)
        self._page.timeline.set_playing(is_playing=is_playing)
        if is_playing:
            self._start_clock()
        else:
            self._clock.stop()

    def _on_speed(self, times: float) -> None:
        self._speed = times

    def _on_tick(self) -> None:
        if self._bench.is_playing:
            self._start_clock()
            self._bench.step(1)

    def _on_resized(self) -> None:
        # A second event of the same resize must not see the picture of the first as moved by hand; and a clip may have
        # been opened, and fitted, between the two.
        self._was_fitted = (self._fitting.isActive() and self._was_fitted) or self._bench.scene.is_fitted
        self._fitting.start(30)

    def _refit(self) -> None:
        if self._bench.is_painting:
            self._fitting.start()
        elif self._was_fitted:
            self._bench.fit()

    def _start_clock(self) -> None:
        self._clock.start(max(1, round(self._bench.desk.frame_interval_ms / self._speed)))

    def _ask_absent(self, name: str) -> bool:
        return AskAbsentDialog.ask(name, parent=self._window())

    def _ask_split(self, clips: tuple[str, ...], split: str) -> None:
        project, part = self._bench.project, Split(split)
        moved = {clip.header.patient for clip in map(project.clip, clips) if clip.split is not part}
        if moved and AskSplitDialog.ask(len(moved), part, parent=self._window()):
            self._bench.set_split(part, of=clips)

    def _ask_patient(self, clips: tuple[str, ...]) -> None:
        project = self._bench.project
        question = _patient_question(project.clips(), clips, held=project.held_patients())
        answer = PatientDialog.ask(question, parent=self._window())
        if answer == EACH_NEW:
            self._bench.part_clips(clips)
        elif answer is not None:
            self._bench.give_clips(None if answer == NEW_PATIENT else answer, of=clips)

    def _ask_spacing(self) -> None:
        clip = self._bench.desk.clip
        if clip is None:
            return
        header = clip.header
        is_noted = header.spacing_status is SpacingStatus.UNKNOWN and header.proposed_spacing is not None
        known = "The pixel size as it is used now; change it only if you know better."
        why = _NOTED if is_noted else _WHY.get(header.spacing_status, known)
        proposed: Spacing | None = header.proposed_spacing or header.spacing
        alike = self._bench.facts.sized_alike()
        picture = np.asarray(self._bench.scene.image.data)
        question = SpacingQuestion(why, proposed, picture, len(alike) - 1)
        answer = ConfirmSpacingDialog.ask(question, parent=self._window())
        if answer is not None:
            self._bench.confirm_spacing(answer.spacing, of=alike if answer.is_for_all else ())

    def close(self) -> None:
        """Close the learner's window; the page goes only when the program is idle again."""
        if self._learner is not None:
            self._learner.close()

    def _show_learner(self) -> None:
        """Open the learner's window, made at the first time, or bring it to the front."""
        if self._learner is None:
            choices = tuple(Choice(r.name, r.name, r.summary) for r in offered_recipes())
            self._learner = LearnerDialog(choices, parent=self._page)
            self._learner.recipe_chosen.connect(self._bench.use_recipe)
            self._bench.signals.training.connect(self._learner.show_state)
        self._learner.show_state(self._bench.board.view)
        self._learner.show()
        self._learner.raise_()

    def _window(self) -> QWidget:
        window: Any = self._page.window()
        return window  # type: ignore[no-any-return]


def _patient_question(clips: Iterable[Clip], given: Collection[str], *, held: Collection[str]) -> PatientQuestion:
    """Whom clips, by name, may be given to: patients with other clips, of whom some are held aside."""
    of_patient: dict[str, list[Clip]] = {}
    for clip in clips:
        of_patient.setdefault(clip.header.patient, []).append(clip)
    moved = {patient: [clip for clip in own if clip.name in given] for patient, own in of_patient.items()}
    whose = [patient for patient, clips_moved in moved.items() if clips_moved]
    is_whole = len(whose) == 1 and moved[whose[0]] == of_patient[whose[0]]
    aside = {patient for patient, own in of_patient.items() if patient in held and own[0].split is Split.TRAIN}
    others = (
        PatientChoice(patient, tuple(clip.name for clip in own), own[0].split, is_held=patient in aside)
        for patient, own in of_patient.items()
        if whose != [patient]
    )
    splits = frozenset(clip.split for patient in whose for clip in moved[patient])
    return PatientQuestion(
        tuple(given), splits, tuple(others), can_be_new=not is_whole, are_held=aside.issuperset(whose)
    )
