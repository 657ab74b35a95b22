"""OpenGL calls that keep the interpreter's lock.

vispy calls OpenGL through ctypes, which gives Python's lock away around each of the hundreds of short calls that draw
a picture; while the learner trains, a picture would have to win it back each time. napari has vispy make some of the
calls through PyOpenGL, which also asks after each for errors; vispy has its own way to make the same ones.
"""

from __future__ import annotations

import ctypes
import sys

from vispy.gloo import gl
from vispy.gloo.gl import gl2


def keep_the_lock() -> bool:
    """Have vispy call OpenGL without giving the lock away; before the first canvas, and after napari is imported.

    Returns
    -------
    bool
        Whether it does: on Windows vispy finds its calls in another way, and they stay as they are.
    """
    library = gl2._lib
    if sys.platform == "win32" or not isinstance(library, ctypes.CDLL):
        return False
    gl2._lib = ctypes.PyDLL(library._name)
    for name in [name for name in vars(gl2) if name.startswith("gl")]:
        setattr(gl, name, getattr(gl2, name))
    return True
