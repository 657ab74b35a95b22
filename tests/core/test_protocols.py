from __future__ import annotations

import pytest

from annotator.core.errors import AnnotatorError, UnknownName
from annotator.core.protocols import DerivedStructure, LabelProtocol, Structure

LV = Structure("lv", "LV cavity", "#ff0000", "q")
LA = Structure("la", "Left atrium", "#0000ff", "e")


def test_class_indices_follow_the_order() -> None:
    protocol = LabelProtocol("p", "P", (LV, LA))
    assert [protocol.index(s) for s in ("lv", "la")] == [1, 2]
    assert protocol.n_classes == 3
    assert protocol.default_values() == {"lv": 1, "la": 2}
    assert protocol.structure("la").rgb == (0.0, 0.0, 1.0)
    with pytest.raises(UnknownName, match="choose one of lv, la"):
        protocol.index("rv")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (("LV", "LV", "#ff0000", "q"), "id"),
        (("unsure", "Unsure", "#ff0000", "q"), "id"),
        (("lv", "LV", "red", "q"), "colour"),
        (("lv", "LV", "#ff0000", "qq"), "key"),
    ],
)
def test_malformed_structures_are_refused(fields: tuple[str, str, str, str], reason: str) -> None:
    with pytest.raises(AnnotatorError, match=reason):
        Structure(*fields)


def test_inconsistent_protocols_are_refused() -> None:
    many = tuple(Structure(f"s{i}", str(i), "#000000", chr(97 + i)) for i in range(16))
    with pytest.raises(AnnotatorError, match="1 to 15"):
        LabelProtocol("p", "P", many)
    with pytest.raises(AnnotatorError, match="id twice"):
        LabelProtocol("p", "P", (LV, Structure("lv", "Again", "#000000", "x")))
    with pytest.raises(AnnotatorError, match="key twice"):
        LabelProtocol("p", "P", (LV, Structure("x", "X", "#000000", "q")))
    with pytest.raises(AnnotatorError, match="does not have"):
        LabelProtocol("p", "P", (LV,), (DerivedStructure("d", "D", "#000000", ("lv", "ra")),))
    with pytest.raises(AnnotatorError, match="shows 'rv' in the view 'a4c', which it does not have"):
        LabelProtocol("p", "P", (LV, Structure("rv", "RV", "#000000", "x", views=("a4c",))), views=("a2c",))


def test_a_view_shows_what_names_it_and_what_names_none() -> None:
    rv = Structure("rv", "RV", "#000000", "x", views=("a4c",))
    protocol = LabelProtocol("p", "P", (LV, rv, LA), views=("a4c", "a2c"))
    assert protocol.shown_in("a4c") == ("lv", "rv", "la")
    assert protocol.shown_in("a2c") == ("lv", "la")
    assert protocol.shown_in(None) == protocol.shown_in("subcostal") == protocol.ids
