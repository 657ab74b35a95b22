"""Keys as data: every action of the window with its default, the user's own key, and the protocol's keys."""

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
    """More keys that always work, such as the keypad's Enter."""


ACTIONS: Final = (
    Action("accept", "Accept the suggestion", "A"),
    Action("accept_all", "Accept all suggestions", "Shift+A"),
    Action("reject", "Reject the suggestion", "R"),
    Action("reject_all", "Reject all suggestions", "Shift+R"),
    Action("correct", "Correct the suggestion", "C"),
    Action("absent", "Mark as absent", "X"),
    Action("clear", "Clear the label", "Del"),
    Action("finish", "Finish the draft", "Return", ("Enter",)),
    Action("undo", "Undo", "Ctrl+Z"),
    Action("redo", "Redo", "Ctrl+Shift+Z", ("Ctrl+Y",)),
    Action("next_up", "Go to the next one worth labelling", "N"),
    Action("next_frame", "Next frame", "Right"),
    Action("previous_frame", "Previous frame", "Left"),
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


def keys_in_use(protocol: LabelProtocol | None, chosen: Mapping[str, str]) -> dict[str, str]:
    """Action id to key.

    Parameters
    ----------
    protocol
        Its structures' keys come first: an action whose key a structure needs has none.
    chosen
        Action id to the user's own key, which may be empty.
    """
    taken = {s.key.upper() for s in protocol.structures} if protocol is not None else set()
    keys = {action.id: chosen.get(action.id, action.default) for action in ACTIONS}
    return {name: "" if key.upper() in taken else key for name, key in keys.items()}


def action_keys(protocol: LabelProtocol | None, chosen: Mapping[str, str]) -> tuple[ActionKey, ...]:
    """What the shortcuts dialog shows: the structures' fixed keys, then the actions."""
    in_use = keys_in_use(protocol, chosen)
    structures = protocol.structures if protocol is not None else ()
    fixed = tuple(ActionKey(f"structure:{s.id}", f"Select {s.name}", s.key, s.key, is_fixed=True) for s in structures)
    return fixed + tuple(ActionKey(a.id, a.name, in_use[a.id], a.default) for a in ACTIONS)


def changed_keys(keys: Mapping[str, str]) -> dict[str, str]:
    """Action id to key, only where it differs from the default; what the settings store."""
    defaults = {action.id: action.default for action in ACTIONS}
    return {name: key for name, key in keys.items() if name in defaults and key != defaults[name]}
