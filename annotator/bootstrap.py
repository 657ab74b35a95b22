"""Set-up from a bare Python: ``python3 -m annotator.bootstrap demo`` or ``test``.

The standard library alone: it runs before anything is installed, on Linux, macOS and Windows.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
CONSTRAINTS = ROOT / "resources" / "constraints.txt"

WINDOW_PACKAGES = (
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libgl1",
    "libglib2.0-0",
    "libopengl0",
    "libxcb-cursor0",
    "libxcb-icccm4",
    "libxcb-image0",
    "libxcb-keysyms1",
    "libxcb-randr0",
    "libxcb-render-util0",
    "libxcb-shape0",
    "libxcb-xinerama0",
    "libxkbcommon-x11-0",
)
"""What Qt and OpenGL need of Debian and Ubuntu."""

TEST_PACKAGES = ("fonts-dejavu-core", "xvfb")
"""What the window's tests need besides: a virtual screen and a font."""


class SetupError(Exception):
    """A step failed; the message says which and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Set up and run; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m annotator.bootstrap", description=__doc__)
    parser.add_argument("what", choices=("demo", "test"), help="open the demo, or run every check that CI runs")
    what = parser.parse_args(arguments).what
    try:
        _require_python()
        _install_system_packages(WINDOW_PACKAGES + (TEST_PACKAGES if what == "test" else ()))
        _install(extra="test" if what == "test" else "")
        return _demo() if what == "demo" else _test()
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _require_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before pip can refuse an old Python
        raise SetupError(f"Python 3.11 or newer is needed, this is {platform.python_version()}; install a newer one.")


def _install_system_packages(packages: Sequence[str]) -> None:
    """Install what is missing where apt and the rights for it are there; otherwise print the one command."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-query") is None:
        return
    missing = [p for p in packages if not _has_package(p)]
    if not missing:
        return
    if os.geteuid() != 0:
        print(f"These system libraries are missing:\n    sudo apt-get install -y {' '.join(missing)}", file=sys.stderr)
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-qq"], "the package lists cannot be read", environment=environment)
    _run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
        "the system libraries cannot be installed",
        environment=environment,
    )


def _has_package(package: str) -> bool:
    # Newer releases rename a library package with a t64 suffix when its time type widened.
    for name in (package, f"{package}t64"):
        found = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Status}", name], capture_output=True, text=True, check=False
        )
        if found.returncode == 0 and "install ok installed" in found.stdout:
            return True
    return False


def _install(*, extra: str) -> None:
    """Make the environment, unless what it was made from has not changed."""
    target = f"{ROOT}[{extra}]" if extra else str(ROOT)
    made_from = hashlib.sha256(
        b"\0".join(
            [CONSTRAINTS.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), sys.version.encode(), os.fsencode(ROOT)]
        )
    ).hexdigest()
    stamp = VENV / f"made-from-{extra or 'demo'}"
    if _python().exists() and stamp.exists() and stamp.read_text() == made_from:
        return
    print(f"Setting up {VENV} (a few minutes, once) ...", file=sys.stderr)
    _make_environment()
    install = [str(_python()), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*install, "-c", str(CONSTRAINTS), "-e", target], "the installation failed; see the lines above")
    stamp.write_text(made_from)


def _make_environment() -> None:
    """An environment with pip: a new one, or what an interrupted run left made whole; anew where its Python is gone."""
    if _runs("-m", "pip", "--version"):
        return
    try:
        venv.create(VENV, with_pip=True, clear=not _runs("--version"))
    except (subprocess.CalledProcessError, OSError) as error:
        hint = "may that folder be written?"
        if shutil.which("apt-get") is not None:
            hint = "'sudo apt-get install python3-venv' provides what is missing."
        raise SetupError(f"The environment {VENV} cannot be made ({error}); {hint}") from None


def _runs(*arguments: str) -> bool:
    try:
        return subprocess.run([str(_python()), *arguments], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _demo() -> int:
    return subprocess.run([str(_python()), "-m", "annotator", "demo"], check=False).returncode


def _test() -> int:
    """Run the checks in order; the first red one ends it."""
    python = str(_python())
    checks = (
        ("ruff", [python, "-m", "ruff", "check", "."]),
        ("format", [python, "-m", "ruff", "format", "--check", "."]),
        ("mypy", [python, "-m", "mypy"]),
        ("import contracts", [str(_python().parent / "lint-imports")]),
        ("licences", [python, "-m", "pytest", "-q", "tests/test_licences.py"]),
        ("tests and the README's commands", [python, "-m", "pytest", "-q", "--durations=15"]),
    )
    with _screen() as environment:
        for name, command in checks:
            started = time.monotonic()
            print(f"== {name}", flush=True)
            status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
            print(f"== {name}: {'ok' if status == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s", flush=True)
            if status != 0:
                return status
    return 0


@contextlib.contextmanager
def _screen() -> Iterator[dict[str, str]]:
    """Environment with a display: the one that is there, else a virtual one, else none."""
    environment = dict(os.environ)
    xvfb = shutil.which("Xvfb")
    if environment.get("DISPLAY") or sys.platform != "linux" or xvfb is None:
        yield environment
        return
    read, write = os.pipe()
    server = subprocess.Popen(
        [xvfb, "-displayfd", str(write), "-screen", "0", "1366x768x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    try:
        yield {**environment, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"} if number else environment
    finally:
        server.terminate()
        server.wait()


def _run(command: Sequence[str], failure: str, environment: dict[str, str] | None = None) -> None:
    if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode != 0:
        raise SetupError(f"{failure[0].upper()}{failure[1:]}: {' '.join(command)}")


if __name__ == "__main__":
    raise SystemExit(main())
