import pytest

from annotator.core.words import counted, listed, ordinal, shortened


@pytest.mark.parametrize(("count", "said"), [(0, "0 clips"), (1, "1 clip"), (2, "2 clips"), (12034, "12,034 clips")])
def test_one_is_singular(count: int, said: str) -> None:
    assert counted(count, "clip") == said


def test_a_place_is_counted_from_one() -> None:
    said = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th", "1012th"]
    assert [ordinal(index) for index in (0, 1, 2, 3, 10, 11, 12, 20, 21, 100, 110, 1011)] == said


def test_names_are_listed_as_in_speech() -> None:
    assert listed(["Left atrium"]) == "the left atrium"
    assert listed(["Left atrium", "LV cavity"]) == "the left atrium and the LV cavity"
    assert listed(["Left atrium", "LV cavity", "Aorta"]) == "the left atrium, the LV cavity and the aorta"


def test_names_that_are_cut_alike_lose_what_they_begin_with_alike() -> None:
    def cut(name: str) -> str:
        return name if len(name) <= 10 else f"{name[:4]}…{name[-5:]}"

    names = ["Left atrium", "Aorta", "Mitral anterior leaflet", "Mitral posterior leaflet"]
    assert shortened(names, cut) == ["Left…trium", "Aorta", "…ant…aflet", "…pos…aflet"]
    assert shortened(["Left atrium", "Left atrium"], cut) == ["Left…trium"] * 2
