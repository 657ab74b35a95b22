"""Where a snapshot came from and what was done to it at the end, as values and as plain sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from annotator.engine.messages import Reliability, ReliabilityCurve

if TYPE_CHECKING:
    from annotator.project import Project

LINEAGE: Final = "lineage"
"""Key of a snapshot's metrics: ``start``; ``changes`` where the recipe was not followed as its file says; and ``cft``
and ``calibration`` where it asked for them."""

_SHOWN_HASH: Final = 12


def newest_lineage(project: Project) -> Mapping[str, Any]:
    """Of the newest snapshot that may serve, and can; empty where there is none."""
    newest = project.latest_snapshot()
    found: Mapping[str, Any] = {} if newest is None else newest.metrics.get(LINEAGE, {})
    return found


def reliability_of(lineage: Mapping[str, Any]) -> dict[str, Reliability]:
    """Structure id to its confidence before and after calibration; empty where nothing was measured."""
    said = lineage.get("calibration", {})
    return {
        structure: Reliability(
            _curve(of["error_before"], of["before"]),
            _curve(of["error_after"], of["after"]),
            is_applied=bool(said.get("is_applied", False)),
            is_cross_fitted=bool(said.get("is_cross_fitted", False)),
            reason=str(said.get("reason", "")),
        )
        for structure, of in said.get("structures", {}).items()
    }


def _curve(error: float, rows: Sequence[Sequence[Any]]) -> ReliabilityCurve:
    return ReliabilityCurve(float(error), tuple((float(p), float(f), int(n)) for p, f, n in rows if n))


def lineage_sentences(lineage: Mapping[str, Any]) -> tuple[str, ...]:
    """Start, changes of the recipe, rows fitted again, confidence before and after: only what was recorded.

    Parameters
    ----------
    lineage
        See :data:`LINEAGE`.
    """
    said: list[str] = []
    if "start" in lineage:
        start = lineage["start"]
        said.append(f"Training began from {_origin(start) if start else 'nothing'}.")
    if "changes" in lineage:
        changed = ", ".join(f"{option} = {value}" for option, value in lineage["changes"].items())
        said.append(f"The recipe was changed for the run that published it: {changed}.")
    if "cft" in lineage:
        said += _refit_sentences(lineage["cft"])
    if "calibration" in lineage:
        said.append(_calibration_sentence(lineage["calibration"]))
    return tuple(said)


def _origin(start: Mapping[str, Any]) -> str:
    file = f"{start['file']} (SHA-256 {start['sha256'][:_SHOWN_HASH]}…)"
    # A record of an older version does not say what the weights knew: at least one of the structures.
    return file if start.get("knows", True) else f"the features of {file}, which knows none of these structures"


def _refit_sentences(cft: Mapping[str, Any]) -> list[str]:
    if "reason" in cft:
        return [f"No row of the head was fitted again, since {cft['reason']}."]
    rows = cft.get("rows", {})
    new = [name for name, of in rows.items() if of["is_new"]]
    old = [f"{name} ({of['reason']})" for name, of in rows.items() if not of["is_new"]]
    said = []
    if new:
        before, after = cft.get("dice_before", {}), cft.get("dice_after", {})
        brought = [f"{name} {before[name]:.3f} to {after[name]:.3f}" for name in new if name in before]
        said.append(f"Rows fitted again ({cft['method']}): {', '.join(new)}; validation Dice {', '.join(brought)}.")
    if old:
        said.append(f"Rows left as they were: {', '.join(old)}.")
    return said


def _calibration_sentence(calibration: Mapping[str, Any]) -> str:
    structures = calibration.get("structures", {})
    if not structures:
        return f"Confidence was not measured, since {calibration.get('reason', 'no patient shows a structure')}."
    errors = [f"{name} {of['error_before']:.3f} to {of['error_after']:.3f}" for name, of in structures.items()]
    if calibration.get("is_applied"):
        end = "the calibrated confidence is served"
    else:
        reason = calibration.get("reason", "")
        end = "the raw confidence is served" + (f", since {reason}" if reason else "")
        if not calibration.get("is_cross_fitted"):
            end += "; what is after is of the very patients that it was fitted on"
    return f"Calibration error before and after: {', '.join(errors)}; {end}."
