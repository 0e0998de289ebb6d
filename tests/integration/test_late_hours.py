"""Late files that a run cannot take: its own hour is published without them, and they are told, held back, and caught up."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from sillage import pipeline, quality, transform
from sillage.quickstart.embedded_postgres import Server
from sillage.warehouse import roles
from sillage.window import HOUR, Window, label
from support import faults
from support.canonical import EIGHT, event
from support.hours import mart, rows, run_hours, write_file
from support.proofs import part, whole_only

pytestmark = pytest.mark.slow
NINE, TEN, ELEVEN, NOON = (EIGHT + index * HOUR for index in range(1, 5))
POISON = "https://shop.example/poison"
RULES = """
table: raw.canonical
boundary: {boundary}
assets:
  - name: poison
    grain: one row per poisoned record of the run's hours
    query: {query}
    rules:
      - rule: nothing_is_poisoned
        expectation: expect_column_values_to_be_null
        arguments: {{column: url}}
        severity: critical
        reason: a test.
        what_to_do: take the poison away.
"""
QUERIES = {
    "raw": "select payload ->> 'url' as url from raw.canonical where payload ->> 'url' ~ 'poison' and window_start = any({run_hours})",
    "marts": "select url from audit.recipient_tracking where url ~ 'poison' and _window_start = any({run_hours})",
}


def hour_of(start: datetime) -> Window:
    return Window(start, start + HOUR)


def clicks(start: datetime, name: str, count: int = 3, url: str = "https://shop.example/sale") -> list[dict[str, Any]]:
    seconds = (start - EIGHT).total_seconds()
    return [
        event("click", seconds + 60 * number, event_id=f"{name}-{number}", recipient_id=f"{name}{number}", url=url)
        for number in range(count)
    ]


class Workflow:
    """A warehouse, a landing zone, and runs of all stages as Airflow's tasks call them."""

    def __init__(self, url: str, admin_url: str, zone: Path) -> None:
        self.url, self.admin_url, self.zone = url, admin_url, zone

    def put(self, start: datetime, name: str, **more: Any) -> Path:
        return write_file(self.zone, "canonical", start, f"{name}.jsonl", clicks(start, name, **more))

    def run(self, start: datetime, run_id: str = "", *, is_checked: bool = False) -> None:
        """The hour from `start`, published. Where a stage fails, the turn is given back and the error raised."""
        run_id = run_id or f"run of {start:%H}"
        try:
            faults.proceed(run_id, hour_of(start), is_checked=is_checked)
        except Exception:
            pipeline.end(run_id)
            raise

    def published(self) -> dict[str, int]:
        """The published hours, with their records."""
        found = rows(self.url, "select window_start, record_count from marts.workflow_windows order by 1")
        return {f"{row['window_start']:%H}": row["record_count"] for row in found}

    def held_back(self) -> dict[str, str]:
        """The hours that runs leave aside, with the stage that fails with them."""
        found = rows(self.url, "select window_start, stage from ops.held_back_hour order by 1")
        return {f"{row['window_start']:%H}": row["stage"] for row in found}

    def taken(self, run_id: str) -> list[str]:
        """The late hours that a run took."""
        found = rows(
            self.url, f"select window_start from ops.run_window where run_id = '{run_id}' and is_late order by 1"
        )
        return [f"{row['window_start']:%H}" for row in found]

    def alarms(self, run_id: str) -> list[str]:
        found = rows(
            self.url,
            f"select message from ops.journal where run_id = '{run_id}' and stage = 'late hours' order by entry_id",
        )
        return [row["message"] for row in found]

    def sql(self, statement: str, *, as_admin: bool = False) -> None:
        with closing(psycopg2.connect(self.admin_url if as_admin else self.url)) as connection, connection:
            connection.cursor().execute(statement)

    def marts(self) -> dict[str, list[dict[str, Any]]]:
        names = rows(self.url, "select table_name from information_schema.tables where table_schema = 'marts'")
        return {
            row["table_name"]: mart(self.url, row["table_name"], {"published_at", "_published_at"}) for row in names
        }


@pytest.fixture
def workflow(server: Server, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workflow]:
    """A workflow whose hour of eight is published."""
    for name, value in faults.environment(warehouse_url, tmp_path / "zone", tmp_path).items():
        monkeypatch.setenv(name, value)
    made = Workflow(warehouse_url, server.url(warehouse_url.rpartition("/")[2]), tmp_path / "zone")
    made.put(EIGHT, "a")
    made.run(EIGHT)
    yield made


def poison(workflow: Workflow, stage: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let `stage` fail wherever a run's hours hold a click on POISON; returns what ends that."""
    if stage.startswith("check"):
        boundary = stage.removeprefix("check ")
        shutil.copytree(quality.EXPECTATIONS, folder)
        (folder / "poison.yml").write_text(RULES.format(boundary=boundary, query=QUERIES[boundary]))
        sound = quality.check
        monkeypatch.setattr(quality, "check", partial(sound, folder=folder))
        return lambda: monkeypatch.setattr(quality, "check", sound)
    if stage == "build":
        workflow.sql(
            """
            create function public.refuse() returns event_trigger language plpgsql as $$
            begin
                perform from pg_event_trigger_ddl_commands() where object_identity = 'work.int_records__identified';
                if found then
                    perform from work.int_records__identified where url like '%poison%';
                    if found then raise exception 'poison in the well of jane@example.com'; end if;
                end if;
            end $$;
            create event trigger refuse on ddl_command_end execute function public.refuse()
            """,
            as_admin=True,
        )
        return lambda: workflow.sql("drop event trigger refuse", as_admin=True)
    workflow.sql("alter table intermediate.int_url_totals add constraint poison check (url not like '%poison%')")
    return lambda: workflow.sql("alter table intermediate.int_url_totals drop constraint poison")


@pytest.mark.parametrize("stage", part(["publish", "check raw", "build", "check marts"], 4))
def test_a_late_hour_that_breaks_a_stage_is_held_back_and_told_and_the_run_publishes_its_own(
    workflow: Workflow, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poison(workflow, stage, tmp_path / "rules", monkeypatch)
    before = workflow.marts()
    workflow.put(EIGHT, "late", url=POISON)
    workflow.put(NINE, "b")

    with caplog.at_level(logging.INFO):
        workflow.run(NINE, is_checked=True)

    assert workflow.published() == {"08": 3, "09": 3}
    assert workflow.held_back() == {"08": stage}
    assert [row for row in mart(workflow.url, "recipient_tracking") if "late" in row["recipient_id"]] == []
    assert len(mart(workflow.url, "recipient_tracking")) == len(before["recipient_tracking"]) + 3
    (alarm,) = workflow.alarms("run of 09")
    for words in (
        label(EIGHT),
        f"`{stage}`",
        "canonical/2026-01-05/08/late.jsonl",
        "remove or repair",
        "window_start=2026-01-05T08 and window_end=2026-01-05T09",
        "poison",
    ):
        assert words in alarm
    assert "jane@example.com" not in alarm + caplog.text
    assert alarm in [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


@whole_only
def test_a_held_back_hour_costs_later_runs_no_try_and_is_caught_up_once_its_file_is_repaired(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    poison(workflow, "build", tmp_path, monkeypatch)
    late = workflow.put(EIGHT, "late", url=POISON)
    workflow.put(NINE, "b")
    workflow.run(NINE)
    caplog.clear()
    workflow.run(TEN)
    assert (workflow.taken("run of 10"), workflow.alarms("run of 10")) == ([], [])
    assert "The late hour 2026-01-05T08:00Z is left aside" in caplog.text, "the log of each run tells it again"
    # An older hour that brings an event of the one held back changes that one's figures: no rule may stop it.
    write_file(workflow.zone, "canonical", EIGHT - HOUR, "same.jsonl", clicks(EIGHT, "a"))
    workflow.run(EIGHT - HOUR, is_checked=True)
    assert workflow.published() == {"07": 3, "08": 3, "09": 3, "10": 0}

    late.write_text(late.read_text().replace("poison", "cure"))
    workflow.run(ELEVEN)
    assert (workflow.taken("run of 11"), workflow.held_back()) == (["08"], {})
    assert workflow.published()["08"] == 6
    assert workflow.marts() == marts_of_a_fresh_warehouse(workflow)


@whole_only
def test_a_held_back_hour_whose_file_was_removed_is_as_if_the_file_had_never_come(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(workflow, "publish", tmp_path, monkeypatch)
    late = workflow.put(EIGHT, "late", url=POISON)
    workflow.run(NINE)
    assert workflow.held_back() == {"08": "publish"}
    late.unlink()
    workflow.run(TEN)
    assert (workflow.taken("run of 10"), workflow.held_back()) == (["08"], {})
    assert rows(workflow.url, "select count(*) as n from raw.canonical") == [{"n": 3}]
    workflow.run(ELEVEN)
    assert (workflow.taken("run of 11"), workflow.alarms("run of 11")) == ([], [])
    assert workflow.marts() == marts_of_a_fresh_warehouse(workflow)


@whole_only
def test_a_held_back_hour_that_is_asked_for_fails_alone_until_its_cause_is_repaired(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cure = poison(workflow, "build", tmp_path, monkeypatch)
    workflow.put(EIGHT, "late", url=POISON)
    workflow.run(NINE)
    with pytest.raises(transform.ModelError, match="poison"):
        workflow.run(EIGHT, "asked for")
    assert workflow.held_back() == {"08": "build"}
    cure()
    workflow.run(EIGHT, "asked for")
    assert (workflow.published()["08"], workflow.held_back()) == (6, {})
    workflow.run(TEN)
    assert workflow.taken("run of 10") == []
    assert workflow.marts() == marts_of_a_fresh_warehouse(workflow)


@whole_only
def test_of_several_late_hours_the_one_at_fault_is_found_and_the_others_are_caught_up(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow.run(NINE)
    workflow.run(TEN)
    cure = poison(workflow, "build", tmp_path, monkeypatch)
    workflow.put(EIGHT, "late8")
    workflow.put(NINE, "late9", url=POISON)
    workflow.put(TEN, "late10")
    workflow.put(ELEVEN, "b")
    workflow.run(ELEVEN)
    assert (workflow.published()["11"], workflow.taken("run of 11"), workflow.held_back()) == (3, ["08"], {})
    assert "2026-01-05T09:00Z, 2026-01-05T10:00Z" in workflow.alarms("run of 11")[0]
    for number in range(2):
        workflow.run(NOON + number * HOUR)
    assert workflow.held_back() == {"09": "build"}
    assert workflow.published() == {"08": 6, "09": 0, "10": 3, "11": 3, "12": 0, "13": 0}
    cure()
    workflow.run(NINE, "asked for")
    assert workflow.marts() == marts_of_a_fresh_warehouse(workflow)


@whole_only
def test_an_hour_that_fails_by_itself_holds_no_late_hour_back(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(workflow, "build", tmp_path, monkeypatch)
    workflow.put(EIGHT, "late")
    workflow.put(NINE, "b", url=POISON)
    with pytest.raises(transform.ModelError, match="poison"):
        workflow.run(NINE)
    assert (workflow.published(), workflow.held_back()) == ({"08": 3}, {})
    workflow.run(TEN)
    assert (workflow.published(), workflow.taken("run of 10")) == ({"08": 6, "10": 0}, ["08"])


@whole_only
def test_a_run_that_is_killed_while_it_holds_an_hour_back_ends_as_if_nothing_had_happened(
    workflow: Workflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(workflow, "build", tmp_path, monkeypatch)
    workflow.put(EIGHT, "late", url=POISON)
    workflow.put(NINE, "b")
    settings = faults.environment(workflow.url, workflow.zone, tmp_path, tmp_path / "dbt")
    for table in ("ops.run_window", "ops.late_hour_fault"):
        event_of, condition = ("delete", "old.is_late") if table == "ops.run_window" else ("insert", "true")
        with faults.paused(workflow.url, table, event_of, condition) as is_reached:
            process = faults.start(settings, "run of 09", hour_of(NINE))
            try:
                faults.wait_for(is_reached, process)
            finally:
                process.kill()
                process.join()
        assert workflow.published() == {"08": 3}
    workflow.run(NINE)
    assert (workflow.published(), workflow.held_back()) == ({"08": 3, "09": 3}, {"08": "build"})


def marts_of_a_fresh_warehouse(workflow: Workflow) -> dict[str, list[dict[str, Any]]]:
    """The marts of a warehouse that saw the landing zone as it is now, its hours in their order and none late."""
    hours = [
        row["window_start"] for row in rows(workflow.url, "select window_start from marts.workflow_windows order by 1")
    ]
    name = f"fresh_{workflow.url.rpartition('/')[2]}"
    admin = workflow.admin_url.rpartition("/")[0] + "/postgres"
    with closing(psycopg2.connect(admin)) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"create database {name} template template_sillage owner sillage")
        fresh = Workflow(workflow.url.rpartition("/")[0] + f"/{name}", "", workflow.zone)
        try:
            roles.grant_readers(fresh.url)
            for hour in hours:
                run_hours(fresh.url, workflow.zone, hour_of(hour), late_hours=0)
            return fresh.marts()
        finally:
            connection.cursor().execute(f"drop database {name} with (force)")
