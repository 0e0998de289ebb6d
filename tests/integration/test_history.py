"""The history that the benchmarks run over: copies of a day, made in SQL, are what the pipeline would have made of their events."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from sillage import transform
from sillage.window import HOUR, Window
from support.hours import mart, rows, run_hours
from support.proofs import whole_only

BENCH = Path(__file__).resolve().parents[2] / "bench"
EVENTS = 12_000
RECOUNTED = (
    "delivery_statistics", "url_clicks", "click_positions", "delivery_activity", "daily_engagement", "delivery_breakdown",
    "delivery_domains", "recipient_tracking", "messages", "recipients", "links", "deliveries",
)  # fmt: skip


@pytest.fixture
def filled(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.syspath_prepend(str(BENCH))
    importlib.import_module("history").fill(warehouse_url, tmp_path, EVENTS)
    return warehouse_url


def marts(url: str) -> dict[str, list[dict[str, Any]]]:
    return {name: mart(url, name, {"as_of"}) for name in RECOUNTED}


@pytest.mark.slow
@whole_only
def test_a_copied_season_is_what_counting_all_its_events_anew_gives(filled: str, tmp_path: Path) -> None:
    (size,) = rows(
        filled,
        "select sum(event_count) as events, (select sum(message_count) from intermediate.int_delivery_totals) as messages,"
        " (select count(*) from marts.delivery_statistics where delivered_count > 0) as deliveries, count(*) as hours"
        " from marts.workflow_windows where event_count > 0",
    )
    assert (size["events"], size["messages"], size["deliveries"]) == (EVENTS, EVENTS * 13 // 20, 600)
    said: list[str] = []
    tested = transform.invoke(
        filled,
        [
            "test",
            "--select",
            "test_type:singular",
            "--no-write-json",
            "--target-path",
            str(transform.target_path()),
        ],
        lambda event: said.append(event.info.msg) if event.info.level == "error" else None,
    )
    assert tested.success, said
    before = marts(filled)
    (newest,) = rows(filled, "select max(window_end) as hour from marts.workflow_windows")
    empty = Window(newest["hour"] + 72 * HOUR, newest["hour"] + 73 * HOUR)
    run_hours(filled, tmp_path, empty, recompute="all", late_hours=0)
    after = marts(filled)
    for name in RECOUNTED:
        assert after[name] == before[name], name
