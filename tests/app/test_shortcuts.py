"""Keys as data: the protocol's keys come first, the user's changes are kept, nothing is bound twice."""

from __future__ import annotations

from collections import Counter

from annotator import registry
from annotator.app.shortcuts import ACTIONS, action_keys, changed_keys, keys_in_use
from annotator.core.protocols import LabelProtocol, Structure


def test_no_key_is_bound_twice_in_any_protocol() -> None:
    for protocol in registry.protocols().values():
        keys = [key.upper() for key in keys_in_use(protocol, {}).values() if key]
        keys += [s.key.upper() for s in protocol.structures] + [k.upper() for a in ACTIONS for k in a.also]
        assert [key for key, n in Counter(keys).items() if n > 1] == []


def test_shipped_protocols_leave_every_action_its_key() -> None:
    for protocol in registry.protocols().values():
        assert all(keys_in_use(protocol, {}).values()), protocol.name


def test_a_structures_key_wins() -> None:
    protocol = LabelProtocol("p", "P", (Structure("one", "One", "#ffffff", "a"),))
    assert keys_in_use(protocol, {})["accept"] == ""
    assert keys_in_use(protocol, {"accept": "G"})["accept"] == "G"
    shown = {key.id: key for key in action_keys(protocol, {})}
    assert shown["structure:one"].is_fixed
    assert shown["accept"].default == "A"


def test_only_changes_are_stored() -> None:
    keys = {action.id: action.default for action in ACTIONS} | {"accept": "G", "structure:one": "a"}
    assert changed_keys(keys, None, {}) == {"accept": "G"}
    assert changed_keys({}, None, {"accept": "G"}) == {}


def test_a_key_that_one_protocol_takes_away_is_kept_for_the_others() -> None:
    protocol = LabelProtocol(
        "p", "P", (Structure("one", "One", "#ffffff", "a"), Structure("two", "Two", "#000000", "g"))
    )
    assert changed_keys({"accept": "", "reject": "", "fit": "9"}, protocol, {"reject": "G"}) == {
        "reject": "G",
        "fit": "9",
    }


def test_a_key_that_always_does_something_else_is_nobodys_and_shown_as_such() -> None:
    fixed = {key.key: key for key in action_keys(None, {}) if key.is_fixed}
    assert {"Ctrl+I", "F1", "Ctrl+Y", "Enter", "Backspace"} <= set(fixed)
    assert keys_in_use(None, {"accept": "Ctrl+I", "fit": "Ctrl+Y"}).items() >= {("accept", ""), ("fit", "")}
