"""How many of a thing, as English says it in a sentence."""

from __future__ import annotations


def counted(count: int, one: str) -> str:
    """`1 hour`, `2 hours` or `0 addresses`: `count` of the regular noun `one`."""
    noun = one if count == 1 else f"{one}{'es' if one.endswith('s') else 's'}"
    return f"{count} {noun}"
