"""The table beside a prediction's masks is told from other tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.predictions_table import listed_predictions

STEMS = st.text('abc_~ äß,"0', min_size=1, max_size=6).filter(lambda stem: stem.strip() != "")


@given(st.lists(STEMS), st.lists(st.sampled_from(("0.1234", "1.0000", "nan")), min_size=2, max_size=2))
def test_stems_and_structures_come_back(stems: list[str], confidences: list[str]) -> None:
    quoted = ('"' + stem.replace('"', '""') + '"' for stem in stems)
    text = "image,lv,la\n" + "".join(",".join((stem, *confidences)) + "\n" for stem in quoted)
    assert listed_predictions(text) == (("lv", "la"), frozenset(stems))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "patient,lv\na,0.1234\n",
        "image,lv\na,0.12\n",
        "image,lv\na,2.0000\n",
        "image,lv\na\n",
        "image,lv\n../a,0.1234\n",
        "image,lv\n,0.1234\n",
        "image,lv\n\n",
        "image,labels,known\na.png,b.png,*\n",
    ],
)
def test_another_table_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="not the table of a prediction"):
        listed_predictions(text)
