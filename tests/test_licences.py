"""What is installed with the application allows its licence."""

from __future__ import annotations

import json
import subprocess
import sys

COPYLEFT_ONLY = ("GPL-2.0", "GPL-3.0", "GPLv2", "GPLv3", "GNU General Public", "AGPL", "Affero")


def _is_refused(licence: str) -> bool:
    """Whether every alternative of a licence expression is a (non-lesser) GPL."""
    alternatives = [part for clause in licence.split(";") for part in clause.split(" OR ")]
    return all(
        any(word in alternative for word in COPYLEFT_ONLY)
        and "LGPL" not in alternative
        and "Lesser" not in alternative
        and "exception" not in alternative.lower()
        for alternative in alternatives
    )


def test_the_rule_itself() -> None:
    assert _is_refused("GPL-3.0-only")
    assert _is_refused("GNU General Public License v3 (GPLv3)")
    assert _is_refused("GPL-2.0-only OR GPL-3.0-only")
    assert not _is_refused("LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only")
    assert not _is_refused("MIT")


def test_no_dependency_is_under_the_gpl_alone() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "piplicenses", "--format=json", "--from=mixed"],
        capture_output=True,
        text=True,
        check=True,
    )
    refused = {p["Name"]: p["License"] for p in json.loads(listed.stdout) if _is_refused(p["License"])}
    assert refused == {}
