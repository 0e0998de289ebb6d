"""The marts by a naive count in memory: clear before fast, written from the design's pages and not from dbt's SQL.

`count` reads a landing zone, holds every event in memory and counts each mart by the words of its definition. Tests
compare it with the marts in Postgres, and the demo's truth file with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from oracle import marts
from oracle.events import Resolved, resolve
from oracle.reading import read

__all__ = ["count", "resolved"]


def resolved(landing_zone: Path | str, *, open_repeat_seconds: int = 60) -> Resolved:
    """The distinct events of `landing_zone` with their delivery, recipient, link and verdict, and its catalog."""
    return resolve(read(Path(landing_zone)), open_repeat_seconds)


def count(landing_zone: Path | str, *, open_repeat_seconds: int = 60) -> dict[str, list[dict[str, Any]]]:
    """The rows of every mart for all of `landing_zone`, by name, each in a fixed order.

    Times are aware datetimes in UTC, rates and amounts Decimals. The rows of `workflow_windows` hold where the hours
    are landed in their order. Not given: load metadata but `_window_start`, and `published_at`.
    """
    return marts.all_marts(resolved(landing_zone, open_repeat_seconds=open_repeat_seconds))
