"""What the task of a mart tells of a build, and of which failure it is one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sillage import pipeline, transform
from sillage.window import HOUR, Window
from support.canonical import EIGHT, event
from support.hours import rows, run_hours, settings_of, write_file
from support.sql import run_sql

MART = ["int_records__read", "int_events", "delivery_statistics"]


@pytest.fixture
def built(warehouse_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> tuple[str, str]:
    """A warehouse in which an hour was built, and the run that did it."""
    write_file(tmp_path, "canonical", EIGHT, "a.jsonl", [event("open", 30)])
    run_hours(warehouse_url, tmp_path, Window(EIGHT, EIGHT + HOUR))
    (run,) = rows(warehouse_url, "select run_id from ops.run")
    caplog.clear()
    caplog.set_level(logging.INFO)
    return warehouse_url, run["run_id"]


def test_a_mart_s_task_tells_of_every_model_in_its_order(
    built: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with settings_of(built[0], tmp_path):
        assert pipeline.tell(built[1], MART)
    told = [record.getMessage() for record in caplog.records if " built in " in record.getMessage()]
    assert [line.split()[1] for line in told] == MART


def test_a_model_behind_it_that_failed_is_told_and_fails_no_mart(
    built: tuple[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_sql(
        built[0],
        "update ops.journal set state = 'failed', message = 'Model int_events failed: a test.' where stage = 'model int_events'",
        "delete from ops.journal where stage = 'model delivery_statistics'",
    )
    with settings_of(built[0], tmp_path):
        assert not pipeline.tell(built[1], MART)
    assert "Model int_events failed: a test." in caplog.text
    assert "did not reach the model delivery_statistics" in caplog.text


def test_a_mart_that_failed_fails_its_task(built: tuple[str, str], tmp_path: Path) -> None:
    run_sql(
        built[0], "update ops.journal set state = 'failed', message = 'Why.' where stage = 'model delivery_statistics'"
    )
    with settings_of(built[0], tmp_path), pytest.raises(transform.ModelError, match=r"^Why\.$"):
        pipeline.tell(built[1], MART)
