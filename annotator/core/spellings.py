"""Identifiers that look like one: 'P 001', 'p_001' and 'P001' may be one patient, 'P 01' is another."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_PIECES: Final = re.compile(r"[^\W\d_]+|\d+")
_BETWEEN: Final = ("", " ", "-", "_", ".")


def plain_spelling(identifier: str) -> str:
    """What identifiers that look like one have in common: letters in lower case, numbers kept apart by '-'."""
    pieces = _PIECES.findall(unicodedata.normalize("NFC", identifier).casefold())
    # Without it, '1 11' and '11 1' would be one.
    return re.sub(r"(?<!\d)-|-(?!\d)", "", "-".join(pieces))


def other_spellings(identifier: str) -> frozenset[str]:
    """How an identifier may stand elsewhere: in other case, and with the usual signs between letters and numbers."""
    pieces = _PIECES.findall(unicodedata.normalize("NFC", identifier))
    joined = (sign.join(pieces) for sign in _BETWEEN)
    cased = (cased for text in joined for cased in (text, text.lower(), text.upper(), text.capitalize()))
    plain = plain_spelling(identifier)
    return frozenset(text for text in cased if text != identifier and plain and plain_spelling(text) == plain)
