"""An installed wheel has its plugins and resources, and nothing of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PROBE = """
import sys, pathlib, annotator
from annotator import registry
assert pathlib.Path(annotator.__file__).is_relative_to(sys.argv[1]), annotator.__file__
assert {"apical", "two-structures"} <= set(registry.protocols())
assert registry.resource("recipes/default.toml").is_relative_to(sys.argv[1])
assert {"dicom", "nifti", "metaimage", "video", "stills", "hdf5"} <= set(registry.readers())
assert {"png", "nifti", "metaimage", "hdf5"} <= set(registry.writers())
assert "unet" in registry.networks()
registry.simulator("echo")
from annotator.engine.starting import shipped_weights
assert shipped_weights(registry.protocol("apical")).is_relative_to(sys.argv[1])
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", str(out), str(ROOT)], check=True)
    (made,) = out.glob("*.whl")
    return made


def test_the_wheel_holds_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert any(name.startswith("annotator/_resources/") for name in names)
    assert not [name for name in names if name.split("/")[0] == "tests"]


def test_an_installed_wheel_finds_plugins_and_resources(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}
    subprocess.run([sys.executable, "-c", PROBE, str(target)], check=True, cwd=tmp_path, env=environment)
