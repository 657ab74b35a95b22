"""vispy's OpenGL calls keep the interpreter's lock."""

from __future__ import annotations

import ctypes
import sys

import pytest
from vispy.gloo import gl
from vispy.gloo.gl import gl2

from annotator.app.gl_calls import keep_the_lock


@pytest.mark.skipif(sys.platform == "win32", reason="Windows finds its OpenGL calls in another way")
def test_calls_keep_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    if gl2._lib is None:
        pytest.skip("this machine has no OpenGL library")
    monkeypatch.setattr(gl2, "_lib", ctypes.CDLL(gl2._lib._name))
    assert keep_the_lock()
    assert isinstance(gl2._lib, ctypes.PyDLL)
    assert keep_the_lock(), "asking twice changes nothing"
    assert gl.glVertexAttribPointer is gl2.glVertexAttribPointer
    assert {name for name in vars(gl2) if name.startswith("gl")} <= set(vars(gl))


def test_without_a_library_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl2, "_lib", None)
    assert not keep_the_lock()
