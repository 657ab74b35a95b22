"""The rule that keeps a stroke whole: while the pen is down, nothing changes what lies under it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar


class PenHolder(Protocol):
    """Who knows whether the pen is down."""

    @property
    def is_painting(self) -> bool:
        """Whether a stroke has begun and not ended."""
        ...


Holder = TypeVar("Holder", bound=PenHolder)
Given = ParamSpec("Given")
Result = TypeVar("Result")


def only_pen_up(
    method: Callable[Concatenate[Holder, Given], Result],
) -> Callable[Concatenate[Holder, Given], Result | None]:
    """A method that does nothing and returns ``None`` while the pen is down.

    Whatever redraws the canvas, or changes frame, structure, tool or labels, is one of these: a stroke then ends
    where it began, with every pixel that was painted.
    """

    @wraps(method)
    def guarded(holder: Holder, /, *args: Given.args, **kwargs: Given.kwargs) -> Result | None:
        return None if holder.is_painting else method(holder, *args, **kwargs)

    return guarded
