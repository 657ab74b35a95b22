"""``annotator bench learning``: what recipes are worth on real frames, from few labels and little time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from annotator.bench.learning.design import (
    Design,
    Row,
    Spending,
    parse_labels,
    parse_layouts,
    parse_pattern,
    parse_shifts,
)
from annotator.bench.learning.plot import plot_curves
from annotator.bench.learning.report import markdown, summary
from annotator.bench.learning.running import Data, Machine, left_out_sentences, run_design
from annotator.core.errors import BadInput
from annotator.core.protocols import LabelProtocol
from annotator.engine.jobs.progress import Progress
from annotator.engine.jobs.staging import refuse_project

__all__ = [
    "Data",
    "Design",
    "Machine",
    "Row",
    "Spending",
    "parse_labels",
    "parse_layouts",
    "parse_pattern",
    "parse_shifts",
    "run",
]


def run(design: Design, data: Data, out: Path, *, machine: Machine, progress: Progress) -> dict[str, Any]:
    """Run what is missing and write ``learning.json``, ``learning.md`` and ``curves.png`` into ``out``.

    Raises
    ------
    AnnotatorError
        Where the manifest, a recipe, the pattern or the folder cannot be used.
    """
    refuse_project(out)
    _refuse_unknown_structures(design, data.protocol)
    results = run_design(design, data, out, machine=machine, progress=progress)
    entries, unit = summary(results), "s" if design.spending.seconds is not None else "steps"
    document = {"manifest": data.manifest.name, "threads": machine.threads, "unit": unit, "rows": entries}
    (out / "learning.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    text = "\n".join([*left_out_sentences(data), markdown(entries, unit=unit)])
    (out / "learning.md").write_text(text, encoding="utf-8")
    plot_curves(entries, out / "curves.png", unit=unit)
    return document


def _refuse_unknown_structures(design: Design, protocol: LabelProtocol) -> None:
    for domain, structures in design.pattern:
        for name in structures:
            if name != "*" and name not in protocol.ids:
                what = f"'{protocol.name}' has no structure '{name}', but {', '.join(protocol.ids)}"
                raise BadInput(f"--pattern {domain}={','.join(structures)}", what, "correct it")
