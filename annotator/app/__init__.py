"""The window put together, and the demo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotator.app.demo import run_demo
    from annotator.app.startup import open_window

__all__ = ["open_window", "run_demo"]


def __getattr__(name: str) -> Any:
    """Load the window, or the demo, only where it is wanted: the headless demo runs without Qt."""
    if name == "open_window":
        from annotator.app.startup import open_window  # noqa: PLC0415

        return open_window
    if name == "run_demo":
        from annotator.app.demo import run_demo  # noqa: PLC0415

        return run_demo
    raise AttributeError(f"module 'annotator.app' has no attribute '{name}'")
