"""When the writer's turn is free, and what a run does that has it no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from sillage import pipeline, transform, warehouse
from sillage.runs import turn
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import rows, run_hours, settings_of, write_file


def test_the_turn_is_free_once_the_run_is_published_and_a_second_try_of_publishing_changes_nothing(
    warehouse_url: str, tmp_path: Path
) -> None:
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [event("open", 30)])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    with settings_of(warehouse_url, tmp_path):
        first = pipeline.Run("first", Window(EIGHT + HOUR, EIGHT + 2 * HOUR))
        with pipeline.begun(first):
            for name, stage in pipeline.STAGES.items():
                if not name.startswith("check"):
                    told = stage(first)
            assert rows(warehouse_url, "select run_id from ops.writer") == [{"run_id": None}]
            with pipeline.begun(pipeline.Run("second", Window(EIGHT + 2 * HOUR, EIGHT + 3 * HOUR))):
                # Its process ended before it could say that it had published; meanwhile the turn is another run's.
                assert pipeline.publish("first") == told
                assert rows(warehouse_url, "select run_id from ops.writer") == [{"run_id": "second"}]
    states = {row["run_id"]: row["state"] for row in rows(warehouse_url, "select run_id, state from ops.run")}
    assert (states["first"], states["second"]) == ("published", "failed")


def test_a_run_that_lost_its_turn_publishes_nothing(warehouse_url: str, tmp_path: Path) -> None:
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [event("open", 30)])

    def lose() -> None:
        with warehouse.connect(warehouse_url) as connection, warehouse.transaction(connection) as cursor:
            cursor.execute("update ops.writer set run_id = 'another'")

    with pytest.raises(turn.NotTheWriterError, match=r"'?another'? does"):
        run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR), before_publish=lose)
    with pytest.raises(transform.PublishError, match=r"does not hold the writer's turn any more"):
        transform.publish(warehouse_url, "test")
    assert rows(warehouse_url, "select * from marts.delivery_statistics") == []
