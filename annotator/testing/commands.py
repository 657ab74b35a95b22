"""Runs commands of the command line in this process, as a shell would see them."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from typing import Any
from unittest import mock

from annotator.cli.main import run


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left: its exit status and what it wrote to standard output and standard error."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on standard output.

        Raises
        ------
        AssertionError
            Where the command failed.
        ValueError
            Where standard output holds anything else.
        """
        assert self.status == 0, self.err
        return json.loads(self.out)


def command(*words: object) -> Ran:
    """Run ``annotator WORDS...``."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    with (
        mock.patch.object(sys, "argv", ["annotator", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            run()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Ran(status, out.getvalue(), err.getvalue())
