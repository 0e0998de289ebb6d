"""Who asks a mart for one delivery or two makes the server read what it holds of these, however many the catalog knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sillage import warehouse
from sillage.window import HOUR, Window
from support.formula_cases import delivery, link
from support.hours import rows, run_hours, write_file

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
DELIVERIES, LINKS = 1000, 5


def test_marts_of_one_delivery_read_its_catalog_entries_alone(warehouse_url: str, tmp_path: Path) -> None:
    entries = [
        entry
        for name in (f"d{number}" for number in range(DELIVERIES))
        for entry in (
            delivery(name, label=f"Label of {name}"),
            *(
                link(name, f"l{place}", f"https://shop.example/{place}", position=place)
                for place in range(1, LINKS + 1)
            ),
        )
    ]
    clicks = [
        {
            "event_type": "click", "occurred_at": START.isoformat(), "delivery_id": name, "recipient_id": "r",
            "url": "https://shop.example/1", "link_position": 1,
        }
        for name in ("d7", "d8")
    ]  # fmt: skip
    write_file(tmp_path, "catalog", START, "catalog.jsonl", entries)
    write_file(tmp_path, "canonical", START, "events.jsonl", clicks)
    run_hours(warehouse_url, tmp_path, Window(START, START + HOUR), late_hours=0)

    assert read_of_the_catalog(warehouse_url, "select * from marts.deliveries where delivery_id = 'd7'") <= 2
    for name in ("links", "url_clicks", "click_positions"):
        of_one = f"select * from marts.{name} where delivery_id = 'd7'"
        assert rows(warehouse_url, of_one)
        assert read_of_the_catalog(warehouse_url, of_one) <= 2 * LINKS, name
    of_two = "select * from marts.click_positions where delivery_id = any('{d7,d8}')"
    assert len(rows(warehouse_url, of_two)) == 2
    assert read_of_the_catalog(warehouse_url, of_two) <= 4 * LINKS


def read_of_the_catalog(url: str, query: str) -> int:
    """How many rows of the catalog the server looks at to answer `query`."""
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute("analyze")
        cursor.execute(f"explain (analyze, format json) {query}")
        ((plan,),) = cursor.fetchone() or ((),)
    scans = [node for node in nodes(plan["Plan"]) if node.get("Relation Name") == "int_catalog__current"]
    assert scans, query
    return sum(
        int((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]) for node in scans
    )


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a plan."""
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)
