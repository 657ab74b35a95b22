from __future__ import annotations

from pathlib import Path

import pytest

from annotator import registry
from annotator.core.errors import AnnotatorError, BadInput, UnknownName


def test_the_shipped_protocols_are_found() -> None:
    found = registry.protocols()
    assert {"apical", "plax", "psax", "two-structures"} <= set(found)
    assert registry.protocol("apical").ids == ("lv", "myo", "la", "rv", "ra")
    with pytest.raises(UnknownName, match="two-structures"):
        registry.protocol("lungs")


@pytest.mark.parametrize("text", ["not toml [", 'name = "p"', 'name = "p"\ntitle = "P"\nstructures = []\nmore = 1'])
def test_a_bad_protocol_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "protocol.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"protocol\.toml"):
        registry.read_protocol(path)


def test_a_missing_protocol_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        registry.read_protocol(tmp_path / "none.toml")


def test_resources_are_found_and_missing_ones_told() -> None:
    assert registry.resource("icons").is_dir()
    with pytest.raises(AnnotatorError, match="install"):
        registry.resource("no such file")


def test_the_formats_that_hold_pictures_say_so() -> None:
    assert registry.picture_formats() == {"hdf5"}


def test_unknown_plugins_are_told_with_what_exists() -> None:
    with pytest.raises(UnknownName, match="choose one of"):
        registry.writer("fax")
    with pytest.raises(UnknownName, match="choose one of"):
        registry.network("oracle")
    with pytest.raises(UnknownName, match="choose one of"):
        registry.simulator("lung")
