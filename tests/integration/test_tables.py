"""Tables in the landing zone: what stands in raw is what stands in the file, whatever its format, and counts add up."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pytest
from pyarrow import parquet as written

from sillage import landing
from sillage.runs import journal, turn
from sillage.warehouse import connect, transaction
from sillage.window import Window

HOUR = Window.parse("2026-01-01T05", "2026-01-01T06")
FOLDER = "canonical/2026-01-01/05"
ROWS = [
    {"event_type": "open", "occurred_at": f"2026-01-01T05:{n % 60:02}:00Z", "recipient_id": f"r{n}", "url": None}
    for n in range(5_000)
]


def land(url: str, zone: Path) -> landing.LandingReport:
    with connect(url) as connection, transaction(connection) as cursor:
        cursor.execute("delete from ops.writer; insert into ops.writer default values; delete from ops.run")
        turn.take(cursor, "tables")
        journal.begin_run(cursor, "tables", HOUR)
    return landing.land(url, str(zone), "tables", HOUR)


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


@pytest.fixture
def zone(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir(parents=True)
    return tmp_path


def test_csv_and_parquet_land_the_rows_of_their_tables(warehouse_url: str, zone: Path) -> None:
    with (zone / FOLDER / "a.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(ROWS[0]))
        table.writeheader()
        table.writerows(ROWS)
    written.write_table(pa.Table.from_pylist(ROWS), zone / FOLDER / "a.parquet", row_group_size=700)
    report = land(warehouse_url, zone)
    assert (report.record_count, report.rejected_count) == (10_000, 0)
    found = "select payload, occurred_at from raw.canonical join ops.landed_file using (file_id) where path like '%{}'"
    assert sorted(map(str, rows(warehouse_url, found.format("csv")))) == sorted(
        map(str, rows(warehouse_url, found.format("parquet")))
    )
    assert land(warehouse_url, zone).hours == [], "unchanged files are left alone"
    sizes = rows(warehouse_url, "select path, size_bytes from ops.landed_file")
    assert dict(sizes) == {f"{FOLDER}/{file.name}": file.stat().st_size for file in (zone / FOLDER).iterdir()}


def test_ids_of_a_column_with_gaps_and_json_below_a_header_land_as_they_were_meant(
    warehouse_url: str, zone: Path
) -> None:
    head, at = "event_type,occurred_at,recipient_id\n", "2026-01-01T05:00:00Z"
    (zone / FOLDER / "gaps").write_text(f"{head}open,{at},1001.0\nopen,{at},\n")
    event = f'{{"event_type": "open", "occurred_at": "{at}", "recipient_id": 1002}}\n'
    (zone / FOLDER / "joined").write_text(head + 2 * event)
    report = land(warehouse_url, zone)
    assert (report.record_count, report.rejected) == (5, {"not_json": 1})
    found = rows(warehouse_url, "select payload ->> 'recipient_id' from raw.canonical")
    assert sorted(map(str, found)) == ["('1001',)", "('1002',)", "('1002',)", "(None,)"]


def test_a_table_that_cannot_be_read_stops_no_run_and_says_what_to_do(warehouse_url: str, zone: Path) -> None:
    (zone / FOLDER / "a.csv").write_text("a,b\n1,2\n")
    (zone / FOLDER / "b.csv").write_text("event_type,occurred_at\nopen,2026-01-01T05:00:00Z\n")
    (zone / FOLDER / "c.parquet").write_bytes(b"PAR1" + bytes(600) + b"PAR1")
    (zone / "canonical" / "columns.yml").write_text("time_zone: UTC\n")
    report = land(warehouse_url, zone)
    assert (report.record_count, report.rejected) == (3, {"bad_columns": 1, "damaged": 1})
    problems = dict(rows(warehouse_url, "select path, problem from ops.landed_file where problem is not null"))
    assert "name it in columns.yml beside the file" in problems[f"{FOLDER}/a.csv"]
    assert "The Parquet is damaged" in problems[f"{FOLDER}/c.parquet"]
    assert report.unread["canonical"].count == 0
