"""Deliveries side by side."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from sillage.tabs import comparison


def delivery(opened: int, delivered: int, hard: int = 0, *, is_tracked: bool = True, opens: bool = True) -> Any:
    counts = {
        "recipient_open_count": opened, "recipient_click_count": opened // 2, "estimated_recipient_open_count": opened,
        "opt_out_count": 0, "delivered_count": delivered, "to_deliver_count": delivered + hard, "hard_bounce_count": hard,
        "soft_bounce_count": 0, "complaint_count": 0,
    }  # fmt: skip
    people = {f"human_{name}": value for name, value in counts.items()}
    return SimpleNamespace(**counts, **people, is_tracking_enabled=is_tracked, is_open_tracking_enabled=opens)


def test_rates_stand_against_all_together_and_the_best_is_marked() -> None:
    chosen = [
        delivery(10, 100, 25),
        delivery(120, 300),
        delivery(0, 1000, is_tracked=False),
        delivery(5, 50, opens=False),
    ]
    lines = {line.together.name: line for line in comparison.side_by_side(chosen, is_people=True)}
    opens = lines["open_rate"]
    # Whose opens were not recorded is neither shown nor in the rate of all: (10 + 120) / 400.
    assert opens.together.rate == Decimal("0.325")
    assert [one and one.rate for one in opens.figures] == [Decimal("0.1"), Decimal("0.4"), None, None]
    assert [one and one.difference for one in opens.figures] == [Decimal("-22.50"), Decimal("7.50"), None, None]
    assert opens.best == {1}
    # Clicks of the last one were recorded; of bounces all can tell, and fewer are better.
    assert [one is not None for one in lines["click_rate"].figures] == [True, True, False, True]
    assert [one is not None for one in lines["bounce_rate"].figures] == [True] * 4
    assert lines["bounce_rate"].best == {1, 2, 3}
    assert lines["bounce_rate"].figures[0].is_better is False  # type: ignore[union-attr]
    # Where all are alike none is best.
    assert lines["complaint_rate"].best == set()


def test_the_file_of_a_comparison_holds_what_the_page_shows() -> None:
    chosen = [delivery(10, 100, 25), delivery(120, 300), delivery(0, 1000, is_tracked=False)]
    for number, one in enumerate(chosen):
        one.delivery_id, one.label, one.category, one.sent_at = f"d{number}", f"D {number}", None, None
        one.targeted_count = one.to_deliver_count
    rows = [dict(zip(comparison.COLUMNS, row, strict=True)) for row in comparison.as_rows(chosen, is_people=True)]
    assert [row["delivery_id"] for row in rows] == ["", "d0", "d1", "d2"]
    assert [row["delivered_count"] for row in rows] == [1400, 100, 300, 1000]
    assert [row["bounce_count"] for row in rows] == [25, 25, 0, 0]
    assert [row["open_rate"] for row in rows] == [Decimal("0.325"), Decimal("0.1"), Decimal("0.4"), None]
    assert [row["open_rate_difference"] for row in rows] == [None, Decimal("-22.50"), Decimal("7.50"), None]


def test_of_two_variants_it_is_said_how_sure_the_winner_is() -> None:
    def certainty(*chosen: Any) -> float | None:
        (opens,) = [line for line in comparison.side_by_side(chosen, True) if line.together.name == "open_rate"]
        return opens.certainty

    # z = 0.05 / sqrt(0.225 * 0.775 * 2 / 1000) = 2.677, two-sided p = 0.0074
    assert certainty(delivery(200, 1000), delivery(250, 1000)) == pytest.approx(0.99258, abs=1e-4)
    assert certainty(delivery(20, 100), delivery(25, 100)) == pytest.approx(0.6021, abs=1e-3)
    # Too few for the test, not tracked, or not two.
    assert certainty(delivery(4, 100), delivery(25, 100)) is None
    assert certainty(delivery(200, 1000), delivery(250, 1000, is_tracked=False)) is None
    assert certainty(*[delivery(200, 1000)] * 3) is None
