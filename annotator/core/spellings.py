"""Identifiers that look like one: 'P 001', 'p_001' and 'P001' may be one patient, 'P 01' is another."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby
from typing import Final

_BETWEEN: Final = ("", " ", "-", "_", ".")


def plain_spelling(identifier: str) -> str:
    """What identifiers that look like one have in common: letters in lower case, numbers kept apart by '-'.

    One without letters and numbers looks like no other.
    """
    # Without it, '1 11' and '11 1' would be one.
    joined = "-".join(_pieces(identifier.casefold()))
    return re.sub(r"(?<!\d)-|-(?!\d)", "", joined) or identifier


def other_spellings(identifier: str) -> frozenset[str]:
    """How an identifier may stand elsewhere: in other case, and with the usual signs between letters and numbers."""
    pieces = _pieces(identifier)
    joined = (sign.join(pieces) for sign in _BETWEEN)
    cased = (cased for text in joined for cased in (text, text.lower(), text.upper(), text.capitalize()))
    plain = plain_spelling(identifier)
    return frozenset(text for text in cased if text != identifier and plain_spelling(text) == plain)


def _pieces(text: str) -> list[str]:
    """Letters that stand together, and numbers."""
    runs = groupby(unicodedata.normalize("NFC", text), key=_kind)
    return ["".join(run) for kind, run in runs if kind]


def _kind(character: str) -> str:
    """Of a number, of a word, or of neither; vowels are marks in some scripts."""
    if character.isdecimal():
        return "number"
    return "word" if character.isalnum() or unicodedata.category(character).startswith("M") else ""
