"""The whole DAG `tracking`, by Airflow's own `dag.test()` in a process of its own, on a real Postgres."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg2
import pytest

from sillage import backup, transform
from sillage.quickstart.embedded_postgres import Server, binaries
from sillage.warehouse import roles
from support.proofs import whole_only
from support.sql import run_sql

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
OWNER = "sillage"
WINDOW = {"window_start": "2026-01-01T00", "window_end": "2026-01-01T02"}
RUN = """
import json, sys
import tracking_workflow
run = tracking_workflow.dag.test(run_conf=json.loads(sys.argv[1]))
print("RUN", run.run_id, run.state.value)
"""
CANONICAL = [
    {"event_id": "e1", "event_type": "delivered", "occurred_at": "2026-01-01T00:01:00Z", "recipient_id": "r1"},
    {"event_id": "e2", "event_type": "delivered", "occurred_at": "2026-01-01T00:02:00Z", "recipient_id": "r2"},
    {"event_id": "e3", "event_type": "click", "occurred_at": "2026-01-01T00:30:00Z", "recipient_id": "r1"},
    {"event_id": "e3", "event_type": "click", "occurred_at": "2026-01-01T00:30:00Z", "recipient_id": "r1"},
]
SENDGRID = [
    {
        "sg_event_id": f"s{number}",
        "sg_message_id": f"m{number}.filter0001.1.1",
        "event": "open",
        "timestamp": 1767229200 + number,
        "email": f"person{number}@example.org",
        "delivery_id": "d1",
        "recipient_id": f"r{number}",
    }
    for number in (1, 2)
]
# Nobody listens there: a message that cannot be sent is logged.
PLANTED = {
    "SILLAGE_ALERT_URL": "http://127.0.0.1:9/hook?token=planted-alert-token",
    "AIRFLOW_CONN_AWS_DEFAULT": "aws://planted-key-id:planted-aws-secret@",
    "AIRFLOW__CORE__FERNET_KEY": "cGxhbnRlZC1mZXJuZXQta2V5LW9mLTMyLWJ5dGVzLi4=",
    "AIRFLOW__API__SECRET_KEY": "planted-session-key",
}
FIGURES = ("record_count", "event_count", "duplicate_count", "other_count", "rejected_count")


class Started(NamedTuple):
    """A run in a process of its own, and the file its output goes to."""

    process: subprocess.Popen[bytes]
    output: Path


@dataclass
class House:
    """A warehouse, a landing zone and an Airflow without scheduler, of this module's own."""

    url: str
    zone: Path
    environment: dict[str, str]

    def start(self, conf: dict[str, str]) -> Started:
        # A file and no pipe: a run whose output nobody reads yet must go on, it may hold the turn the other waits for.
        output = Path(tempfile.mkstemp(suffix=".log", dir=self.environment["SILLAGE_HOME"])[1])
        with output.open("wb") as stream:
            command = [sys.executable, "-c", RUN, json.dumps(conf)]
            process = subprocess.Popen(command, env=self.environment, stdout=stream, stderr=subprocess.STDOUT)
        return Started(process, output)

    def run(self, conf: dict[str, str]) -> tuple[str, str, str]:
        """Run the DAG; returns run id, state and everything logged."""
        return self.ended(self.start(conf))

    def ended(self, started: Started) -> tuple[str, str, str]:
        try:
            started.process.wait(timeout=600)
        finally:
            started.process.kill()
        output = started.output.read_text(encoding="utf-8")
        (line,) = [line for line in output.splitlines() if line.startswith("RUN ")] or [output[-4000:]]
        _, run_id, state = line.split(" ", 2)
        return run_id, state, output

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(self.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def marts(self) -> dict[str, list[str]]:
        """Every row of every mart as text, without the columns of load metadata."""
        names = self.rows("select table_name from information_schema.tables where table_schema = 'marts' order by 1")
        statement = "select (to_jsonb(mart) - 'published_at')::text from marts.{} as mart order by 1"
        return {name: [text for (text,) in self.rows(statement.format(name))] for (name,) in names}


@pytest.fixture(scope="module")
def house(
    server: Server, reader_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("workflow")
    mark = secrets.token_hex(4)
    warehouse_name, metadata_name = f"workflow_{mark}", f"airflow_{mark}"
    run_sql(
        server.url("postgres"),
        f"create database {warehouse_name} template template_sillage owner {OWNER}",
        f"create database {metadata_name} owner {OWNER}",
    )
    url = server.url(warehouse_name, OWNER, reader_passwords[OWNER])
    metadata = server.url(metadata_name, OWNER, reader_passwords[OWNER])
    roles.grant_readers(url)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(CHECKOUT / "plugins"), str(CHECKOUT / "dags")]),
        "SILLAGE_HOME": str(folder),
        "SILLAGE_LANDING": str(folder / "landing"),
        "SILLAGE_WAREHOUSE_URL": url,
        "DBT_TARGET_PATH": str(folder / "dbt"),
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.replace("postgresql://", "postgresql+psycopg2://"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder / "no-plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Secrets that must come out nowhere: the last test searches them.
        "SILLAGE_TABS_URL": server.url(warehouse_name, "tabs_reader", reader_passwords["tabs_reader"]),
        **PLANTED,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET_PATH", environment["DBT_TARGET_PATH"])
        transform.parse(url)
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
    made = House(url, folder / "landing", environment)
    _fill(made.zone)
    try:
        yield made
    finally:
        run_sql(
            server.url("postgres"),
            *(f"drop database if exists {name} with (force)" for name in (warehouse_name, metadata_name)),
        )


def _fill(zone: Path) -> None:
    events = [json.dumps({"delivery_id": "d1", "url": "https://example.org/a", **event}) for event in CANONICAL]
    for path, text in {
        "canonical/2026-01-01/00/events.jsonl": "\n".join([*events, "no event at all"]),
        "sendgrid/2026-01-01/01/events.json": json.dumps(SENDGRID),
        "catalog/2026-01-01/00/deliveries.jsonl": json.dumps(
            {"entry_type": "delivery", "delivery_id": "d1", "label": "January", "channel": "email"}
        ),
    }.items():
        (zone / path).parent.mkdir(parents=True, exist_ok=True)
        (zone / path).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def first(house: House) -> tuple[str, str, str]:
    """The first run of the window: run id, state, log. It alone tells its lineage, into a file."""
    transport = {"type": "file", "log_file_path": str(house.zone.parent / "lineage.jsonl"), "append": True}
    house.environment["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
    try:
        return house.run(WINDOW)
    finally:
        del house.environment["AIRFLOW__OPENLINEAGE__TRANSPORT"]


def test_a_window_is_landed_checked_transformed_and_published(house: House, first: tuple[str, str, str]) -> None:
    run_id, state, output = first
    assert state == "success", output[-6000:]
    counted = house.rows(
        "select delivered_count, open_count, click_count from marts.delivery_statistics where delivery_id = 'd1'"
    )
    assert counted == [(2, 2, 1)]
    assert house.rows("select label from marts.deliveries where delivery_id = 'd1'") == [("January",)]
    windows = house.rows(f"select {', '.join(FIGURES)} from marts.workflow_windows order by window_start")
    assert len(windows) == 2
    assert [row[0] for row in windows] == [6, 2]
    assert all(records == sum(parts) for records, *parts in windows)
    assert house.rows("select state from ops.run where run_id = %s", run_id) == [("published",)]
    assert house.rows("select run_id from ops.writer") == [(None,)]


def test_lineage_names_the_marts_as_outputs_of_publish(house: House, first: tuple[str, str, str]) -> None:
    pytest.importorskip("airflow.providers.openlineage", reason="the provider is not installed")
    text = Path(house.environment["SILLAGE_HOME"], "lineage.jsonl").read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    published = [
        event
        for event in events
        if event["job"]["name"] == "tracking.publish.publish" and event["eventType"] == "COMPLETE"
    ]
    outputs = {(one["namespace"], one["name"]) for event in published for one in event["outputs"]}
    parts = urlsplit(house.url)
    marts = {
        name for (name,) in house.rows("select table_name from information_schema.tables where table_schema = 'marts'")
    }
    assert outputs == {(f"postgres://127.0.0.1:{parts.port}", f"{parts.path[1:]}.marts.{name}") for name in marts}
    assert str(parts.password) not in text
    assert "@example.org" not in text


def test_every_stage_and_every_model_left_a_sentence_in_the_journal(house: House, first: tuple[str, str, str]) -> None:
    entries = dict(
        house.rows("select stage, message from ops.journal where run_id = %s and state = 'succeeded'", first[0])
    )
    assert {"turn", "land", "check raw", "build", "check marts", "publish"} <= set(entries)
    assert "2 hours: 8 records read" in entries["publish"]
    listed = transform.listed(Path(house.environment["DBT_TARGET_PATH"], "manifest.json"))
    assert {f"model {model.name}" for model in listed} <= set(entries)
    assert "dbt: " in first[2]
    # The task of a mart tells of the models behind it, too.
    assert "Model int_events built in" in first[2]


@whole_only
def test_running_the_same_window_again_after_a_run_that_died_changes_no_mart(
    house: House, first: tuple[str, str, str]
) -> None:
    before = house.marts()
    house.rows("update ops.writer set run_id = 'manual__gone', acquired_at = now()")
    _, state, output = house.run(WINDOW)
    assert state == "success", output[-6000:]
    assert "manual__gone held the writer's turn but is not running any more" in output
    assert house.marts() == before


@whole_only
def test_a_window_beyond_the_size_is_landed_in_groups_and_published(house: House, first: tuple[str, str, str]) -> None:
    folder = house.zone / "sendgrid/2026-01-03/00"
    folder.mkdir(parents=True)
    for file in range(3):
        events = [
            {
                **SENDGRID[0],
                "sg_event_id": f"g{file}-{number}",
                "timestamp": 1767398400 + 200 * file + number,
                "padding": "x" * 2000,
            }
            for number in range(200)
        ]
        (folder / f"{file}.json").write_text(json.dumps(events), encoding="utf-8")
    large = replace(house, environment={**house.environment, "SILLAGE_FAN_OUT_MB": "1"})
    run_id, state, output = large.run({"window_start": "2026-01-03T00", "window_end": "2026-01-03T01"})
    assert state == "success", output[-4000:]
    stages = house.rows("select stage, message from ops.journal where run_id = %s and state = 'succeeded'", run_id)
    assert [message for stage, message in stages if stage == "land group"] == ["Landed a group of 1 file."] * 3
    window = "2026-01-03 00:00:00+00"
    assert house.rows("select event_count from marts.workflow_windows where window_start = %s", window) == [(600,)]


@whole_only
def test_two_runs_started_together_queue_for_the_turn_and_both_publish(
    house: House, first: tuple[str, str, str]
) -> None:
    before = house.marts()
    both = [house.ended(started) for started in [house.start(WINDOW), house.start(WINDOW)]]
    assert [state for _, state, _ in both] == ["success", "success"], "\n".join(output[-3000:] for *_, output in both)
    assert sum("waits until it ends" in output for *_, output in both) == 1
    order = house.rows(
        "select run_id from ops.journal where run_id = any(%s) order by entry_id", [run_id for run_id, *_ in both]
    )
    switches = sum(one != other for one, other in itertools.pairwise(order))
    assert switches == 1, "the two runs' entries are mixed"
    assert house.marts() == before


def test_a_critical_rule_that_fails_publishes_nothing_and_tells_the_person_on_call(
    house: House, first: tuple[str, str, str]
) -> None:
    before = house.marts()
    house.rows("delete from raw.canonical where line_number = 1")
    # A warning of the same check, whose example names a person.
    house.rows(
        "update ops.landed_file set problem = 'The gzip of person1@example.org ends early.' where source = 'sendgrid'"
    )
    run_id, state, output = house.run(WINDOW)
    assert state == "failed"
    assert house.marts() == before
    assert "rule records_add_up on raw.<source>, window [2026-01-01T00:00Z, 2026-01-01T02:00Z)" in output
    assert "What next: nothing of this run was published" in output
    assert "The gzip of address#" in output
    assert "@example.org" not in output
    assert "Up for retry" not in output
    assert house.rows("select state from ops.run where run_id = %s", run_id) == [("failed",)]
    assert house.rows("select run_id from ops.writer") == [(None,)]


def test_a_run_without_window_fails_with_a_sentence_and_holds_no_turn(house: House) -> None:
    _, state, output = house.run({"window_start": "2026-01-01T00"})
    assert state == "failed"
    assert "window_end is missing: give both" in output
    assert house.rows("select run_id from ops.writer") == [(None,)]


def test_no_secret_and_no_address_is_in_a_log_an_xcom_a_rendered_template_or_a_backup(
    house: House, first: tuple[str, str, str], tmp_path: Path
) -> None:
    """Searched in all that the runs before have left, good and failed ones."""
    metadata = house.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    databases = backup.Databases(house.url, metadata, [binaries()])
    made = backup.make(databases, tmp_path, erasures=tmp_path / "none", private={}, say=print)
    tables = [path for name in ("metadata", "warehouse") for path in (made / name).rglob("*.gz")]
    texts = {str(path): gzip.decompress(path.read_bytes()) for path in tables}
    folders = [Path(house.environment[name]) for name in ("SILLAGE_HOME", "AIRFLOW_HOME")]
    logs = [
        path for folder in folders for path in folder.rglob("*") if path.is_file() and house.zone not in path.parents
    ]
    # Airflow writes down its own configuration, closed to others.
    texts |= {str(path): path.read_bytes() for path in logs if path.name not in ("airflow.cfg", "lineage.jsonl")}
    assert any(b"Published 2 hours" in text for text in texts.values())
    with closing(psycopg2.connect(metadata)) as connection, connection.cursor() as cursor:
        # The tasks push nothing, so xcom and the rendered templates may be empty: they are in the dump all the same.
        cursor.execute("select count(*) from task_instance where state = 'success'")
        assert cursor.fetchone() != (0,)
    passwords = [urlsplit(house.environment[name]).password for name in ("SILLAGE_WAREHOUSE_URL", "SILLAGE_TABS_URL")]
    secret = [*map(str, passwords), "planted-", PLANTED["AIRFLOW__CORE__FERNET_KEY"]]
    found = {place: [one for one in secret if one.encode() in text] for place, text in texts.items()}
    assert {place: held for place, held in found.items() if held} == {}
    # The warehouse has addresses, which it is for; nothing else of these has any.
    around = {place: text for place, text in texts.items() if f"{made}/warehouse" not in place}
    assert [place for place, text in around.items() if b"@example.org" in text] == []
