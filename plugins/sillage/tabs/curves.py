"""A delivery's activity, that of several added up or side by side, as the charts draw it: labels and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate

from .language import Speech
from .queries.activity import Point, Span


def hours_label(since: timedelta) -> str:
    """A time since the sending: `26 h` or `0 h 30`."""
    hours, seconds = divmod(int(since.total_seconds()), 3600)
    return f"{hours} h {seconds // 60:02d}" if seconds else f"{hours} h"


@dataclass(frozen=True)
class SideBySide:
    """What share of its delivered messages each delivery's opens or clicks had reached, by the hours since its own sending."""

    over: Span
    counts: Mapping[str, Sequence[int]]
    delivered: Mapping[str, int]

    @property
    def ends(self) -> list[str]:
        """Where the running sums stand: at the sending, and at the end of each step."""
        return [hours_label(since) for since in (*self.over.begins, self.over.length)]

    def percentages(self, delivery_id: str) -> list[float | None]:
        """Events per hundred delivered messages up to each of `ends`; None where nothing was delivered."""
        delivered = self.delivered.get(delivery_id) or 0
        sums = accumulate(self.counts[delivery_id], initial=0)
        return [round(100 * count / delivered, 2) if delivered else None for count in sums]


@dataclass(frozen=True)
class Curves:
    """The points of `over`, of people only or of all events."""

    over: Span
    points: list[Point]
    is_people: bool
    speech: Speech

    @property
    def begins(self) -> list[str]:
        """When each step begins: moments of one delivery, of several the hours since each one's sending."""
        return [self._label(point.begin, self.over.step) for point in self.points]

    @property
    def ends(self) -> list[str]:
        """Where a running sum stands: at the beginning, and at the end of each step."""
        # An end is a moment, also where a step is a day.
        return [self._label(since, timedelta(0)) for since in (timedelta(0), *(point.end for point in self.points))]

    def counts(self, kind: str) -> list[int]:
        """Events of `kind` in each step."""
        return [(point.people if self.is_people else point.all)[kind] for point in self.points]

    def sums(self, kind: str) -> list[int]:
        """Events of `kind` up to each of `ends`: 0 at the beginning."""
        return list(accumulate(self.counts(kind), initial=0))

    def machine_sums(self, kind: str) -> list[int]:
        """The same of machines."""
        return list(accumulate((point.all[kind] - point.people[kind] for point in self.points), initial=0))

    def rows(self) -> list[tuple[Point, str, list[int]]]:
        """Steps in which anything happened, their label, and their counts."""
        kinds = ("open", "click", "transaction")
        counts = list(zip(*(self.counts(kind) for kind in kinds), strict=True))
        rows = zip(self.points, self.begins, counts, strict=True)
        return [(point, label, list(row)) for point, label, row in rows if any(point.all.values())]

    def _label(self, since: timedelta, step: timedelta) -> str:
        return self.speech.moment_label(self.over.start + since, step) if self.over.is_of_one else hours_label(since)
