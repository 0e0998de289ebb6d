"""The rates of deliveries by when they were sent: a point each, or one for all of a day, week or month where they are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import groupby
from typing import Any

from .comparison import tells
from .figures import RATES, value_of

# What the trend is about: rates that every mailing has an opinion on.
SHOWN = ("open_rate", "click_rate", "opt_out_rate")
# More points than this are noise to the eye.
MOST_POINTS = 60


@dataclass(frozen=True)
class Point:
    """Deliveries sent together: from when, their rate in 0..1 (sums over sums), and their rows, in time order."""

    sent_at: datetime
    rate: Decimal
    deliveries: list[Any]


@dataclass(frozen=True)
class Line:
    """A rate over time. `average` is that of all of them (sums over sums), and `deviation` how far theirs lie from it.

    The deviation is the standard one, in which a delivery weighs what it delivered, so that a proof of ten messages does not
    widen the band.
    """

    name: str
    label: str
    points: list[Point]
    average: Decimal
    deviation: Decimal

    @property
    def band(self) -> tuple[Decimal, Decimal]:
        """The average less and plus a deviation, within 0..1."""
        return max(self.average - self.deviation, Decimal(0)), min(self.average + self.deviation, Decimal(1))


def unit_of(rows: Sequence[Any]) -> str:
    """What a point is: each delivery, or a day, week or month of them."""
    if len(rows) <= MOST_POINTS:
        return "each"
    length = rows[-1].sent_at - rows[0].sent_at
    steps = {"day": timedelta(days=1), "week": timedelta(days=7)}
    return next((unit for unit, step in steps.items() if length <= MOST_POINTS * step), "month")


def lines(rows: Sequence[Any], is_people: bool, zone: tzinfo) -> list[Line]:
    """A line for each of SHOWN over `rows` (of queries.deliveries.in_time), days and weeks being those of `zone`.

    A delivery that was not tracked for a rate, or delivered nothing, is not in it; a rate without any is left out.
    """
    begin = _BEGINS[unit_of(rows)]
    found = []
    for name, label, top, bottom in RATES:
        if name not in SHOWN:
            continue
        counted = [
            (row, value_of(row, top, is_people) or 0, value_of(row, bottom, is_people) or 0)
            for row in rows
            if tells(row, name)
        ]
        counted = [one for one in counted if one[2]]
        if not counted:
            continue
        points = [_point(list(group)) for _, group in groupby(counted, key=lambda one: begin(one[0], zone))]
        average = _over(counted)
        weight = sum(below for _, _, below in counted)
        spread = sum((below * (Decimal(above) / below - average) ** 2 for _, above, below in counted), Decimal(0))
        found.append(Line(name, label, points, average, (spread / weight).sqrt()))
    return found


@dataclass(frozen=True)
class Slot:
    """Deliveries that were sent on one weekday (1 is Monday) in the hours from `hour` on, and their rate in 0..1."""

    weekday: int
    hour: int
    rate: Decimal
    delivery_count: int


# Hours of sending that are looked at together: by the hour, few deliveries would stand for each.
SLOT_HOURS = 4
# What fewer deliveries did says nothing of the hour.
FEWEST = 3


def slots(rows: Sequence[Any], is_people: bool, zone: tzinfo) -> list[Slot]:
    """Open rates by when in the week deliveries were sent, in `zone`; who was not tracked or delivered nothing is left out."""
    found: dict[tuple[int, int], list[tuple[Any, Any, Any]]] = {}
    for row in rows:
        opened, delivered = value_of(row, "recipient_open_count", is_people) or 0, row.delivered_count or 0
        if delivered and tells(row, "open_rate"):
            at = row.sent_at.astimezone(zone)
            key = at.isoweekday(), at.hour // SLOT_HOURS * SLOT_HOURS
            found.setdefault(key, []).append((row, opened, delivered))
    return [Slot(*key, _over(group), len(group)) for key, group in sorted(found.items())]


def best_slot(found: Sequence[Slot]) -> Slot | None:
    """The slot of the highest rate among those of FEWEST deliveries; None where no two can be compared."""
    known = [slot for slot in found if slot.delivery_count >= FEWEST]
    return max(known, key=lambda slot: slot.rate) if len(known) > 1 else None


def _point(group: Sequence[tuple[Any, Any, Any]]) -> Point:
    rows = [row for row, _, _ in group]
    return Point(rows[0].sent_at, _over(group), rows)


def _over(group: Sequence[tuple[Any, Any, Any]]) -> Decimal:
    above, below = (Decimal(sum(row[place] for row in group)) for place in (1, 2))
    return min(above / below, Decimal(1))


def _day(row: Any, zone: tzinfo) -> date:
    day: date = row.sent_at.astimezone(zone).date()
    return day


_BEGINS: dict[str, Callable[[Any, tzinfo], Any]] = {
    "each": lambda row, zone: row.delivery_id,
    "day": _day,
    "week": lambda row, zone: _day(row, zone).isocalendar()[:2],
    "month": lambda row, zone: (_day(row, zone).year, _day(row, zone).month),
}
