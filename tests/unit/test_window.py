"""The window: half-open whole UTC hours, whatever way they are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sillage.window import HOUR, Window, WindowError, label

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T00",
        "2026-01-01",
        "2026-01-01T00:00Z",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T01:00+01:00",
        " 2026-01-01T00 ",
    ],
)
def test_an_hour_is_read_in_every_usual_way_of_writing_it(text: str) -> None:
    assert Window.parse(text, "2026-01-01T02").start == MIDNIGHT


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-01-01T25", "01/02/2026"])
def test_a_text_that_is_no_time_is_named(text: str) -> None:
    with pytest.raises(WindowError, match="is not a time: write an hour in UTC like 2026-01-01T00"):
        Window.parse(text, "2026-01-01T02")


@pytest.mark.parametrize("end", ["2026-01-01T00", "2025-12-31T23"])
def test_a_window_that_does_not_end_after_its_start_is_refused_with_an_example(end: str) -> None:
    with pytest.raises(WindowError, match="START=2026-01-01T00 END=2026-01-01T01"):
        Window.parse("2026-01-01T00", end)


@pytest.mark.parametrize("start", ["2026-01-01T00:30", "2026-01-01T00:00:01", "2026-01-01T00:00+05:30"])
def test_a_bound_that_is_no_whole_utc_hour_is_refused(start: str) -> None:
    with pytest.raises(WindowError, match="not a whole hour"):
        Window.parse(start, "2026-01-02T00")


def test_a_bound_in_another_zone_or_in_none_is_refused() -> None:
    for start in (MIDNIGHT.replace(tzinfo=None), MIDNIGHT.astimezone(timezone(timedelta(hours=2)))):
        with pytest.raises(WindowError, match="not in UTC"):
            Window(start, MIDNIGHT + HOUR)


@given(st.integers(min_value=0, max_value=200_000), st.integers(min_value=1, max_value=800))
def test_the_hours_of_a_window_follow_each_other_from_its_start_to_its_end(first: int, length: int) -> None:
    window = Window(MIDNIGHT + first * HOUR, MIDNIGHT + (first + length) * HOUR)
    hours = list(window.hours())
    assert len(hours) == length
    assert hours[0].start == window.start and hours[-1].end == window.end
    assert all(one.end == other.start for one, other in pairwise(hours))


def test_hours_are_written_in_utc_and_windows_as_half_open() -> None:
    assert label(datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-01T00:00Z"
    assert str(Window(MIDNIGHT, MIDNIGHT + HOUR)) == "[2026-01-01T00:00Z, 2026-01-01T01:00Z)"
