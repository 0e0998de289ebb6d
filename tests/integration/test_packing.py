"""Records as received of days that are over lie in blocks, and are there again, to the last digit, when somebody needs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sillage import warehouse
from sillage.upkeep import erasure, packing, retention
from sillage.window import HOUR, Window
from support.hours import mart, rows, run_hours, write_file

pytestmark = pytest.mark.slow

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
LATER = START + timedelta(days=4)
FIGURES = ("delivery_statistics", "url_clicks", "recipient_tracking", "workflow_windows", "recipients")


def hour(start: datetime) -> Window:
    return Window(start, start + HOUR)


def click(number: int, **other: Any) -> dict[str, Any]:
    return {
        "event_type": "click",
        "occurred_at": (START + timedelta(seconds=number)).isoformat(),
        "delivery_id": "d1",
        "recipient_id": f"r{number}",
        "message_id": f"m{number}",
        "email": f"reader{number}@mail.example",
        "url": "https://shop.example/a",
        **other,
    }


def figures(url: str) -> dict[str, Any]:
    return {name: mart(url, name, {"as_of", "last_published_at"}) for name in FIGURES}


def raw(url: str) -> list[dict[str, Any]]:
    return rows(
        url,
        "select *, payload::text as written, jsonb_hash_extended(payload, 0) as payload_hash"
        " from raw.canonical order by window_start, file_id, line_number, item_number",
    )


def in_blocks(url: str) -> int:
    return int(rows(url, "select coalesce(sum(record_count), 0) as count from ops.raw_block")[0]["count"])


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """An hour with records of many sizes and shapes, one without time, and a later hour."""
    odd = [
        click(1, note="tab\t, line\n, both\r\n, nul-like \\u0000, é, \u2028, 😀", list=[[], {}, None]),
        click(2, note="long " * 40_000),
        click(3, email="Ann@Mail.example", occurred_at="2026-01-05T08:00:03.123457Z"),
    ]
    write_file(tmp_path, "canonical", START, "a.jsonl", [*odd, *(click(number) for number in range(4, 900))])
    write_file(tmp_path, "canonical", START + HOUR, "b.jsonl", [click(1, amount=1)])
    digits = json.dumps(click(2))[:-1] + ', "number": 1.50, "large": 1e40, "small": -1.5E-7}\n'
    (tmp_path / "canonical" / f"{START:%Y-%m-%d}" / "09" / "c.jsonl").write_text(digits)
    write_file(tmp_path, "catalog", START, "a.jsonl", [{"entry_type": "delivery", "delivery_id": "d1", "label": "A"}])
    return tmp_path


@pytest.fixture
def packed(warehouse_url: str, zone: Path) -> list[dict[str, Any]]:
    """The rows of raw as they were, before all of them were packed."""
    run_hours(warehouse_url, zone, Window(START, START + 2 * HOUR))
    before = raw(warehouse_url)
    assert len(before) == 901
    said = packing.pack(warehouse_url, LATER, late_hours=48)
    assert said == [
        "Packed 901 records of raw.canonical of 2026-01-05.",
        "Packed 1 records of raw.catalog of 2026-01-05.",
    ]
    assert (raw(warehouse_url), in_blocks(warehouse_url)) == ([], 902)
    (size,) = rows(warehouse_url, "select pg_relation_size('raw.canonical_p20260105') as bytes")
    assert size["bytes"] == 0
    return before


def test_what_is_unpacked_is_what_was_packed(warehouse_url: str, zone: Path, packed: list[dict[str, Any]]) -> None:
    assert packing.pack(warehouse_url, LATER, late_hours=48) == []
    before = figures(warehouse_url)
    run_hours(warehouse_url, zone, Window(START, START + 2 * HOUR))
    assert (raw(warehouse_url), in_blocks(warehouse_url)) == (packed, 0)
    assert figures(warehouse_url) == before


def test_a_day_in_which_runs_look_for_late_files_is_left(warehouse_url: str, zone: Path) -> None:
    run_hours(warehouse_url, zone, hour(START))
    assert packing.pack(warehouse_url, START + timedelta(days=2), late_hours=48) == []
    assert in_blocks(warehouse_url) == 0


def test_a_run_unpacks_its_own_hours_alone_and_finds_changed_files_there(
    warehouse_url: str, zone: Path, packed: list[dict[str, Any]]
) -> None:
    write_file(zone, "canonical", START + HOUR, "b.jsonl", [click(1, amount=2), click(7, url="https://shop.example/b")])
    run_hours(warehouse_url, zone, hour(START + HOUR), late_hours=0)
    assert in_blocks(warehouse_url) == 900
    assert sorted(row["payload"].get("amount", 0) for row in raw(warehouse_url)) == [0, 0, 2]
    assert {row["url"] for row in mart(warehouse_url, "url_clicks")} == {
        "https://shop.example/a",
        "https://shop.example/b",
    }


def test_an_erasure_finds_a_person_in_packed_records(
    warehouse_url: str, zone: Path, packed: list[dict[str, Any]]
) -> None:
    before = figures(warehouse_url)
    done = erasure.erase(warehouse_url, email="ann@mail.example")
    assert (done.recipients, done.raw_records) == (["r3"], 1)
    assert in_blocks(warehouse_url) == 2  # the hour in which she does not stand
    for table in ("raw.canonical", "ops.raw_block"):
        assert rows(warehouse_url, f"select from {table} as found where found::text ~* 'ann@mail'") == []
    packing.pack(warehouse_url, LATER, late_hours=48)
    run_hours(warehouse_url, zone, hour(START))
    after = figures(warehouse_url)
    assert after["delivery_statistics"] == before["delivery_statistics"]
    assert "ann@mail" not in str(after).lower()


def test_blocks_go_with_their_day(warehouse_url: str, zone: Path, packed: list[dict[str, Any]]) -> None:
    retention.clean(warehouse_url, START + timedelta(days=32), raw_days=30, tracking_days=360, rejected_days=90)
    assert in_blocks(warehouse_url) == 0
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("select to_regclass('ops.raw_block_p20260105'), to_regclass('raw.canonical_p20260105')")
        assert cursor.fetchall() == [(None, None)]
