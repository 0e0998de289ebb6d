"""How French sets its signs: the space before `:`, `;`, `!`, `?` and within quotation marks ends no line."""

from __future__ import annotations

import re

# Narrow before the high signs and the percent sign, full before a colon and within quotation marks.
NARROW = "\u202f"
FULL = "\u00a0"
_HIGH = re.compile(r" (?=[;!?])")
_WIDE = re.compile(r" (?=[:»])|(?<=«) ")


def bound(text: str) -> str:
    """`text`, written with ordinary spaces, with those that French does not break made no-break spaces."""
    return _WIDE.sub(FULL, _HIGH.sub(NARROW, text))
