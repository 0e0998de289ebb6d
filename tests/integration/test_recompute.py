"""A delivery, or everything, recomputed: counters that drifted are right again, verdicts follow their rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sillage import warehouse
from sillage.upkeep import retention
from sillage.window import HOUR, Window
from support.hours import mart, rows, run_hours, write_file

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
HOURS = [Window(START + index * HOUR, START + (index + 1) * HOUR) for index in range(3)]
NAMES = (
    "delivery_statistics",
    "url_clicks",
    "click_positions",
    "delivery_activity",
    "daily_engagement",
    "delivery_breakdown",
    "delivery_domains",
    "messages",
    "recipient_engagement",
    "recipient_tracking",
    "recipients",
    "workflow_windows",
    "links",
    "deliveries",
)
DAMAGE = (
    "update intermediate.int_delivery_totals set click_count = click_count + 1000, delivered_count = 7 where delivery_id = 'd0'",
    "update intermediate.int_delivery_spans set person_click_count = 99, last_event_at = '2030-01-01' where delivery_id = 'd0'",
    "update intermediate.int_url_totals set click_count = 500 where delivery_id = 'd0'",
    "insert into intermediate.int_url_totals (delivery_id, url, url_key, link_type, click_count, recipient_click_count,"
    " human_click_count, human_recipient_click_count, first_clicked_at, last_clicked_at)"
    " select 'd0', 'https://never.example', gen_random_uuid(), link_type, click_count, recipient_click_count,"
    " human_click_count, human_recipient_click_count, first_clicked_at, last_clicked_at from intermediate.int_url_totals limit 1",
    "delete from intermediate.int_position_totals where delivery_id = 'd0'",
    "update marts.delivery_activity set event_count = event_count + 5 where delivery_id = 'd0'",
    "update marts.delivery_breakdown set recipient_count = recipient_count + 5 where delivery_id = 'd0'",
    "update intermediate.int_recipient_totals set human_click_count = 77, last_clicked_at = '2030-01-01', last_opened_at = null",
    "with judged as (insert into intermediate.int_event_kinds select (json_populate_record(kind, json_build_object("
    " 'verdict', 'bot', 'kind_number', kind.kind_number + 1000, 'kind_id', gen_random_uuid()))).* from intermediate.int_event_kinds"
    " as kind where event_type = 'click' returning kind_number)"
    " update intermediate.int_event_store as event set kind_number = judged.kind_number from judged"
    " where judged.kind_number = event.kind_number + 1000 and delivery_number = (select delivery_number"
    " from intermediate.int_delivery_numbers where delivery_id = 'd0')",
)


def fill(zone: Path) -> None:
    for index, hour in enumerate(HOURS[:2]):
        made = [
            {
                "event_id": f"{index}-{kind}-{number}",
                "event_type": kind,
                "occurred_at": (hour.start.replace(minute=number)).isoformat(),
                "delivery_id": f"d{number % 2}",
                "recipient_id": f"r{number % 5}",
                "email": f"person{number % 5}@mail.example",
                "message_id": f"m{number % 10}",
                "requester_id": f"c{number % 3}",
                "user_agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
                **(
                    {"url": "https://shop.example/a", "link_position": 1, "content_part": "html"}
                    if kind == "click"
                    else {}
                ),
            }
            for kind in ("delivered", "open", "click")
            for number in range(20)
        ]
        write_file(zone, "canonical", hour.start, "events.jsonl", made)


def marts(url: str) -> dict[str, list[dict[str, Any]]]:
    return {name: mart(url, name, {"as_of", "published_at"}) for name in NAMES}


def execute(url: str, *statements: str) -> None:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def published(
    warehouse_url: str, tmp_path: Path, beginning: Callable[[str, Callable[[], object]], None]
) -> dict[str, list[dict[str, Any]]]:
    fill(tmp_path)
    beginning("recompute", lambda: run_hours(warehouse_url, tmp_path, Window(HOURS[0].start, HOURS[1].end)))
    return marts(warehouse_url)


@pytest.mark.slow
def test_a_recompute_counts_a_delivery_from_nothing_and_leaves_the_others_alone(
    warehouse_url: str, tmp_path: Path, published: dict[str, list[dict[str, Any]]]
) -> None:
    execute(warehouse_url, *DAMAGE[:-1])
    damaged = [row for row in mart(warehouse_url, "delivery_statistics") if row["delivery_id"] == "d0"]
    run_hours(warehouse_url, tmp_path, HOURS[1])
    assert [row["click_count"] for row in damaged] != [
        row["click_count"] for row in published["delivery_statistics"] if row["delivery_id"] == "d0"
    ]
    assert marts(warehouse_url)["delivery_statistics"] != published["delivery_statistics"], (
        "differences alone heal nothing"
    )
    run_hours(warehouse_url, tmp_path, HOURS[2], recompute="d0", late_hours=0)
    found = marts(warehouse_url)
    found["workflow_windows"] = [row for row in found["workflow_windows"] if row["window_start"] < HOURS[2].start]
    assert found == published


@pytest.mark.slow
def test_recomputing_everything_follows_a_changed_rule_and_back(
    warehouse_url: str, tmp_path: Path, published: dict[str, list[dict[str, Any]]]
) -> None:
    (kind,) = {row["agent_kind"] for row in rows(warehouse_url, "select agent_kind from raw.user_agent")}
    execute(warehouse_url, "update raw.user_agent set agent_kind = 'library'", *DAMAGE)
    run_hours(warehouse_url, tmp_path, HOURS[2], recompute="all", late_hours=0)
    counted = ("delivery_id", "click_count", "recipient_click_count", "delivered_count", "recipient_open_count")
    found = marts(warehouse_url)
    assert {row["human_click_count"] for row in found["delivery_statistics"]} == {0}
    assert {row["verdict"] for row in found["recipient_tracking"]} == {"bot"}
    assert [[row[name] for name in counted] for row in found["delivery_statistics"]] == [
        [row[name] for name in counted] for row in published["delivery_statistics"]
    ]
    execute(warehouse_url, f"update raw.user_agent set agent_kind = '{kind}'")
    run_hours(warehouse_url, tmp_path, HOURS[2], recompute="all", late_hours=0)
    found = marts(warehouse_url)
    found["workflow_windows"] = [row for row in found["workflow_windows"] if row["window_start"] < HOURS[2].start]
    assert found == published


@pytest.mark.slow
def test_a_warehouse_from_before_recipients_were_counted_gets_their_counter_from_its_events(
    warehouse_url: str, tmp_path: Path, published: dict[str, list[dict[str, Any]]]
) -> None:
    execute(warehouse_url, "drop table intermediate.int_recipient_totals cascade")
    run_hours(warehouse_url, tmp_path, HOURS[2], late_hours=0)
    found = marts(warehouse_url)
    found["workflow_windows"] = [row for row in found["workflow_windows"] if row["window_start"] < HOURS[2].start]
    assert found == published


@pytest.mark.slow
def test_a_delivery_that_never_was_cannot_be_recomputed(
    warehouse_url: str, published: dict[str, list[dict[str, Any]]]
) -> None:
    with (
        warehouse.connect(warehouse_url) as connection,
        warehouse.transaction(connection) as cursor,
        pytest.raises(retention.RecomputeError, match="no event of it was ever published"),
    ):
        retention.assert_recomputable(cursor, "d9")
    assert rows(warehouse_url, "select * from ops.recompute") == []
