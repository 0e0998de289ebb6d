"""Partitions of the event store: opened by size and by time, whatever the number of deliveries; older ones keep their range."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extras import NamedTupleCursor

from sillage import transform, warehouse
from sillage.tabs.queries import logs, partitions
from sillage.transform import building, publishing
from sillage.window import HOUR, Window
from support.hours import mart, rows, run_hours, write_file
from support.proofs import whole_only

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
WIDTH = 2**20
MARTS = (
    "delivery_statistics",
    "delivery_activity",
    "daily_engagement",
    "delivery_breakdown",
    "recipient_tracking",
    "messages",
    "recipient_engagement",
    "url_clicks",
)


def publish(url: str, zone: Path, start: datetime, deliveries: list[str], *, is_checked: bool = False) -> None:
    """An hour in which the recipients `all` and `<delivery>` each get and open a message of every delivery."""
    events = [
        {
            "event_type": kind,
            "occurred_at": (start + timedelta(minutes=minute)).isoformat(),
            "delivery_id": delivery,
            "recipient_id": person,
            "message_id": f"{delivery}-{person}",
        }
        for delivery in deliveries
        for person in ("all", delivery)
        for minute, kind in ((1, "delivered"), (5, "open"))
    ]
    write_file(zone, "canonical", start, "events.jsonl", events)
    run_hours(url, zone, Window(start, start + HOUR), late_hours=0, is_checked=is_checked)


def change(url: str, *statements: str) -> None:
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        for statement in statements:
            cursor.execute(statement)


def numbers(url: str) -> dict[str, int]:
    found = rows(url, "select delivery_id, delivery_number from intermediate.int_delivery_numbers")
    return {row["delivery_id"]: row["delivery_number"] for row in found}


def ranges(url: str) -> list[str]:
    """The bounds of the partitions."""
    found = rows(
        url,
        "select pg_get_expr(relpartbound, oid) as bounds from pg_class"
        " where oid in (select inhrelid from pg_inherits where inhparent = 'intermediate.int_event_store'::regclass) order by relname",
    )
    return sorted(row["bounds"] for row in found)


def bounds(first: int, after: int) -> str:
    return f"FOR VALUES FROM ({first}) TO ({after})"


def events_of(url: str) -> int:
    (row,) = rows(url, "select count(*) as n from intermediate.int_events where is_standing")
    return int(row["n"])


def test_many_small_deliveries_share_a_partition_and_a_full_one_is_followed_by_the_next(
    warehouse_url: str, tmp_path: Path
) -> None:
    publish(warehouse_url, tmp_path, START, [f"d{number:02}" for number in range(30)], is_checked=True)
    assert ranges(warehouse_url) == [bounds(0, WIDTH)]
    assert sorted(numbers(warehouse_url).values()) == list(range(30))

    # One short of full: a delivery more fits, the one after it does not.
    full = f"update intermediate.int_delivery_spans set event_count = {WIDTH - 29 * 4 - 1} where delivery_id = 'd00'"
    change(warehouse_url, full)
    publish(warehouse_url, tmp_path, START + HOUR, ["e0", "e1", "e2"])
    found = numbers(warehouse_url)
    assert (found["e0"], found["e1"], found["e2"]) == (30, WIDTH, WIDTH + 1)
    assert ranges(warehouse_url) == sorted([bounds(0, WIDTH), bounds(WIDTH, 2 * WIDTH)])

    publish(warehouse_url, tmp_path, START + 2 * HOUR, ["f0"])
    assert numbers(warehouse_url)["f0"] == WIDTH + 2
    assert len(ranges(warehouse_url)) == 2
    assert events_of(warehouse_url) == 34 * 4


@whole_only
def test_one_run_opens_as_many_partitions_as_its_deliveries_fill(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def invoke(url: str, arguments: list[str], callback: Any) -> Any:
        return transform.invoke(url, [*arguments, "--vars", '{"numbers_per_partition": 8}'], callback)

    for module in (building, publishing):
        monkeypatch.setattr(module, "invoke", invoke)
    # Four events each, so that two deliveries fill one.
    publish(warehouse_url, tmp_path, START, ["a", "b", "c", "d", "e"], is_checked=True)
    assert numbers(warehouse_url) == {"a": 0, "b": 1, "c": 8, "d": 9, "e": 16}
    assert ranges(warehouse_url) == sorted([bounds(0, 8), bounds(8, 16), bounds(16, 24)])
    publish(warehouse_url, tmp_path, START + HOUR, ["f", "g"])
    assert (numbers(warehouse_url)["f"], numbers(warehouse_url)["g"]) == (17, 24)
    assert events_of(warehouse_url) == 7 * 4


@whole_only
def test_a_partition_takes_no_new_deliveries_after_a_month(warehouse_url: str, tmp_path: Path) -> None:
    publish(warehouse_url, tmp_path, START, ["a"])
    publish(warehouse_url, tmp_path, START + timedelta(days=29), ["b"])
    publish(warehouse_url, tmp_path, START + timedelta(days=31), ["c"])
    # An older hour, run late, opens none.
    publish(warehouse_url, tmp_path, START - timedelta(days=300), ["d"])
    assert numbers(warehouse_url) == {"a": 0, "b": 1, "c": WIDTH, "d": WIDTH + 1}


@whole_only
@pytest.mark.slow
def test_an_older_stores_partitions_keep_their_range_and_the_rest_is_one_more(
    two_warehouses: tuple[str, str], tmp_path: Path
) -> None:
    old, new = two_warehouses
    first, second = [f"d{number:02}" for number in range(18)], [f"e{number:02}" for number in range(40)]
    for url in (old, new):
        publish(url, tmp_path, START, first)
    # As a version before 0013 left it.
    change(
        old,
        "alter table intermediate.int_event_store detach partition intermediate.int_event_store_p0",
        "alter table intermediate.int_event_store attach partition intermediate.int_event_store_p0 for values from (0) to (20)",
        "alter table intermediate.int_delivery_numbers drop column first_hour cascade",
        "delete from public.sillage_migration where name = '0013_partitions_by_size.sql'",
    )
    assert warehouse.migrate(old) == ["0013_partitions_by_size.sql"]
    for url in (old, new):
        publish(url, tmp_path, START + HOUR, second)
    assert ranges(old) == sorted([bounds(0, 20), bounds(20, WIDTH)])
    assert ranges(new) == [bounds(0, WIDTH)]
    assert events_of(old) == events_of(new) == (18 + 40) * 4
    for name in MARTS:
        assert mart(old, name, {"as_of"}) == mart(new, name, {"as_of"}), name


@whole_only
def test_a_recipients_log_is_planned_for_the_partitions_that_hold_it(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, delivery in enumerate("abc"):
        publish(warehouse_url, tmp_path, START + timedelta(days=31 * number), [delivery])
    with psycopg2.connect(warehouse_url, cursor_factory=NamedTupleCursor) as connection, connection.cursor() as cursor:

        def planned_for(person: str) -> set[str]:
            condition = partitions.holding(cursor, [person])
            cursor.execute(
                f"explain (format json) select * from intermediate.int_events where recipient_id = '{person}' and {condition}"
            )
            text = str(cursor.fetchone())
            return {name for name in ("p0", f"p{WIDTH}", f"p{2 * WIDTH}") if f"'int_event_store_{name}'" in text}

        assert planned_for("b") == {f"p{WIDTH}"}
        assert len(planned_for("all")) == 3
        assert not planned_for("nobody")
        for person, count in (("b", 2), ("all", 6), ("nobody", 0)):
            search: Any = logs.Search(recipient_ids=[person], types=("open", "delivered"))
            assert logs.count(cursor, search).events == len(logs.page(cursor, search)) == count
        monkeypatch.setattr(partitions, "MANY_EVENTS", 3)
        assert partitions.holding(cursor, ["all"]) == "true"
