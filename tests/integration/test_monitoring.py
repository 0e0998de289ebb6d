"""What deploy/ has for Prometheus and Grafana: every query runs on the demo, and a real Prometheus fires where one is installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import psycopg2
import pytest
import yaml

from sillage.health import Finding, Level, Report, prometheus
from sillage.health.thresholds import CAUSES
from sillage.quickstart.embedded_postgres import free_port
from support.receivers import webhook
from support.tabs_house import END, START, House

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "sillage.json").read_text(encoding="utf-8"))
TARGETS = [(panel["title"], target) for panel in DASHBOARD["panels"] for target in panel["targets"]]
QUERIES = [(title, target) for title, target in TARGETS if "rawSql" in target]
EXPORTER = yaml.safe_load((DEPLOY / "prometheus" / "sql-exporter.yml").read_text(encoding="utf-8"))
RULES = yaml.safe_load((DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
PATIENCE = 60


def filled(sql: str) -> str:
    """`sql` as Grafana sends it for the days of the demo."""
    return re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN '{START.isoformat()}' AND '{END.isoformat()}'", sql)


@pytest.mark.parametrize(("title", "target"), QUERIES, ids=lambda value: value if isinstance(value, str) else "")
def test_every_panel_of_the_dashboard_shows_something_of_the_demo_to_a_bi_reader(
    title: str, target: dict[str, str], house: House
) -> None:
    sql = filled(target["rawSql"])
    assert "$" not in sql
    with psycopg2.connect(house.tabs_url) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        names = [column.name for column in cursor.description or ()]
        rows = cursor.fetchall()
        assert rows, title
        # A panel of empty cells would be drawn as "no data", too.
        empty = {name for number, name in enumerate(names) if all(row[number] is None for row in rows)}
        assert empty == set()
        if target["format"] == "time_series":
            assert names[0] == "time"
            assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        for table in re.findall(r"\b(?:from|join) (marts\.\w+)", sql):
            cursor.execute("select has_table_privilege('bi_reader', %s, 'select')", (table,))
            assert cursor.fetchone() == (True,), table
    assert not re.search(r"\b(?:from|join) (?!marts\.)\w+\.", sql), "a BI login reads the marts alone"


def test_every_metric_of_the_dashboard_and_the_rules_is_one_that_health_gives() -> None:
    asked = [target["expr"] for _, target in TARGETS if "expr" in target]
    asked += [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    named = {name for expression in asked for name in re.findall(r"\bsillage_(\w+)", expression)}
    assert len(named) > 4
    assert named <= set(prometheus.SERIES)
    causes = {cause for expression in asked for cause in re.findall(r'cause!?="(\w+)"', expression)}
    assert causes <= set(CAUSES)


@pytest.mark.parametrize("query", EXPORTER["jobs"][0]["queries"], ids=lambda query: query["name"])
def test_every_query_of_the_exporter_runs_as_tabs_reader_and_gives_numbers(
    query: dict[str, object], house: House
) -> None:
    with psycopg2.connect(house.tabs_url) as connection, connection.cursor() as cursor:
        cursor.execute(str(query["query"]))
        names = [column.name for column in cursor.description or ()]
        assert set(names) == {*query.get("labels", ()), *query["values"]}  # type: ignore[misc, attr-defined]
        for row in cursor.fetchall():
            values = dict(zip(names, row, strict=True))
            assert all(isinstance(values[name], float) for name in query["values"]), values  # type: ignore[attr-defined]


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name) is None]
    is_excused = bool(missing) and os.environ.get("CI") != "true"
    return pytest.mark.skipif(is_excused, reason=f"{', '.join(missing)}: apt-get install prometheus and its like")


@needs("promtool")
def test_promtool_accepts_rules_and_configuration(tmp_path: Path) -> None:
    for words in (["rules", "rules.yml"], ["config", "prometheus.yml"]):
        done = subprocess.run(
            ["promtool", "check", *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def serving(text: Callable[[], str]) -> Iterator[int]:
    """A port on 127.0.0.1 that answers with `text`."""

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text().encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(folder: Path, *command: str, **environment: str) -> Iterator[None]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env={**os.environ, **environment})
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def until(is_so: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.2)


@needs("prometheus", "prometheus-alertmanager")
def test_prometheus_scrapes_the_figures_and_alertmanager_tells_a_receiver(tmp_path: Path) -> None:
    report = Report(datetime.now(UTC), judged={"disk", "hour_missing"})
    report.findings.append(Finding("hour_missing", Level.CRITICAL, "", ""))
    rules = (DEPLOY / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    (tmp_path / "rules.yml").write_text(re.sub(r"for: \d+m", "for: 1s", rules))
    ports = free_port(), free_port()
    with webhook() as receiver, serving(lambda: prometheus.text(report)) as figures:
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ports[1]}"]}]}]},
            "scrape_configs": [{"job_name": "sillage", "static_configs": [{"targets": [f"127.0.0.1:{figures}"]}]}],
        }
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        route = {"receiver": "here", "group_wait": "1s", "group_interval": "1s"}
        hook = {"name": "here", "webhook_configs": [{"url": receiver.url, "send_resolved": True}]}
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump({"route": route, "receivers": [hook]}))
        listening = [f"--web.listen-address=127.0.0.1:{port}" for port in ports]
        watching = ("prometheus", "--config.file=prometheus.yml", listening[0], "--storage.tsdb.path=tsdb")
        alone = "--cluster.listen-address="
        telling = (
            "prometheus-alertmanager",
            "--config.file=alertmanager.yml",
            listening[1],
            "--storage.path=am",
            alone,
        )
        with running(tmp_path, *watching), running(tmp_path, *telling):
            until(lambda: receiver.messages)
            alerts = [one["labels"] for message in receiver.messages for one in message["alerts"]]
            assert {(one["alertname"], one["cause"]) for one in alerts} == {("SillageCritical", "hour_missing")}
            report.findings.clear()
            until(lambda: any(message["status"] == "resolved" for message in receiver.messages))


@needs("prometheus-sql-exporter")
def test_the_sql_exporter_serves_the_figures_of_the_demo(house: House, tmp_path: Path) -> None:
    parts, port = urlsplit(house.tabs_url), free_port()
    configuration = {**EXPORTER}
    configuration["jobs"][0] |= {
        "interval": "1s",
        "connections": [f"postgres://{parts.username}@{parts.hostname}:{parts.port}{parts.path}?sslmode=disable"],
    }
    (tmp_path / "config.yml").write_text(yaml.safe_dump(configuration))
    with running(
        tmp_path, "prometheus-sql-exporter", "-config.file=config.yml", f"-web.listen-address=127.0.0.1:{port}",
        PGPASSWORD=str(parts.password),
    ):  # fmt: skip

        def served() -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                    return str(answer.read().decode())
            except OSError:
                return ""

        until(lambda: "sql_sillage_hours" in served() and "sql_sillage_lock" in served())
        hours = house.rows("select count(*) as n from marts.workflow_windows")[0].n
        line = next(
            line for line in served().splitlines() if line.startswith("sql_sillage_hours") and 'col="published"' in line
        )
        assert float(line.split()[-1]) == hours
        assert str(parts.password) not in served()
