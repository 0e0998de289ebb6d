"""Workflow status tells of late hours that are left aside, and of what nobody reads in the landing zone."""

from __future__ import annotations

from fastapi.testclient import TestClient

from sillage import warehouse
from sillage.landing import late_hours
from sillage.runs import journal
from sillage.window import Window
from support.tabs_client import get
from support.tabs_house import House

HOUR = Window.parse("2026-01-01T00", "2026-01-01T01").start
RUN = "manual__landing"


def test_late_hours_left_aside_and_wrong_folders_are_told_until_they_are_gone(client: TestClient, house: House) -> None:
    assert "are not counted" not in get(client, "/workflow")
    wrong = "Not read: ses/<b>2026</b>: this is not ses/<YYYY-MM-DD>/<HH>/<file>."
    try:
        with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
            journal.begin_run(cursor, RUN, Window.parse("2026-01-01T01", "2026-01-01T02"))
            late_hours.leave_aside(cursor, RUN, HOUR, "build", "a model refused a record of jane@example.com")
            journal.write(cursor, RUN, "land", "succeeded", "Landed.", {"not_read": [wrong]})
        text = get(client, "/workflow")
        assert "Late files of 2026-01-01 00:00 UTC are not counted." in text
        assert "run the hour alone, with window_start=2026-01-01T00" in text
        assert "jane@example.com" not in text
        assert "The landing zone holds what nobody reads." in text
        assert "Not read: ses/&lt;b&gt;2026&lt;/b&gt;" in text
        assert "is left aside" in get(client, "/workflow/journal", run=RUN)
        with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute(
                "insert into ops.run_window (run_id, window_start, is_late) values (%s, %s, false)", (RUN, HOUR)
            )
            cursor.execute(
                "update ops.run set state = 'published', ended_at = now() + interval '1 minute' where run_id = %s",
                (RUN,),
            )
        assert "are not counted" not in get(client, "/workflow"), "it was published since"
    finally:
        with warehouse.connect(house.owner_url) as connection, warehouse.transaction(connection) as cursor:
            for table in ("late_hour_fault", "journal", "run_window", "run"):
                cursor.execute(f"delete from ops.{table} where run_id = %s", (RUN,))
