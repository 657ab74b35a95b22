"""The command that edits a clip's details: edit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from annotator.cli.opening import writable
from annotator.cli.output import AuthorOption, JsonOption, ProjectArgument, author_name, show, tell
from annotator.core.clip_json import clip_to_json
from annotator.core.errors import AnnotatorError, BadInput
from annotator.core.identity import PLAUSIBLE_MM, Clip, ClipHeader, Spacing, Split, safe_stem
from annotator.core.views import strange_view_sentence, view_id
from annotator.project import Commit

PatientOption = Annotated[
    str | None,
    typer.Option(
        help="Whose clip it is, where its file or folder named a wrong patient: a pseudonym of the project, an "
        "original identifier, 'new' for a patient who has no other clip, or 'each' for a new one for every clip."
    ),
]
WholePatientOption = Annotated[
    bool,
    typer.Option(
        "--whole-patient",
        help="With --patient: all clips of the clip's present patient, so that two become one, or one many.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(edit)


def edit(
    project: ProjectArgument,
    clip: Annotated[str, typer.Argument(help="The clip's name, as 'annotator export' and the window show it.")],
    view: Annotated[str | None, typer.Option(help="View, such as a4c; '' for not known.")] = None,
    domain: Annotated[str | None, typer.Option(help="Scanner, vendor or hospital.")] = None,
    ed: Annotated[str | None, typer.Option(help="End-diastolic frames from 0, such as 0,15; '' for none.")] = None,
    es: Annotated[str | None, typer.Option(help="End-systolic frames from 0; '' for none.")] = None,
    spacing: Annotated[
        str | None,
        typer.Option(help="Pixel size Y,X in mm, confirmed by you; 'proposed' takes what was proposed at import."),
    ] = None,
    alike: Annotated[
        bool,
        typer.Option(
            "--alike",
            help="With --spacing: also for every other clip of the same domain, with pictures of the same size, whose "
            "pixel size stands as this clip's does.",
        ),
    ] = False,
    split: Annotated[Split | None, typer.Option(help="Part of the data, of the whole patient.")] = None,
    patient: PatientOption = None,
    whole_patient: WholePatientOption = False,
    author: AuthorOption = None,
    json: JsonOption = False,
) -> None:
    """Change a clip's view, domain, ED and ES marks, pixel size, split or patient.

    \f

    Raises
    ------
    typer.BadParameter
        Where nothing is to be changed, or a value has another form.
    """
    marks = (("ed_frames", ed), ("es_frames", es))
    changes: dict[str, Any] = {name: _frames(text) for name, text in marks if text is not None}
    is_detail = any(given is not None for given in (view, domain, ed, es, spacing, split))
    _refuse_mixed(is_detail=is_detail, patient=patient, whole_patient=whole_patient)
    if patient is not None:
        _give(project, clip, patient, is_whole=whole_patient, author=author_name(author), as_json=json)
        return
    if alike and (spacing is None or split is not None):
        raise typer.BadParameter("--alike goes with --spacing, and not with --split")
    size_of = _spacing(spacing) if spacing is not None else None
    with writable(project) as opened:
        found = opened.clip(clip)
        changes |= _text_changes(view, domain, opened.protocol.views)
        headers = {clip: _changed(found, changes, project)}
        if size_of is not None:
            others = [other for other in opened.clips() if alike and other.header.is_sized_like(found.header)]
            headers = _sized(headers, others, size_of(found.header, project))
        commit = opened.update_clips(headers, author=author_name(author), split=split)
        now = opened.clip(clip)
        strange = strange_view_sentence(now.header.view or "", opened.protocol) if view else None
        tell([strange] if strange else [])
    _show(now, commit, as_json=json)


def _sized(headers: dict[str, ClipHeader], others: Iterable[Clip], size: Spacing) -> dict[str, ClipHeader]:
    """Headers, and those of other clips, with a pixel size that is vouched for."""
    of_all = {**{other.name: other.header for other in others}, **headers}
    return {name: header.with_confirmed(size) for name, header in of_all.items()}


def _refuse_mixed(*, is_detail: bool, patient: str | None, whole_patient: bool) -> None:
    if not is_detail and patient is None:
        raise typer.BadParameter("say what to change: --view, --domain, --ed, --es, --spacing, --split or --patient")
    if whole_patient and patient is None:
        raise typer.BadParameter("--whole-patient goes with --patient")
    if patient is not None and is_detail:
        raise typer.BadParameter("--patient goes with no other change")


def _give(project: Path, clip: str, patient: str, *, is_whole: bool, author: str, as_json: bool) -> None:
    if not patient.strip():
        raise typer.BadParameter("a patient has an identifier")
    with writable(project) as opened:
        whose = opened.clip(clip).header.patient
        names = [c.name for c in opened.clips() if c.name == clip or (is_whole and c.header.patient == whose)]
        if patient == "each":
            commit = opened.part_clips(names, author=author)
        else:
            commit = opened.give_clips(names, None if patient == "new" else patient, author=author)
        now = opened.clip(clip)
    _show(now, commit, as_json=as_json)


def _show(clip: Clip, commit: Commit, *, as_json: bool) -> None:
    result = {"clip": clip.name, "split": clip.split, **clip_to_json(clip)["header"], "revision": commit.revision}
    show({**result, "changed": commit.clips}, as_json=as_json, lines=[f"{commit.sentence}."])


def _text_changes(view: str | None, domain: str | None, views: Collection[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if view is not None:
        changes["view"] = view_id(view, views) if view else None
        if view and changes["view"] is None:
            raise typer.BadParameter(f"'{view}' is no view, such as a4c")
    if domain is not None:
        if not domain.strip():
            raise typer.BadParameter("a domain has a name")
        changes["domain"] = safe_stem(domain)
    return changes


def _frames(text: str) -> tuple[int, ...]:
    try:
        return tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise typer.BadParameter(f"'{text}' is not of the form 0,15") from None


def _spacing(text: str) -> Callable[[ClipHeader, Path], Spacing]:
    if text == "proposed":
        return _proposed
    try:
        y, x = (float(part) for part in text.split(","))
        size = Spacing(y, x)
    except (ValueError, AnnotatorError):
        raise typer.BadParameter(f"'{text}' is not of the form 0.3,0.15 (millimetres down, then across)") from None
    if not all(PLAUSIBLE_MM[0] <= side <= PLAUSIBLE_MM[1] for side in (y, x)):
        raise typer.BadParameter(f"no ultrasound image has pixels of {y:g} x {x:g} mm")
    return lambda header, project: size


def _proposed(header: ClipHeader, project: Path) -> Spacing:
    if header.proposed_spacing is None:
        raise BadInput(project, f"no pixel size is proposed for '{header.stem}'", "give it as --spacing Y,X")
    return header.proposed_spacing


def _changed(clip: Clip, changes: dict[str, Any], project: Path) -> ClipHeader:
    try:
        return replace(clip.header, **changes)
    except AnnotatorError as error:
        raise BadInput(f"{project}, clip '{clip.name}'", str(error).rstrip("."), "correct the option") from None
