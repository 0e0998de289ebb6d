"""What is too old goes by whole partitions; the statistics stay right, and nothing counts twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sillage import landing, warehouse
from sillage.landing import LandingError
from sillage.runs import journal, turn
from sillage.upkeep import retention
from sillage.window import HOUR, Window
from support.hours import mart, rows, run_hours, write_file

pytestmark = pytest.mark.slow

OLD = datetime(2025, 1, 5, 8, tzinfo=UTC)
NEW = datetime(2026, 1, 20, 8, tzinfo=UTC)
DAYS = {"raw_days": 30, "tracking_days": 360, "rejected_days": 90}
KINDS = ("delivered", "click")
FIGURES = (
    "delivery_statistics",
    "url_clicks",
    "click_positions",
    "delivery_activity",
    "daily_engagement",
    "delivery_breakdown",
    "delivery_domains",
)


def event(number: int, kind: str, moment: datetime, delivery: str) -> dict[str, Any]:
    return {
        "event_id": f"{delivery}-{kind}-{number}-{moment:%Y%m%d%H}",
        "event_type": kind,
        "occurred_at": moment.isoformat(),
        "delivery_id": delivery,
        "recipient_id": f"r{number}",
        "message_id": f"{delivery}-m{number}",
        **({"url": "https://shop.example/a", "link_position": 1, "content_part": "html"} if kind == "click" else {}),
    }


def hour(start: datetime) -> Window:
    return Window(start, start + HOUR)


def figures(url: str, delivery: str) -> dict[str, list[dict[str, Any]]]:
    return {name: [row for row in mart(url, name, {"as_of"}) if row["delivery_id"] == delivery] for name in FIGURES}


def partitions(url: str) -> set[str]:
    found = rows(
        url,
        "select inhrelid::regclass::text as name from pg_inherits join pg_class on oid = inhrelid where relkind = 'r'"
        " and relnamespace::regnamespace::text in ('raw', 'ops', 'intermediate')",
    )
    return {row["name"] for row in found}


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    """An old hour of the delivery `old`, with a broken record, and a new hour of `new`, each with one who is not in the other."""
    file = write_file(
        tmp_path, "canonical", OLD, "a.jsonl", [event(n, kind, OLD, "old") for n in range(4) for kind in KINDS]
    )
    file.write_text(file.read_text() + "no event\n")
    write_file(
        tmp_path, "canonical", NEW, "a.jsonl", [event(n, kind, NEW, "new") for n in (1, 2, 3, 9) for kind in KINDS]
    )
    return tmp_path


def publish_both(url: str, zone: Path) -> None:
    run_hours(url, zone, hour(OLD), late_hours=0)
    # Deliveries are stored twenty to a partition; the old season's and the new one's lie apart.
    with warehouse.connect(url) as connection, warehouse.transaction(connection) as cursor:
        cursor.execute(
            "insert into intermediate.int_delivery_numbers (delivery_id, delivery_number) values ('between', 39)"
        )
    run_hours(url, zone, hour(NEW), late_hours=0)


def test_what_is_too_old_is_dropped_by_partitions_and_the_statistics_stay(warehouse_url: str, zone: Path) -> None:
    publish_both(warehouse_url, zone)
    before, standing = figures(warehouse_url, "old"), partitions(warehouse_url)
    assert {"raw.canonical_p20250105", "ops.rejected_record_p20250105", "intermediate.int_event_store_p0"} <= standing

    said = retention.clean(warehouse_url, NEW + timedelta(days=1), **DAYS)

    gone = standing - partitions(warehouse_url)
    assert gone == {"raw.canonical_p20250105", "ops.rejected_record_p20250105", "intermediate.int_event_store_p0"}
    assert len(said) == len(gone) == len(rows(warehouse_url, "select * from ops.dropped_partition"))
    assert figures(warehouse_url, "old") == before
    assert {row["delivery_id"] for row in mart(warehouse_url, "recipient_tracking")} == {"new"}
    assert {row["recipient_id"]: row["human_click_count"] for row in mart(warehouse_url, "recipient_engagement")} == {
        "r1": 1, "r2": 1, "r3": 1, "r9": 1
    }  # fmt: skip
    assert retention.clean(warehouse_url, NEW + timedelta(days=1), **DAYS) == []


def test_recipients_are_counted_anew_by_the_names_of_the_columns_and_not_by_their_order(
    warehouse_url: str, zone: Path
) -> None:
    publish_both(warehouse_url, zone)
    # As an older version left the table: with a column that came later, at its end.
    later = "opt_out_count"
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        # With the views of the marts, which the next run makes anew.
        cursor.execute(
            f"alter table intermediate.int_recipient_totals rename {later} to was; alter table intermediate.int_recipient_totals"
            f" add column {later} bigint; update intermediate.int_recipient_totals set {later} = was; alter table"
            " intermediate.int_recipient_totals drop column was cascade"
        )
    retention.clean(warehouse_url, NEW + timedelta(days=1), **DAYS)
    found = rows(warehouse_url, "select * from intermediate.int_recipient_totals order by recipient_id")
    assert found == rows(warehouse_url, "select * from work.int_recipient_totals__recounted order by recipient_id")
    assert [row["recipient_id"] for row in found] == ["r1", "r2", "r3", "r9"]


def test_a_late_event_of_a_closed_delivery_is_counted_as_a_record_without_event(warehouse_url: str, zone: Path) -> None:
    publish_both(warehouse_url, zone)
    retention.clean(warehouse_url, NEW + timedelta(days=1), **DAYS)
    before = figures(warehouse_url, "old")
    later = NEW + HOUR
    write_file(zone, "canonical", later, "a.jsonl", [event(1, "click", later, "old"), event(1, "click", later, "new")])
    run_hours(warehouse_url, zone, hour(later), late_hours=0)
    assert figures(warehouse_url, "old") == before
    (window,) = [row for row in mart(warehouse_url, "workflow_windows") if row["window_start"] == later]
    assert (window["record_count"], window["event_count"], window["other_count"]) == (2, 1, 1)
    with (
        warehouse.connect(warehouse_url) as connection,
        warehouse.transaction(connection) as cursor,
        pytest.raises(retention.RecomputeError, match="dropped by retention"),
    ):
        retention.assert_recomputable(cursor, "old")
    run_hours(warehouse_url, zone, hour(later + HOUR), late_hours=0, recompute="all")
    assert figures(warehouse_url, "old") == before


def test_an_hour_whose_events_are_dropped_cannot_be_run_again(warehouse_url: str, zone: Path) -> None:
    publish_both(warehouse_url, zone)
    retention.clean(warehouse_url, NEW + timedelta(days=1), **DAYS)
    before = figures(warehouse_url, "old")
    with pytest.raises(LandingError, match="2025-01-05T08:00Z cannot be run again: tracking logs"):
        run_hours(warehouse_url, zone, hour(OLD))
    assert figures(warehouse_url, "old") == before


def test_an_hour_whose_raw_is_dropped_is_read_again_from_its_files_and_refused_without_them(
    warehouse_url: str, zone: Path
) -> None:
    publish_both(warehouse_url, zone)
    before = {**figures(warehouse_url, "old"), "windows": mart(warehouse_url, "workflow_windows")}
    retention.clean(warehouse_url, NEW + timedelta(days=1), **(DAYS | {"tracking_days": 3600}))
    assert "raw.canonical_p20250105" not in partitions(warehouse_url)
    run_hours(warehouse_url, zone, hour(OLD), late_hours=0)
    assert {**figures(warehouse_url, "old"), "windows": mart(warehouse_url, "workflow_windows")} == before

    retention.clean(warehouse_url, NEW + timedelta(days=1), **(DAYS | {"tracking_days": 3600}))
    (zone / "canonical" / "2025-01-05" / "08" / "a.jsonl").unlink()
    with pytest.raises(LandingError, match="Put the file back"):
        run_hours(warehouse_url, zone, hour(OLD), late_hours=0)
    assert {**figures(warehouse_url, "old"), "windows": mart(warehouse_url, "workflow_windows")} == before


def test_nothing_is_dropped_while_a_run_writes(warehouse_url: str, zone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
        turn.take(cursor, "writing")
        journal.begin_run(cursor, "writing", hour(OLD))
    landing.land(warehouse_url, str(zone), "writing", hour(OLD))
    monkeypatch.setattr(turn, "PATIENCE_SECONDS", 0)
    with pytest.raises(warehouse.WarehouseError, match="Run writing writes"):
        retention.clean(warehouse_url, NEW, **DAYS)
    assert "raw.canonical_p20250105" in partitions(warehouse_url)


def test_with_a_lake_the_logs_of_what_is_sent_go_though_people_still_open_it(warehouse_url: str, zone: Path) -> None:
    publish_both(warehouse_url, zone)
    # Somebody opens the old delivery on the newest day, and so its partition would stay for another year.
    late = NEW + HOUR
    write_file(zone, "canonical", late, "a.jsonl", [event(1, "click", late, "old"), event(1, "click", late, "new")])
    run_hours(warehouse_url, zone, hour(late), late_hours=0)
    before = figures(warehouse_url, "old")
    now = NEW + timedelta(days=1)
    assert not {"intermediate.int_event_store_p0"} & set(dropped(warehouse_url, now, hot_days=None))
    assert dropped(warehouse_url, now, hot_days=400) == []
    assert dropped(warehouse_url, now, hot_days=30) == ["intermediate.int_event_store_p0"]
    assert figures(warehouse_url, "old") == before
    # The hours since may be run again, and the statistics stay as they are.
    run_hours(warehouse_url, zone, hour(late), late_hours=0, force=True)
    assert figures(warehouse_url, "old") == before
    (window,) = [row for row in mart(warehouse_url, "workflow_windows") if row["window_start"] == late]
    assert (window["record_count"], window["event_count"], window["other_count"]) == (2, 1, 1)
    with pytest.raises(LandingError, match="cannot be run again: tracking logs"):
        run_hours(warehouse_url, zone, hour(OLD))


def dropped(url: str, now: datetime, *, hot_days: int | None) -> list[str]:
    """Partitions of the event store that retention drops."""
    before = partitions(url)
    retention.clean(url, now, **DAYS, hot_days=hot_days)
    return sorted(name for name in before - partitions(url) if "event_store" in name)
