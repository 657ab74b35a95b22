"""The command that edits a clip's details: edit."""

from __future__ import annotations

from collections.abc import Callable, Collection
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
    author: AuthorOption = None,
    json: JsonOption = False,
) -> None:
    """Change a clip's view, domain, ED and ES marks, pixel size or split.

    \f

    Raises
    ------
    typer.BadParameter
        Where nothing is to be changed, or a value has another form.
    """
    marks = (("ed_frames", ed), ("es_frames", es))
    changes: dict[str, Any] = {name: _frames(text) for name, text in marks if text is not None}
    if all(given is None for given in (view, domain, ed, es, spacing, split)):
        raise typer.BadParameter("say what to change: --view, --domain, --ed, --es, --spacing or --split")
    if alike and (spacing is None or split is not None):
        raise typer.BadParameter("--alike goes with --spacing, and not with --split")
    size_of = _spacing(spacing) if spacing is not None else None
    with writable(project) as opened:
        found = opened.clip(clip)
        changes |= _text_changes(view, domain, opened.protocol.views)
        header = _changed(found, changes, project)
        headers = {clip: header}
        if size_of is not None:
            size = size_of(found.header, project)
            same = (other for other in opened.clips() if alike and other.header.is_sized_like(found.header))
            headers = {other.name: other.header.with_confirmed(size) for other in same}
            headers[clip] = header.with_confirmed(size)
        commit = opened.update_clips(headers, author=author_name(author), split=split)
        now = opened.clip(clip)
        strange = strange_view_sentence(now.header.view or "", opened.protocol) if view else None
        tell([strange] if strange else [])
        result = {"clip": clip, "split": now.split, **clip_to_json(now)["header"], "revision": commit.revision}
        result["changed"] = commit.clips
    show(result, as_json=json, lines=[f"{commit.sentence}."])


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
