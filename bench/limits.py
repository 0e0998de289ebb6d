"""What stands behind a measured figure that is over its limit: bench/all.py reads it there."""

from __future__ import annotations

OVER = "over the limit"


def marked(figure: float, limit: float) -> str:
    """What follows a figure on its line: nothing, or that it is over its limit."""
    return f"  {OVER}" if figure > limit else ""
