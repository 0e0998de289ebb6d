"""Alerts: what is found in a real warehouse is sent to a local receiver once, by Airflow's own notifiers.

That a run of a real Airflow tells by its callback is in test_supervision.py, where an Airflow runs.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_string
from pathlib import Path

import pytest

from sillage import alerts, settings
from sillage.alerts import telling
from sillage.health import Finding, Level, Report, machine_facts, warehouse_facts
from sillage.quickstart.embedded_postgres import free_port
from sillage.window import HOUR, Window
from support.canonical import event
from support.hours import run_hours, write_file
from support.receivers import Webhook, mail_server, webhook
from support.sql import run_sql

LAST_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - HOUR
TOKEN = "planted-token-of-the-webhook"
AIRFLOW = "http://airflow.example"


@pytest.fixture
def receiver() -> Iterator[Webhook]:
    with webhook() as kept:
        yield kept


@pytest.fixture
def url(
    warehouse_url: str,
    receiver: Webhook,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    beginning: Callable[[str, Callable[[], object]], None],
) -> str:
    """A warehouse whose last hour is published, and settings that name it and the receiver."""

    def fill() -> None:
        write_file(tmp_path / "zone", "canonical", LAST_HOUR, "a.jsonl", [event("click", 1)])
        run_hours(warehouse_url, tmp_path / "zone", Window(LAST_HOUR, LAST_HOUR + HOUR))

    beginning("alerts", fill)
    (tmp_path / "zone").mkdir(exist_ok=True)
    monkeypatch.setenv("SILLAGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SILLAGE_LANDING", str(tmp_path / "zone"))
    monkeypatch.setenv("SILLAGE_WAREHOUSE_URL", warehouse_url)
    monkeypatch.setenv("SILLAGE_ALERT_URL", f"{receiver.url}/hook?token={TOKEN}")
    return warehouse_url


def look(url: str, later: timedelta = timedelta(0)) -> None:
    """What the probe does every minute, `later` than now."""
    alerts.tell(warehouse_facts.ask(url, datetime.now(UTC) + later, 30), settings.load(), AIRFLOW, is_repeated=True)


def fail(url: str, hour: datetime, message: str, error: str = "QualityError", stage: str = "check raw") -> str:
    """A failed run over `hour`, as the pipeline notes it."""
    run_id = f"scheduled__{hour.isoformat()}"
    note = json.dumps({"error": error})
    run_sql(
        url,
        "insert into ops.run (run_id, window_start, window_end, state, ended_at) values"
        f" ('{run_id}', '{hour}', '{hour + HOUR}', 'failed', now())",
        "insert into ops.journal (run_id, stage, state, message, counts) values"
        f" ('{run_id}', '{stage}', 'failed', '{message}', '{note}')",
    )
    return run_id


def land(url: str, hours: str, columns: str) -> None:
    """Entries of the ledger for the source ses; `hours` and `columns` (record_count, rejected_count, landed_at) in SQL."""
    run_sql(
        url,
        "insert into ops.landed_file (source, window_start, path, size_bytes, checksum, modified_at, run_id,"
        " record_count, rejected_count, landed_at)"
        f" select 'ses', hour, 'ses/' || hour, 1, '', now(), 'r', {columns} from {hours} as hour",
    )


def test_a_failed_run_is_one_message_until_it_is_published_and_a_good_hour_none(
    url: str, receiver: Webhook, tmp_path: Path
) -> None:
    look(url)
    assert receiver.messages == []
    told = (
        "Nothing of window [{}, {}) was published: critical rule records_add_up failed for {} rows. Examples:"
        " email={}@example.org; postgresql://sillage:planted-secret@db/x; password=planted-too " + TOKEN
    )
    run_id = fail(url, LAST_HOUR + HOUR, told.format("2026-01-01T00:00Z", "2026-01-01T01:00Z", "1 of 6", "person"))
    look(url)
    look(url)
    (message,) = receiver.messages
    assert receiver.paths == [f"/hook?token={TOKEN}"]
    assert (message["event"], message["cause"], message["level"]) == ("alert", "critical_rule", "critical")
    assert message["window"] == str(Window(LAST_HOUR + HOUR, LAST_HOUR + 2 * HOUR))
    assert "failed at check raw: Nothing of window" in message["message"]
    assert "Examples: email=address#" in message["message"]
    assert "clear the whole run" in message["what_to_do"]
    assert message["link"] == f"{AIRFLOW}/dags/tracking/runs/{run_id.replace(':', '%3A').replace('+', '%2B')}"
    assert message["text"].count("\n") == 3
    # The next hour fails of the same rule, with other figures.
    fail(url, LAST_HOUR + 2 * HOUR, told.format("2026-01-01T01:00Z", "2026-01-01T02:00Z", "2 of 9", "other"))
    look(url)
    assert len(receiver.messages) == 1
    # Another cause is another message, and that hours are missing follows from both.
    fail(url, LAST_HOUR + 3 * HOUR, "Model deliveries failed.", "ModelError", "build")
    look(url, timedelta(hours=5))
    assert [one["cause"] for one in receiver.messages] == ["critical_rule", "run_failed"]
    run_hours(url, tmp_path / "zone", Window(LAST_HOUR + HOUR, LAST_HOUR + 4 * HOUR))
    look(url)
    look(url)
    assert len(receiver.messages) == 3
    over = receiver.messages[-1]
    assert over["event"] == "over"
    assert over["message"].startswith("Published again at 20")
    assert "@example.org" not in "".join(receiver.bodies)
    assert "planted" not in "".join(receiver.bodies)


def advance(cause: str, url: str) -> Report:
    """Make `cause` happen in the warehouse, and give the report of a probe."""
    now = datetime.now(UTC)
    if cause == "hour_missing":
        return warehouse_facts.ask(url, now + timedelta(hours=4), 30)
    if cause == "disk":
        return machine_facts.ask_disks(settings.load().home.parent, "s3://x", now, 10**12)
    if cause == "lock_held":
        run_sql(url, "update ops.writer set run_id = 'manual__x', acquired_at = now() - interval '3 hours'")
    if cause == "source_silent":
        first, last = LAST_HOUR - 60 * HOUR, LAST_HOUR - 30 * HOUR
        land(url, f"generate_series('{first}'::timestamptz, '{last}', interval '1 hour')", "1, 0, hour")
    if cause == "rejected_share":
        land(url, f"generate_series('{LAST_HOUR}'::timestamptz, '{LAST_HOUR}', interval '1 hour')", "100, 50, now()")
    if cause == "retention":
        land(
            url,
            "generate_series(now() - interval '60 days', now() - interval '60 days', '1 day')",
            "1, 0, now() - interval '20 days'",
        )
    if cause == "partitions":
        run_sql(
            url,
            "do $$ begin for part in 2 .. 190 loop execute format('create table intermediate.int_event_store_p%s partition of"
            " intermediate.int_event_store for values from (%s) to (%s)', part, part * 1048576, (part + 1) * 1048576); end loop; end $$",
        )
    if cause == "late_hours":
        fault = "('2026-01-01T00:00Z', 'r', 'build', 'Odd.')"
        run_sql(url, f"insert into ops.late_hour_fault (window_start, run_id, stage, message) values {fault}")
    return warehouse_facts.ask(url, now, 30)


@pytest.mark.parametrize(
    "cause",
    ["hour_missing", "disk", "lock_held", "source_silent", "rejected_share", "retention", "partitions", "late_hours"],
)
def test_each_cause_is_one_message_and_one_when_it_is_over(cause: str, url: str, receiver: Webhook) -> None:
    report = advance(cause, url)
    for _ in range(3):
        alerts.tell(report, settings.load(), AIRFLOW, is_repeated=True)
    assert [(one["event"], one["cause"]) for one in receiver.messages] == [("alert", cause)]
    # What could not be asked for is not over.
    alerts.tell(Report(report.at), settings.load(), AIRFLOW, is_repeated=True)
    assert len(receiver.messages) == 1
    for _ in range(2):
        alerts.tell(Report(report.at, judged={cause}), settings.load(), AIRFLOW, is_repeated=True)
    assert [one["event"] for one in receiver.messages] == ["alert", "over"]
    assert receiver.messages[1]["message"].startswith("Over at 20")


def test_what_is_started_again_by_itself_is_told_at_the_second_look_only(url: str, receiver: Webhook) -> None:
    away = Finding("warehouse", Level.CRITICAL, "Away.", "Start it.")
    now = datetime.now(UTC)

    def see(findings: list[Finding], seconds: int) -> int:
        report = Report(now + timedelta(seconds=seconds), findings, {"warehouse"})
        alerts.tell(report, settings.load(), is_repeated=True)
        return len(receiver.messages)

    assert [see([away], 0), see([], 60), see([away], 120), see([away], 130), see([away], 180), see([away], 240)] == [
        0, 0, 0, 0, 1, 1,
    ]  # fmt: skip
    assert see([], 300) == 2


def test_after_a_run_its_journal_is_told_and_what_has_no_journal_by_airflows_word(url: str, receiver: Webhook) -> None:
    def after(run_id: str, dag_id: str = "tracking", *, failed: bool) -> list[str]:
        before = len(receiver.messages)
        alerts.after_run(dag_id, run_id, failed=failed, reason="task_failure", base_url=AIRFLOW)
        return [f"{one['event']} {one['cause']}" for one in receiver.messages[before:] if one["cause"] != "disk"]

    assert after("scheduled__good", failed=False) == []
    assert after("manual__window_without_end", failed=True) == ["alert dag_failed"]
    assert "failed (task_failure)" in receiver.messages[-1]["message"]
    assert after("scheduled__other", failed=True) == []
    look(url)
    assert after("cleanup_run", "cleanup", failed=True) == ["alert dag_failed"]
    assert receiver.messages[-1]["link"] == f"{AIRFLOW}/dags/cleanup/runs/cleanup_run"
    assert after("scheduled__good", failed=False) == ["over dag_failed"]
    # A run that never could give its turn back stands as running; Airflow knows better.
    run_id = fail(url, LAST_HOUR + HOUR, "The disk is full.", "OperationalError", "publish")
    run_sql(url, f"update ops.run set state = 'running' where run_id = '{run_id}'")
    assert after(run_id, failed=True) == ["alert run_failed"]
    assert "The disk is full." in receiver.messages[-1]["message"]


def test_a_receiver_that_is_away_fails_nothing_is_logged_without_secrets_and_told_later(
    url: str, receiver: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    run_sql(url, "update ops.writer set run_id = 'manual__x', acquired_at = now() - interval '3 hours'")
    receiver.status = 500
    with caplog.at_level(logging.INFO):
        look(url)
    assert "An alert could not be sent by SILLAGE_ALERT_URL" in caplog.text
    assert TOKEN not in caplog.text
    assert receiver.messages == []
    receiver.status = 200
    look(url)
    look(url)
    assert [one["cause"] for one in receiver.messages] == ["lock_held"]


SENDING = """
import sys
from sillage.alerts.channels import Channels
from sillage.alerts.message import Message
from sillage.health import Finding, Level
channels = Channels(**{sys.argv[1]: sys.argv[2]})
finding = Finding("lock_held", Level.CRITICAL, "It is held.", "Look.")
print(channels.send(Message(finding, "alert", "now", "then", secrets=channels.secrets)), "sent")
"""


@pytest.mark.parametrize("channel", ["url", "slack"])
def test_a_receiver_that_nobody_is_at_stands_in_no_log_of_a_library_either(channel: str, tmp_path: Path) -> None:
    """A process of its own: Airflow sets up its logging once."""
    place = f"http://127.0.0.1:{free_port()}/services/{TOKEN}?token={TOKEN}"
    done = subprocess.run(
        [sys.executable, "-c", SENDING, channel, place],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(settings.PACKAGE.parent)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "0 sent" in said and f"could not be sent by SILLAGE_ALERT_{channel.upper()}" in said
    assert TOKEN not in said


def test_slack_mail_and_apprise_are_told_the_same(url: str, receiver: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILLAGE_ALERT_URL", "")
    monkeypatch.setenv("SILLAGE_ALERT_SLACK", f"{receiver.url}/slack/{TOKEN}")
    monkeypatch.setenv("SILLAGE_ALERT_APPRISE", f"{receiver.url.replace('http', 'json')}/apprise")
    run_sql(url, "update ops.writer set run_id = 'manual__{{ 7 * 7 }}<b>', acquired_at = now() - interval '3 hours'")
    with mail_server() as (port, mails):
        monkeypatch.setenv(
            "SILLAGE_ALERT_MAIL",
            f"smtp://127.0.0.1:{port}?tls=off&from=sillage@example.com&to=a@example.com,b@example.com",
        )
        look(url)
    sentence = "The run manual__{{ 7 * 7 }}<b> has held the writer's lock for 180 minutes."
    by_path = dict(zip(receiver.paths, receiver.messages, strict=True))
    assert by_path.keys() == {f"/slack/{TOKEN}", "/apprise"}
    assert sentence in by_path[f"/slack/{TOKEN}"]["text"]
    assert sentence in by_path["/apprise"]["message"]
    (mail,) = mails
    assert "Subject: Sillage: lock held" in mail
    assert "To: a@example.com, b@example.com" in mail
    (part,) = [one for one in message_from_string(mail).walk() if one.get_content_type() == "text/html"]
    body = str(part.get_payload(decode=True), "utf-8")
    assert "manual__{{ 7 * 7 }}&lt;b&gt;" in body


def test_a_memory_that_cannot_be_written_or_read_costs_no_message(url: str, receiver: Webhook, tmp_path: Path) -> None:
    run_sql(url, "update ops.writer set run_id = 'manual__x', acquired_at = now() - interval '3 hours'")
    (tmp_path / "home").write_text("a file in the place of the folder")
    look(url)
    assert len(receiver.messages) == 1
    (tmp_path / "home").unlink()
    (tmp_path / "home" / "run").mkdir(parents=True)
    (tmp_path / "home" / "run" / "alerts.json").write_text(
        '{"lock_held": {"finding": {"of": "another version"}}, "x": 3}'
    )
    look(url)
    look(url)
    assert len(receiver.messages) == 2


def test_without_anybody_to_tell_a_dag_has_no_callback_and_with_somebody_each_has_both() -> None:
    assert not alerts.is_configured({"SILLAGE_ALERT_URL": ""})
    assert alerts.is_configured({"SILLAGE_ALERT_APPRISE": "ntfy://x"})
    assert telling.slot_of(Finding("run_failed", Level.CRITICAL, "", "", run_id="r")) == telling.RUN
    assert "AIRFLOW_CONN_SILLAGE_ALERT" not in os.environ
