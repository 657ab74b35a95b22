"""The trainer's side of a session: loading, steps, checks, publication and checkpoints."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from annotator.core.disk_errors import delete
from annotator.core.errors import IncompatibleWeights
from annotator.engine.checkpoints import SessionFacts, is_outdated, read_checkpoint, write_checkpoint
from annotator.engine.frames import FrameBook
from annotator.engine.lineage import LINEAGE, newest_lineage, reliability_of
from annotator.engine.messages import RunState, SnapshotPublished, TrainingStatus, Trouble
from annotator.engine.schedule import Schedule
from annotator.engine.starting import first_usable
from annotator.engine.status import Meter
from annotator.engine.trainer_protocol import ServedModel, TrainerProtocol, Workshop

if TYPE_CHECKING:
    from annotator.project import Project, Snapshot

_LOG = logging.getLogger(__name__)

SAVE_EVERY_S: Final = 60.0

_BAD_CHECKPOINT: Final = "The training checkpoint cannot be used"
_OTHER_NETWORK: Final = "The recipe has another network than the training before"


class Learning:
    """Owns the trainer.

    Parameters
    ----------
    project
        Where checkpoints and snapshots go.
    workshop
        Makes trainers.
    book
        Which frames the trainer should hold.
    starting_weights
        Where a fresh project starts from.
    """

    def __init__(
        self, project: Project, workshop: Workshop, book: FrameBook, *, starting_weights: Path | None = None
    ) -> None:
        self._project = project
        self._workshop = workshop
        self._book = book
        self._starting_weights = starting_weights
        self._trainer: TrainerProtocol | None = None
        self._restored = SessionFacts()
        self._schedule = Schedule()
        self._dice: Mapping[str, float] = {}
        self._dice_by_domain: Mapping[str, Mapping[str, float]] = {}
        self._measured_on_accepted: tuple[str, ...] = ()
        self._best_dice: Mapping[str, float] = {}
        self._troubles: list[Trouble] = []
        self._notes_told = 0
        self._saved_at = time.perf_counter()
        self._data_revision = 0
        self._cannot_save = False
        self._start: Mapping[str, Any] | None = None
        self._reliability = reliability_of(newest_lineage(project))
        self._kept_back = ""
        self.meter = Meter()
        self.step = 0

    # --- the trainer ----------------------------------------------------------------------------------

    def start_over(self) -> None:
        """Make a new trainer at the next load, and tell no figure of the former one until then."""
        self._trainer = None
        self._cannot_save = False
        self._adopt(SessionFacts())
        self._reliability = reliability_of(newest_lineage(self._project))
        self._kept_back = ""
        self._book.start_over()

    def unlearn(self) -> None:
        """Start over, and from no checkpoint: one may have been written since a patient was set apart.

        Raises
        ------
        OSError
            Where the disk refuses to delete it.
        """
        self.start_over()
        self.meter = Meter()
        self.step = 0
        if not self._project.is_read_only:
            delete(self._project.checkpoint_path)

    def wake(self) -> None:
        """Train on although nothing is new."""
        self._restored = SessionFacts()
        self._schedule = self._schedule.after_labels()

    def _ready(self) -> TrainerProtocol:
        if self._trainer is None:
            trainer = self._made()
            self._trainer = trainer
            self.step = trainer.step_count
            self._notes_told = 0
        return self._trainer

    def _made(self) -> TrainerProtocol:
        """A trainer that goes on from the checkpoint, else from the newest model that fits."""
        trainer = self._workshop.trainer()
        why = ""
        try:
            found = read_checkpoint(self._project.checkpoint_path)
            if found is not None and is_outdated(self._project, found[0]):
                _LOG.info("The checkpoint knows what is not to be learnt from here; it is passed over.")
            elif found is not None:
                trainer.restore(found[1])
                self._adopt(found[0])
                return trainer
        except Exception as error:
            _LOG.exception("The checkpoint is passed over.")
            why = _OTHER_NETWORK if isinstance(error, IncompatibleWeights) else _BAD_CHECKPOINT
            # The former one may be half-restored.
            trainer = self._workshop.trainer()
        self._adopt(SessionFacts())
        snapshot = self._start_from_weights(trainer)
        if why:
            anew = "begins anew; labels and models stay"
            end = f"goes on from model {snapshot}" if snapshot else anew
            self._troubles.append(Trouble(f"{why}, so training {end}.", can_retry=False))
        return trainer

    def _adopt(self, facts: SessionFacts) -> None:
        self._restored = facts
        self._data_revision = facts.data_revision or 0
        self._schedule = Schedule.from_numbers(facts.schedule)
        if facts.recipe and not self._is_same_recipe(facts):
            # What another recipe could not improve says nothing of this one.
            self._schedule = self._schedule.after_labels()
        self._start = facts.start
        self._dice, self._dice_by_domain = facts.dice, facts.dice_by_domain
        self._measured_on_accepted = facts.measured_on_accepted
        self._best_dice = facts.best_dice

    def _is_same_recipe(self, facts: SessionFacts) -> bool:
        now = self._workshop
        # What was written before digests were noted is told by the name alone.
        return facts.recipe == now.recipe and facts.recipe_digest in ("", now.recipe_digest)

    def _start_from_weights(self, trainer: TrainerProtocol) -> int:
        """Start from the newest snapshot that fits, whose id is given, else from the starting weights or nothing: 0."""

        def begin(weights: Path) -> Mapping[str, Any]:
            known = self._workshop.start_from(trainer, weights)
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
            return {"file": weights.name, "sha256": digest, "knows": list(known)}

        found, _ = first_usable(self._project, self._starting_weights, begin)
        self._start, snapshot = ({}, 0) if found is None else found
        return snapshot

    # --- pieces of work -------------------------------------------------------------------------------

    def load(self, count: int) -> bool:
        """Load up to ``count`` frames; whether anything was done.

        Raises
        ------
        Exception
            Whatever the trainer raises.
        """
        trainer = self._ready()
        had_waiting = self._book.has_waiting
        new_labels = self._book.load(trainer, count)
        if self._book.release(trainer):
            self._schedule = self._schedule.after_new_validation()
            self._best_dice = {}
        self._troubles += [Trouble(sentence, can_retry=False) for sentence in self._book.take_troubles()]
        if had_waiting:
            # At once, though others may still be waiting: a model that saw some of a patient saw the patient. And not
            # the project's own, which may know already of a patient who is no longer for training.
            self._data_revision = self._book.revision
        # Last, since it goes through all labels, and there is one piece of them for each load.
        if new_labels and not self._book.awaits_labels and self._restored.labels != self._book.fingerprint():
            self._schedule = self._schedule.after_labels()
            trainer.renew_average()
        return had_waiting

    @property
    def may_go_on_sleeping(self) -> bool:
        """Whether it slept before the restart, and has the same labels and recipe now."""
        before = self._restored
        return before.is_asleep and self._is_same_recipe(before) and before.labels == self._book.fingerprint()

    @property
    def can_step(self) -> bool:
        """Whether the trainer is there and has a labelled frame."""
        return self._trainer is not None and not self._book.must_release and self._trainer.can_step

    def do_step(self) -> None:
        """One training step.

        Raises
        ------
        Exception
            Whatever the trainer raises.
        """
        trainer = self._ready()
        began = time.perf_counter()
        facts = trainer.step()
        self.step = facts.step
        self._schedule = self._schedule.after_step(time.perf_counter() - began)
        self.meter.count(facts.losses)
        self._troubles += [Trouble(note, can_retry=False) for note in trainer.notes[self._notes_told :]]
        self._notes_told = len(trainer.notes)

    def is_check_due(self, *, by_steps: bool = False) -> bool:
        """Whether to validate and publish now; by the clock, or by steps alone.

        Not before the frames of the patients held aside, who judge it, are loaded.
        """
        is_due = self._schedule.is_due_by_steps if by_steps else self._schedule.is_due
        return is_due and self.can_step and not self._book.awaits_validation

    @property
    def can_check(self) -> bool:
        """Whether a step was done since the last check."""
        return self.can_step and self._schedule.steps > 0

    def check(self, served: ServedModel | None) -> tuple[Snapshot, SnapshotPublished] | None:
        """Validate, where patients are held aside, and publish where validation does not get worse.

        Parameters
        ----------
        served
            The model that serves; it is scored on the same frames where its score is not known.

        Returns
        -------
        tuple or None
            The snapshot and what to tell of it, where one was published.

        Raises
        ------
        Exception
            Whatever the trainer or the project raises.
        """
        from annotator.learn.publish_policy import best_of, decide  # noqa: PLC0415  (imports torch)

        if self._book.has_validation and not self._best_dice and served is not None:
            self._best_dice = dict(self._workshop.score(served, self._book.validation_frames).dice)
        candidate = self._ready().candidate()
        validation = candidate.validation
        self._dice = dict(validation.dice)
        self._dice_by_domain = {domain: dict(dice) for domain, dice in validation.by_domain.items()}
        self._measured_on_accepted = tuple(s for s in validation.dice if s in validation.measured_on_accepted)
        is_start = self._project.latest_snapshot() is None
        decision = decide(validation, self._best_dice or None, is_start=is_start)
        self._schedule = self._schedule.after_check(validation.mean_dice if decision.is_validated else None)
        self._kept_back = "" if decision.publish else decision.sentence
        if not decision.publish:
            _LOG.info("%s", decision.sentence)
            return None
        metrics = self._metrics() if decision.is_validated else {}
        # Pseudonyms stay in the database, out of files that may leave the project and outlive a patient's removal.
        whom = {"validation_patients": list(self._book.plan.held)} if decision.is_validated else {}
        origin = {} if self._start is None else {"start": dict(self._start)}
        if self._workshop.changes:
            origin["changes"] = dict(self._workshop.changes)
        said = {"data_revision": self._data_revision, "metrics": metrics, **origin}
        lineage = {**origin, **candidate.facts}
        snapshot = self._project.add_snapshot(
            candidate.write(said),
            step=self.step,
            data_revision=self._data_revision,
            recipe=self._workshop.recipe,
            metrics={**metrics, **whom, LINEAGE: lineage},
            is_validated=decision.is_validated,
        )
        self._best_dice = best_of(self._dice, {} if is_start else self._best_dice)
        self._reliability = reliability_of(lineage)
        sentence = f"Model {snapshot.id} makes the suggestions now. {decision.sentence}"
        event = SnapshotPublished(snapshot.id, self.step, decision.is_validated, dict(self._dice), sentence)
        return snapshot, event

    def _metrics(self) -> dict[str, Any]:
        return {
            "mean_dice": sum(self._dice.values()) / max(1, len(self._dice)),
            "dice": dict(self._dice),
            "dice_by_domain": {d: dict(v) for d, v in self._dice_by_domain.items()},
            "measured_on_accepted": list(self._measured_on_accepted),
        }

    def plateau(self) -> str | None:
        """Why more steps would not help; ``None`` where they may."""
        knows = set((self._start or {}).get("knows", ()))
        return self._schedule.plateau(
            patience=self._workshop.patience,
            labelled_frames=len(self._book.plan.labelled),
            has_validation=self._book.has_validation,
            is_known=bool(knows) and knows.issuperset(self._ready().active_structures),
        )

    # --- the checkpoint -------------------------------------------------------------------------------

    @property
    def is_save_due(self) -> bool:
        """Whether to write a checkpoint now."""
        return time.perf_counter() - self._saved_at >= SAVE_EVERY_S

    def save(self, *, is_asleep: bool = False) -> None:
        """Write a checkpoint where there is something new; a disk that refuses is told of once.

        Raises
        ------
        Exception
            Whatever the trainer raises.
        """
        self._saved_at = time.perf_counter()
        if self._trainer is None or self._project.is_read_only:
            return
        facts = SessionFacts(
            recipe=self._workshop.recipe,
            recipe_digest=self._workshop.recipe_digest,
            labels=self._book.fingerprint(),
            is_asleep=is_asleep,
            schedule=self._schedule.as_numbers(),
            dice=dict(self._dice),
            dice_by_domain={d: dict(v) for d, v in self._dice_by_domain.items()},
            measured_on_accepted=self._measured_on_accepted,
            best_dice=dict(self._best_dice),
            start=None if self._start is None else dict(self._start),
            data_revision=self._data_revision,
            data_time=self._project.time_of(self._data_revision),
        )
        try:
            write_checkpoint(self._project.checkpoint_path, facts, self._trainer.checkpoint())
        except OSError as error:
            _LOG.exception("The checkpoint cannot be written.")
            if not self._cannot_save:
                self._cannot_save = True
                why = error.strerror or type(error).__name__
                self._troubles.append(Trouble(f"The training checkpoint cannot be written ({why}).", can_retry=False))

    # --- telling --------------------------------------------------------------------------------------

    def take_troubles(self) -> list[Trouble]:
        """Troubles since the last call."""
        troubles, self._troubles = self._troubles, []
        return troubles

    def status(self, state: RunState, sentence: str, *, snapshot: int | None) -> TrainingStatus:
        """What to show of the learner.

        Parameters
        ----------
        state, sentence
            Of the session.
        snapshot
            Id of the snapshot that serves.
        """
        trainer = self._trainer
        known = () if trainer is None else trainer.active_structures
        return TrainingStatus(
            state=state,
            sentence=sentence,
            step=self.step,
            steps_per_s=self.meter.steps_per_s if state is RunState.TRAINING else 0.0,
            device="" if trainer is None else trainer.device_text,
            memory_mb=0.0 if trainer is None else trainer.memory_mb,
            recipe=self._workshop.recipe,
            losses=self.meter.losses,
            dice=dict(self._dice),
            dice_by_domain=self._dice_by_domain,
            validation_patients=self._book.plan.held,
            measured_on_accepted=self._measured_on_accepted,
            unmeasured=tuple(s for s in known if s in self._book.plan.unmeasured),
            labelled_frames=self._book.loaded_labelled,
            unlabelled_frames=self._book.loaded_unlabelled,
            snapshot=snapshot,
            recipe_summary=self._workshop.summary,
            reliability=self._reliability,
            kept_back=self._kept_back,
        )
