"""Tables of a learning benchmark: means over seeds with their standard deviation, as JSON and Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from annotator.bench.learning.cases import RUNGS
from annotator.bench.learning.design import EVERY_LABEL

Result = Mapping[str, Any]
"""One cell, as its file holds it."""


def summary(results: Sequence[Result]) -> list[dict[str, Any]]:
    """One entry for every row, budget, layout and shift, over its seeds.

    ``labels`` is the budget, and ``labels_given`` what there was of it.
    Each figure is ``{"mean":, "sd":, "n":}``; the standard deviation is over seeds (``None`` for one seed).
    """
    found = []
    for key, cells in _grouped(results):
        row, budget, layout, shift = key
        scores = [cell["scores"] for cell in cells]
        # One seed's model may give nothing to measure where another's does.
        domains = dict.fromkeys(chain.from_iterable(s["by_domain"] for s in scores))
        entry = {
            "row": row,
            "labels": "all" if budget == EVERY_LABEL else budget,
            "labels_given": _figure([cell["labels"] for cell in cells]),
            "layout": layout,
            "shift": RUNGS[shift],
            "seeds": [cell["cell"]["seed"] for cell in cells],
            "mean_dice": _figure([_mean(s["dice"]) for s in scores]),
            "mean_dice_of_best_step": _figure([_mean(cell["best_step"]["dice"]) for cell in cells]),
            "dice": _figures(s["dice"] for s in scores),
            "hd95_mm": _figures(s["hd95_mm"] for s in scores),
            "hd95_missing": _figures(s["hd95_missing"] for s in scores),
            "ece": _figures(s["ece"] for s in scores),
            "by_domain": {d: _figures(s["by_domain"].get(d, {}) for s in scores) for d in domains},
            "steps": _figure([cell["steps"] for cell in cells]),
            "step_ms": _figure([1000 * cell["seconds"] / cell["steps"] for cell in cells if cell["steps"]]),
            "curve": _curve(cells),
        }
        found.append(entry)
    return found


def _grouped(results: Sequence[Result]) -> Iterator[tuple[tuple[str, int, str, int], list[Result]]]:
    groups: dict[tuple[str, int, str, int], list[Result]] = {}
    for result in results:
        cell = result["cell"]
        groups.setdefault((result["row"], result["budget"], cell["layout"], cell["shift"]), []).append(result)
    yield from groups.items()


def _mean(values: Mapping[str, float | None]) -> float | None:
    kept = [v for v in values.values() if v is not None]
    return float(np.mean(kept)) if kept else None


def _figures(of_seeds: Iterable[Mapping[str, float | None]]) -> dict[str, dict[str, Any]]:
    seeds = list(of_seeds)
    return {name: _figure([s.get(name) for s in seeds]) for name in dict.fromkeys(chain.from_iterable(seeds))}


def _figure(values: Sequence[float | None]) -> dict[str, Any]:
    kept = [v for v in values if v is not None]
    return {
        "mean": float(np.mean(kept)) if kept else None,
        "sd": float(np.std(kept, ddof=1)) if len(kept) > 1 else None,
        "n": len(kept),
    }


def _curve(cells: Sequence[Result]) -> list[dict[str, Any]]:
    marks = [point["at"] for point in cells[0]["curve"]]
    points = []
    for mark in marks:
        here = [point for cell in cells for point in cell["curve"] if point["at"] == mark]
        points.append(
            {
                "at": mark,
                "mean_dice": _figure([_mean(p["dice"]) for p in here]),
                "dice": _figures(p["dice"] for p in here),
            }
        )
    return points


def markdown(entries: Sequence[Mapping[str, Any]], *, unit: str) -> str:
    """The tables as text: overall, by domain where there are several, and the curves.

    Parameters
    ----------
    entries
        From :func:`summary`.
    unit
        What the curves' marks count: ``"s"`` or ``"steps"``.
    """
    parts = [_table(_overall(entries))]
    if any(len(e["by_domain"]) > 1 for e in entries):
        parts.append(_table(_by_domain(entries)))
    if any(e["curve"] for e in entries):
        parts.append(_table(_curves(entries, unit)))
    return "\n".join(parts)


def _overall(entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    for e in entries:
        yield {
            **_condition(e),
            **{f"Dice {s}": _text(v) for s, v in e["dice"].items()},
            "mean Dice": f"**{_text(e['mean_dice'])}**",
            "best step by validation": _text(e["mean_dice_of_best_step"]),
            "HD95 mm": _text(_over(e["hd95_mm"]), ".1f"),
            "HD95 missing": _text(_over(e["hd95_missing"], np.sum), ".3g"),
            "ECE": _text(_over(e["ece"])),
            "steps": _text(e["steps"], ".0f"),
            "ms a step": _text(e["step_ms"], ".0f"),
        }


def _by_domain(entries: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    for e in entries:
        cells = {f"{d}: {s}": _text(v) for d, of in e["by_domain"].items() for s, v in of.items()}
        yield {**_condition(e), **cells}


def _curves(entries: Sequence[Mapping[str, Any]], unit: str) -> Iterator[dict[str, str]]:
    for e in entries:
        if e["curve"]:
            yield {**_condition(e), **{f"{p['at']:g} {unit}": _text(p["mean_dice"]) for p in e["curve"]}}


def _condition(entry: Mapping[str, Any]) -> dict[str, str]:
    given = entry["labels_given"]["mean"]
    few = "" if given == entry["labels"] else f"; {given:g} given"
    said = {"recipe": entry["row"], "labels": f"{entry['labels']} ({entry['layout']}{few})"}
    return said if entry["shift"] == RUNGS[0] else {**said, "shift": entry["shift"]}


def _over(figures: Mapping[str, Mapping[str, Any]], join: Callable[[list[float]], Any] = np.mean) -> dict[str, Any]:
    means = [f["mean"] for f in figures.values() if f["mean"] is not None]
    return {"mean": float(join(means)) if means else None, "sd": None}


def _text(figure: Mapping[str, Any], form: str = ".3f") -> str:
    if figure["mean"] is None:
        return "–"
    text = format(figure["mean"], form)
    return text if figure["sd"] is None or form != ".3f" else f"{text} ± {figure['sd']:.3f}"


def _table(rows: Iterable[Mapping[str, str]]) -> str:
    kept = list(rows)
    names = list(dict.fromkeys(name for row in kept for name in row))
    lines = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    lines += [
        "| " + " | ".join(row.get(name, "none" if name == "shift" else "–") for name in names) + " |" for row in kept
    ]
    return "\n".join(lines) + "\n"
