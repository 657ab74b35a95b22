"""Keys as data: every action of the window with its default, the user's own key, and the keys that nobody changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from annotator.core.protocols import LabelProtocol
from annotator.ui.dialogs import ActionKey


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a key does: a stable id, what the user reads, and Qt's portable key text."""

    id: str
    name: str
    default: str
    also: tuple[str, ...] = ()
    """More keys that always work, such as the keypad's Enter, or Backspace, the one delete key of many a Mac."""


ACTIONS: Final = (
    Action("accept", "Accept the suggestion", "A"),
    Action("accept_all", "Accept all suggestions", "Shift+A"),
    Action("reject", "Reject the suggestion", "R"),
    Action("reject_all", "Reject all suggestions", "Shift+R"),
    Action("correct", "Correct the suggestion", "C"),
    Action("absent", "Mark as absent", "X"),
    Action("clear", "Clear the label", "Del", ("Backspace",)),
    Action("finish", "Finish the draft", "Return", ("Enter",)),
    Action("undo", "Undo", "Ctrl+Z"),
    Action("redo", "Redo", "Ctrl+Shift+Z", ("Ctrl+Y",)),
    Action("next_up", "Go to the next one worth labelling", "N"),
    Action("next_frame", "Next frame", "Right"),
    Action("previous_frame", "Previous frame", "Left"),
    Action("next_marked", "Next frame with a label or mark", "Ctrl+Right"),
    Action("previous_marked", "Previous frame with a label or mark", "Ctrl+Left"),
    Action("play", "Play or stop", "Space"),
    Action("brush", "Brush", "B"),
    Action("eraser", "Eraser", "D"),
    Action("fill", "Fill", "F"),
    Action("unsure", "Unsure brush", "U"),
    Action("is_not", "'Is not' brush", "I"),
    Action("move", "Move the picture", "V"),
    Action("smaller_brush", "Smaller brush", "["),
    Action("larger_brush", "Larger brush", "]"),
    Action("hide_suggestions", "Hide suggestions (tap, or hold)", "H"),
    Action("fit", "Fit the picture into the window", "0"),
    Action("mark_ed", "Mark end-diastole", "Ctrl+D"),
    Action("mark_es", "Mark end-systole", "Ctrl+E"),
)

MENU: Final = (
    Action("new_project", "New project", "Ctrl+N"),
    Action("open_project", "Open a project", "Ctrl+O"),
    Action("import", "Import clips", "Ctrl+I"),
    Action("close_project", "Close the project", "Ctrl+W"),
    Action("quit", "Quit", "Ctrl+Q"),
    Action("screenshot", "Save a screenshot", "Ctrl+P"),
    Action("shortcuts", "Keyboard shortcuts", "F1"),
)
"""What menus alone do; their keys stay what they are."""

MENU_KEYS: Final = {action.id: action.default for action in MENU}


def _fixed(name: str, words: str, key: str) -> ActionKey:
    return ActionKey(name, words, key, key, is_fixed=True)


_FIXED: Final = (
    *(_fixed(f"also:{key}", f"{action.name}, too", key) for action in ACTIONS for key in action.also),
    *(_fixed(f"menu:{action.id}", action.name, action.default) for action in MENU),
)
"""Keys that nobody changes, whatever the protocol: those that actions have besides, then the menus'."""


def keys_in_use(protocol: LabelProtocol | None, chosen: Mapping[str, str]) -> dict[str, str]:
    """Action id to key.

    Parameters
    ----------
    protocol
        Its structures' keys come first: an action whose key a structure needs has none, nor has one whose key is
        fixed for something else, since of two with one key Qt would do neither.
    chosen
        Action id to the user's own key, which may be empty.
    """
    taken = {fixed.key.upper() for fixed in (*_structure_keys(protocol), *_FIXED)}
    keys = {action.id: chosen.get(action.id, action.default) for action in ACTIONS}
    return {name: "" if key.upper() in taken else key for name, key in keys.items()}


def action_keys(protocol: LabelProtocol | None, chosen: Mapping[str, str]) -> tuple[ActionKey, ...]:
    """What the shortcuts dialog shows: the structures' fixed keys, then the actions, then the other fixed ones."""
    in_use = keys_in_use(protocol, chosen)
    actions = tuple(ActionKey(a.id, a.name, in_use[a.id], a.default) for a in ACTIONS)
    return (*_structure_keys(protocol), *actions, *_FIXED)


def _structure_keys(protocol: LabelProtocol | None) -> tuple[ActionKey, ...]:
    structures = protocol.structures if protocol is not None else ()
    return tuple(_fixed(f"structure:{s.id}", f"Select {s.name}", s.key) for s in structures)


def changed_keys(asked: Mapping[str, str], protocol: LabelProtocol | None, chosen: Mapping[str, str]) -> dict[str, str]:
    """Action id to key, only where it differs from the default; what the settings store.

    Parameters
    ----------
    asked
        Action id to key as the dialog was left, at least where it differs from the default.
    protocol, chosen
        As the dialog was opened with. A key that this protocol alone takes away is kept for others.
    """
    shown = keys_in_use(protocol, chosen)
    keys = {action.id: asked.get(action.id, action.default) for action in ACTIONS}
    kept = {a.id: chosen.get(a.id, a.default) if keys[a.id] == shown[a.id] else keys[a.id] for a in ACTIONS}
    return {action.id: kept[action.id] for action in ACTIONS if kept[action.id] != action.default}
