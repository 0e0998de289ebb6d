"""Rates of deliveries by when they were sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sillage.tabs import trend

from .test_comparison import delivery

BEGIN = datetime(2026, 1, 1, 23, 30, tzinfo=UTC)


def sent(days: float, opened: int, delivered: int, **more: Any) -> Any:
    one = delivery(opened, delivered, **more)
    one.sent_at, one.delivery_id, one.label = BEGIN + timedelta(days=days), f"d{days}", "D"
    return one


def test_each_delivery_is_a_point_and_the_average_weighs_what_was_delivered() -> None:
    rows = [sent(0, 10, 100), sent(1, 90, 300), sent(2, 5, 5, is_tracked=False), sent(3, 0, 0)]
    lines = {line.name: line for line in trend.lines(rows, True, UTC)}
    assert list(lines) == ["open_rate", "click_rate", "opt_out_rate"]
    opens = lines["open_rate"]
    # Neither who was not tracked nor who delivered nothing has a rate.
    assert [point.rate for point in opens.points] == [Decimal("0.1"), Decimal("0.3")]
    assert [point.deliveries for point in opens.points] == [[row] for row in rows[:2]]
    assert opens.average == Decimal("0.25")
    # sqrt((100 * 0.15^2 + 300 * 0.05^2) / 400)
    assert round(opens.deviation, 6) == Decimal("0.086603")
    assert lines["opt_out_rate"].band == (0, 0)


def test_many_deliveries_are_points_of_days_weeks_or_months_in_the_readers_zone() -> None:
    daily = [sent(number / 2, 10 + number % 2, 100) for number in range(100)]
    assert trend.unit_of(daily) == "day"
    (opens, *_) = trend.lines(daily, True, UTC)
    # 23:30 and 11:30 the day after: in UTC the first stands alone, in Paris they share their day.
    assert [len(point.deliveries) for point in opens.points][:3] == [1, 2, 2]
    assert opens.points[1].rate == Decimal(21) / 200
    assert opens.points[1].deliveries == daily[1:3]
    (opens, *_) = trend.lines(daily, True, ZoneInfo("Europe/Paris"))
    assert [len(point.deliveries) for point in opens.points][:3] == [2, 2, 2]
    assert trend.unit_of([sent(number * 4, 1, 10) for number in range(100)]) == "week"
    yearly = [sent(number * 10, 1, 10) for number in range(100)]
    assert trend.unit_of(yearly) == "month"
    assert len(trend.lines(yearly, True, UTC)[0].points) == 33
    assert trend.unit_of(daily[: trend.MOST_POINTS]) == "each"


def test_the_best_time_to_send_is_of_slots_that_several_deliveries_stand_for() -> None:
    thursday = [sent(7 * week, 20, 100) for week in range(3)]
    friday = [sent(7 * week + 0.5, 30, 100) for week in range(3)]
    once = [sent(3, 90, 100)]
    found = trend.slots([*thursday, *friday, *once, sent(4, 0, 0), sent(4, 9, 10, is_tracked=False)], True, UTC)
    assert [(slot.weekday, slot.hour, slot.rate, slot.delivery_count) for slot in found] == [
        (4, 20, Decimal("0.2"), 3),
        (5, 8, Decimal("0.3"), 3),
        (7, 20, Decimal("0.9"), 1),
    ]
    # One delivery says nothing of its hour.
    assert trend.best_slot(found) == found[1]
    assert trend.best_slot(found[1:]) is None
    assert trend.slots(thursday, True, ZoneInfo("Europe/Paris"))[0].weekday == 5
