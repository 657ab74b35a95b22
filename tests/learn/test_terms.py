"""Terms of a step: what they switch on, what they pull on, and how the teacher's view is disturbed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from annotator.learn import augment, losses, networks, terms
from annotator.learn.chance import Chance
from annotator.learn.dataset import TrainingFrame
from annotator.learn.recipe import Recipe
from annotator.learn.recipe_sections import HdcSection, InversionSection, LaboSection, TemporalSection, UniMatchSection
from annotator.learn.supervision import Lesson
from annotator.learn.trainer import Trainer

TrainerMaker = Callable[..., Trainer]


def _chance() -> Chance:
    generator = torch.Generator().manual_seed(0)
    return Chance(generator, generator)


def _state(trainer: Trainer, *, ramp: float = 1.0, is_labelled: bool = True) -> terms.StepState:
    generator = torch.Generator().manual_seed(1)
    plain = torch.rand((3, 1, 32, 32), generator=generator)
    bitmaps = torch.full((3, 32, 32), 0b1101, dtype=torch.int32)
    bitmaps[:2, 8:20, 8:20] = 0b0010
    bitmaps[2 if is_labelled else slice(None)] = 0b1111
    allowed, active = losses.allowed_sets(bitmaps, 4), torch.tensor([True, True, True, False])
    seen = networks.look(trainer._student, augment.to_input(plain), inside=True)
    with torch.no_grad():
        taught = networks.look(trainer._teacher, augment.to_input(plain), inside=True)
    possible = torch.full((3, 1, 1), 0b1111, dtype=torch.int32)
    shown = augment.to_input(plain)
    return terms.StepState(
        lesson=Lesson(plain, plain, shown, shown, bitmaps, possible, allowed, triples=None),
        active=active,
        gated=None,
        seen=seen,
        log_p=losses.log_probabilities(seen.logits, active),
        taught=taught,
        target=losses.soft_target(taught.logits, allowed, active),
        ramp=ramp,
    )


def _changed(recipe: Recipe, **sections: object) -> Recipe:
    return recipe.model_copy(update=sections)


def _touched(loss: torch.Tensor, network: torch.nn.Module) -> set[str]:
    names = [name for name, _ in network.named_parameters()]
    found = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True, allow_unused=True)
    return {name.split(".")[0] for name, g in zip(names, found, strict=True) if g is not None and bool(g.any())}


def test_the_default_recipe_has_no_terms_and_each_section_has_one(make_trainer: TrainerMaker, recipe: Recipe) -> None:
    assert make_trainer()._terms == ()
    full = _changed(
        recipe,
        hdc=HdcSection(weight=0.5),
        unimatch=UniMatchSection(second_view=0.5),
        labo=LaboSection(share=0.1),
        inversion=InversionSection(entropy=0.1),
        temporal=TemporalSection(area=1, neighbours=1),
    )
    kinds = [type(term) for term in make_trainer(changed=full)._terms]
    drawn_first = [terms.NoisyDecoder, terms.FurtherViews, terms.RegularisedLabels, terms.Inversion]
    assert kinds == [*drawn_first, terms.EvenChange, terms.BetweenNeighbours]


def test_the_noisy_decoder_learns_by_itself_and_shares_the_encoder(make_trainer: TrainerMaker, recipe: Recipe) -> None:
    section = HdcSection(weight=0.5, correlation=0.1, mutual_information=0.1, pixel_consistency=0.1, pixels=256)
    trainer = make_trainer(changed=_changed(recipe, hdc=section))
    assert trainer._twin is not None
    found = trainer._terms[0](_state(trainer))
    parts = {"encoder", "decoder", "enlarge", "head"}
    assert _touched(found["noisy_supervised"], trainer._twin) == parts
    assert _touched(found["noisy_supervised"], trainer._student) == {"encoder"}
    # The main decoder's features are the reference, not what is moved.
    assert _touched(found["mutual_information"], trainer._student) == {"encoder"}
    assert _touched(found["mutual_information"], trainer._twin) == parts - {"head"}
    assert _touched(found["correlation"], trainer._student) == parts - {"head"}
    assert _touched(found["pixel_consistency"], trainer._student) == parts


def test_an_untrusted_teacher_weighs_nothing(make_trainer: TrainerMaker, recipe: Recipe) -> None:
    sections = {"hdc": HdcSection(weight=0.5, correlation=0.1), "unimatch": UniMatchSection(second_view=1)}
    trainer = make_trainer(changed=_changed(recipe, **sections))
    state = _state(trainer, ramp=0.0)
    found = {**trainer._terms[0](state), **trainer._terms[1](state)}
    assert float(found["noisy_supervised"].detach()) > 0
    assert all(float(found[name].detach()) == 0 for name in ("noisy_consistency", "correlation", "second_view"))


def test_further_views_are_other_views(make_trainer: TrainerMaker, recipe: Recipe) -> None:
    trainer = make_trainer(changed=_changed(recipe, unimatch=UniMatchSection(second_view=1.0, feature_view=1.0)))
    state = _state(trainer, is_labelled=False)
    found = trainer._terms[0](state)
    plain = float(state.agreement(state.log_p).detach())
    # Student and teacher are one at the start, so that only the change of view makes them differ.
    assert plain == pytest.approx(0.0, abs=1e-5)
    assert all(float(value.detach()) > 1e-4 for value in found.values())


def test_regularised_labels_are_a_persons_and_not_a_views(make_trainer: TrainerMaker, recipe: Recipe) -> None:
    trainer = make_trainer(changed=_changed(recipe, labo=LaboSection(share=0.1)))
    (term,) = trainer._terms
    state = _state(trainer)
    # Frame 2 has no label, and its view cannot show class 2, of which frames 0 and 1 say nothing either.
    shows = torch.tensor([0b1111, 0b1111, 0b1011], dtype=torch.int32).view(3, 1, 1)
    lesson = state.lesson
    narrower = replace(lesson, possible=shows, bitmaps=lesson.bitmaps & shows, allowed=lesson.allowed.clone())
    narrower.allowed[2, 2] = False
    seen = replace(state, lesson=narrower)
    rows = [torch.autograd.grad(term(s)["labo"], s.log_p, retain_graph=True)[0] for s in (state, seen)]
    assert float(rows[1][:2].abs().sum()) > 0
    assert float(rows[1][2].abs().sum()) == 0, "nobody said anything in this frame"
    cross_entropy = losses.marginal_cross_entropy(seen.log_p, narrower.allowed, seen.active)
    assert float(torch.autograd.grad(cross_entropy, seen.log_p)[0][2].abs().sum()) > 0, "what a view shows is taught"


def test_the_teachers_view_is_disturbed_within_bounds() -> None:
    plain = torch.full((2, 1, 32, 32), 0.5)
    assert augment.teacher_view(plain, 0.0, _chance()) is plain
    noise = augment.teacher_view(plain, 0.1, _chance()) - plain
    assert float(noise.abs().max()) <= 0.2 + 1e-6
    assert 0.05 < float(noise.std()) < 0.12


def test_both_decoders_are_updated(make_trainer: TrainerMaker, recipe: Recipe, frames: list[TrainingFrame]) -> None:
    trainer = make_trainer(changed=_changed(recipe, hdc=HdcSection(weight=0.5, pixels=256)))
    trainer.put(frames)
    assert trainer._twin is not None
    before = {n: t.clone() for n, t in trainer._twin.state_dict().items()}
    trainer.step()
    after, student = trainer._twin.state_dict(), trainer._student.state_dict()
    assert not torch.equal(after["head.weight"], before["head.weight"])
    assert not torch.equal(after["head.weight"], student["head.weight"])
    assert torch.equal(after["encoder.stem.weight"], student["encoder.stem.weight"])
    assert not torch.equal(after["encoder.stem.weight"], before["encoder.stem.weight"])
