"""Shared fixtures and Hypothesis profiles."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HAS_SCREEN = sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY"))
if not HAS_SCREEN:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The gate says the same of the same commit; new examples are sought wherever people work.
settings.register_profile("gate", settings.get_profile("default"), derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") else "default")

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real ultrasound beside the checkout; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip("no real ultrasound beside the checkout (../shared/data)")
    return DATA


@pytest.fixture(autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the settings of whoever runs them."""
    monkeypatch.setenv("ANNOTATOR_CONFIG_DIR", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(autouse=True)
def _garbage_in_this_thread(request: pytest.FixtureRequest) -> Iterator[None]:
    """Collect between tests, never in a thread of one: widgets would be destroyed there, as in the application."""
    gc.disable()
    yield
    gc.collect(2 if "qapp" in request.fixturenames else 0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("window") and not HAS_SCREEN:
            item.add_marker(pytest.mark.skip(reason="needs a screen; the test command starts a virtual one"))
