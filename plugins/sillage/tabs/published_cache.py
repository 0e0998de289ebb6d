"""What was worked out of the published marts, kept until the next publication: nothing that readers see changes before."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from .queries import workflow

# More than anyone opens in an hour.
MOST = 1000

Value = TypeVar("Value")


class PublishedCache:
    """Answers that read every delivery, by their question. Several threads may ask at once; both may work the same one out."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, Hashable], Any] = {}

    def get(self, cursor: Any, question: Hashable, answer: Callable[[], Value]) -> Value:
        """What `answer` returned to this question since the last publication that `cursor` sees; asks it where nothing is kept."""
        key = (workflow.publication(cursor), question)
        kept = self._kept
        if key in kept:
            found: Value = kept[key]
            return found
        value = answer()
        # A publication makes all older ones useless.
        if len(self._kept) >= MOST or any(old[0] != key[0] for old in list(self._kept)):
            self._kept = {}
        self._kept[key] = value
        return value
