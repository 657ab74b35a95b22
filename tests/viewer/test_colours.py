"""What is drawn over one picture is told apart."""

from __future__ import annotations

import numpy as np
import pytest

from annotator import registry
from annotator.core.protocols import LabelProtocol
from annotator.viewer.colours import IS_NOT_MARK, UNSURE_MARK, mark_colours


@pytest.mark.parametrize("protocol", registry.protocols().values(), ids=lambda protocol: protocol.name)
@pytest.mark.parametrize("mark", [IS_NOT_MARK, UNSURE_MARK])
def test_marks_look_like_no_structure(protocol: LabelProtocol, mark: int) -> None:
    colour = np.asarray(mark_colours().map(mark))[:3]
    assert min(float(np.linalg.norm(colour - structure.rgb)) for structure in protocol.structures) > 0.4
