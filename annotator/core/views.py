"""Echocardiographic views: their ids, and the names that files give them."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from annotator.core.protocols import LabelProtocol

_NAMES: Final = {
    "a4c": "a4c", "4ch": "a4c", "4c": "a4c", "ap4": "a4c", "apical4chamber": "a4c", "apicalfourchamber": "a4c",
    "a2c": "a2c", "2ch": "a2c", "2c": "a2c", "ap2": "a2c", "apical2chamber": "a2c", "apicaltwochamber": "a2c",
    "a3c": "a3c", "3ch": "a3c", "aplax": "a3c", "apical3chamber": "a3c", "apicallongaxis": "a3c",
    "a5c": "a5c", "5ch": "a5c", "apical5chamber": "a5c", "apicalfivechamber": "a5c",
    "plax": "plax", "parasternallongaxis": "plax",
}  # fmt: skip

_ID: Final = re.compile(r"^[\w.\-]{1,32}$")

_SHORTEST: Final = 3
"""Letters of a word in a file name; shorter ones mean too many other things."""


def view_named(name: str) -> str | None:
    """Id of the view with this name, such as ``"a4c"`` of ``"Apical 4-chamber"``; ``None`` where it is no view's."""
    return _NAMES.get(re.sub(r"[^a-z0-9]", "", name.lower()))


def view_id(text: str, own: Collection[str]) -> str | None:
    """Id of the view that a person means; ``None`` where the text is no view, and might be anything.

    Parameters
    ----------
    text
        Such as ``"4CH"``.
    own
        Views of the protocol, which are taken by the letter.
    """
    if text in own:
        return text
    return view_named(text) or (text if _ID.match(text) else None)


def strange_view_sentence(view: str, protocol: LabelProtocol) -> str | None:
    """What to say of a view that a protocol does not have; ``None`` where it has it, or names none."""
    if not protocol.views or view in protocol.views:
        return None
    return f"The view '{view}' is none of protocol '{protocol.name}', which has {', '.join(protocol.views)}."


def view_in_stem(stem: str) -> str | None:
    """Id of the view that a file's name speaks of, as ``patient0001_2CH_ED`` does; ``None`` for none or several."""
    words = re.split(r"[^a-z0-9]+", stem.lower())
    found = {view_named(word) for word in words if len(word) >= _SHORTEST} - {None}
    return found.pop() if len(found) == 1 else None
