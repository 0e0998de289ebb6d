"""Deliveries side by side: each rate of each, against that of all of them together, and which is best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import erf, sqrt
from typing import Any

from .figures import LESS_IS_BETTER, RATES, Figure, value_of
from .queries import averages
from .queries.averages import Average

COUNTED = (
    "targeted_count", "delivered_count", "recipient_open_count", "recipient_click_count", "opt_out_count", "complaint_count",
    "bounce_count",
)  # fmt: skip


# What a certainty needs at least, and from where on a difference may be relied on.
FEWEST = 5
CERTAIN = 0.95


@dataclass(frozen=True)
class Line:
    """A rate: of all deliveries together, and of each in their order; `best` are the places of the best, none where all are alike.

    `certainty` (0..1) is, of two deliveries, how sure it is that their difference is none of chance; None otherwise.
    """

    together: Figure
    figures: list[Figure | None]
    best: set[int]
    certainty: float | None = None


def side_by_side(chosen: Sequence[Any], is_people: bool) -> list[Line]:
    """A line for each of RATES; a delivery that was not tracked for a rate has none there, and is not in the rate of all."""
    lines = []
    for name, label, top, bottom in RATES:
        own = [
            Figure(name, label, value_of(row, top, is_people), bottom, value_of(row, bottom, is_people), top_name=top)
            if tells(row, name)
            else None
            for row in chosen
        ]
        telling = [one for one in own if one is not None]
        together = Figure(
            name, label, sum(one.value or 0 for one in telling), bottom, sum(one.denominator or 0 for one in telling), top_name=top
        )  # fmt: skip
        average = Average(together.rate, len(telling))
        compared = [one and replace(one, average=average) for one in own]
        lines.append(Line(together, compared, _best(compared, name), _certainty(own)))
    return lines


# A line of the file: the delivery, what was counted, and each rate with its difference.
COLUMNS = (
    "delivery_id", "label", "category", "sent_at", *COUNTED,
    *(name for rate in RATES for name in (rate[0], f"{rate[0]}_difference")),
)  # fmt: skip


def as_rows(chosen: Sequence[Any], is_people: bool) -> Iterator[list[Any]]:
    """The comparison as lines of a file (COLUMNS): all of them together, then each; differences in percentage points."""
    lines = side_by_side(chosen, is_people)
    counts = [[value_of(row, name, is_people) for name in COUNTED] for row in chosen]
    together = [sum(of_all or 0 for of_all in column) for column in zip(*counts, strict=True)]
    yield ["", "", "", None, *together, *(cell for line in lines for cell in (line.together.rate, None))]
    for place, row in enumerate(chosen):
        own = (line.figures[place] for line in lines)
        rates = (cell for one in own for cell in (one and one.rate, one and one.difference))
        yield [row.delivery_id, row.label, row.category, row.sent_at, *counts[place], *rates]


def tells(row: Any, name: str) -> bool:
    """Whether the delivery was tracked for the rate: by what it is averaged elsewhere."""
    condition = averages.RATES[name][2]
    return condition == averages.SENT or bool(
        row.is_tracking_enabled and (condition == averages.TRACKED or row.is_open_tracking_enabled)
    )


def _certainty(figures: Sequence[Figure | None]) -> float | None:
    """Of two rates, one less the probability that they differ so much by chance: the two-sided test of two proportions.

    None where there are not two, or where one is of too few messages for the test (less than five on either side of it).
    """
    if len(figures) != 2:
        return None
    pairs = [(int(one.value or 0), int(one.denominator or 0)) for one in figures if one is not None]
    if len(pairs) < 2 or any(min(above, below - above) < FEWEST for above, below in pairs):
        return None
    (a, n), (b, m) = pairs
    pooled = (a + b) / (n + m)
    deviation = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return erf(abs(a / n - b / m) / deviation / sqrt(2))


def _best(compared: Sequence[Figure | None], name: str) -> set[int]:
    rates: dict[int, Decimal] = {
        place: one.rate for place, one in enumerate(compared) if one is not None and one.rate is not None
    }
    if len(set(rates.values())) < 2:
        return set()
    best = min(rates.values()) if name in LESS_IS_BETTER else max(rates.values())
    return {place for place, rate in rates.items() if rate == best}
