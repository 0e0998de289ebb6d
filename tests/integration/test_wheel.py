"""The wheel in an Airflow that is there: a fresh virtual environment, connections, `sillage init`, a DAG file of two lines.

To stay within minutes, the fresh environment sees the packages of the one that runs the tests (by a .pth file) and installs the
wheel alone; nothing of the checkout is on its path.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import psycopg2
import pytest

import sillage
from sillage.quickstart.embedded_postgres import Server
from support.proofs import whole_only
from support.sql import run_sql

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = ("dbt_project", "expectations", "dags")
HOUR = {"window_start": "2026-01-01T00", "window_end": "2026-01-01T01"}
TWO_LINES = "from sillage.airflow_dags.tracking import dag\n"
WAITING = (CHECKOUT / "examples" / "dags" / "report.py").read_text(encoding="utf-8")
# The scheduler's own loop, a few times round: it makes the run of the DAG that waits, whose tasks nobody needs here.
SCHEDULE = ["scheduler", "--num-runs", "2", "--skip-serve-logs"]
OPEN_TABS = """
import sys
from airflow.api_fastapi.main import app
from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi.testclient import TestClient

token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
answer = TestClient(app).get("/tracking/deliveries", headers={"Authorization": "Bearer " + token})
print("TABS", answer.status_code, "January" in answer.text, "Sillage " in answer.text)
"""


@dataclass(frozen=True)
class Team:
    """An Airflow of somebody else's into which the wheel was installed."""

    python: Path
    environment: dict[str, str]
    folder: Path
    metadata_url: str
    said: str

    def run(self, *arguments: str) -> str:
        """What Python says with `arguments`, from a folder that holds nothing of ours."""
        return run([str(self.python), *arguments], self.environment, self.folder)

    def metadata(self, statement: str) -> list[tuple[object, ...]]:
        """The rows of `statement` in Airflow's own database."""
        with closing(psycopg2.connect(self.metadata_url)) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()


def run(command: list[str], environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout; skips where the build system cannot be fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode and re.search(r"No matching distribution|Max retries|Could not find a version", done.stderr):
        pytest.skip("the package index, from which hatchling comes, cannot be reached")
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def team(
    wheel: Path, server: Server, reader_passwords: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    mark = secrets.token_hex(4)
    owner, password, database, metadata = f"owner_{mark}", "p@ss/w:rd", f"team_{mark}", f"team_airflow_{mark}"
    run_sql(server.url("postgres"), f"create database {metadata} owner sillage")
    metadata_url = server.url(metadata, "sillage", reader_passwords["sillage"])
    python = fresh_environment(folder / "venv", wheel)
    kept = {name: value for name, value in os.environ.items() if not re.match(r"PYTHON|SILLAGE|DBT_|AIRFLOW", name)}
    environment = {
        **kept,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata_url.replace("postgresql://", "postgresql+psycopg2://"),
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(64),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
    }
    for name, text in {"tracking.py": TWO_LINES, "report.py": WAITING}.items():
        (folder / "dags").mkdir(exist_ok=True)
        (folder / "dags" / name).write_text(text, encoding="utf-8")
    landing = folder / "landing" / "canonical" / "2026-01-01" / "00"
    landing.mkdir(parents=True)
    event = {"event_id": "e1", "event_type": "open", "occurred_at": "2026-01-01T00:01:00Z"}
    (landing / "events.jsonl").write_text(json.dumps({**event, "recipient_id": "r1", "delivery_id": "January"}))
    airflow = [str(python), "-m", "airflow"]
    run([*airflow, "db", "migrate"], environment, folder)
    host = server.url(database).rpartition("@")[2]
    # Each call of Airflow's command costs seconds: one connection stands in its database, the other, and the Variable, in the
    # environment, which is a secrets backend too.
    environment["AIRFLOW_CONN_SILLAGE_TABS"] = f"postgres://tabs_reader:{reader_passwords['tabs_reader']}@{host}"
    environment["AIRFLOW_VAR_SILLAGE_LANDING"] = str(folder / "landing")
    uri = f"postgres://{owner}:p%40ss%2Fw%3Ard@{host}"
    run([*airflow, "connections", "add", "sillage_warehouse", "--conn-uri", uri], environment, folder)
    said = run(
        [str(python.parent / "sillage"), "init"],
        {**environment, "SILLAGE_ADMIN_URL": server.url("postgres")},
        folder,
    )
    run([*airflow, "dags", "reserialize"], environment, folder)
    assert password not in said
    try:
        yield Team(python, environment, folder, metadata_url, said)
    finally:
        run_sql(
            server.url("postgres"),
            f"drop database if exists {database} with (force)",
            f"drop database if exists {metadata} with (force)",
            f"drop role if exists {owner}",
        )


def fresh_environment(folder: Path, wheel: Path) -> Path:
    """A new virtual environment with the wheel in it; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "airflow-is-here.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, str(wheel)], check=True, timeout=120)
    return python


def test_the_wheel_holds_what_the_repository_holds_and_nothing_more(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "plugins/sillage", *FOLDERS],
        cwd=CHECKOUT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    # The package for other dbt projects is theirs to copy or to install by git; the workflow has no use for it.
    files = [
        name
        for name in listed.stdout.splitlines()
        if (CHECKOUT / name).exists() and not name.startswith("dbt_project/consumers/")
    ]
    wanted = {name.removeprefix("plugins/") if name.startswith("plugins/") else f"sillage/{name}" for name in files}
    found = {name for name in ZipFile(wheel).namelist() if not name.startswith("sillage-")}
    assert found == wanted


@whole_only
def test_init_makes_role_database_and_schemas_and_says_so(team: Team) -> None:
    assert re.search(r"Made the role owner_\w+, which owns the warehouse\.", team.said)
    assert re.search(r"Made the database team_\w+\.", team.said)
    assert "new: 0001_raw_and_ops.sql" in team.said
    assert str(team.folder / "airflow" / "sillage" / "dbt" / "manifest.json") in team.said


def test_the_command_tells_its_version_and_nothing_of_it_comes_from_the_checkout(team: Team) -> None:
    said = run([str(team.python.parent / "sillage"), "--version"], team.environment, team.folder)
    assert said.strip() == f"Sillage {sillage.__version__}"
    where = team.run("-c", "import sillage; print(sillage.__file__)")
    assert str(team.folder / "venv") in where


def test_airflow_has_the_plugin_of_the_tabs_once(team: Team) -> None:
    listed = team.run("-m", "airflow", "plugins", "--output", "json")
    plugins = json.loads(listed[listed.index("[") : listed.rindex("]") + 1])
    (tabs,) = [plugin for plugin in plugins if plugin["name"] == "tracking_tabs"]
    assert tabs["source"].startswith("sillage==")


@whole_only
def test_an_hour_is_published_and_the_dag_that_waits_for_a_mart_is_started(team: Team) -> None:
    installed = {path: path.stat().st_mtime_ns for path in (team.folder / "venv").rglob("*") if path.suffix != ".pyc"}
    output = team.run("-m", "airflow", "dags", "test", "tracking", "--conf", json.dumps(HOUR))
    events = team.metadata(
        "select asset.name, event.extra from asset_event as event join asset on asset.id = event.asset_id order by 1"
    )
    assert len(events) == 15, output[-4000:]
    extra = dict(events)["marts.delivery_statistics"]
    assert extra["windows"] == [["2026-01-01T00:00Z", "2026-01-01T01:00Z"]]
    assert (extra["hours"], extra["record_count"], extra["event_count"]) == (1, 1, 1)
    team.run("-m", "airflow", *SCHEDULE)
    assert team.metadata("select run_type from dag_run where dag_id = 'report'") == [("asset_triggered",)]
    # The package's own folder may be read-only: neither dbt nor Great Expectations writes into it.
    after = {path: path.stat().st_mtime_ns for path in (team.folder / "venv").rglob("*") if path.suffix != ".pyc"}
    changed = {path for path in after.keys() | installed.keys() if after.get(path) != installed.get(path)}
    assert not {path for path in changed if "__pycache__" not in str(path)}
    opened = team.run("-c", OPEN_TABS)
    assert "TABS 200 True True" in opened, opened[-4000:]
