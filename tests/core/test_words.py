import pytest

from annotator.core.words import counted


@pytest.mark.parametrize(("count", "said"), [(0, "0 clips"), (1, "1 clip"), (2, "2 clips"), (12034, "12,034 clips")])
def test_one_is_singular(count: int, said: str) -> None:
    assert counted(count, "clip") == said
