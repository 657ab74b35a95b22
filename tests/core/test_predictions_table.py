"""The table beside a prediction's masks is told from other tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.core.predictions_table import listed_predictions, predicted_stems

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


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("sign", [",", ";", "\t"])
@given(st.lists(STEMS.map(str.strip), min_size=1, max_size=5), st.sampled_from(("0.1234", "0.5", "1", "0,25", "nan")))
def test_a_table_that_was_saved_again_lists_the_same(sign: str, end: str, stems: list[str], confidence: str) -> None:
    """Other order, further columns and rows, quotes, empty cells: spreadsheet programs and people leave such."""
    added = [["", "", "", ""], ["see above", "of all:", "", ""], ["", "0.87125", "mean", ""]]
    lines = [["note", "lv", "image", ""], *(["seen, good", confidence, stem, ""] for stem in stems), *added]
    quoted = (['"' + cell.replace('"', '""') + '"' for cell in line] for line in lines)
    text = "".join(sign.join(line) + end for line in quoted)
    assert predicted_stems(text) == {*stems, "mean"}


@pytest.mark.parametrize(
    "text",
    ["", "patient,lv\na,0.1\n", "image,labels\na,b\n", "image\n1\n", "image,lv\na,0.1\nb,x\n", "image,sex\na,1\nb,0\n"],
)
def test_another_table_lists_no_mask(text: str) -> None:
    assert predicted_stems(text) == frozenset()
